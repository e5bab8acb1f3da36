// Package trigger decides which triggers fire for a subject. It is pure: it reads a subject and changes only the
// subject's watches.
package trigger

import (
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/operators/segment"
	"github.com/weirstream/weir/state/row"
)

// Firing is one time that a trigger came true for a subject.
type Firing struct {
	Trigger       *catalog.Trigger
	Before, After row.Row       // on a row: nil where there is none
	Event         *row.Event    // on an event; on an absence: the one that started the wait
	Flip          *segment.Flip // on a segment
	Due           row.Instant   // on a date or an absence: the instant that was waited for
}

// Change is a change of a row from Before to After (nil: not there). A created row that a snapshot read is no creation:
// it was there before.
type Change struct {
	Before, After row.Row
	Snapshot      bool
}

// action is what happened to the row; 0: nothing that a trigger is about.
func (c *Change) action() catalog.Action {
	switch {
	case c.Before == nil && c.After == nil, c.Before == nil && c.Snapshot:
		return 0
	case c.Before == nil:
		return catalog.Create
	case c.After == nil:
		return catalog.Delete
	}
	return catalog.Update
}

// Concerns tells whether t is about changes such as c, whatever its condition says.
func Concerns(t *catalog.Trigger, c *Change) bool {
	action := c.action()
	return t.Actions&action != 0 && (action != catalog.Update || changed(t.Fields, c.Before, c.After))
}

// Row appends the firings of those of the triggers on rows of a table that the change c of a row makes fire. in is the
// subject after the change, its Before, After and Event are set by Row.
func Row(triggers []*catalog.Trigger, c *Change, in *expr.Input, out []Firing) []Firing {
	in.Before, in.After, in.Event = c.Before, c.After, nil
	for _, t := range triggers {
		if Concerns(t, c) && met(t, in) {
			out = append(out, Firing{Trigger: t, Before: c.Before, After: c.After})
		}
	}
	return out
}

// changed tells whether one of the fields differs; without fields any change counts.
func changed(fields []int, before, after row.Row) bool {
	for _, f := range fields {
		if !before[f].Same(after[f]) {
			return true
		}
	}
	return len(fields) == 0
}

// Event appends the firings of the triggers on the event kind, number kind of the audience, for the event e that
// arrived.
func Event(a *catalog.Audience, kind int, e *row.Event, in *expr.Input, out []Firing) []Firing {
	in.Before, in.After, in.Event = nil, nil, e
	for _, t := range a.TriggersOnEvent(kind) {
		if met(t, in) {
			out = append(out, Firing{Trigger: t, Event: e})
		}
	}
	return out
}

// Segment appends the firings of the triggers on the flip's segment.
func Segment(a *catalog.Audience, f *segment.Flip, in *expr.Input, out []Firing) []Firing {
	action := catalog.Leave
	if f.Enter {
		action = catalog.Enter
	}
	in.Before, in.After, in.Event = nil, nil, nil
	for _, t := range a.TriggersOnSegment(f.Segment.Index) {
		if t.Actions&action != 0 && met(t, in) {
			out = append(out, Firing{Trigger: t, Flip: f})
		}
	}
	return out
}

func met(t *catalog.Trigger, in *expr.Input) bool {
	if t.When == nil {
		return true
	}
	result, _ := t.When.Eval(in)
	return result == expr.True
}
