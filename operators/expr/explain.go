package expr

import (
	"slices"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	"github.com/weirstream/weir/operators/expr/internal/front"
	"github.com/weirstream/weir/state/row"
)

// Part is a part of a condition that is a condition by itself: a leaf, or parts that logic joins. What it says of how
// it is evaluated is that of all parts below it.
type Part struct {
	Op           Op
	Parts        []*Part // of a leaf none, of Not one
	Source       string  // as it is written
	Line, Column int     // where it begins in the condition's text, from 1

	Change    []string  // what it reads of before, after and event, such as "after.stage", or "before" as a whole
	History   []History // how far back it looks, by event kind
	Ticks     []Tick    // what makes it change without a record
	Functions []string  // what is left to cel-go's own implementation: exact, but slower
	Nested    bool      // for each event or row of a list it goes through events, or rows behind a link, again
	Nodes     int       // of the checked expression: a measure of its length

	program *Program
}

// Eval evaluates the part alone; see Program.Eval.
func (p *Part) Eval(in *Input) (result Truth, until row.Instant) { return p.program.Eval(in) }

// Reads returns what the part alone depends on: among it what it reaches by links, and what it reads there.
func (p *Part) Reads() Reads { return p.program.Reads() }

// Op is how the parts of a Part are joined.
type Op string

// The operators of logic. All else is a Leaf, the choice by ?: too.
const (
	Leaf Op = ""
	And  Op = "and"
	Or   Op = "or"
	Not  Op = "not"
)

// History is how far back a condition looks at the events of a kind.
type History struct {
	Kind   int     // index into Scope.Events
	Window *Period // the longest window that it is asked for in; nil: without a window, so all that is kept

	retention *Period
	zone      *time.Location
}

// Holds tells whether an event of the kind is within the history at an instant.
func (h *History) Holds(e *row.Event, now row.Instant) bool {
	if h.retention != nil {
		if still, _ := newerThan(now, *h.retention, nil, e.Time); !still {
			return false
		}
	}
	if h.Window == nil {
		return true
	}
	in, _ := inWindow(now, &stage{period: *h.Window, zone: h.zone}, e.Time)
	return in == True
}

// Tick is a sort of instants at which a condition may change without a record.
type Tick struct {
	Sort   TickSort
	Kind   int     // of Window and Retention: index into Scope.Events; otherwise -1
	Period *Period // of Window, Retention and Shift
	Unit   string  // of Calendar and Shift: the function, such as "getMonth" or "ago"
	Zone   string  // of Calendar: the time zone, if it is a literal or the segment's; otherwise empty
}

// TickSort is a sort of ticks.
type TickSort string

// The sorts of ticks.
const (
	TickWindow    TickSort = "window"    // an event comes into a window or falls out of it
	TickRetention TickSort = "retention" // an event is forgotten
	TickShift     TickSort = "shift"     // a time is passed by ago or ahead
	TickCalendar  TickSort = "calendar"  // a unit of a time that moves with now begins
	TickNow       TickSort = "now"       // now passes a time or a duration
)

// Explain takes the condition apart. It compiles every part anew and is meant for people, not for the way of a record.
func (p *Program) Explain() *Part {
	x := &explainer{env: p.env, ast: p.ast, text: []rune(p.source)}
	return x.part(p.ast.Expr(), 0, len(x.text))
}

// explainer makes the parts of one condition. Places in the text are in characters, as cel-go counts.
type explainer struct {
	env  *Env
	ast  *ast.AST
	text []rune
}

// part makes the part of e, whose text is within [from, to).
func (x *explainer) part(e ast.Expr, from, to int) *Part {
	from, to = trim(x.text, from, to)
	p := &Part{Source: string(x.text[from:to])}
	p.Line, p.Column = position(x.text, from)
	switch op := x.op(e); op {
	case And, Or:
		if terms, ok := x.terms(e, from, to); ok {
			p.Op = op
			for _, t := range terms {
				p.Parts = append(p.Parts, x.part(t.expr, t.from, t.to))
			}
		}
	case Not:
		if at := x.at(e); at == from {
			p.Op = op
			p.Parts = []*Part{x.part(e.AsCall().Args()[0], at+1, to)}
		}
	}
	c := &compiler{env: x.env, ast: x.ast}
	p.program, _ = c.program(e, p.Source) // the whole has compiled
	d := &describer{explainer: x, part: p, compiler: c}
	d.walk(e, nil)
	p.Functions = sortedSet(c.functions)
	p.tidy()
	return p
}

func (x *explainer) op(e ast.Expr) Op {
	if e.Kind() != ast.CallKind {
		return Leaf
	}
	switch e.AsCall().FunctionName() {
	case operators.LogicalAnd:
		return And
	case operators.LogicalOr:
		return Or
	case operators.LogicalNot:
		return Not
	}
	return Leaf
}

// at is where the operator of e stands.
func (x *explainer) at(e ast.Expr) int {
	r, ok := x.ast.SourceInfo().GetOffsetRange(e.ID())
	if !ok {
		return -1
	}
	return int(r.Start)
}

// term is an operand of a chain of && or ||.
type term struct {
	expr     ast.Expr
	from, to int
}

// terms cuts the text of a chain of one operator at that operator. It fails where the places do not fit the text.
func (x *explainer) terms(e ast.Expr, from, to int) ([]term, bool) {
	from, to = trim(x.text, from, to)
	op := x.op(e)
	at := x.at(e)
	if at <= from || at+2 >= to {
		return nil, false
	}
	var all []term
	for i, arg := range e.AsCall().Args() {
		t := term{arg, from, at}
		if i == 1 {
			t.from, t.to = at+2, to
		}
		if !balanced(x.text[t.from:t.to]) {
			return nil, false
		}
		if x.op(arg) != op {
			all = append(all, t)
			continue
		}
		below, ok := x.terms(arg, t.from, t.to)
		if !ok {
			return nil, false
		}
		all = append(all, below...)
	}
	return all, true
}

// describer finds what the way of evaluating a part depends on.
type describer struct {
	*explainer
	part     *Part
	compiler *compiler
	loops    int // how many macros over events or rows stand around
	units    int // how many calendar units stand around
}

// walk describes e. window is the one that what comes of e is cut to at once; nil: none.
func (d *describer) walk(e ast.Expr, window *Period) {
	d.part.Nodes++
	switch e.Kind() {
	case ast.IdentKind:
		d.ident(e.AsIdent(), window)
	case ast.SelectKind:
		d.selection(e)
	case ast.CallKind:
		d.call(e, window)
	case ast.ListKind:
		for _, el := range e.AsList().Elements() {
			d.walk(el, nil)
		}
	case ast.ComprehensionKind:
		d.comprehension(e, window)
	}
}

func (d *describer) ident(name string, window *Period) {
	switch {
	case name == front.Now && d.units == 0:
		d.tick(Tick{Sort: TickNow, Kind: -1})
	case d.isChange(name):
		d.part.Change = append(d.part.Change, name)
	}
	for i, k := range d.env.scope.Events {
		if k.Schema.Name != name {
			continue
		}
		d.part.Nested = d.part.Nested || d.loops > 0
		d.part.History = append(d.part.History, History{Kind: i, Window: window, retention: k.Retention,
			zone: d.env.scope.Zone})
		if k.Retention != nil && window == nil { // a window is never longer
			d.tick(Tick{Sort: TickRetention, Kind: i, Period: k.Retention})
		}
	}
}

func (d *describer) selection(e ast.Expr) {
	of := e.AsSelect().Operand()
	if of.Kind() == ast.IdentKind && d.isChange(of.AsIdent()) {
		d.part.Nodes++
		d.part.Change = append(d.part.Change, of.AsIdent()+"."+e.AsSelect().FieldName())
		return
	}
	if l := d.compiler.link(e); l != nil && l.Many {
		d.part.Nested = d.part.Nested || d.loops > 0
	}
	d.walk(of, nil)
}

// isChange tells whether name is that of what a trigger fires on.
func (d *describer) isChange(name string) bool {
	switch name {
	case front.Before, front.After:
		return d.env.scope.Change != nil
	case front.EventVariable:
		return d.env.scope.Event != nil
	}
	return false
}

func (d *describer) call(e ast.Expr, window *Period) {
	args := operands(e)
	name := e.AsCall().FunctionName()
	_, unit := unitNames[name]
	switch {
	case name == "ago" || name == "ahead":
		if p, ok := d.compiler.period(args[0], name); ok && d.units == 0 {
			d.tick(Tick{Sort: TickShift, Kind: -1, Period: &p, Unit: name})
		}
		d.part.Nodes++
		return
	case name == "within":
		p, _ := d.compiler.period(args[1], name)
		d.tick(Tick{Sort: TickWindow, Kind: d.kindOf(args[0]), Period: &p})
		if window != nil && !window.Exceeds(p) {
			p = *window
		}
		d.part.Nodes++
		d.walk(args[0], &p)
		return
	case unit && d.moves(args[0]):
		t := Tick{Sort: TickCalendar, Kind: -1, Unit: name}
		switch loc := d.env.scope.Zone; {
		case len(args) > 1:
			t.Zone, _ = front.Literal(args[1])
		case loc != nil:
			t.Zone = loc.String()
		}
		d.tick(t)
		d.units++
		defer func() { d.units-- }()
	}
	for _, arg := range args {
		d.walk(arg, nil)
	}
}

func (d *describer) comprehension(e ast.Expr, window *Period) {
	fold := e.AsComprehension()
	if fold.AccuInit().Kind() != ast.ListKind { // neither filter nor map: what comes of it is no list
		window = nil
	}
	d.walk(fold.IterRange(), window)
	if objects := d.compiler.typ(fold.IterRange()); isObject(objects) {
		d.loops++
		defer func() { d.loops-- }()
	}
	d.walk(fold.LoopStep(), nil)
}

// kindOf returns the kind of a list of events; -1 for another list.
func (d *describer) kindOf(e ast.Expr) int {
	if !d.compiler.isEvents(e) {
		return -1
	}
	name := d.compiler.typ(e).Parameters()[0].TypeName()
	return slices.IndexFunc(d.env.scope.Events, func(k EventKind) bool { return k.Schema.Name == name })
}

// moves tells whether something in e moves with now.
func (d *describer) moves(e ast.Expr) bool {
	found := false
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.IdentKind:
			found = found || e.AsIdent() == front.Now
		case ast.CallKind:
			name := e.AsCall().FunctionName()
			found = found || name == "ago" || name == "ahead"
		}
	}))
	return found
}

func (d *describer) tick(t Tick) { d.part.Ticks = append(d.part.Ticks, t) }

// tidy takes out what a part says twice, and of several windows on a kind all but the longest.
func (p *Part) tidy() {
	p.Change = sortedSet(p.Change)
	var ticks []Tick
	for _, t := range p.Ticks {
		if !slices.ContainsFunc(ticks, t.same) {
			ticks = append(ticks, t)
		}
	}
	p.Ticks = ticks
	var histories []History
	for _, h := range p.History {
		i := slices.IndexFunc(histories, func(o History) bool { return o.Kind == h.Kind })
		switch {
		case i < 0:
			histories = append(histories, h)
		case histories[i].Window == nil:
		case h.Window == nil || h.Window.Exceeds(*histories[i].Window):
			histories[i].Window = h.Window
		}
	}
	slices.SortFunc(histories, func(a, b History) int { return a.Kind - b.Kind })
	p.History = histories
}

func (t Tick) same(o Tick) bool {
	if t.Period == nil || o.Period == nil {
		return t == o
	}
	same := *t.Period == *o.Period
	t.Period, o.Period = nil, nil
	return same && t == o
}

func sortedSet(s []string) []string {
	slices.Sort(s)
	return slices.Compact(s)
}
