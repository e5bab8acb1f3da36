// Package explain says for people how a segment or trigger is worked: what it reads, when it is looked at again and
// how, and why a subject is in a segment or not. It is pure, and no part of the way of a record.
package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/expr"
)

// Plan is how a segment or trigger is worked.
type Plan struct {
	Kind       string    `json:"kind"` // segment or trigger
	Name       string    `json:"name"`
	Audience   string    `json:"audience"`
	On         string    `json:"on,omitempty"`        // of a trigger: what it fires on
	Rules      []string  `json:"rules,omitempty"`     // what else the definition says of members or firings
	Once       bool      `json:"once,omitempty"`      // a frozen segment: its condition is looked at once
	Condition  *Part     `json:"condition,omitempty"` // nil: a trigger without when, a static segment
	Reads      Reads     `json:"reads"`
	Links      []Link    `json:"links,omitempty"` // chains of links that the condition follows
	Clock      []string  `json:"clock,omitempty"` // of a segment: the instants at which it may change without a record
	History    []History `json:"history,omitempty"`
	Cost       Cost      `json:"cost"`
	Dependants []string  `json:"dependants,omitempty"` // segments and triggers that look at it again when it changes

	scope   scope
	where   *expr.Program
	trigger *catalog.Trigger
}

// Part is a part of a condition: a leaf, or parts that an operator of logic joins.
type Part struct {
	Op     string   `json:"op,omitempty"` // and, or, not
	Source string   `json:"source"`       // as it is written
	Line   int      `json:"line"`         // within the condition, from 1
	Column int      `json:"column"`
	Reads  *Reads   `json:"reads,omitempty"` // of a leaf
	Clock  []string `json:"clock,omitempty"` // of a leaf
	// Method, of a leaf: how it is evaluated. See Methods.
	Method    Method   `json:"method,omitempty"`
	Functions []string `json:"functions,omitempty"` // of a leaf by General: what cel-go evaluates
	Parts     []*Part  `json:"parts,omitempty"`

	part *expr.Part
}

// Reads is what a condition is looked at again for: a change of nothing else touches it.
type Reads struct {
	Fields   []string `json:"fields,omitempty"`   // of the audience's row
	Linked   []string `json:"linked,omitempty"`   // rows at the end of links, and fields of them
	Events   []string `json:"events,omitempty"`   // kinds
	Segments []string `json:"segments,omitempty"` // others that it names
	Change   []string `json:"change,omitempty"`   // of a trigger: before, after and event, and fields of them
	Clock    bool     `json:"clock,omitempty"`
}

// History is how far back a condition looks at events of a kind, and how long these are kept.
type History struct {
	Event string `json:"event"`
	Needs string `json:"needs,omitempty"` // the longest window; empty: without a window, all that is kept
	Kept  string `json:"kept,omitempty"`  // the retention; empty: for ever
}

// Method is how a part is evaluated once something that it reads has changed.
type Method string

// The methods, from the cheapest on.
const (
	Constant Method = "constant"
	Direct   Method = "direct"
	Linked   Method = "linked"
	Window   Method = "window"
	Scan     Method = "scan"
	Nested   Method = "nested"
	General  Method = "general"
)

// Methods says what each method is.
var Methods = []struct {
	Method  Method
	Meaning string
}{
	{Constant, "always the same"},
	{Direct, "fields, memberships and the clock, read in place"},
	{Linked, "rows that links lead to, looked up as they are needed"},
	{Window, "the events of a window, found by search in their order of time"},
	{Scan, "all events of a kind that are kept"},
	{Nested, "events or rows again for each of a list: grows with the product of their numbers"},
	{General, "by cel-go's own implementation of a function: exact, but slower"},
}

// scope gives names to what programs know by position.
type scope struct{ audience *catalog.Audience }

// Of returns the plan of the segment or trigger called name, or "segment/name" or "trigger/name" where both are there.
func Of(c *catalog.Catalog, name string) (*Plan, error) {
	if s := c.Segment(strings.TrimPrefix(name, "segment/")); s != nil {
		return ofSegment(s), nil
	}
	bare := strings.TrimPrefix(name, "trigger/")
	if i := slices.IndexFunc(c.Triggers, func(t *catalog.Trigger) bool { return t.Name == bare }); i >= 0 {
		return ofTrigger(c.Triggers[i]), nil
	}
	return nil, fmt.Errorf("there is no segment and no trigger %q", name)
}

func ofSegment(s *catalog.Segment) *Plan {
	p := &Plan{Kind: "segment", Name: s.Name, Rules: segmentRules(s), scope: scope{s.Audience}, where: s.Where}
	p.describe()
	if s.Freeze != nil {
		p.Once, p.Clock = true, nil
	}
	for _, i := range s.Audience.Dependants(s.Index) {
		p.Dependants = append(p.Dependants, "segment "+s.Audience.Segments[i].Name)
	}
	for _, t := range s.Audience.Triggers {
		if t.Segment == s || t.When != nil && slices.Contains(t.When.Reads().Segments, s.Index) {
			p.Dependants = append(p.Dependants, "trigger "+t.Name)
		}
	}
	return p
}

func ofTrigger(t *catalog.Trigger) *Plan {
	p := &Plan{Kind: "trigger", Name: t.Name, On: on(t), scope: scope{t.Audience}, where: t.When, trigger: t}
	p.describe()
	p.Clock = nil // what it waits for is what it fires on
	if t.Limit != nil {
		most := count(t.Limit.Count, "firing")
		p.Rules = append(p.Rules, fmt.Sprintf("at most %s for a subject in any %s", most, t.Limit.Per))
	}
	if t.Absence != nil {
		p.History = append(p.History, historyOf(t.Absence.After.Event, &t.Absence.Within))
		if t.Absence.Of.Event != t.Absence.After.Event {
			p.History = append(p.History, historyOf(t.Absence.Of.Event, &t.Absence.Within))
		}
	}
	return p
}

// describe fills in what follows from the condition.
func (p *Plan) describe() {
	p.Audience = p.scope.audience.Table.Name
	if p.where == nil {
		return
	}
	root := p.where.Explain()
	p.Condition = p.scope.part(root)
	p.Reads = p.scope.reads(root)
	p.Links = p.scope.links(root)
	p.Clock = p.scope.clock(root)
	p.Cost.Nodes = root.Nodes
	for _, h := range root.History {
		p.History = append(p.History, historyOf(p.scope.audience.Events[h.Kind], h.Window))
	}
}

func historyOf(kind *catalog.Event, window *expr.Period) History {
	h := History{Event: kind.Name}
	if window != nil {
		h.Needs = window.String()
	}
	if kind.Retention != nil {
		h.Kept = kind.Retention.String()
	}
	return h
}

func (s scope) part(e *expr.Part) *Part {
	p := &Part{Op: string(e.Op), Source: e.Source, Line: e.Line, Column: e.Column, part: e}
	if e.Op != expr.Leaf {
		for _, below := range e.Parts {
			p.Parts = append(p.Parts, s.part(below))
		}
		return p
	}
	r := s.reads(e)
	p.Reads, p.Clock, p.Functions, p.Method = &r, s.clock(e), e.Functions, method(e)
	return p
}

func method(e *expr.Part) Method {
	r := e.Reads()
	switch {
	case len(e.Functions) > 0:
		return General
	case e.Nested:
		return Nested
	case slices.ContainsFunc(e.History, func(h expr.History) bool { return h.Window == nil }):
		return Scan
	case len(e.History) > 0:
		return Window
	case len(r.Paths) > 0:
		return Linked
	case len(r.Fields)+len(r.Segments)+len(e.Change) == 0 && !r.Clock:
		return Constant
	}
	return Direct
}

func (s scope) reads(e *expr.Part) Reads {
	of := e.Reads()
	r := Reads{Change: e.Change, Clock: of.Clock}
	for _, f := range of.Fields {
		r.Fields = append(r.Fields, s.audience.Table.Name+"."+s.audience.Table.Schema.Fields[f].Name)
	}
	for _, path := range of.Paths {
		r.Linked = append(r.Linked, s.pathReads(path)...)
	}
	for _, k := range of.Events {
		r.Events = append(r.Events, s.audience.Events[k].Name)
	}
	for _, i := range of.Segments {
		r.Segments = append(r.Segments, s.audience.Segments[i].Name)
	}
	return r
}

// clock says in words at what instants a part may change without a record.
func (s scope) clock(e *expr.Part) []string {
	var out []string
	for _, t := range e.Ticks {
		var event string
		if t.Kind >= 0 {
			event = s.audience.Events[t.Kind].Name
		}
		switch t.Sort {
		case expr.TickWindow:
			out = append(out, fmt.Sprintf("an event %s comes into a window of %s or leaves it", event, *t.Period))
		case expr.TickRetention:
			out = append(out, fmt.Sprintf("an event %s is %s old and forgotten", event, *t.Period))
		case expr.TickShift:
			out = append(out, fmt.Sprintf("%s(%q) passes a time", t.Unit, *t.Period))
		case expr.TickCalendar:
			zone := ", in UTC"
			if t.Zone != "" {
				zone = ", in " + t.Zone
			}
			out = append(out, fmt.Sprintf("%s() of a time that moves with now changes%s", t.Unit, zone))
		case expr.TickNow:
			out = append(out, "now passes a time or a duration")
		}
	}
	if len(out) == 0 && e.Reads().Clock {
		out = append(out, "now moves on")
	}
	return out
}
