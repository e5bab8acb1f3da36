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
	value struct {
		Segment, Trigger, ID, Op string
		Since, Until             string
		Spell                    int
		Cause                    struct{ Kind, Segment string }
		Event                    struct{ ID, Time string }
	}
}

func deliveryOf(o *engine.Output) (*delivery, error) {
	d := &delivery{topic: o.Topic, at: o.At}
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
	subjects  map[string]*subjectModel
	whenFirst bool // planted fault: triggers see what was before the change
}

// subjectModel is a subject with all its data, and what the engine has said of it.
type subjectModel struct {
	id      string
	row     row.Row
	lsn     uint64
	known   bool
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
	m := &model{w: w, order: order, subjects: map[string]*subjectModel{}}
	for _, id := range subjectIDs {
		n := len(w.segments)
		m.subjects[id] = &subjectModel{id: id, checked: start - 1, fixed: start - 1, states: statesOf(w),
			members: make([]bool, n), spells: make([]int, n),
			since: make([]row.Instant, n), fired: map[int][]row.Instant{}}
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
		c, err := oracleOf(w, kind, "").Compile(t.when)
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

// oracleOf returns the oracle of the world's scope in a trigger of a kind, or in a segment (-1) with a zone.
func oracleOf(w *world, kind int, zone string) *oracle.Oracle {
	names := segmentNames(w)
	key := fmt.Sprint(w.retention, kind, names, zone)
	if o := oracles[key]; o != nil {
		return o
	}
	contact := row.NewSchema("contact", contactFields)
	s := expr.Scope{Audience: contact, Segments: names, Zone: (&segmentCase{zone: zone}).location()}
	for i, name := range kindNames {
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
	if kind == onRow {
		s.Change = contact
	}
	o, err := oracle.New(s)
	if err != nil {
		panic(err)
	}
	oracles[key] = o
	return o
}

func (m *model) input(s *subjectModel, now row.Instant, members []bool) *expr.Input {
	return &expr.Input{Now: now, Subject: s.row, Events: s.events[:],
		Segment: func(i int) (bool, row.Instant) { return members[i], row.Never }}
}

// change applies a move to its subject. It tells whether anything happened that the engine must look at, and gives
// what triggers see.
func (m *model) change(mv *move) (happened bool, before, after row.Row, event *row.Event) {
	s := m.subjects[mv.subject]
	switch mv.what {
	case upsert, removal:
		if s.known && mv.lsn > 0 && s.lsn > 0 && mv.lsn <= s.lsn {
			return false, nil, nil, nil
		}
		image := mv.image
		if mv.keep {
			image = slices.Clone(image)
			image[1] = row.Value{}
			if s.row != nil {
				image[1] = s.row[1]
			}
		}
		before = s.row
		s.lsn, s.known = mv.lsn, true
		if before.Same(image) {
			return false, nil, nil, nil
		}
		s.row = image
		return true, before, image, nil
	case occurrence:
		same := func(e row.Event) bool { return e.ID == mv.event.ID }
		if mv.event.ID != "" && slices.ContainsFunc(s.events[mv.kind], same) {
			return false, nil, nil, nil
		}
		s.seq++
		e := mv.event
		e.Seq = s.seq
		list := append(slices.Clone(s.events[mv.kind]), e)
		slices.SortStableFunc(list, func(a, b row.Event) int { return row.CompareTimes(a.Time, b.Time) })
		s.events[mv.kind] = list
		return true, nil, nil, &e
	case command:
		return s.command(mv), nil, nil, nil
	}
	return false, nil, nil, nil
}
