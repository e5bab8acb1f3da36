package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/operators/expr/oracle"
	"github.com/weirstream/weir/state/row"
)

// step compares what came out of one move with what must. outs holds all of it, in order.
func (m *model) step(mv *move, outs []*delivery) error {
	rest, err := m.timed(mv, outs)
	if err != nil {
		return err
	}
	if mv.what == clockMove {
		for _, s := range m.all {
			if err := m.verify(s, mv.at, true); err != nil {
				return err
			}
		}
		return nil
	}
	e := m.effect(mv)
	about := m.about(mv, &e)
	if e.none() {
		about = nil
	}
	for _, d := range rest {
		if !slices.ContainsFunc(about, d.isAbout) {
			return fmt.Errorf("nothing happened to it, but out came %v", d)
		}
	}
	old, linked := m.before(about), m.linked
	for _, s := range about { // up to here the data was as before
		if err := m.verify(s, mv.at, false); err != nil {
			return err
		}
		m.fix(s, mv.at-1)
	}
	m.apply(mv, &e)
	for _, s := range about {
		if err := m.stepOf(s, mv, &e, rest, old[s], linked); err != nil {
			return err
		}
	}
	return nil
}

// stepOf compares what came out of a move for one subject, of all that came out.
func (m *model) stepOf(s *subjectModel, mv *move, e *moveEffect, outs []*delivery, old *subjectModel,
	linked oracle.Tables) error {
	var own []*delivery
	for _, d := range outs {
		if d.isAbout(s) {
			own = append(own, d)
		}
	}
	deltas, firings := split(own)
	if (rowKey{s.table, s.id}) != (rowKey{mv.table, mv.subject}) && len(own) == 0 &&
		slices.Equal(m.memberships(s, mv.at-1), s.members) {
		// It was not looked at: what time alone brings at this very instant comes behind the records.
	} else if err := m.settled(s, mv.at, deltas); err != nil {
		return err
	}
	if e.erased && s.table == mv.table && s.id == mv.subject {
		clear(s.spells)
		if len(firings) > 0 {
			return fmt.Errorf("%v fired for a subject that is being erased", firings[0])
		}
		return nil
	}
	in := m.input(s, mv.at, s.members)
	if m.whenFirst {
		in = m.input(old, mv.at, old.members)
		in.Linked = linked
	}
	var want []string
	if !e.erased {
		want = append(m.changeFirings(s, in, mv, e), m.arriving(s, in, e)...)
	}
	return m.fired(s, mv.at, deltas, firings, want, nil)
}

// isAbout tells whether an output is about a subject.
func (d *delivery) isAbout(s *subjectModel) bool {
	return d.value.ID == s.id && d.value.Audience == s.table.name
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
	waits := map[*subjectModel][]waitFiring{}
	for _, s := range m.all {
		waits[s] = m.due(s, limit)
	}
	last := row.Earliest
	for len(outs) > 0 {
		first := outs[0]
		if mv.what != clockMove && first.at == mv.at {
			for _, d := range outs {
				if d.at != mv.at {
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
	for s, due := range waits {
		if len(due) > 0 {
			return nil, fmt.Errorf("%s did not fire for %s at %v", due[0].name, s.id, due[0].at)
		}
	}
	return outs, nil
}

// timedGroup compares what became due for a subject at one instant, and takes what came of waits from waits.
func (m *model) timedGroup(group []*delivery, waits map[*subjectModel][]waitFiring) error {
	first := group[0]
	deltas, firings := split(group)
	i := slices.IndexFunc(m.all, first.isAbout)
	if i < 0 {
		return fmt.Errorf("%v is about nobody", first)
	}
	s := m.all[i]
	var names []string
	due := waits[s]
	for len(due) > 0 && due[0].at == first.at {
		names, due = append(names, due[0].name), due[1:]
	}
	waits[s] = due
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
	for _, t := range m.linked {
		for _, r := range t.Rows {
			for _, v := range r {
				if m.w.linked && v.Kind == row.Timestamp {
					sources = append(sources, v)
				}
			}
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

// changeFirings are the triggers that the change of the subject itself must fire, in order.
func (m *model) changeFirings(s *subjectModel, in *expr.Input, mv *move, e *moveEffect) (names []string) {
	var change *rowChange
	for i := range e.rows {
		if e.rows[i].rowKey == (rowKey{s.table, s.id}) {
			change = &e.rows[i]
			in.Before, in.After = change.before, change.after
		}
	}
	if s.table == mv.table && s.id == mv.subject {
		in.Event = e.event
	}
	for i := range m.w.triggers {
		t := &m.w.triggers[i]
		switch {
		case t.subject != s.table, t.kind >= onSegment, t.via != nil, t.kind == onRow && change == nil,
			t.kind < onRow && (in.Event == nil || mv.kind != t.kind):
			continue
		case t.kind == onRow && !rowMeets(t, change):
			continue
		}
		if c := m.triggers[i]; c == nil || c.Eval(in) == expr.True {
			names = append(names, t.name)
		}
	}
	return names
}

// rowMeets tells whether a change of a row is one that the trigger is on.
func rowMeets(t *triggerCase, c *rowChange) bool {
	action := "update"
	switch {
	case c.before == nil && c.after == nil:
		return false
	case c.before == nil:
		if c.snapshot {
			return false
		}
		action = "create"
	case c.after == nil:
		action = "delete"
	}
	if t.actions != "" && t.actions != action {
		return false
	}
	if action != "update" || t.field == "" {
		return true
	}
	i := t.table().field(t.field)
	return !c.before[i].Same(c.after[i])
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
	got := make([]string, 0, len(firings))
	for _, f := range firings {
		got = append(got, m.firingName(f))
	}
	if !slices.Equal(m.ordered(got), m.ordered(want)) {
		return fmt.Errorf("at %v for %s there fired %v, should be %v", now, s.id, got, want)
	}
	return nil
}

// ordered puts firings for rows that lead to a subject behind the others, by name: rows that come by several links, or
// are deleted together, come in no order.
func (m *model) ordered(names []string) []string {
	var own, arrived []string
	for _, name := range names {
		i := slices.IndexFunc(m.w.triggers, func(t triggerCase) bool { return t.name == name })
		if i >= 0 && m.w.triggers[i].via != nil {
			arrived = append(arrived, name)
		} else {
			own = append(own, name)
		}
	}
	slices.Sort(arrived)
	return append(own, arrived...)
}
