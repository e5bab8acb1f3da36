package expr

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/weirstream/weir/state/row"
)

// operands returns the target of a member call, if it is one, and the arguments.
func operands(e ast.Expr) []ast.Expr {
	call := e.AsCall()
	if call.IsMemberFunction() {
		return append([]ast.Expr{call.Target()}, call.Args()...)
	}
	return call.Args()
}

var orderings = map[string]relations{
	operators.Less: less, operators.LessEquals: less | equal,
	operators.Greater: greater, operators.GreaterEquals: greater | equal,
}

func (c *compiler) call(e ast.Expr) node {
	name := e.AsCall().FunctionName()
	switch name {
	case operators.LogicalAnd, operators.LogicalOr:
		return c.logic(e, name)
	case "ago", "ahead":
		return c.shifted(e, name)
	case "within":
		return c.within(e)
	case "dyn":
		if isDynNull(e) {
			return constantNode(val{k: kNull, until: never})
		}
		return c.problem(e, "", "dyn() is not part of the language")
	case "type":
		return c.problem(e, "", "type() is not part of the language")
	}
	var args []node
	loose, stepped, moving := c.loose, false, 0
	for _, arg := range operands(e) {
		n := c.compile(arg)
		stepped = stepped || n.stepped
		if n.moves {
			moving++
		}
		args = append(args, n)
	}
	n := c.function(e, name, args)
	switch {
	case !isComparison(name):
		n.stepped = n.stepped || stepped
	case c.loose == loose && n.cond != nil && (stepped || moving > 1):
		n.cond = c.ahead(n.cond)
	}
	if n.constant || !foldable(name) || len(c.problems) > 0 {
		return n
	}
	return folded(n, args)
}

// isComparison tells whether name is that of an operator that compares.
func isComparison(name string) bool {
	_, ordered := orderings[name]
	return ordered || name == operators.Equals || name == operators.NotEquals
}

// foldable tells whether a call of constants is made when compiling: not where the result can be much larger than
// the operands.
func foldable(name string) bool {
	switch name {
	case "replace", "format", "join", "split", "strings.quote":
		return false
	}
	return true
}

// function compiles a call whose operands are compiled.
func (c *compiler) function(e ast.Expr, name string, args []node) node {
	if rels, ok := orderings[name]; ok {
		return ordering(args[0], args[1], rels)
	}
	switch name {
	case operators.LogicalNot:
		cond := args[0].cond
		return node{fails: args[0].condFails(), cond: func(in *Input, f *frame) (Truth, row.Instant) {
			t, u := cond(in, f)
			return t.not(), u
		}}
	case operators.Conditional:
		return conditional(args)
	case operators.Equals, operators.NotEquals:
		return c.equality(e, args[0], args[1], name == operators.NotEquals)
	case operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo:
		return c.arithmetic(e, name, args[0], args[1])
	case operators.Negate:
		eval := args[0].eval
		return node{fails: true, eval: func(in *Input, f *frame) val { return negate(eval(in, f)) }}
	case operators.In:
		return c.membership(e, args[0], args[1])
	case operators.Index:
		return index(args[0], args[1])
	case "size":
		if t := c.typ(operands(e)[0]); t != nil && t.Kind() == types.ListKind {
			return listSize(args[0])
		}
		return stringSize(args[0])
	case "first", "last":
		return c.end(e, args[0], name == "last")
	case "sum", "min", "max", "avg":
		return c.numbers(e, args[0], name)
	case "contains", "startsWith", "endsWith", "matches":
		return c.stringTest(e, name, args)
	case "timestamp", "duration", "int", "double", "string", "bool":
		return c.conversion(e, name, args)
	}
	if un, ok := unitNames[name]; ok {
		return c.accessor(e, un, args)
	}
	return c.general(e, name, args)
}

// logic compiles && and ||, a chain of them as one.
func (c *compiler) logic(e ast.Expr, name string) node {
	var terms []condFn
	n := node{}
	constant := true
	var gather func(e ast.Expr)
	gather = func(e ast.Expr) {
		if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == name {
			for _, arg := range e.AsCall().Args() {
				gather(arg)
			}
			return
		}
		m := c.compile(e)
		n.fails = n.fails || m.condFails()
		constant = constant && m.constant
		terms = append(terms, m.cond)
	}
	gather(e)
	decisive := False
	if name == operators.LogicalOr {
		decisive = True
	}
	n.cond = func(in *Input, f *frame) (Truth, row.Instant) { return junction(in, f, terms, decisive) }
	if constant {
		return constantNode(truthVal(n.cond(nil, nil)))
	}
	return n
}

// junction is && of terms (decisive False) or || (decisive True): one decisive term decides, whatever the others
// are, errors too; it does so for as long as the one that holds longest.
func junction(in *Input, f *frame, terms []condFn, decisive Truth) (Truth, row.Instant) {
	decided, decidedUntil := false, row.Earliest
	failed, until := false, never
	for _, term := range terms {
		t, u := term(in, f)
		switch t {
		case decisive:
			if u == never {
				return decisive, never
			}
			decided, decidedUntil = true, max(decidedUntil, u)
		case Error:
			failed = true
		}
		until = min(until, u)
	}
	switch {
	case decided:
		return decisive, decidedUntil
	case failed:
		return Error, until
	}
	return decisive.not(), until
}

func conditional(args []node) node {
	cond, yes, no := args[0].cond, args[1].eval, args[2].eval
	n := node{
		fails:    args[0].condFails() || args[1].fails || args[2].fails,
		nullable: args[1].nullable || args[2].nullable,
		moves:    args[1].moves || args[2].moves,
		zoned:    args[1].zoned || args[2].zoned,
		from:     together(args[1], args[2]),
	}
	n.eval = func(in *Input, f *frame) val {
		t, u := cond(in, f)
		var v val
		switch t {
		case True:
			v = yes(in, f)
		case False:
			v = no(in, f)
		default:
			return errUntil(u)
		}
		v.until = min(v.until, u)
		return v
	}
	return n
}

func (c *compiler) arithmetic(e ast.Expr, name string, a, b node) node {
	x, y := a.eval, b.eval
	n := node{fails: true, zoned: a.zoned || b.zoned}
	switch name {
	case operators.Add:
		n.moves, n.from = a.moves || b.moves, together(a, b)
		n.eval = func(in *Input, f *frame) val { return plus(nowOf(in), x(in, f), y(in, f)) }
		if t := c.typ(e); t != nil && t.Kind() == types.ListKind {
			n.fails = a.fails || b.fails || a.nullable || b.nullable
		}
	case operators.Subtract:
		n.moves = a.moves || b.moves
		n.eval = func(in *Input, f *frame) val { return minus(nowOf(in), x(in, f), y(in, f)) }
	case operators.Multiply:
		n.eval = func(in *Input, f *frame) val { return times(x(in, f), y(in, f)) }
	case operators.Divide:
		n.eval = func(in *Input, f *frame) val { return divide(x(in, f), y(in, f)) }
	default:
		n.eval = func(in *Input, f *frame) val { return modulo(x(in, f), y(in, f)) }
	}
	return n
}

// nowOf is the time of an evaluation; constants are evaluated without.
func nowOf(in *Input) row.Instant {
	if in == nil {
		return 0
	}
	return in.Now
}

func (c *compiler) membership(e ast.Expr, a, l node) node {
	if isObject(c.typ(operands(e)[0])) {
		return c.problem(e, "compare their ids", "rows and events cannot be compared with each other")
	}
	x, y := a.eval, l.eval
	n := node{fails: a.fails || l.fails || l.nullable}
	if set, ok := constantStrings(l); ok {
		n.cond = func(in *Input, f *frame) (Truth, row.Instant) {
			v := x(in, f)
			switch v.k {
			case kErr:
				return Error, v.until
			case kString:
				_, found := set[v.s]
				return truthOf(found), v.until
			}
			return False, v.until
		}
		return n
	}
	n.cond = func(in *Input, f *frame) (Truth, row.Instant) {
		v, w := x(in, f), y(in, f)
		return contains(nowOf(in), &v, &w)
	}
	return n
}

// constantStrings returns the strings of a constant list of nothing else.
func constantStrings(l node) (map[string]struct{}, bool) {
	if !l.constant {
		return nil, false
	}
	v := l.eval(nil, nil)
	if v.k != kList {
		return nil, false
	}
	set := map[string]struct{}{}
	for i := range v.size() {
		e := v.at(i)
		if e.k != kString {
			return nil, false
		}
		set[e.s] = struct{}{}
	}
	return set, true
}

func index(l, i node) node {
	x, y := l.eval, i.eval
	n := node{fails: true, nullable: true, moves: l.moves, zoned: l.zoned, from: l.from}
	n.eval = func(in *Input, f *frame) val {
		l, i := x(in, f), y(in, f)
		u, failed := strict(&l, &i)
		if failed || l.k != kList || i.k != kInt || i.n < 0 || i.n >= int64(l.size()) {
			return errUntil(u)
		}
		v := l.at(int(i.n))
		v.until = min(v.until, u)
		return v
	}
	return n
}

func listSize(l node) node {
	s := l.asSeq()
	return node{size: s, fails: l.fails || l.nullable, eval: s.size}
}

func (c *compiler) end(e ast.Expr, l node, last bool) node {
	if !c.isEvents(operands(e)[0]) {
		hint := ""
		if c.isRows(operands(e)[0]) {
			hint = "rows have no time of their own: take the one that is meant by filter(), or max() of a field by map()"
		}
		return c.problem(e, hint, "first() and last() are for lists of events, not %s", typeName(c.typ(operands(e)[0])))
	}
	s := l.asSeq()
	return node{fails: l.fails || l.nullable, nullable: true, eval: func(in *Input, f *frame) val {
		return s.end(in, f, last)
	}}
}

// isEvents tells whether e is a list of events.
func (c *compiler) isEvents(e ast.Expr) bool {
	t := c.typ(e)
	if t == nil || t.Kind() != types.ListKind || t.Parameters()[0].Kind() != types.StructKind {
		return false
	}
	_, event, ok := c.env.front.Object(t.Parameters()[0].TypeName())
	return ok && event
}

// isRows tells whether e is a list of rows.
func (c *compiler) isRows(e ast.Expr) bool {
	t := c.typ(e)
	return t != nil && t.Kind() == types.ListKind && isObject(t) && !c.isEvents(e)
}

func (c *compiler) numbers(e ast.Expr, l node, name string) node {
	t := c.typ(operands(e)[0])
	if t == nil || t.Kind() != types.ListKind {
		return c.problem(e, "", "%s() is for lists of numbers", name)
	}
	how := map[string]fold{"sum": foldSum, "min": foldMin, "max": foldMax, "avg": foldAvg}[name]
	s, doubles := l.asSeq(), t.Parameters()[0].Kind() == types.DoubleKind
	return node{fails: true, eval: func(in *Input, f *frame) val { return s.numbers(in, f, how, doubles) }}
}

// stringTest compiles the tests of strings that are common in segments.
func (c *compiler) stringTest(e ast.Expr, name string, args []node) node {
	test := map[string]func(s, t string) bool{
		"contains": strings.Contains, "startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix,
	}[name]
	if name == "matches" {
		if !args[1].constant {
			return c.general(e, name, args)
		}
		pattern := args[1].eval(nil, nil)
		re, err := regexp.Compile(pattern.s)
		if err != nil || pattern.k != kString {
			return c.problem(operands(e)[1], "patterns are of Go's syntax (RE2)", "bad regular expression: %v", err)
		}
		test = func(s, _ string) bool { return re.MatchString(s) }
	}
	x, y := args[0].eval, args[1].eval
	n := node{fails: args[0].condFails() || args[1].condFails()}
	n.cond = func(in *Input, f *frame) (Truth, row.Instant) {
		a, b := x(in, f), y(in, f)
		u, failed := strict(&a, &b)
		if failed || a.k != kString || b.k != kString {
			return Error, u
		}
		return truthOf(test(a.s, b.s)), u
	}
	return n
}

// stringSize counts code points, as CEL does.
func stringSize(of node) node {
	x := of.eval
	return node{fails: of.condFails(), eval: func(in *Input, f *frame) val {
		v := x(in, f)
		if v.k != kString {
			return errUntil(v.until)
		}
		return intVal(int64(utf8.RuneCountInString(v.s)), v.until)
	}}
}
