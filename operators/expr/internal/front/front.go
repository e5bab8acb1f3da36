// Package front is what the plan and the oracle share: the declarations of a scope to cel-go, and the parsing and
// checking of an expression by cel-go. It evaluates nothing.
package front

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"

	"github.com/weirstream/weir/state/row"
)

// Limits on one expression: beyond them it is refused, whatever it says.
const (
	maxCodePoints = 20_000
	maxDepth      = 100 // of parentheses, calls and macros within each other
	maxHeight     = 300 // of the tree, in which a chain of + is deep too
	maxNodes      = 5_000
)

// Names that the two sides agree on. SegmentPrefix begins the name of the variable that stands for a segment's
// membership; no source text can name it.
const (
	Now           = "now"
	Before        = "before"
	After         = "after"
	EventVariable = "event"
	SegmentPrefix = "@segment:"
)

// Scope declares what an expression can name.
type Scope struct {
	Audience, Change, Event *row.Schema
	Events                  []*row.Schema
	Segments                []string
	Tables                  []Table
}

// Table is a table whose rows lead to those of others.
type Table struct {
	Schema *row.Schema
	Links  []Link
}

// Link leads from the rows of a table to those of the table Scope.Tables[To]: to a list of them, or to one or null.
type Link struct {
	Name string
	To   int
	Many bool
}

// Access reads fields of objects for cel-go's interpreter. An Env that only checks needs none.
type Access interface {
	IsSet(object any, schema *row.Schema, field string) bool
	Get(object any, schema *row.Schema, field string) (any, error)
}

// Env checks expressions in a scope. Safe for concurrent use.
type Env struct {
	CEL   *cel.Env
	Scope Scope

	names  map[string]*object // by type name
	tables []*object          // by Scope.Tables
}

// New declares s to cel-go; functions are the declarations of weir's own functions (see Functions).
func New(s Scope, access Access, functions ...cel.EnvOption) (*Env, error) {
	e := &Env{Scope: s, names: map[string]*object{}}
	p := &provider{access: access, env: e}
	opts := []cel.EnvOption{
		cel.CrossTypeNumericComparisons(true),
		cel.EnableHiddenAccumulatorName(true),
		cel.ParserExpressionSizeLimit(maxCodePoints),
		cel.ParserRecursionLimit(maxDepth),
		cel.ExpressionNestingDepthLimit(maxHeight),
		cel.ExpressionNodeLimit(maxNodes),
		ext.Strings(ext.StringsVersion(5)),
		func(env *cel.Env) (*cel.Env, error) {
			p.Provider = env.CELTypeProvider()
			return cel.CustomTypeProvider(p)(env)
		},
		cel.Variable(Now, cel.TimestampType),
		cel.Macros(cel.GlobalMacro("in_segment", 1, e.inSegment)),
	}
	vars, err := e.variables()
	if err != nil {
		return nil, err
	}
	opts = append(append(opts, vars...), functions...)
	if e.CEL, err = cel.NewEnv(opts...); err != nil {
		return nil, fmt.Errorf("cannot declare the scope to CEL: %w", err)
	}
	return e, nil
}

func (e *Env) variables() ([]cel.EnvOption, error) {
	taken := map[string]bool{Now: true}
	var opts []cel.EnvOption
	declare := func(name string, t *cel.Type) error {
		if taken[name] {
			return fmt.Errorf("cannot declare %q: the name is taken; rename the table or event kind", name)
		}
		taken[name] = true
		opts = append(opts, cel.Variable(name, t))
		return nil
	}
	if s := e.Scope.Audience; s != nil {
		if err := declare(s.Name, e.declare(s, false).typ); err != nil {
			return nil, err
		}
	}
	for _, s := range e.Scope.Events {
		if err := declare(s.Name, cel.ListType(e.declare(s, true).typ)); err != nil {
			return nil, err
		}
	}
	if s := e.Scope.Change; s != nil {
		t := e.declare(s, false).typ
		if err := declare(Before, t); err != nil {
			return nil, err
		}
		if err := declare(After, t); err != nil {
			return nil, err
		}
	}
	if s := e.Scope.Event; s != nil {
		if err := declare(EventVariable, e.declare(s, true).typ); err != nil {
			return nil, err
		}
	}
	for i := range e.Scope.Segments {
		opts = append(opts, cel.Variable(SegmentVariable(i), cel.BoolType))
	}
	return opts, e.declareTables()
}

// SegmentVariable is the name of the variable that stands for membership of Scope.Segments[i].
func SegmentVariable(i int) string { return fmt.Sprintf("%s%d", SegmentPrefix, i) }

// Names returns all that the scope lets an expression name by itself, for hints.
func (e *Env) Names() []string {
	names := []string{Now}
	if s := e.Scope.Audience; s != nil {
		names = append(names, s.Name)
	}
	if e.Scope.Change != nil {
		names = append(names, Before, After)
	}
	if e.Scope.Event != nil {
		names = append(names, EventVariable)
	}
	for _, s := range e.Scope.Events {
		names = append(names, s.Name)
	}
	return names
}

// FieldNames returns the names of the fields of the object type called name, for hints.
func (e *Env) FieldNames(name string) []string {
	if o, ok := e.names[name]; ok {
		return o.fieldNames()
	}
	return nil
}

// Table returns the position in Scope.Tables of the table whose rows are of the object type called name; -1: none.
func (e *Env) Table(name string) int {
	if o, ok := e.names[name]; ok {
		return slices.Index(e.tables, o)
	}
	return -1
}

// Types returns the names of the object types, ordered: first the audience's, then by name.
func (e *Env) Types() []string {
	var names []string
	for name := range e.names {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if s := e.Scope.Audience; s != nil && (a == s.Name) != (b == s.Name) {
			return map[bool]int{true: -1, false: 1}[a == s.Name]
		}
		return strings.Compare(a, b)
	})
	return names
}

// Object returns the schema of the object type called name, and whether it is a kind of events.
func (e *Env) Object(name string) (schema *row.Schema, event, ok bool) {
	o, ok := e.names[name]
	if !ok {
		return nil, false, false
	}
	return o.schema, o.event, true
}

func (e *Env) inSegment(f cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
	name, ok := Literal(args[0])
	if !ok {
		return nil, f.NewError(args[0].ID(), "in_segment needs the name of a segment as a literal string")
	}
	i := slices.Index(e.Scope.Segments, name)
	if i < 0 {
		return nil, f.NewError(args[0].ID(), fmt.Sprintf("unknown segment %q%s", name, Near(name, e.Scope.Segments)))
	}
	return f.NewIdent(SegmentVariable(i)), nil
}

// Literal returns the text of a literal string.
func Literal(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}

// Check parses and type-checks source. Exactly one of the results is nil.
func (e *Env) Check(source string) (*cel.Ast, []*common.Error) {
	parsed, issues := e.CEL.Parse(source)
	if issues.Err() != nil {
		return nil, issues.Errors()
	}
	checked, issues := e.CEL.Check(parsed)
	if issues.Err() == nil {
		return checked, nil
	}
	lists := nullLists(issues.Errors())
	if len(lists) == 0 {
		return nil, issues.Errors()
	}
	if parsed, _ = e.CEL.Parse(source); parsed == nil {
		return nil, issues.Errors()
	}
	allowNull(parsed.NativeRep(), lists)
	if checked, issues = e.CEL.Check(parsed); issues.Err() != nil {
		return nil, issues.Errors()
	}
	return checked, nil
}

// nullLists finds the comparisons that failed the check only because cel-go cannot express a nullable list: its
// checker drops that a list type is nullable.
func nullLists(errs []*common.Error) map[int64]bool {
	found := map[int64]bool{}
	for _, err := range errs {
		m := err.Message
		if !strings.Contains(m, "'_==_'") && !strings.Contains(m, "'_!=_'") {
			continue
		}
		if strings.Contains(m, "'(null, list(") || strings.Contains(m, "'(list(") && strings.HasSuffix(m, ", null)'") {
			found[err.ExprID] = true
		}
	}
	return found
}

// allowNull makes the literal null in the comparisons called ids a dyn(null), which is comparable with every type
// and has the same meaning.
func allowNull(a *ast.AST, ids map[int64]bool) {
	fac, next := ast.NewExprFactory(), ast.MaxID(a)+1
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || !ids[e.ID()] {
			return
		}
		if name := e.AsCall().FunctionName(); name != operators.Equals && name != operators.NotEquals {
			return
		}
		for _, arg := range e.AsCall().Args() {
			if arg.Kind() == ast.LiteralKind && arg.AsLiteral() == types.NullValue {
				null := fac.NewLiteral(next, types.NullValue)
				next++
				arg.SetKindCase(fac.NewCall(arg.ID(), "dyn", null))
			}
		}
	}))
}
