// Package oracle is the slow truth about conditions: it evaluates them with cel-go's own interpreter on the full
// data, every function of weir's own bound plainly over CEL values. The tests hold the plan of package expr against
// it. It shares with the plan the declarations of a scope, and none of the evaluation.
package oracle

import (
	"fmt"
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/operators/expr/internal/front"
	"github.com/weirstream/weir/state/row"
)

// Oracle compiles conditions in a scope. Safe for concurrent use.
type Oracle struct {
	scope    expr.Scope
	front    *front.Env
	audience *expr.Table // of scope.Tables; nil: the audience has no links
}

// New prepares a scope.
func New(s expr.Scope) (*Oracle, error) {
	o := &Oracle{scope: s}
	fs := front.Scope{Audience: s.Audience, Change: s.Change, Event: s.Event, Segments: s.Segments}
	for _, k := range s.Events {
		fs.Events = append(fs.Events, k.Schema)
	}
	for _, t := range s.Tables {
		ft := front.Table{Schema: t.Schema}
		for _, l := range t.Links {
			ft.Links = append(ft.Links, front.Link{Name: l.Name, To: slices.Index(s.Tables, l.To), Many: l.Many})
		}
		fs.Tables = append(fs.Tables, ft)
	}
	loc := s.Zone
	if loc == nil {
		loc = time.UTC
	}
	var err error
	if o.front, err = front.New(fs, access{}, declarations(loc)...); err != nil {
		return nil, err
	}
	if s.Audience != nil {
		if i := o.front.Table(s.Audience.Name); i >= 0 {
			o.audience = s.Tables[i]
		}
	}
	return o, nil
}

// Condition is a condition that cel-go's interpreter evaluates. Safe for concurrent use.
type Condition struct {
	oracle  *Oracle
	program cel.Program
}

// Compile parses and checks source, by cel-go's rules alone: it accepts more than expr.Env does.
func (o *Oracle) Compile(source string) (*Condition, error) {
	checked, errs := o.front.Check(source)
	if checked == nil {
		return nil, fmt.Errorf("cannot check the condition: %s", errs[0].Message)
	}
	p, err := o.front.CEL.Program(checked)
	if err != nil {
		return nil, fmt.Errorf("cannot plan the condition: %w", err)
	}
	return &Condition{oracle: o, program: p}, nil
}

// Eval evaluates the condition on in. Links are followed by in.Linked, which may be Tables.
func (c *Condition) Eval(in *expr.Input) expr.Truth {
	out, _, err := c.program.Eval(c.oracle.variables(in))
	if err != nil {
		return expr.Error
	}
	switch out {
	case types.True:
		return expr.True
	case types.False:
		return expr.False
	}
	return expr.Error
}

// variables gives the interpreter the data.
func (o *Oracle) variables(in *expr.Input) map[string]any {
	now := in.Now.Time()
	vars := map[string]any{front.Now: types.Timestamp{Time: now}, nowVariable: types.Timestamp{Time: now}}
	if s := o.scope.Audience; s != nil {
		vars[s.Name] = ofRow(s, in.Subject, o.audience, in.Linked)
	}
	if s := o.scope.Change; s != nil {
		vars[front.Before], vars[front.After] = ofRow(s, in.Before, nil, nil), ofRow(s, in.After, nil, nil)
	}
	if s := o.scope.Event; s != nil {
		vars[front.EventVariable] = types.NullValue
		if in.Event != nil {
			vars[front.EventVariable] = &object{schema: s, fields: in.Event.Fields, event: in.Event}
		}
	}
	for i, k := range o.scope.Events {
		vars[k.Schema.Name] = visible(k, in.Events[i], now)
	}
	for i := range o.scope.Segments {
		member, _ := in.Segment(i)
		vars[front.SegmentVariable(i)] = types.Bool(member)
	}
	return vars
}

// visible is the plain list of a kind: what its retention keeps.
func visible(k expr.EventKind, events []row.Event, now time.Time) ref.Val {
	var list []ref.Val
	for i := range events {
		if k.Retention == nil || events[i].Time.Time().After(shift(now, *k.Retention, -1, time.UTC)) {
			list = append(list, &object{schema: k.Schema, fields: events[i].Fields, event: &events[i]})
		}
	}
	return types.NewRefValList(types.DefaultTypeAdapter, list)
}
