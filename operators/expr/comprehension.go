package expr

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/weirstream/weir/state/row"
)

// comprehension compiles what CEL's macros expand to. No source text can make another comprehension, nor name the
// accumulator, so the shape of the loop's step tells the macro.
func (c *compiler) comprehension(e ast.Expr) node {
	fold := e.AsComprehension()
	rng := c.compile(fold.IterRange())
	if t := c.typ(fold.IterRange()); t == nil || t.Kind() != types.ListKind {
		return c.problem(e, "", "only lists can be iterated, not %s", typeName(t))
	}
	if fold.HasIterVar2() {
		return c.problem(e, "", "macros with two variables are not part of the language")
	}
	step := fold.LoopStep()
	if step.Kind() != ast.CallKind {
		return c.problem(e, "", "unknown macro")
	}
	args := step.AsCall().Args()
	switch step.AsCall().FunctionName() {
	case operators.LogicalOr:
		return c.quantifier(fold.IterVar(), rng, args[1], false)
	case operators.LogicalAnd:
		return c.quantifier(fold.IterVar(), rng, args[1], true)
	case operators.Add:
		return c.mapped(fold.IterVar(), rng, args[1].AsList().Elements()[0])
	case operators.Conditional:
		if fold.AccuInit().Kind() != ast.ListKind {
			return c.existsOne(fold.IterVar(), rng, args[0])
		}
		rng = c.filtered(fold.IterVar(), rng, args[0])
		made := args[1].AsCall().Args()[1].AsList().Elements()[0]
		if made.Kind() == ast.IdentKind && made.AsIdent() == fold.IterVar() {
			return rng
		}
		return c.mapped(fold.IterVar(), rng, made)
	}
	return c.problem(e, "", "unknown macro")
}

// inScope compiles e with the variable name for an element of rng.
func (c *compiler) inScope(name string, rng *node, e ast.Expr) (node, int) {
	slot := c.slots
	c.slots++
	elem := node{moves: rng.moves, zoned: rng.zoned, from: rng.from}
	switch {
	case rng.seq != nil && rng.seq.events():
		elem.event = &slot
	case rng.seq != nil && rng.seq.linked():
		elem.row = func(_ *Input, f *frame) (row.Row, bool) { return *f.vars[slot].ref.(*row.Row), true }
	default:
		elem.nullable = true
	}
	c.vars = append(c.vars, variable{name, slot, elem})
	n := c.compile(e)
	c.vars = c.vars[:len(c.vars)-1]
	return n, slot
}

// events tells whether the elements of s are events, none of them null.
func (s *seq) events() bool { return s.kind >= 0 && !s.maps() }

// linked tells whether the elements of s are rows that a link leads to, none of them null.
func (s *seq) linked() bool { return s.kind == kindRows && !s.maps() }

func (s *seq) maps() bool {
	for i := range s.stages {
		if s.stages[i].kind == stageMap {
			return true
		}
	}
	return false
}

// quantifier is exists, or all, which is its dual.
func (c *compiler) quantifier(name string, rng node, body ast.Expr, all bool) node {
	pred, slot := c.inScope(name, &rng, body)
	s, cond := rng.asSeq(), pred.cond
	n := node{fails: rng.fails || rng.nullable || pred.condFails()}
	n.cond = func(in *Input, f *frame) (Truth, row.Instant) {
		t, u := s.any(in, f, slot, cond, all)
		if all {
			t = t.not()
		}
		return t, u
	}
	return n
}

func (c *compiler) existsOne(name string, rng node, body ast.Expr) node {
	pred, slot := c.inScope(name, &rng, body)
	s, cond, fails := rng.asSeq(), pred.cond, pred.condFails()
	n := node{fails: rng.fails || rng.nullable || fails}
	n.cond = func(in *Input, f *frame) (Truth, row.Instant) {
		return s.count(in, f, slot, cond, fails, 1, equal)
	}
	return n
}

func (c *compiler) filtered(name string, rng node, body ast.Expr) node {
	pred, slot := c.inScope(name, &rng, body)
	fails := pred.condFails()
	n := listNode(rng.asSeq().with(stage{kind: stageFilter, slot: slot, cond: pred.cond}, fails))
	n.fails = rng.fails || rng.nullable || fails
	n.moves, n.zoned, n.from = rng.moves, rng.zoned, rng.from
	return n
}

func (c *compiler) mapped(name string, rng node, body ast.Expr) node {
	made, slot := c.inScope(name, &rng, body)
	n := listNode(rng.asSeq().with(stage{kind: stageMap, slot: slot, eval: made.eval}, made.fails))
	n.fails = rng.fails || rng.nullable || made.fails
	n.moves, n.zoned, n.from = made.moves, made.zoned, made.from
	return n
}
