package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

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
	return fmt.Sprintf("%s %s%s%s %s at %v (cause %s)", d.topic, d.value.Op, d.value.Segment, d.value.Trigger, d.value.ID, d.at,
		d.value.Cause.Kind)
}

// model is the slow truth: all that was ever received, and cel-go's interpreter over it.
type model struct {
	w         *world
	segments  []*oracle.Condition // by world.segments
	triggers  []*oracle.Condition // by world.triggers; nil: always
	order     []int               // of the segments of a settlement, by world.segments
	subjects  map[string]*subjectModel
	whenFirst bool // planted fault: triggers see what was before the change
	lastLSN   map[string]uint64
}

// subjectModel is a subject with all its data, and what the engine has said of it.
type subjectModel struct {
	id       string
	row      row.Row
	lsn      uint64
	known    bool
	events   [2][]row.Event
	seq      uint64
	checked  row.Instant // up to here the deltas have been compared
	members  []bool      // then, by segment
	spells   []int
	since    []row.Instant
	deltas   []*delivery // after checked
	earliest row.Instant
}

func newModel(w *world, order []int) (*model, error) {
	m := &model{w: w, order: order, subjects: map[string]*subjectModel{}}
	for _, id := range subjectIDs {
		n := len(w.segments)
		m.subjects[id] = &subjectModel{id: id, checked: start - 1, members: make([]bool, n), spells: make([]int, n),
			since: make([]row.Instant, n)}
	}
	for _, s := range w.segments {
		c, err := oracleOf(w, -1).Compile(s.where)
		if err != nil {
			return nil, err
		}
		m.segments = append(m.segments, c)
	}
	for _, t := range w.triggers {
		if t.when == "" {
			m.triggers = append(m.triggers, nil)
			continue
		}
		c, err := oracleOf(w, t.kind).Compile(t.when)
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

// oracleOf returns the oracle of the world's scope in a trigger of a kind; -1: in a segment.
func oracleOf(w *world, kind int) *oracle.Oracle {
	names := segmentNames(w)
	key := fmt.Sprint(w.retention, kind, names)
	if o := oracles[key]; o != nil {
		return o
	}
	contact := row.NewSchema("contact", contactFields)
	s := expr.Scope{Audience: contact, Segments: names}
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

// memberships evaluates all segments for a subject at an instant.
func (m *model) memberships(s *subjectModel, now row.Instant) []bool {
	out := make([]bool, len(m.segments))
	if s.row == nil {
		return out
	}
	in := m.input(s, now, out)
	for i, c := range m.segments {
		out[i] = c.Eval(in) == expr.True
	}
	return out
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
		if mv.event.ID != "" && slices.ContainsFunc(s.events[mv.kind], func(e row.Event) bool { return e.ID == mv.event.ID }) {
			return false, nil, nil, nil
		}
		s.seq++
		e := mv.event
		e.Seq = s.seq
		list := append(slices.Clone(s.events[mv.kind]), e)
		slices.SortStableFunc(list, func(a, b row.Event) int { return row.CompareTimes(a.Time, b.Time) })
		s.events[mv.kind] = list
		return true, nil, nil, &e
	}
	return false, nil, nil, nil
}

// step compares what came out of one move with what must. outs holds all of it, in order.
func (m *model) step(mv *move, outs []*delivery) error {
	rest, err := m.timed(mv, outs)
	if err != nil {
		return err
	}
	if mv.what == clockMove {
		for _, id := range subjectIDs {
			if err := m.verify(m.subjects[id], mv.at, true); err != nil {
				return err
			}
		}
		return nil
	}
	s := m.subjects[mv.subject]
	old := *s
	oldMembers := s.members
	happened, before, after, event := m.change(mv)
	changed := *s
	*s = old // up to here the data was as before
	if !happened {
		s.lsn, s.known = changed.lsn, changed.known
		if len(rest) > 0 {
			return fmt.Errorf("nothing happened, but out came %v", rest[0])
		}
		return nil
	}
	if err := m.verify(s, mv.at, false); err != nil {
		return err
	}
	s.row, s.lsn, s.known, s.events, s.seq = changed.row, changed.lsn, changed.known, changed.events, changed.seq
	deltas, firings := split(rest)
	if err := m.settled(s, mv.at, deltas); err != nil {
		return err
	}
	want := m.changeFirings(s, mv, before, after, event, &old, oldMembers)
	return m.fired(s, mv.at, deltas, firings, want)
}

func split(group []*delivery) (deltas, firings []*delivery) {
	for i, d := range group {
		if d.topic != "memberships" {
			return group[:i], group[i:]
		}
	}
	return group, nil
}

// timed takes what became due before the move from outs, and returns the rest: what the move itself gave rise to.
func (m *model) timed(mv *move, outs []*delivery) (rest []*delivery, err error) {
	last := row.Earliest
	for len(outs) > 0 {
		first := outs[0]
		if mv.what != clockMove && first.at == mv.at && first.value.ID == mv.subject {
			for _, d := range outs {
				if d.at != mv.at || d.value.ID != mv.subject {
					return nil, fmt.Errorf("%v does not belong to this record", d)
				}
			}
			return outs, nil
		}
		if first.at > mv.at || first.at == mv.at && mv.what != clockMove || first.at < last {
			return nil, fmt.Errorf("%v comes at the wrong time", first)
		}
		last = first.at
		n := 0
		for n < len(outs) && outs[n].at == first.at && outs[n].value.ID == first.value.ID {
			n++
		}
		deltas, firings := split(outs[:n])
		outs = outs[n:]
		s := m.subjects[first.value.ID]
		if len(deltas) == 0 {
			return nil, fmt.Errorf("%v fired though nothing changed", first)
		}
		for _, d := range deltas {
			if k := d.value.Cause.Kind; k != "time" && k != "segment" {
				return nil, fmt.Errorf("%v: the cause must be time or segment", d)
			}
		}
		s.deltas = append(s.deltas, deltas...)
		if err := m.fired(s, first.at, deltas, firings, nil); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// verify compares the subject's deltas since it was last compared with the interpreter, up to an instant: at many
// instants the memberships that they imply are those that the conditions have.
func (m *model) verify(s *subjectModel, upTo row.Instant, inclusive bool) error {
	end := upTo
	if !inclusive {
		end--
	}
	if end <= s.checked {
		return m.none(s)
	}
	probes := m.probes(s, s.checked+1, end)
	for _, d := range s.deltas {
		probes = append(probes, d.at-1, d.at)
	}
	slices.Sort(probes)
	deltas := s.deltas
	s.deltas = nil
	for _, p := range slices.Compact(probes) {
		if p <= s.checked || p > end {
			continue
		}
		n := 0
		for n < len(deltas) && deltas[n].at <= p {
			n++
		}
		if n > 0 && deltas[0].at <= s.checked {
			return fmt.Errorf("%v comes twice or late", deltas[0])
		}
		if err := m.settled(s, p, deltas[:n]); err != nil {
			return err
		}
		deltas = deltas[n:]
	}
	s.checked = end
	if len(deltas) > 0 {
		return fmt.Errorf("%v comes too early", deltas[0])
	}
	return nil
}

func (m *model) none(s *subjectModel) error {
	if len(s.deltas) > 0 {
		return fmt.Errorf("%v comes though time stood still", s.deltas[0])
	}
	return nil
}

// settled applies deltas and compares the memberships with the interpreter's at the instant.
func (m *model) settled(s *subjectModel, now row.Instant, deltas []*delivery) error {
	place := -1
	for _, d := range deltas {
		i := slices.IndexFunc(m.w.segments, func(c segmentCase) bool { return c.name == d.value.Segment })
		if at := slices.Index(m.order, i); at <= place {
			return fmt.Errorf("%v is out of order", d)
		} else {
			place = at
		}
		enter := d.value.Op == "enter"
		if s.members[i] == enter {
			return fmt.Errorf("%v: it was so already", d)
		}
		s.members[i] = enter
		if enter {
			s.spells[i]++
			s.since[i] = d.at
		}
		if d.value.Spell != s.spells[i] || d.value.Since != s.since[i].String() {
			return fmt.Errorf("%v: spell %d since %s, should be %d since %v", d, d.value.Spell, d.value.Since, s.spells[i], s.since[i])
		}
	}
	want := m.memberships(s, now)
	if !slices.Equal(want, s.members) {
		return fmt.Errorf("at %v %s is in %v of the segments %v, the interpreter says %v", now, s.id, s.members, segmentNames(m.w), want)
	}
	s.checked = max(s.checked, now)
	for _, d := range deltas {
		if err := m.until(s, d); err != nil {
			return err
		}
	}
	return nil
}

// until checks what an enter says of the end of the stay, on the data as it is now.
func (m *model) until(s *subjectModel, d *delivery) error {
	if d.value.Op != "enter" || d.value.Until == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, d.value.Until)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(m.w.segments, func(c segmentCase) bool { return c.name == d.value.Segment })
	end := row.At(at)
	if end <= d.at || m.memberships(s, end)[i] || !m.memberships(s, end-1)[i] {
		return fmt.Errorf("%v: until %s is not its end", d, d.value.Until)
	}
	return nil
}

// probes returns instants from first to last at which conditions may change, some beside them, and some others.
func (m *model) probes(s *subjectModel, first, last row.Instant) []row.Instant {
	var sources []row.Value
	for _, list := range s.events {
		for i := range list {
			sources = append(sources, list[i].Time)
		}
	}
	for _, v := range s.row {
		if v.Kind == row.Timestamp {
			sources = append(sources, v)
		}
	}
	probes := []row.Instant{first, last}
	add := func(at row.Instant) {
		for _, p := range []row.Instant{at - 1, at, at + 1} {
			if p >= first && p <= last {
				probes = append(probes, p)
			}
		}
	}
	for _, v := range sources {
		at := instantOf(v)
		add(at)
		for _, span := range edges {
			add(edgeOf(at, span))
			p, _ := expr.ParsePeriod(span)
			add(instantOf(p.Before(at)))
		}
	}
	day := row.Instant(24 * time.Hour)
	for i := range row.Instant(9) {
		at := first + (last-first)/10*(i+1)
		probes = append(probes, at)
		add(at - at%day)
	}
	const most = 90
	for len(probes) > most { // evenly thinned: of any three neighbours one stays
		kept := probes[:0]
		for i, p := range probes {
			if i%3 != 1 {
				kept = append(kept, p)
			}
		}
		probes = kept
	}
	return probes
}

// changeFirings are the triggers that the change itself must fire, in order.
func (m *model) changeFirings(s *subjectModel, mv *move, before, after row.Row, event *row.Event, old *subjectModel,
	oldMembers []bool) []string {
	in := m.input(s, mv.at, s.members)
	if m.whenFirst {
		in = m.input(old, mv.at, oldMembers)
	}
	in.Before, in.After, in.Event = before, after, event
	var names []string
	for i, t := range m.w.triggers {
		switch {
		case t.kind == onSegment, t.kind == onRow && event != nil, t.kind < onRow && (event == nil || mv.kind != t.kind):
			continue
		case t.kind == onRow && !m.rowMeets(t, mv, before, after):
			continue
		}
		if c := m.triggers[i]; c == nil || c.Eval(in) == expr.True {
			names = append(names, t.name)
		}
	}
	return names
}

// rowMeets tells whether a change of a row is one that the trigger is on.
func (m *model) rowMeets(t triggerCase, mv *move, before, after row.Row) bool {
	action := "update"
	switch {
	case before == nil && after == nil:
		return false
	case before == nil:
		if mv.snapshot {
			return false
		}
		action = "create"
	case after == nil:
		action = "delete"
	}
	if t.actions != "" && t.actions != action {
		return false
	}
	if action != "update" || t.field == "" {
		return true
	}
	i := slices.IndexFunc(contactFields, func(f row.Field) bool { return f.Name == t.field })
	return !before[i].Same(after[i])
}

// fired compares firings with those of the change, want, and those of the deltas.
func (m *model) fired(s *subjectModel, now row.Instant, deltas, firings []*delivery, want []string) error {
	members := m.memberships(s, now)
	in := m.input(s, now, members)
	for _, d := range deltas {
		for i, t := range m.w.triggers {
			if t.kind != onSegment || m.w.segments[t.segment].name != d.value.Segment ||
				t.actions != "" && t.actions != d.value.Op {
				continue
			}
			if c := m.triggers[i]; c == nil || c.Eval(in) == expr.True {
				want = append(want, t.name)
			}
		}
	}
	var got []string
	for _, f := range firings {
		got = append(got, f.value.Trigger)
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("at %v for %s there fired %v, should be %v", now, s.id, got, want)
	}
	return nil
}
