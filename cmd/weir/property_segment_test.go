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

// segmentCase is a segment; in_segment names only those before it.
type segmentCase struct {
	name, where      string // where is empty: static
	audience         *tableCase
	members          []string
	include, exclude []string
	zone             string      // empty: UTC
	frozen           bool        // at freeze
	freeze           row.Instant // row.Earliest: now, which in a replay is before all records
	refresh          string      // "06:00"; empty: continuous
}

func (c *segmentCase) editable() bool { return c.where == "" || c.frozen }

var (
	zones     = []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "+05:30"}
	refreshes = []string{"00:00", "06:00", "18:30"}
)

// segment draws a segment of any kind.
func (d *drawer) segment(name string) segmentCase {
	c := segmentCase{name: name, audience: contactTable, freeze: row.Earliest}
	if d.w.linked && d.focus[leadTable] && d.chance(2) {
		c.audience = leadTable
	}
	d.audience = c.audience
	if d.w.linked && d.chance(2) { // one of the plain kind
		c.where = d.bool(2, "")
		return c
	}
	if d.chance(7) {
		c.members = d.ids()
		return c
	}
	if d.chance(3) {
		c.zone = d.of(zones...)
	}
	if d.chance(4) {
		c.include = d.ids()
	}
	if d.chance(4) {
		c.exclude = d.ids()
	}
	switch d.pick(6) {
	case 0:
		c.frozen = true
		if !d.chance(6) {
			c.freeze = start + row.Instant(time.Hour)*row.Instant(d.pick(24*300))
		}
	case 1:
		c.refresh = d.of(refreshes...)
	}
	c.where = d.bool(2, "")
	return c
}

func (d *drawer) ids() []string {
	var ids []string
	for _, id := range append([]string{"c-9"}, d.audience.ids...) {
		if d.chance(2) {
			ids = append(ids, id)
		}
	}
	return ids
}

// edge draws an instant at which some segment may change by its own time, or beside it; false if there is none.
func (d *drawer) edge() (row.Instant, bool) {
	c := &d.w.segments[d.pick(len(d.w.segments))]
	beside := row.Instant(d.pick(3) - 1)
	switch {
	case c.frozen && c.freeze >= d.now:
		return c.freeze + beside, true
	case c.refresh != "":
		return c.lastRefresh(d.now+row.Instant(26*time.Hour)) + beside, true
	}
	return 0, false
}

// edit draws a command about a segment whose members commands edit; false if there is none.
func (d *drawer) edit(m *move) bool {
	i := d.pick(len(d.w.segments))
	c := &d.w.segments[i]
	if !c.editable() {
		return false
	}
	m.what, m.segment, m.add = command, i, d.chance(2)
	m.table, m.subject = c.audience, c.audience.ids[d.pick(len(c.audience.ids))]
	verb := "remove"
	if m.add {
		verb = "add"
	}
	d.send(m, "weir.commands", m.table.name+"/"+m.subject,
		map[string]any{"command": verb, "segment": c.name, "audience": m.table.name, "id": m.subject})
	return true
}

// erase draws a command that forgets a subject.
func (d *drawer) erase(m *move) {
	m.what = erasure
	if d.w.linked && d.chance(4) {
		m.table = leadTable
		m.subject = leadTable.ids[d.pick(len(leadTable.ids))]
	}
	d.send(m, "weir.commands", m.table.name+"/"+m.subject,
		map[string]any{"command": "erase", "audience": m.table.name, "id": m.subject})
}

// text writes the segment as a user would.
func (c *segmentCase) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "---\nkind: Segment\nname: %s\naudience: %s\n", c.name, c.audience.name)
	if c.where == "" {
		fmt.Fprintf(&b, "members: [%s]\n", strings.Join(c.members, ", "))
		return b.String()
	}
	fmt.Fprintf(&b, "where: >\n  %s\n", c.where)
	if len(c.include) > 0 {
		fmt.Fprintf(&b, "include: [%s]\n", strings.Join(c.include, ", "))
	}
	if len(c.exclude) > 0 {
		fmt.Fprintf(&b, "exclude: [%s]\n", strings.Join(c.exclude, ", "))
	}
	if c.zone != "" {
		fmt.Fprintf(&b, "timezone: %q\n", c.zone)
	}
	switch {
	case c.frozen && c.freeze == row.Earliest:
		b.WriteString("freeze: now\n")
	case c.frozen:
		fmt.Fprintf(&b, "freeze: %s\n", c.freeze)
	case c.refresh != "":
		fmt.Fprintf(&b, "refresh: {daily: %q}\n", c.refresh)
	}
	return b.String()
}

func (c *segmentCase) location() *time.Location {
	if c.zone == "" {
		return time.UTC
	}
	loc, err := expr.LoadZone(c.zone)
	if err != nil {
		panic(err) // one of the test's own
	}
	return loc
}

// lastRefresh returns the last refresh up to an instant.
func (c *segmentCase) lastRefresh(at row.Instant) row.Instant {
	clock, _ := time.Parse("15:04", c.refresh)
	local := at.Time().In(c.location())
	for day := local.Day(); ; day-- {
		r := time.Date(local.Year(), local.Month(), day, clock.Hour(), clock.Minute(), 0, 0, c.location())
		if !r.After(at.Time()) {
			return row.At(r)
		}
	}
}

// segmentState is what a subject has to do with a segment apart from its data.
type segmentState struct {
	edited, added   bool // by the last command
	decided, chosen bool // frozen: evaluated, and met then
	daily           bool // refreshed daily: as of the last refresh up to subjectModel.fixed
}

func statesOf(w *world) []segmentState {
	states := make([]segmentState, len(w.segments))
	for i := range w.segments {
		states[i].decided = w.segments[i].freeze == row.Earliest
	}
	return states
}

// memberships evaluates all segments for a subject at an instant.
func (m *model) memberships(s *subjectModel, now row.Instant) []bool {
	return m.membershipsTo(s, now, len(m.w.segments))
}

// membershipsTo evaluates the first n segments, which name none of the others.
func (m *model) membershipsTo(s *subjectModel, now row.Instant, n int) []bool {
	out := make([]bool, len(m.w.segments))
	if s.row == nil {
		return out
	}
	for i := range n {
		c, st := &m.w.segments[i], &s.states[i]
		switch {
		case c.audience != s.table:
		case c.where == "":
			out[i] = st.after(slices.Contains(c.members, s.id))
		case c.frozen:
			base := false
			if now >= c.freeze {
				base = st.chosen
				if !st.decided {
					base = m.condition(s, i, c.freeze, m.membershipsTo(s, c.freeze, i))
				}
				base = base || slices.Contains(c.include, s.id)
			}
			out[i] = st.after(base) && !slices.Contains(c.exclude, s.id)
		case c.refresh != "":
			out[i] = st.daily
			if r := c.lastRefresh(now); r > s.fixed {
				out[i] = m.condition(s, i, r, m.membershipsTo(s, r, i))
			}
		default:
			out[i] = m.condition(s, i, now, out)
		}
	}
	return out
}

// after is a membership by definition after the commands.
func (st *segmentState) after(base bool) bool { return st.edited && st.added || base && !st.edited }

// condition is the condition of a segment with its lists.
func (m *model) condition(s *subjectModel, i int, now row.Instant, members []bool) bool {
	c := &m.w.segments[i]
	switch {
	case slices.Contains(c.exclude, s.id):
		return false
	case slices.Contains(c.include, s.id):
		return true
	}
	return m.segments[i].Eval(m.input(s, now, members)) == expr.True
}

// fix settles what was decided up to an instant, before the data changes.
func (m *model) fix(s *subjectModel, upTo row.Instant) {
	states := slices.Clone(s.states)
	for i := range states {
		c := &m.w.segments[i]
		if c.audience != s.table {
			continue
		}
		met := func(at row.Instant) bool { return s.row != nil && m.condition(s, i, at, m.membershipsTo(s, at, i)) }
		if c.frozen && !states[i].decided && c.freeze <= upTo {
			states[i].decided, states[i].chosen = true, met(c.freeze)
		}
		if c.refresh != "" {
			if r := c.lastRefresh(upTo); r > s.fixed {
				states[i].daily = met(r)
			}
		}
	}
	s.states, s.fixed = states, upTo
}

// edits tells whether a move's edit is new to a subject.
func (s *subjectModel) edits(mv *move) bool {
	st := &s.states[mv.segment]
	return !st.edited || st.added != mv.add
}

// command makes a move's edit part of a subject.
func (s *subjectModel) command(mv *move) {
	s.states = slices.Clone(s.states)
	s.states[mv.segment].edited, s.states[mv.segment].added = true, mv.add
}

// oracleOfSegment returns the condition of a segment for the interpreter; nil of a static one.
func oracleOfSegment(w *world, c *segmentCase) (*oracle.Condition, error) {
	if c.where == "" {
		return nil, nil
	}
	return oracleOf(w, c.audience, -1, nil, c.zone).Compile(c.where)
}

// shiftIn moves an instant by a span, calendar months being meant in a zone.
func shiftIn(at row.Instant, span string, sign int, loc *time.Location) row.Instant {
	p, err := expr.ParsePeriod(span)
	if err != nil {
		panic(err) // one of the test's own
	}
	if p.Months == 0 {
		return at + row.Instant(sign)*row.Instant(p.Duration)
	}
	t := at.Time().In(loc)
	first := time.Date(t.Year(), t.Month()+time.Month(sign*int(p.Months)), 1, 0, 0, 0, 0, time.UTC)
	day := min(t.Day(), first.AddDate(0, 1, -1).Day())
	return row.At(time.Date(first.Year(), first.Month(), day, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), loc))
}
