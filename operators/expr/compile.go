package expr

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/weirstream/weir/operators/expr/internal/front"
	"github.com/weirstream/weir/state/row"
)

// node is a compiled expression.
type node struct {
	eval evalFn
	cond condFn // of a bool: the truth, without the value
	typ  *cel.Type

	constant bool
	fails    bool // it can be an error
	nullable bool // it can be null
	moves    bool // it is, or holds, a time or duration that moves with the clock
	zoned    bool // it is, or holds, a time that may have a zone other than UTC in cel-go
	stepped  bool // it changes by steps of the clock, such as the hour of now

	row   rowRef   // it is a row that does not change with the time
	event *int     // it is an event, never null: the variable of this slot
	field fieldRef // it is a field
	seq   *seq     // a list that can be iterated without being built
	size  *seq     // it is the size of this list
	steps *steps   // it is a moving value rounded to whole numbers
	from  []*place // where the rows come from that it is or holds

	trigger bool // it is the event that a trigger fires on
}

// fieldRef finds a field, nil if its object is not there: of an object that does not change with the time.
type fieldRef func(in *Input, f *frame) *row.Value

// steps is a rounded moving value.
type steps struct {
	of evalFn
	by step
}

// variable is a variable of a comprehension.
type variable struct {
	name string
	slot int
	elem node // its traits
}

// compiler compiles one checked expression.
type compiler struct {
	env       *Env
	ast       *ast.AST
	vars      []variable
	slots     int
	problems  []Problem
	audience  *place
	image     *place
	places    int // how many there are behind audience
	events    map[int]bool
	segments  map[int]bool
	clock     bool
	loose     int      // how many times a variable was named whose value may change with the time
	looks     bool     // some part looks ahead
	functions []string // those of cel-go's that are called when evaluating
}

// problem reports a fault at the place of e.
func (c *compiler) problem(e ast.Expr, hint, format string, args ...any) node {
	p := Problem{Message: fmt.Sprintf(format, args...), Hint: hint}
	loc := c.ast.SourceInfo().GetStartLocation(e.ID())
	if loc.Line() > 0 {
		p.Line, p.Column = loc.Line(), loc.Column()+1
	}
	if !slices.Contains(c.problems, p) {
		c.problems = append(c.problems, p)
	}
	return node{eval: failing, fails: true, nullable: true, typ: c.typ(e)}
}

func failing(*Input, *frame) val { return errUntil(never) }

func (c *compiler) typ(e ast.Expr) *cel.Type { return c.ast.GetType(e.ID()) }

// compile compiles e; of what cannot be compiled it reports the problems and returns a node that fails.
func (c *compiler) compile(e ast.Expr) node {
	if n, refused := c.refuseType(e); refused {
		return n
	}
	var n node
	switch e.Kind() {
	case ast.LiteralKind:
		n = constantNode(fromCEL(e.AsLiteral(), never))
	case ast.IdentKind:
		n = c.ident(e)
	case ast.SelectKind:
		n = c.selection(e)
	case ast.CallKind:
		n = c.call(e)
	case ast.ListKind:
		n = c.listLiteral(e)
	case ast.ComprehensionKind:
		n = c.comprehension(e)
	case ast.MapKind:
		n = c.problem(e, "", "maps are not part of the language")
	case ast.StructKind:
		n = c.problem(e, "", "objects cannot be made in an expression")
	default:
		n = c.problem(e, "", "unknown form of expression")
	}
	n.typ = c.typ(e)
	return n.complete()
}

// complete gives n both ways of being evaluated.
func (n node) complete() node {
	eval, cond := n.eval, n.cond
	if eval == nil {
		n.eval = func(in *Input, f *frame) val { return truthVal(cond(in, f)) }
	}
	if cond == nil && n.field != nil {
		n.cond = fieldTruth(n.field)
		return n
	}
	if cond == nil && eval != nil {
		n.cond = func(in *Input, f *frame) (Truth, row.Instant) {
			v := eval(in, f)
			return v.truth(), v.until
		}
	}
	return n
}

// condFails tells whether n, as an operand of logic, can be an error: a null is one.
func (n *node) condFails() bool { return n.fails || n.nullable }

func constantNode(v val) node {
	return node{
		constant: true, fails: v.k == kErr, nullable: v.k == kNull,
		eval: func(*Input, *frame) val { return v },
	}
}

// folded evaluates n once if all that it is made of is constant.
func folded(n node, of []node) node {
	for i := range of {
		if !of[i].constant {
			return n
		}
	}
	n = n.complete()
	v := n.eval(nil, nil)
	m := constantNode(v)
	m.zoned = n.zoned
	return m
}

// refuseType refuses what has a type that the language does not have.
func (c *compiler) refuseType(e ast.Expr) (node, bool) {
	t := c.typ(e)
	if t == nil {
		return node{}, false
	}
	switch t.Kind() {
	case types.UintKind:
		return c.problem(e, "write int values, without the u", "unsigned integers are not part of the language"), true
	case types.BytesKind:
		return c.problem(e, "", "bytes are not part of the language"), true
	case types.TypeKind:
		if e.Kind() == ast.IdentKind && len(c.env.front.FieldNames(e.AsIdent())) > 0 {
			message, hint := c.env.tableItself(e.AsIdent())
			return c.problem(e, hint, "%s", message), true
		}
		return c.problem(e, "", "types are not values of the language"), true
	case types.MapKind:
		return c.problem(e, "", "maps are not part of the language"), true
	case types.OpaqueKind:
		return c.problem(e, "", "optional values are not part of the language"), true
	case types.DynKind, types.AnyKind:
		if isDynNull(e) {
			return node{}, false
		}
		before := len(c.problems)
		c.below(e)
		if len(c.problems) > before {
			return node{eval: failing, fails: true}, true
		}
		return c.problem(e, "", "the type of this is not known before it is evaluated"), true
	}
	return node{}, false
}

// below compiles the parts of e for the problems that they have.
func (c *compiler) below(e ast.Expr) {
	switch e.Kind() {
	case ast.SelectKind:
		c.compile(e.AsSelect().Operand())
	case ast.CallKind:
		for _, arg := range operands(e) {
			c.compile(arg)
		}
	}
}

// isDynNull tells whether e is dyn(null), which package front makes of null where it is compared with a list.
func isDynNull(e ast.Expr) bool {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != "dyn" || len(e.AsCall().Args()) != 1 {
		return false
	}
	arg := e.AsCall().Args()[0]
	return arg.Kind() == ast.LiteralKind && arg.AsLiteral() == types.NullValue
}

func (c *compiler) ident(e ast.Expr) node {
	name := e.AsIdent()
	for i := len(c.vars) - 1; i >= 0; i-- {
		if v := c.vars[i]; v.name == name {
			n, slot := v.elem, v.slot
			n.eval = func(_ *Input, f *frame) val { return f.vars[slot] }
			switch {
			case n.event != nil:
				n.event = &slot
			case n.row == nil:
				c.loose++
			}
			return n
		}
	}
	s := &c.env.scope
	switch {
	case name == front.Now:
		c.clock = true
		return node{eval: evalNow, moves: true}
	case s.Audience != nil && name == s.Audience.Name:
		n := rowNode(func(in *Input) *row.Row { return &in.Subject }, c.audience)
		n.row = func(in *Input, _ *frame) (row.Row, bool) { return in.Subject, true }
		return n
	case s.Change != nil && name == front.Before:
		n := rowNode(func(in *Input) *row.Row { return &in.Before }, c.image)
		n.row = func(in *Input, _ *frame) (row.Row, bool) { return in.Before, true }
		return n
	case s.Change != nil && name == front.After:
		n := rowNode(func(in *Input) *row.Row { return &in.After }, c.image)
		n.row = func(in *Input, _ *frame) (row.Row, bool) { return in.After, true }
		return n
	case s.Event != nil && name == front.EventVariable:
		return node{eval: func(in *Input, _ *frame) val {
			if in.Event == nil {
				return val{k: kNull, until: never}
			}
			return val{k: kObj, ref: in.Event, until: never}
		}, nullable: true, trigger: true}
	}
	for i := range s.Segments {
		if name == front.SegmentVariable(i) {
			return c.segment(i)
		}
	}
	for i := range s.Events {
		if name == s.Events[i].Schema.Name {
			c.events[i] = true
			if s.Events[i].Retention != nil {
				c.clock = true
			}
			return listNode(&seq{kind: i, retention: s.Events[i].Retention})
		}
	}
	return c.problem(e, "", "%q cannot be used here", name)
}

func evalNow(in *Input, _ *frame) val {
	sec, nanos := split(int64(in.Now))
	return val{k: kTime, n: sec, nanos: nanos, slope: 1, until: never}
}

func rowNode(of func(in *Input) *row.Row, from *place) node {
	return node{nullable: true, from: []*place{from}, eval: func(in *Input, _ *frame) val {
		r := of(in)
		if *r == nil {
			return val{k: kNull, until: never}
		}
		return val{k: kObj, ref: r, until: never}
	}}
}

func listNode(s *seq) node { return node{seq: s, eval: s.build, fails: s.fails} }

func (c *compiler) segment(i int) node {
	c.segments[i] = true
	return node{cond: func(in *Input, f *frame) (Truth, row.Instant) {
		if in.Segment == nil {
			return False, never
		}
		member, until := in.Segment(i)
		if f != nil {
			f.segments = min(f.segments, until)
		}
		return truthOf(member), until
	}}
}

func (c *compiler) listLiteral(e ast.Expr) node {
	if len(e.AsList().OptionalIndices()) > 0 {
		return c.problem(e, "", "optional values are not part of the language")
	}
	n := node{}
	var elems []node
	constant := true
	for _, el := range e.AsList().Elements() {
		m := c.compile(el)
		n.fails, n.moves, n.zoned = n.fails || m.fails, n.moves || m.moves, n.zoned || m.zoned
		constant = constant && m.constant
		elems = append(elems, m)
	}
	n.from = together(elems...)
	n.eval = func(in *Input, f *frame) val {
		l := &list{elems: make([]val, len(elems))}
		failed, failUntil, until := false, row.Earliest, never
		for i := range elems {
			l.elems[i] = elems[i].eval(in, f)
			u := l.elems[i].until
			if l.elems[i].k == kErr {
				failed, failUntil = true, max(failUntil, u)
			}
			if elems[i].fails {
				until = min(until, u) // when it becomes an error, so does the list
			}
		}
		if failed {
			return errUntil(failUntil)
		}
		return val{k: kList, ref: l, until: until}
	}
	if constant {
		m := constantNode(n.eval(nil, nil))
		m.zoned = n.zoned
		return m
	}
	return n
}

// asSeq returns the list n as a seq.
func (n *node) asSeq() *seq {
	if n.seq != nil {
		return n.seq
	}
	return &seq{kind: kindList, base: n.eval}
}

func typeName(t *cel.Type) string {
	if t == nil {
		return "this"
	}
	return tidy(cel.FormatCELType(t))
}
