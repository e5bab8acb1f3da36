package expr

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/weirstream/weir/operators/expr/internal/front"
	"github.com/weirstream/weir/state/row"
)

// selection compiles x.f and has(x.f).
func (c *compiler) selection(e ast.Expr) node { return c.selected(e, e.AsSelect().IsTestOnly()) }

// selected compiles x.f and has(x.f); safe: links within x that lead to no row are null, not errors.
func (c *compiler) selected(e ast.Expr, safe bool) node {
	s := e.AsSelect()
	of := c.operand(s.Operand(), safe)
	t := c.typ(s.Operand())
	if t == nil || t.Kind() != types.StructKind {
		return c.problem(e, "", "%s has no fields", typeName(t))
	}
	schema, _, ok := c.env.front.Object(t.TypeName())
	if !ok {
		return c.problem(e, "", "%s has no fields", typeName(t))
	}
	if l := c.link(e); l != nil {
		n := c.followed(e, l, of, safe)
		if s.IsTestOnly() {
			return c.hasLink(of, n.complete())
		}
		return n
	}
	index, declared := schema.Field(s.FieldName())
	if declared {
		reads(of.from, index)
	}
	get := c.getter(of, index, declared, s.FieldName())
	if s.IsTestOnly() {
		get.fails, get.nullable = of.fails, false
		if of.row != nil {
			return hasField(of.row, index, get)
		}
		return has(of.eval, get.eval, get)
	}
	return get
}

// operand compiles x of x.f. safe: see selected.
func (c *compiler) operand(x ast.Expr, safe bool) node {
	if !safe || x.Kind() != ast.SelectKind || x.AsSelect().IsTestOnly() || c.link(x) == nil {
		return c.compile(x)
	}
	n := c.selected(x, true)
	n.typ = c.typ(x)
	return n.complete()
}

// hasLink is has(x.l): the link's row, or list of rows, is there.
func (c *compiler) hasLink(of, link node) node {
	if get := link.row; get != nil {
		return node{fails: of.fails, cond: nullRow(get, true)}
	}
	return has(of.eval, link.eval, node{fails: of.fails})
}

// hasField is has(x.f) of a row found in place.
func hasField(of rowRef, index int, n node) node {
	n.field, n.eval = nil, nil
	n.cond = func(in *Input, f *frame) (Truth, row.Instant) {
		r, ok := of(in, f)
		if !ok {
			return Error, never
		}
		return truthOf(index < len(r) && r[index].Kind != row.Null), never
	}
	return n
}

func has(of, get evalFn, n node) node {
	n.field, n.eval = nil, nil
	n.cond = func(in *Input, f *frame) (Truth, row.Instant) {
		o := of(in, f)
		switch o.k {
		case kErr:
			return Error, o.until
		case kNull:
			return False, o.until
		}
		v := get(in, f)
		return truthOf(v.k != kNull), v.until
	}
	return n
}

// getter reads a field of an object: of a null it is an error.
func (c *compiler) getter(of node, index int, declared bool, name string) node {
	n := node{fails: of.fails || of.nullable, nullable: true, field: fieldOf(of, index, declared, name)}
	eval := of.eval
	if field := n.field; field != nil {
		n.nullable = declared
		n.eval = func(in *Input, f *frame) val {
			v := field(in, f)
			if v == nil {
				return errUntil(never)
			}
			return ofField(v, never)
		}
		return n
	}
	if !declared {
		n.nullable = name == front.EventID
		n.eval = func(in *Input, f *frame) val {
			o := eval(in, f)
			e, ok := o.ref.(*row.Event)
			if !ok {
				return errUntil(o.until)
			}
			if name == front.EventTime {
				return ofField(&e.Time, o.until)
			}
			if e.ID == "" {
				return val{k: kNull, until: o.until}
			}
			return val{k: kString, s: e.ID, until: o.until}
		}
		return n
	}
	n.eval = func(in *Input, f *frame) val {
		o := eval(in, f)
		var fields row.Row
		switch r := o.ref.(type) {
		case *row.Row:
			fields = *r
		case *row.Event:
			fields = r.Fields
		default:
			return errUntil(o.until)
		}
		if index >= len(fields) {
			return val{k: kNull, until: o.until}
		}
		return ofField(&fields[index], o.until)
	}
	return n
}

// absent is the field that a row is too short for.
var absent row.Value

// fieldOf finds a field directly, where its object is a row of the input or an event in a macro.
func fieldOf(of node, index int, declared bool, name string) fieldRef {
	switch {
	case of.row != nil:
		get := of.row
		return func(in *Input, f *frame) *row.Value {
			r, _ := get(in, f)
			switch {
			case r == nil:
				return nil
			case index >= len(r):
				return &absent
			}
			return &r[index]
		}
	case of.trigger && declared:
		return func(in *Input, _ *frame) *row.Value {
			switch {
			case in.Event == nil:
				return nil
			case index >= len(in.Event.Fields):
				return &absent
			}
			return &in.Event.Fields[index]
		}
	case of.event != nil && declared:
		slot := *of.event
		return func(_ *Input, f *frame) *row.Value {
			e := f.vars[slot].ref.(*row.Event)
			if index >= len(e.Fields) {
				return &absent
			}
			return &e.Fields[index]
		}
	case of.event != nil && name == front.EventTime:
		slot := *of.event
		return func(_ *Input, f *frame) *row.Value { return &f.vars[slot].ref.(*row.Event).Time }
	}
	return nil
}
