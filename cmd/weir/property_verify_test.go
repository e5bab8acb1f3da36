package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

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
	m.fix(s, mv.at-1)
	if mv.what == command {
		s.command(mv)
	}
	s.row, s.lsn, s.known, s.events, s.seq = changed.row, changed.lsn, changed.known, changed.events, changed.seq
	if s.row == nil {
		for i := range s.states {
			s.states[i].daily = false
		}
	}
	m.await(s, mv.at, before, after, mv.kind, event)
	deltas, firings := split(rest)
	if err := m.settled(s, mv.at, deltas); err != nil {
		return err
	}
	want := m.changeFirings(s, mv, before, after, event, &old, oldMembers)
	return m.fired(s, mv.at, deltas, firings, want, nil)
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
	limit := mv.at
	if mv.what != clockMove {
		limit--
	}
	waits := map[string][]waitFiring{}
	for _, id := range subjectIDs {
		waits[id] = m.due(m.subjects[id], limit)
	}
	last := row.Earliest
	for len(outs) > 0 {
		first := outs[0]
		if mv.what != clockMove && first.at == mv.at && first.value.ID == mv.subject {
			for _, d := range outs {
				if d.at != mv.at || d.value.ID != mv.subject {
					return nil, fmt.Errorf("%v does not belong to this record", d)
				}
			}
			break
		}
		if first.at > limit || first.at < last {
			return nil, fmt.Errorf("%v comes at the wrong time", first)
		}
		last = first.at
		n := 0
		for n < len(outs) && outs[n].at == first.at && outs[n].value.ID == first.value.ID {
			n++
		}
		if err := m.timedGroup(outs[:n], waits); err != nil {
			return nil, err
		}
		outs = outs[n:]
	}
	for id, due := range waits {
		if len(due) > 0 {
			return nil, fmt.Errorf("%s did not fire for %s at %v", due[0].name, id, due[0].at)
		}
	}
	return outs, nil
}

// timedGroup compares what became due for a subject at one instant, and takes what came of waits from waits.
func (m *model) timedGroup(group []*delivery, waits map[string][]waitFiring) error {
	first := group[0]
	deltas, firings := split(group)
	s := m.subjects[first.value.ID]
	var names []string
	due := waits[s.id]
	for len(due) > 0 && due[0].at == first.at {
		names, due = append(names, due[0].name), due[1:]
	}
	waits[s.id] = due
	if len(deltas)+len(names) == 0 {
		return fmt.Errorf("%v fired though nothing changed", first)
	}
	for _, d := range group {
		if k := d.value.Cause.Kind; k != "time" && k != "segment" {
			return fmt.Errorf("%v: the cause must be time or segment", d)
		}
	}
	s.deltas = append(s.deltas, deltas...)
	return m.fired(s, first.at, deltas, firings, nil, names)
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
		at := slices.Index(m.order, i)
		if at <= place {
			return fmt.Errorf("%v is out of order", d)
		}
		place = at
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
			return fmt.Errorf("%v: spell %d since %s, should be %d since %v",
				d, d.value.Spell, d.value.Since, s.spells[i], s.since[i])
		}
	}
	want := m.memberships(s, now)
	if !slices.Equal(want, s.members) {
		return fmt.Errorf("at %v %s is in %v of the segments %v, the interpreter says %v",
			now, s.id, s.members, segmentNames(m.w), want)
	}
	s.checked = max(s.checked, now)
	for _, d := range deltas {
		if err := m.until(s, d); err != nil {
			return err
		}
	}
	return nil
}

// until checks what an enter says of the end of the stay, on the data as it is now: the condition holds up to it, and
// not at it; without one it holds for years.
func (m *model) until(s *subjectModel, d *delivery) error {
	if d.value.Op != "enter" {
		return nil
	}
	i := slices.IndexFunc(m.w.segments, func(c segmentCase) bool { return c.name == d.value.Segment })
	end := d.at + 2*365*24*row.Instant(time.Hour)
	if d.value.Until != "" {
		at, err := time.Parse(time.RFC3339Nano, d.value.Until)
		if err != nil {
			return err
		}
		end = row.At(at)
		if end <= d.at || m.memberships(s, end)[i] {
			return fmt.Errorf("%v: until %s is not its end", d, d.value.Until)
		}
	} else if strings.Contains(m.w.catalog, "now.get") || strings.Contains(m.w.catalog, "timezone: ") {
		return nil // how far the engine looks ahead is its own affair
	}
	for n, p := range m.probes(s, d.at, end-1) {
		if n%4 == 1 && !m.memberships(s, p)[i] {
			return fmt.Errorf("%v: until %q, but the stay ends before %v", d, d.value.Until, p)
		}
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
	zone := time.UTC
	add := func(at row.Instant) {
		for _, p := range []row.Instant{at - 1, at, at + 1} {
			if p >= first && p <= last {
				probes = append(probes, p)
			}
		}
	}
	for i := range m.w.segments {
		c := &m.w.segments[i]
		add(c.freeze)
		if c.zone != "" {
			zone = c.location()
		}
		if c.refresh != "" {
			for _, v := range append(sources, row.OfTime(last.Time())) {
				add(c.lastRefresh(instantOf(v) + row.Instant(24*time.Hour)))
			}
		}
	}
	for _, v := range sources {
		at := instantOf(v)
		add(at)
		for _, span := range edges {
			for _, sign := range []int{1, -1} {
				add(shiftIn(at, span, sign, time.UTC))
				if zone != time.UTC {
					add(shiftIn(at, span, sign, zone))
				}
			}
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
			if i < 2 || i%3 != 1 {
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
		case t.kind >= onSegment, t.kind == onRow && event != nil, t.kind < onRow && (event == nil || mv.kind != t.kind):
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

// fired compares firings with those of the change, want, those of the deltas, and those of waits, in this order.
func (m *model) fired(s *subjectModel, now row.Instant, deltas, firings []*delivery, want, waits []string) error {
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
	want = slices.DeleteFunc(want, func(name string) bool {
		i := slices.IndexFunc(m.w.triggers, func(t triggerCase) bool { return t.name == name })
		return !m.allows(s, i, now)
	})
	want = append(want, waits...)
	var got []string
	for _, f := range firings {
		got = append(got, m.firingName(f))
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("at %v for %s there fired %v, should be %v", now, s.id, got, want)
	}
	return nil
}
