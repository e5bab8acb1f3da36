package expr

import (
	"fmt"
	"slices"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/functions"
	"cel.dev/cel-go/common/types"

	"github.com/weirstream/weir/operators/expr/internal/front"
	"github.com/weirstream/weir/state/row"
)

// Env is a Scope that expressions can be compiled in. Safe for concurrent use.
type Env struct {
	scope    Scope
	front    *front.Env
	audience *Table                         // of scope.Tables; nil: the audience has no links
	bindings map[string]*functions.Overload // by overload and by function
}

// NewEnv prepares a scope. It fails if two things of the scope have one name, or if a link leads out of it.
func NewEnv(s Scope) (*Env, error) {
	fs, err := frontScope(s)
	if err != nil {
		return nil, err
	}
	f, err := front.New(fs, nil, front.Declare(func(string) []cel.OverloadOpt { return nil })...)
	if err != nil {
		return nil, err
	}
	e := &Env{scope: s, front: f, bindings: map[string]*functions.Overload{}}
	if s.Audience != nil {
		if i := f.Table(s.Audience.Name); i >= 0 {
			e.audience = s.Tables[i]
		}
	}
	for name, fn := range f.CEL.Functions() {
		overloads, err := fn.Bindings()
		if err != nil {
			return nil, fmt.Errorf("cannot bind %s: %w", name, err)
		}
		for _, o := range overloads {
			e.bindings[o.Operator] = o
		}
	}
	return e, nil
}

func frontScope(s Scope) (front.Scope, error) {
	f := front.Scope{Audience: s.Audience, Change: s.Change, Event: s.Event, Segments: s.Segments}
	for _, k := range s.Events {
		f.Events = append(f.Events, k.Schema)
	}
	var err error
	f.Tables, err = frontTables(s)
	return f, err
}

// Compile parses, checks and compiles a condition (an expression of type bool). Either the program or the
// problems are returned, all that could be found.
func (e *Env) Compile(source string) (*Program, []Problem) {
	checked, errs := e.front.Check(source)
	if checked == nil {
		return nil, e.celProblems(errs)
	}
	c := &compiler{env: e, ast: checked.NativeRep()}
	p, problems := c.program(c.ast.Expr(), source)
	if t := checked.OutputType(); len(problems) == 0 && (t == nil || t.Kind() != types.BoolKind) {
		hint := "compare it with something"
		switch {
		case t != nil && t.Kind() == types.ListKind:
			hint = "ask something of it, as by exists() or size()"
		case isObject(t):
			hint = "compare a field of it with something, or itself with null"
		}
		problems = append(problems, Problem{
			Message: fmt.Sprintf("a condition must be true or false, but this is %s", typeName(t)),
			Hint:    hint,
		})
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return p, nil
}

// program compiles root, an expression of c's, whose text is source; the program is of use only without problems.
func (c *compiler) program(root ast.Expr, source string) (*Program, []Problem) {
	c.events, c.segments = map[int]bool{}, map[int]bool{}
	c.audience, c.image = &place{fields: map[int]bool{}}, &place{fields: map[int]bool{}, image: true}
	n := c.compile(root)
	p := &Program{source: source, root: n.cond, slots: c.slots, lookAhead: c.looks, env: c.env, ast: c.ast, reads: Reads{
		Fields: keys(c.audience.fields), Paths: c.audience.paths(c.env.audience, nil),
		Events: keys(c.events), Segments: keys(c.segments), Clock: c.clock,
	}}
	p.frames.New = func() any { return &frame{vars: make([]val, p.slots)} }
	return p, c.problems
}

func keys(set map[int]bool) []int {
	var ks []int
	for k := range set {
		ks = append(ks, k)
	}
	slices.Sort(ks)
	return ks
}

// Program is a compiled condition. It is immutable and safe for concurrent use.
type Program struct {
	source    string
	root      condFn
	slots     int
	lookAhead bool // some part of it looks ahead: it needs a frame
	reads     Reads
	env       *Env     // of Explain
	ast       *ast.AST // of Explain
	frames    sync.Pool
}

// Eval evaluates the condition on in. The result is the same at every instant from in.Now up to, not including,
// until if nothing else of in changes. It may change at until, but need not.
func (p *Program) Eval(in *Input) (result Truth, until row.Instant) {
	if p.slots == 0 && !p.lookAhead {
		return p.root(in, nil)
	}
	f := p.frames.Get().(*frame)
	f.segments = never
	result, until = p.root(in, f)
	clear(f.vars)
	f.ahead = Input{}
	p.frames.Put(f)
	return result, until
}

// Reads returns what the program depends on.
func (p *Program) Reads() Reads { return p.reads }

// Source returns the text that was compiled.
func (p *Program) Source() string { return p.source }
