package engine

import (
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/operators/trigger"
	"github.com/weirstream/weir/state/row"
)

// departure is a change of a row that is to be sent towards subjects.
type departure struct {
	group  *group
	key    string
	change *trigger.Change
	cause  emit.Cause
}

// sendOff sends a change of a row, whose home this is, towards the subjects of which triggers on rows of its table may
// fire. A deleted row leads where it led.
func (t *Task) sendOff(g *group, key string, change *trigger.Change, cause emit.Cause, now row.Instant) error {
	for _, via := range g.vias {
		if !concerned(via, change) {
			continue
		}
		from := change.After
		if from == nil {
			from = change.Before
		}
		next := leadsTo(from, via.Links[0])
		if next == "" {
			continue
		}
		m := message{kind: hopMessage, table: g.table.Name, key: key, schema: g.table.Schema, row: change.After,
			before: change.Before, initial: change.Snapshot, cause: cause, born: t.born, via: via.Name, step: 1, subject: next}
		if err := t.forward(via, &m, now); err != nil {
			return err
		}
	}
	return nil
}

// concerned tells whether the change is one that some trigger of the path is about.
func concerned(via *catalog.Via, change *trigger.Change) bool {
	for _, tr := range via.Triggers {
		if trigger.Concerns(tr, change) {
			return true
		}
	}
	return false
}

// forward follows the links of a path as far as they lead through rows of this partition: to the subject, which the
// change then counts for, or to the home of the next row, or nowhere.
func (t *Task) forward(via *catalog.Via, m *message, now row.Instant) error {
	for t.owns(m.subject) {
		if m.step == len(via.Links) {
			return t.arrive(via, m, now)
		}
		e, err := t.load(t.groups[via.Links[m.step-1].Target.Name], m.subject)
		if err != nil {
			return err
		}
		next := leadsTo(e.subject.Row, via.Links[m.step])
		if next == "" {
			return nil
		}
		m.subject, m.step = next, m.step+1
	}
	t.send(t.home(m.subject), m)
	return nil
}

// arrive makes a change of a row count for the subject that it is about, if there is one.
func (t *Task) arrive(via *catalog.Via, m *message, now row.Instant) error {
	e, err := t.load(t.groups[via.Audience.Table.Name], m.subject)
	if err != nil || e.subject.Row == nil {
		return err
	}
	for _, p := range t.groups[m.table].places {
		if p.Audience == via.Audience {
			e.group.segments.Touch(p.Segments()) // memberships before firings, whatever work is still queued
		}
	}
	return t.affect(e, &deferral{cause: m.cause, via: via, table: via.Table,
		change: &trigger.Change{Before: m.before, After: m.row, Snapshot: m.initial}}, now)
}

// takeHop goes on with a change of a row that came from another partition. A copy of the row that is held here is
// brought up to date first: a trigger sees everything after its change.
func (t *Task) takeHop(m *message, now row.Instant) error {
	if err := t.takeCopy(m); err != nil {
		return err
	}
	via := t.catalog.Via(m.table, m.via)
	if via == nil || m.step < 1 || m.step > len(via.Links) {
		return nil // of a catalog that was
	}
	return t.forward(via, m, now)
}
