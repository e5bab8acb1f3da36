package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/operators/expr/oracle"
	"github.com/weirstream/weir/state/row"
)

// waitCase is what a trigger on a date or an absence waits for.
type waitCase struct {
	field         string    // date: the field
	offset, every string    // date: as the catalog writes them; may be empty
	kinds         [2]int    // absence: the kinds of the event that starts the wait and of the one that must not come
	whens         [2]string // absence: which of them count; empty: all
	within        string
	by            [2]string // absence: their fields that must be the same; empty: none
}

// limitCase is the limit of a trigger; without a period there is none.
type limitCase struct {
	per   string
	count int
}

func (d *drawer) wait(t *triggerCase) {
	w := &t.wait
	if t.kind == onDate {
		w.field = d.of("t", "day")
		w.offset = d.of("", "1h", "-1h", "1d", "-1d", "-10d", "10d", "1mo", "-1mo", "90d")
		w.every = d.of("", "", "1mo", "1y")
		t.when = d.bool(1, "")
		return
	}
	w.kinds = [2]int{d.pick(2), d.pick(2)}
	w.within = d.of("1h", "1d", "10d", "30d", "1mo", "90d")
	for i := range w.whens {
		w.whens[i] = d.of("", "", `event.s == "a"`, `event.n > 1`, `!(event.s == "a")`)
	}
	switch d.pick(4) {
	case 0:
		w.by = [2]string{"s", "s"}
	case 1:
		w.by = [2]string{"n", "n"}
	}
	t.when = d.bool(1, "event")
}

// text writes what stands below on, without the braces.
func (w *waitCase) text(kind int) string {
	if kind == onDate {
		text := "date: contact." + w.field
		if w.offset != "" {
			text += ", offset: " + w.offset
		}
		if w.every != "" {
			text += ", every: " + w.every
		}
		return text
	}
	var parts [2]string
	for i, k := range w.kinds {
		parts[i] = kindNames[k]
		if w.whens[i] != "" {
			parts[i] = fmt.Sprintf("{event: %s, when: '%s'}", kindNames[k], w.whens[i])
		}
	}
	text := fmt.Sprintf("absence: {after: %s, of: %s, within: %s", parts[0], parts[1], w.within)
	if w.by[0] != "" {
		text += fmt.Sprintf(", by: {after: %s, of: %s}", w.by[0], w.by[1])
	}
	return text + "}"
}

// pendingWait is a date or the end of a wait that has not come yet.
type pendingWait struct {
	at      row.Instant
	trigger int
	event   row.Event // absence: the one that started the wait
}

// waitFiring is what must come of a wait.
type waitFiring struct {
	at   row.Instant
	name string
}

// partsOf compiles which events count for an absence.
func partsOf(w *world, t *triggerCase) (parts [2]*oracle.Condition, err error) {
	for i, when := range t.wait.whens {
		if t.kind == onAbsence && when != "" {
			if parts[i], err = oracleOf(w, contactTable, t.wait.kinds[i], nil, "").Compile(when); err != nil {
				return parts, err
			}
		}
	}
	return parts, nil
}

// counts tells whether an event counts as the start (0) or the end (1) of a trigger's wait.
func (m *model) counts(s *subjectModel, trigger, part int, e *row.Event) bool {
	w := &m.w.triggers[trigger].wait
	if w.by[part] != "" && valueOf(e, w.by[part]).IsNull() {
		return false
	}
	c := m.parts[trigger][part]
	return c == nil || c.Eval(&expr.Input{Now: start, Events: s.events[:], Event: e,
		Segment: func(int) (bool, row.Instant) { return false, row.Never }}) == expr.True
}

func valueOf(e *row.Event, field string) row.Value {
	return e.Fields[slices.IndexFunc(eventFields, func(f row.Field) bool { return f.Name == field })]
}

// moved returns when a time comes that is moved by a period with a sign; "" does not move it.
func moved(v row.Value, period string, n int64) row.Instant {
	if period == "" {
		return instantOf(v)
	}
	if strings.HasPrefix(period, "-") {
		n = -n
	}
	p, err := expr.ParsePeriod(strings.TrimPrefix(period, "-"))
	if err != nil {
		panic(err) // one of the test's own
	}
	return instantOf(p.Shift(v, n))
}

// nextDate returns the first instant from from on at which a date of a row comes, by trying one after the other.
func nextDate(w *waitCase, r row.Row, from row.Instant) row.Instant {
	i := slices.IndexFunc(contactTable.fields, func(f row.Field) bool { return f.Name == w.field })
	if r == nil || r[i].IsNull() {
		return row.Never
	}
	for n := int64(0); ; n++ {
		v := r[i]
		if w.every != "" {
			v = row.OfTime(moved(v, w.every, n).Time())
		}
		if at := moved(v, w.offset, 1); at >= from {
			return at
		} else if w.every == "" {
			return row.Never
		}
	}
}

// await takes note of what a change at the instant at makes the triggers wait for.
func (m *model) await(s *subjectModel, at row.Instant, before, after row.Row, kind int, event *row.Event) {
	for i := range m.w.triggers {
		t := &m.w.triggers[i]
		switch {
		case t.subject != s.table:
		case t.kind == onDate && event == nil:
			due := nextDate(&t.wait, after, at)
			if due == nextDate(&t.wait, before, at) {
				continue
			}
			s.pending = slices.DeleteFunc(s.pending, func(p pendingWait) bool { return p.trigger == i })
			s.pending = append(s.pending, pendingWait{at: due, trigger: i})
		case t.kind == onAbsence && event != nil && t.wait.kinds[0] == kind && m.counts(s, i, 0, event):
			if ends := moved(event.Time, t.wait.within, 1); ends >= at {
				s.pending = append(s.pending, pendingWait{at: ends, trigger: i, event: *event})
			}
		}
	}
}

// prevented tells whether a wait comes to nothing, by all the events there are.
func (m *model) prevented(s *subjectModel, p *pendingWait) bool {
	w := &m.w.triggers[p.trigger].wait
	for part, kind := range w.kinds {
		for i := range s.events[kind] {
			e := &s.events[kind][i]
			later := p.event.Before(e)
			if part == 1 && w.kinds[0] != w.kinds[1] {
				later = row.CompareTimes(e.Time, p.event.Time) >= 0
			}
			if later && instantOf(e.Time) < p.at && m.counts(s, p.trigger, part, e) &&
				(w.by[0] == "" || valueOf(&p.event, w.by[0]).Same(valueOf(e, w.by[part]))) {
				return true
			}
		}
	}
	return false
}

// due returns what must fire of the waits that end up to limit, in order.
func (m *model) due(s *subjectModel, limit row.Instant) (out []waitFiring) {
	for {
		slices.SortStableFunc(s.pending, func(a, b pendingWait) int {
			order := 0
			if a.event.Before(&b.event) {
				order = -1
			} else if b.event.Before(&a.event) {
				order = 1
			}
			return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.trigger, b.trigger), order)
		})
		if len(s.pending) == 0 || s.pending[0].at > limit || s.pending[0].at == row.Never {
			return out
		}
		p := s.pending[0]
		s.pending = s.pending[1:]
		t := &m.w.triggers[p.trigger]
		in := m.input(s, p.at, m.memberships(s, p.at))
		name := t.name
		if t.kind == onDate {
			next := nextDate(&t.wait, s.row, p.at+1)
			s.pending = append(slices.Clone(s.pending), pendingWait{at: next, trigger: p.trigger})
		} else {
			in.Event = &p.event
			name = absenceName(name, p.event.ID, p.event.Time.Time().Format(time.RFC3339Nano))
		}
		if t.kind == onAbsence && m.prevented(s, &p) {
			continue
		}
		if c := m.triggers[p.trigger]; (c == nil || c.Eval(in) == expr.True) && m.allows(s, p.trigger, p.at) {
			out = append(out, waitFiring{p.at, name})
		}
	}
}

// absenceName names a firing of an absence with the event that it must bear.
func absenceName(trigger, id, at string) string { return trigger + " after " + id + " of " + at }

// firingName names a firing as the model does.
func (m *model) firingName(d *delivery) string {
	i := slices.IndexFunc(m.w.triggers, func(t triggerCase) bool { return t.name == d.value.Trigger })
	if i >= 0 && m.w.triggers[i].kind == onAbsence {
		return absenceName(d.value.Trigger, d.value.Event.ID, d.value.Event.Time)
	}
	return d.value.Trigger
}

// allows tells whether the limit of a trigger lets it fire, by all of its firings.
func (m *model) allows(s *subjectModel, trigger int, at row.Instant) bool {
	l := m.w.triggers[trigger].limit
	if l.per == "" {
		return true
	}
	p, err := expr.ParsePeriod(l.per)
	if err != nil {
		panic(err) // one of the test's own
	}
	n := 0
	for _, f := range s.fired[trigger] {
		if row.CompareTimes(row.OfTime(f.Time()), p.Before(at)) > 0 {
			n++
		}
	}
	if n >= l.count {
		return false
	}
	s.fired[trigger] = append(slices.Clone(s.fired[trigger]), at)
	return true
}
