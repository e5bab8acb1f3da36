package expr

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/weirstream/weir/state/row"
)

func isObject(t *cel.Type) bool {
	for t != nil && t.Kind() == types.ListKind {
		t = t.Parameters()[0]
	}
	return t != nil && t.Kind() == types.StructKind
}

// ordering compiles <, <=, > and >=.
func ordering(a, b node, rels relations) node {
	n := node{fails: a.condFails() || b.condFails()}
	if cond, ok := wholeNumbers(a, b, rels); ok {
		n.cond = cond
		return n
	}
	if cond, ok := wholeNumbers(b, a, rels.mirrored()); ok {
		n.cond = cond
		return n
	}
	x, y := a.eval, b.eval
	n.cond = func(in *Input, f *frame) (Truth, row.Instant) {
		v, w := x(in, f), y(in, f)
		return order(nowOf(in), &v, &w, rels)
	}
	switch {
	case a.field != nil && b.field != nil:
		n.cond = timeOrder(a.field, b.field, rels, n.cond)
	case a.field != nil && b.constant:
		n.cond = fieldOrder(a.field, b.eval(nil, nil), rels, n.cond)
	case b.constant:
		n.cond = orderConstant(x, b.eval(nil, nil), rels, n.cond)
	}
	return n
}

// orderConstant is order of x and a constant number, without the generality.
func orderConstant(x evalFn, k val, rels relations, general condFn) condFn {
	switch k.k {
	case kInt:
		return func(in *Input, f *frame) (Truth, row.Instant) {
			v := x(in, f)
			if v.k != kInt {
				return order(nowOf(in), &v, &k, rels)
			}
			return truthOf(rels.has(cmp(v.n, k.n))), v.until
		}
	case kDouble:
		if d := k.double(); !k.isNaN() {
			return func(in *Input, f *frame) (Truth, row.Instant) {
				v := x(in, f)
				if v.k != kDouble {
					return order(nowOf(in), &v, &k, rels)
				}
				g := v.double()
				return truthOf(g == g && rels.has(cmp(g, d))), v.until
			}
		}
	}
	return general
}

// wholeNumbers compiles a comparison of a size, or of a rounded moving value, with a number that does not move:
// with the exact instant of the flip, not that of the next step.
func wholeNumbers(a, b node, rels relations) (condFn, bool) {
	x, y := a.eval, b.eval
	switch {
	case a.size != nil:
		s := a.size
		return func(in *Input, f *frame) (Truth, row.Instant) {
			w := y(in, f)
			if w.k != kInt {
				v := x(in, f)
				return compareAny(nowOf(in), &v, &w, rels)
			}
			t, u := s.count(in, f, 0, nil, false, w.n, rels)
			if t == Error {
				return Error, u
			}
			return t, min(u, w.until)
		}, true
	case a.steps != nil:
		st := a.steps
		return func(in *Input, f *frame) (Truth, row.Instant) {
			v, w := st.of(in, f), y(in, f)
			if w.k != kInt || v.k != kTime && v.k != kDur {
				r := x(in, f)
				return compareAny(nowOf(in), &r, &w, rels)
			}
			t, u := orderSteps(nowOf(in), &v, st.by, w.n, rels)
			return t, min(u, w.until)
		}, true
	}
	return nil, false
}

// compareAny is the ordering or the equality of a and b.
func compareAny(now row.Instant, a, b *val, rels relations) (Truth, row.Instant) {
	switch rels {
	case equal:
		return equality(now, a, b, false)
	case less | greater:
		return equality(now, a, b, true)
	}
	return order(now, a, b, rels)
}

// equality compiles == and !=.
func (c *compiler) equality(e ast.Expr, a, b node, negated bool) node {
	args := operands(e)
	if isObject(c.typ(args[0])) && isObject(c.typ(args[1])) {
		hint := "compare their ids"
		if t := c.typ(args[0]); t.Kind() == types.ListKind {
			hint = "compare their size(), or what map() makes of them"
		}
		return c.problem(e, hint, "rows and events cannot be compared with each other")
	}
	if c.isRows(args[0]) || c.isRows(args[1]) {
		return c.problem(e, "without a row it is empty: use size() == 0", "a list of rows is never null")
	}
	n := node{fails: a.fails || b.fails}
	rels := equal
	if negated {
		rels = less | greater
	}
	for _, pair := range [][2]node{{a, b}, {b, a}} {
		if cond, ok := wholeNumbers(pair[0], pair[1], rels); ok {
			n.cond = cond
			return n
		}
		if pair[0].row != nil && pair[1].constant && pair[1].nullable { // a row can be compared with null alone
			n.cond = nullRow(pair[0].row, negated)
			return n
		}
		if pair[1].constant && pair[0].field != nil {
			if cond := fieldEquals(pair[0].field, pair[1].eval(nil, nil), negated); cond != nil {
				n.cond = cond
				return n
			}
		}
		if pair[1].constant {
			if cond, ok := equalsConstant(pair[0].eval, pair[1].eval(nil, nil), negated); ok {
				n.cond = cond
				return n
			}
		}
	}
	x, y := a.eval, b.eval
	n.cond = func(in *Input, f *frame) (Truth, row.Instant) {
		v, w := x(in, f), y(in, f)
		return equality(nowOf(in), &v, &w, negated)
	}
	return n
}

// equalsConstant is the equality of x and a constant, without the generality.
func equalsConstant(x evalFn, k val, negated bool) (condFn, bool) {
	switch k.k {
	case kString:
		s := k.s
		return func(in *Input, f *frame) (Truth, row.Instant) {
			v := x(in, f)
			if v.k == kErr {
				return Error, v.until
			}
			return truthOf((v.k == kString && v.s == s) != negated), v.until
		}, true
	case kNull, kBool:
		return func(in *Input, f *frame) (Truth, row.Instant) {
			v := x(in, f)
			if v.k == kErr {
				return Error, v.until
			}
			return truthOf((v.k == k.k && v.n == k.n || v.k == kNull && k.k == kNull) != negated), v.until
		}, true
	}
	return nil, false
}
