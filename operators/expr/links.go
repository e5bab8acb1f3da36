package expr

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/weirstream/weir/operators/expr/internal/front"
	"github.com/weirstream/weir/state/row"
)

// maxPlaces bounds how many chains of links one condition may follow.
const maxPlaces = 256

// place is where rows of a condition come from: a chain of links from the audience's row. What is read there is
// known when the condition is compiled.
type place struct {
	links  []*Link // none: the audience's own row
	image  bool    // before and after of a trigger: rows that no links lead on from
	fields map[int]bool
	next   []*place // in the order in which they are named
}

// follow returns the place to which l leads from p.
func (p *place) follow(l *Link) *place {
	for _, n := range p.next {
		if n.links[len(n.links)-1] == l {
			return n
		}
	}
	n := &place{links: append(slices.Clip(slices.Clone(p.links)), l), fields: map[int]bool{}}
	p.next = append(p.next, n)
	return n
}

// paths appends the paths of all places behind p, each behind those that it passes through; tables gives the order.
func (p *place) paths(from *Table, out []Path) []Path {
	if from == nil {
		return out
	}
	for _, l := range from.Links {
		for _, n := range p.next {
			if n.links[len(n.links)-1] == l {
				out = append(out, Path{Links: n.links, Fields: keys(n.fields)})
				out = n.paths(l.To, out)
			}
		}
	}
	return out
}

// reads notes that the field index of rows of the places is read.
func reads(places []*place, index int) {
	for _, p := range places {
		p.fields[index] = true
	}
}

// together returns the places of the rows of all nodes.
func together(nodes ...node) []*place {
	var all []*place
	for _, n := range nodes {
		for _, p := range n.from {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}

// rowRef finds a row that does not change with the time: nil is null, not ok an error.
type rowRef func(in *Input, f *frame) (r row.Row, ok bool)

// one returns the row to which l leads from r, both of which may be null.
func (in *Input) one(l *Link, r row.Row) row.Row {
	if in.Linked == nil {
		return nil
	}
	return in.Linked.One(l, r)
}

// many returns the rows to which l leads from r.
func (in *Input) many(l *Link, r row.Row) []row.Row {
	if in.Linked == nil {
		return nil
	}
	return in.Linked.Many(l, r)
}

// link returns the link that the selection e follows.
func (c *compiler) link(e ast.Expr) *Link {
	t := c.typ(e.AsSelect().Operand())
	if t == nil || t.Kind() != types.StructKind {
		return nil
	}
	i := c.env.front.Table(t.TypeName())
	if i < 0 {
		return nil
	}
	for _, l := range c.env.scope.Tables[i].Links {
		if l.Name == e.AsSelect().FieldName() {
			return l
		}
	}
	return nil
}

// followed compiles x.l and has(x.l) for a link l; safe: of a row that is not there it is null instead of an error.
func (c *compiler) followed(e ast.Expr, l *Link, of node, safe bool) node {
	var at []*place
	for _, p := range of.from {
		if p.image {
			return c.problem(e, c.ownLink(l), "links of before and after are not followed: %q", l.Name)
		}
		if !l.Many {
			p.fields[l.Field] = true
		}
		n := len(p.next)
		at = append(at, p.follow(l))
		if c.places += len(p.next) - n; c.places > maxPlaces {
			return c.problem(e, "", "the condition follows more than %d chains of links", maxPlaces)
		}
	}
	var n node
	if l.Many {
		n = manyRows(l, of)
	} else {
		n = oneRow(l, of, safe)
	}
	n.from = at
	return n
}

// oneRow is the row to which l leads from of.
func oneRow(l *Link, of node, safe bool) node {
	n := node{nullable: true, fails: of.fails || of.nullable && !safe}
	if get := of.row; get != nil {
		n.row = func(in *Input, f *frame) (row.Row, bool) {
			r, ok := get(in, f)
			if !ok || r == nil {
				return nil, ok && safe
			}
			return in.one(l, r), true
		}
		n.eval = rowValue(n.row)
		return n
	}
	eval := of.eval
	n.eval = func(in *Input, f *frame) val {
		o := eval(in, f)
		r, ok := o.ref.(*row.Row)
		switch {
		case ok:
			return objVal(in.one(l, *r), o.until)
		case safe && o.k == kNull:
			return o
		}
		return errUntil(o.until)
	}
	return n
}

// rowValue is the row that get finds, as a value.
func rowValue(get rowRef) evalFn {
	return func(in *Input, f *frame) val {
		r, ok := get(in, f)
		if !ok {
			return errUntil(never)
		}
		return objVal(r, never)
	}
}

// objVal is a row as a value, or null.
func objVal(r row.Row, until row.Instant) val {
	if r == nil {
		return val{k: kNull, until: until}
	}
	return val{k: kObj, ref: &r, until: until}
}

// manyRows is the list of the rows to which l leads from of.
func manyRows(l *Link, of node) node {
	s := &seq{kind: kindRows}
	if get := of.row; get != nil {
		s.rows = func(in *Input, f *frame) ([]row.Row, bool, row.Instant) {
			r, ok := get(in, f)
			if !ok || r == nil {
				return nil, false, never
			}
			return in.many(l, r), true, never
		}
	} else {
		eval := of.eval
		s.rows = func(in *Input, f *frame) ([]row.Row, bool, row.Instant) {
			o := eval(in, f)
			r, ok := o.ref.(*row.Row)
			if !ok {
				return nil, false, o.until
			}
			return in.many(l, *r), true, o.until
		}
	}
	n := listNode(s)
	n.fails = of.fails || of.nullable
	return n
}

// nullRow compiles x == null and x != null of a row found in place.
func nullRow(get rowRef, negated bool) condFn {
	return func(in *Input, f *frame) (Truth, row.Instant) {
		r, ok := get(in, f)
		if !ok {
			return Error, never
		}
		return truthOf((r == nil) != negated), never
	}
}

// ownLink is the hint for a link of before or after: how the subject's own row leads to the same.
func (c *compiler) ownLink(l *Link) string {
	a := c.env.scope.Audience
	if a == nil {
		return ""
	}
	best := ""
	if own := c.env.audience; own == l.To {
		return fmt.Sprintf("use %s, the subject's own row", a.Name)
	} else if own != nil {
		for _, o := range own.Links {
			if o.To == l.To && (best == "" || o.Name == l.Name) {
				best = o.Name
			}
		}
	}
	if best == "" {
		return fmt.Sprintf("use the links of %s, the subject's own row", a.Name)
	}
	return fmt.Sprintf("use the audience's own link: %s.%s", a.Name, best)
}

// frontTables declares the tables of s to package front.
func frontTables(s Scope) ([]front.Table, error) {
	var tables []front.Table
	for _, t := range s.Tables {
		f := front.Table{Schema: t.Schema}
		for _, l := range t.Links {
			to := slices.Index(s.Tables, l.To)
			if to < 0 {
				return nil, fmt.Errorf("cannot declare the link %q of table %q: it leads to no table of the scope",
					l.Name, t.Schema.Name)
			}
			f.Links = append(f.Links, front.Link{Name: l.Name, To: to, Many: l.Many})
		}
		tables = append(tables, f)
	}
	return tables, nil
}
