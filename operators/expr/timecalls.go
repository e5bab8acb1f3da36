package expr

import (
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/weirstream/weir/operators/expr/internal/front"
	"github.com/weirstream/weir/state/row"
)

// period reads the period that e must be, a literal.
func (c *compiler) period(e ast.Expr, function string) (Period, bool) {
	text, ok := front.Literal(e)
	if !ok {
		c.problem(e, "write it as in "+function+"(\"90d\")", "%s needs its period as a literal string", function)
		return Period{}, false
	}
	p, err := ParsePeriod(text)
	if err != nil {
		c.problem(e, "", "%v", err)
		return Period{}, false
	}
	return p, true
}

// shifted compiles ago(p) and ahead(p).
func (c *compiler) shifted(e ast.Expr, name string) node {
	p, ok := c.period(e.AsCall().Args()[0], name)
	if !ok {
		return node{eval: failing, fails: true}
	}
	c.clock = true
	if loc := c.env.scope.Zone; loc != nil && p.Months != 0 {
		months := int64(p.Months)
		if name == "ago" {
			months = -months
		}
		// It moves evenly for a day at most: comparisons look ahead over the days.
		return node{moves: true, stepped: true, eval: func(in *Input, _ *frame) val {
			return shiftedIn(in.Now, months, loc)
		}}
	}
	if name == "ahead" {
		return node{moves: true, eval: func(in *Input, _ *frame) val {
			t := p.After(in.Now)
			return val{k: kTime, n: t.Int, nanos: t.Nanos, slope: 1, months: p.Months, until: never}
		}}
	}
	return node{moves: true, eval: func(in *Input, _ *frame) val {
		t := p.Before(in.Now)
		return val{k: kTime, n: t.Int, nanos: t.Nanos, slope: 1, months: -p.Months, until: never}
	}}
}

// within compiles list.within(p).
func (c *compiler) within(e ast.Expr) node {
	args := operands(e)
	l := c.compile(args[0])
	if !c.isEvents(args[0]) {
		hint := ""
		if c.isRows(args[0]) {
			hint = `rows have no time of their own: compare a field, as in filter(x, x.created > ago("90d"))`
		}
		return c.problem(e, hint, "within() is for lists of events, not %s", typeName(c.typ(args[0])))
	}
	p, ok := c.period(args[1], "within")
	if !ok {
		return node{eval: failing, fails: true}
	}
	kind := c.typ(args[0]).Parameters()[0].TypeName()
	for _, k := range c.env.scope.Events {
		if k.Schema.Name == kind && k.Retention != nil && p.Exceeds(*k.Retention) {
			return c.problem(args[1], "keep the events longer or ask for a shorter window",
				"the window %q is longer than the retention of %s, which is %s", p, kind, *k.Retention)
		}
	}
	c.clock = true
	base := l.asSeq()
	n := listNode(base.with(stage{kind: stageWindow, period: p, zone: c.env.scope.Zone}, !base.events()))
	n.fails = l.fails || l.nullable || !base.events()
	return n
}

// accessor compiles getMonth() and its like, of times and of durations.
func (c *compiler) accessor(e ast.Expr, un unit, args []node) node {
	x := args[0].eval
	n := node{fails: args[0].fails || args[0].nullable}
	isDuration := false
	for _, id := range c.ast.GetOverloadIDs(e.ID()) {
		isDuration = isDuration || len(id) > 8 && id[:8] == "duration"
	}
	if isDuration {
		by := map[unit]step{unitHour: durHours, unitMinute: durMinutes, unitSecond: durSeconds, unitMilli: durMillis}[un]
		return c.rounding(n, args[0], kDur, by)
	}
	if args[0].moves {
		n.stepped = true
		if un == unitMilli {
			return c.problem(e, "compare the time itself", "getMilliseconds() of a time that moves with now "+
				"changes every millisecond; the engine does not follow that")
		}
	}
	if len(args) == 1 {
		loc := c.env.scope.Zone
		if loc == nil {
			loc = time.UTC
		}
		n.eval = func(in *Input, f *frame) val {
			v := x(in, f)
			if v.k != kTime {
				return errUntil(v.until)
			}
			return part(nowOf(in), &v, un, loc)
		}
		return n
	}
	if args[1].constant {
		if name := args[1].eval(nil, nil); name.k == kString {
			if _, err := zone(name.s); err != nil {
				return c.problem(operands(e)[1], "", "%v", err)
			}
		}
	}
	y := args[1].eval
	n.fails = true
	n.eval = func(in *Input, f *frame) val {
		v, name := x(in, f), y(in, f)
		u, failed := strict(&v, &name)
		if failed || v.k != kTime || name.k != kString {
			return errUntil(u)
		}
		loc, err := zone(name.s)
		if err != nil {
			return errUntil(u)
		}
		r := part(nowOf(in), &v, un, loc)
		r.until = min(r.until, u)
		return r
	}
	return n
}

// rounding compiles the rounding of a value of kind k to whole numbers.
func (c *compiler) rounding(n node, of node, k kind, by step) node {
	x := of.eval
	if of.moves {
		n.stepped = true
		n.steps = &steps{of: x, by: by}
	}
	n.eval = func(in *Input, f *frame) val {
		v := x(in, f)
		if v.k != k {
			return errUntil(v.until)
		}
		return rounded(nowOf(in), &v, by)
	}
	return n
}

// conversion compiles timestamp(x), int(x) and their like.
func (c *compiler) conversion(e ast.Expr, name string, args []node) node {
	of := args[0]
	t := c.typ(operands(e)[0])
	if t == nil {
		return c.general(e, name, args)
	}
	switch {
	case name == "int" && t.Kind() == types.TimestampKind:
		return c.rounding(node{fails: of.fails || of.nullable}, of, kTime, unixSecond)
	case name == "timestamp" && t.Kind() == types.TimestampKind, name == "duration" && t.Kind() == types.DurationKind:
		k, x := kTime, of.eval
		if name == "duration" {
			k = kDur
		}
		n := node{fails: of.fails || of.nullable, moves: of.moves, zoned: of.zoned}
		n.eval = func(in *Input, f *frame) val {
			v := x(in, f)
			if v.k != k {
				return errUntil(v.until)
			}
			return v
		}
		return n
	}
	n := c.general(e, name, args)
	n.zoned = name == "timestamp" && t.Kind() == types.StringKind
	if of.constant && len(c.problems) == 0 {
		if v := n.eval(nil, nil); v.k == kErr {
			arg := of.eval(nil, nil)
			return c.problem(operands(e)[0], conversionHint(name), "cannot read %q as %s", arg.s, name)
		}
		text, ok := front.Literal(operands(e)[0])
		n.zoned = n.zoned && !(ok && len(text) > 0 && text[len(text)-1] == 'Z')
	}
	return n
}

func conversionHint(name string) string {
	switch name {
	case "timestamp":
		return `write it like "2026-01-31T00:00:00Z"`
	case "duration":
		return `the units are h, m, s, ms, us and ns, as in "36h"; periods in days go with ago() and within()`
	}
	return ""
}

// general compiles a call by cel-go's own implementation of the function: exact, but slower.
func (c *compiler) general(e ast.Expr, name string, args []node) node {
	for i := range args {
		arg := operands(e)[i]
		switch {
		case args[i].moves:
			return c.problem(arg, "compare times with each other, or use accessors such as getMonth()",
				"%s() of a value that moves with now changes all the time: its next change cannot be derived", name)
		case args[i].zoned:
			return c.problem(arg, "", "%s() of a time read from text depends on how that text writes its zone", name)
		case isObject(c.typ(arg)):
			return c.problem(arg, "name a field", "%s() cannot take rows or events", name)
		}
	}
	fn, err := c.env.implementation(name, c.ast.GetOverloadIDs(e.ID()))
	if err != nil {
		return c.problem(e, "", "%v", err)
	}
	if !foldable(name) || slices.ContainsFunc(args, func(n node) bool { return !n.constant }) {
		c.functions = append(c.functions, name)
	}
	return node{fails: true, nullable: true, eval: func(in *Input, f *frame) val {
		vals := make([]ref.Val, len(args))
		given := make([]val, len(args))
		until, failed, failUntil := never, false, row.Earliest
		for i := range args {
			given[i] = args[i].eval(in, f)
			if given[i].k == kErr {
				failed, failUntil = true, max(failUntil, given[i].until)
				continue
			}
			var u row.Instant
			vals[i], u = given[i].toCEL()
			until = min(until, u)
		}
		if failed {
			return errUntil(failUntil)
		}
		if tooLarge(name, given) {
			return errUntil(until)
		}
		return fromCEL(fn(vals), until)
	}}
}

// tooLarge tells whether a function that can multiply the size of its arguments would make a string beyond maxSize.
func tooLarge(name string, args []val) bool {
	switch name {
	case "replace":
		text, old, with := args[0].s, args[1].s, args[2].s
		return len(text)+strings.Count(text, old)*len(with) > maxSize
	case "join":
		size := 0
		for i := range args[0].size() {
			e := args[0].at(i)
			if size += len(e.s); len(args) > 1 {
				size += len(args[1].s)
			}
		}
		return size > maxSize
	}
	return false
}

// implementation finds what cel-go calls for a function, as its planner does.
func (e *Env) implementation(name string, overloads []string) (func([]ref.Val) ref.Val, error) {
	fn := e.bindings[name]
	if len(overloads) == 1 && e.bindings[overloads[0]] != nil {
		fn = e.bindings[overloads[0]]
	}
	if fn == nil {
		return nil, errNoFunction(name)
	}
	return func(args []ref.Val) ref.Val {
		if fn.OperandTrait != 0 && !args[0].Type().HasTrait(fn.OperandTrait) {
			return types.NewErr("no such overload")
		}
		switch {
		case len(args) == 1 && fn.Unary != nil:
			return fn.Unary(args[0])
		case len(args) == 2 && fn.Binary != nil:
			return fn.Binary(args[0], args[1])
		case fn.Function != nil:
			return fn.Function(args...)
		}
		return types.NewErr("no such overload")
	}, nil
}
