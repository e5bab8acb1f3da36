package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/operators/expr/oracle"
	"github.com/weirstream/weir/state/row"
)

// delivery is an output as the model looks at it.
type delivery struct {
	topic string
	at    row.Instant
	raw   []byte
	value struct {
		Segment, Trigger, ID, Op string
		Audience                 string
		Since, Until             string
		Spell                    int
		Cause                    struct{ Kind, Segment, Table, Key string }
		Event                    struct{ ID, Time string }
	}
}

func deliveryOf(o *engine.Output) (*delivery, error) {
	d := &delivery{topic: o.Topic, at: o.At, raw: slices.Clone(o.Value)}
	if o.Topic == "deadletter" {
		return nil, fmt.Errorf("a good record went to the dead letters: %v", o.Headers)
	}
	return d, json.Unmarshal(o.Value, &d.value)
}

func (d *delivery) String() string {
	v := &d.value
	return fmt.Sprintf("%s %s %s%s %s at %v (cause %s)", d.topic, v.Op, v.Segment, v.Trigger, v.ID, d.at, v.Cause.Kind)
}

// model is the slow truth: all that was ever received, and cel-go's interpreter over it.
type model struct {
	w         *world
	segments  []*oracle.Condition    // by world.segments
	triggers  []*oracle.Condition    // by world.triggers; nil: always
	parts     [][2]*oracle.Condition // by world.triggers; nil: all events count
	order     []int                  // of the segments of a settlement, by world.segments
	all       []*subjectModel
	rows      map[rowKey]*rowModel
	truncated map[*tableCase]uint64
	linked    oracle.Tables

	whenFirst bool // planted fault: triggers see what was before the change
	viaBefore bool // planted fault: a changed row leads where it led before
	viaAfter  bool // planted fault: a deleted row leads nowhere
	viaNobody bool // planted fault: a trigger may fire for a subject without a row
}

// subjectModel is a subject with all its data, and what the engine has said of it.
type subjectModel struct {
	table   *tableCase
	id      string
	row     row.Row
	events  [2][]row.Event
	seq     uint64
	checked row.Instant // up to here the deltas have been compared
	fixed   row.Instant // up to here states say what was decided
	states  []segmentState
	members []bool // at checked, by segment
	spells  []int
	since   []row.Instant
	deltas  []*delivery // after checked
	pending []pendingWait
	fired   map[int][]row.Instant // by trigger: what its limit let fire
}

func newModel(w *world, order []int) (*model, error) {
	m := &model{w: w, order: order, rows: map[rowKey]*rowModel{}, truncated: map[*tableCase]uint64{}}
	m.link()
	for _, t := range tables {
		if !t.audience || t != contactTable && !w.linked {
			continue
		}
		for _, id := range t.ids {
			n := len(w.segments)
			m.all = append(m.all, &subjectModel{table: t, id: id, checked: start - 1, fixed: start - 1, states: statesOf(w),
				members: make([]bool, n), spells: make([]int, n),
				since: make([]row.Instant, n), fired: map[int][]row.Instant{}})
		}
	}
	for i := range w.segments {
		c, err := oracleOfSegment(w, &w.segments[i])
		if err != nil {
			return nil, err
		}
		m.segments = append(m.segments, c)
	}
	for i, t := range w.triggers {
		parts, err := partsOf(w, &w.triggers[i])
		if err != nil {
			return nil, err
		}
		m.parts = append(m.parts, parts)
		if t.when == "" {
			m.triggers = append(m.triggers, nil)
			continue
		}
		kind := t.kind
		if kind == onAbsence {
			kind = t.wait.kinds[0]
		}
		c, err := oracleOf(w, t.subject, kind, t.table(), "").Compile(t.when)
		if err != nil {
			return nil, err
		}
		m.triggers = append(m.triggers, c)
	}
	return m, nil
}

// segmentNames are the names that oracles know, in the order of the world's segments.
func segmentNames(w *world) []string {
	var names []string
	for _, s := range w.segments {
		names = append(names, s.name)
	}
	return names
}

var oracles = map[string]*oracle.Oracle{}

// oracleOf returns the oracle of an audience's scope in a trigger of a kind, on rows of a table perhaps, or in a
// segment (-1) with a zone.
func oracleOf(w *world, audience *tableCase, kind int, changed *tableCase, zone string) *oracle.Oracle {
	names := segmentNames(w)
	if kind != onRow {
		changed = nil
	}
	key := fmt.Sprintf("%v %s %d %p %v %s", w.retention, audience.name, kind, changed, names, zone)
	if o := oracles[key]; o != nil {
		return o
	}
	s := expr.Scope{Audience: row.NewSchema(audience.name, audience.fields), Segments: names, Tables: linkedTables,
		Zone: (&segmentCase{zone: zone}).location()}
	for i, name := range kindNames {
		if audience != contactTable {
			break
		}
		k := expr.EventKind{Schema: row.NewSchema(name, eventFields)}
		if w.retention[i] != "" {
			p, err := expr.ParsePeriod(w.retention[i])
			if err != nil {
				panic(err)
			}
			k.Retention = &p
		}
		s.Events = append(s.Events, k)
		if kind == i {
			s.Event = k.Schema
		}
	}
	if changed != nil {
		s.Change = row.NewSchema(changed.name, changed.fields)
	}
	o, err := oracle.New(s)
	if err != nil {
		panic(err)
	}
	oracles[key] = o
	return o
}

// subject returns the subject that a row of a table is; nil if it is none.
func (m *model) subject(t *tableCase, id string) *subjectModel {
	i := slices.IndexFunc(m.all, func(s *subjectModel) bool { return s.table == t && s.id == id })
	if i < 0 {
		return nil
	}
	return m.all[i]
}

func (m *model) input(s *subjectModel, now row.Instant, members []bool) *expr.Input {
	return &expr.Input{Now: now, Subject: s.row, Events: s.events[:], Linked: m.linked,
		Segment: func(i int) (bool, row.Instant) { return members[i], row.Never }}
}
