package explain

import (
	"slices"
	"time"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

// Cost is what one evaluation takes: one for each change of what a condition reads, and one at each of its instants.
type Cost struct {
	Nodes int `json:"nodes"` // of the condition: a measure of its length
	// Measured is the time of an evaluation on this machine, on made-up subjects: every field has a value, every event
	// lies within the longest window, and no text is one that a condition looks for, so that lists are gone through. It
	// is the sum over the parts, and so no less than that of the whole, which stops at a part that decides for good.
	// Linked rows are at hand.
	Measured []Measurement `json:"measured,omitempty"`
}

// Measurement is the time of one evaluation of a subject with so many events of each kind that is read, and rows of
// each list that a link leads to.
type Measurement struct {
	Events      int   `json:"events"`
	Rows        int   `json:"rows,omitempty"`
	Nanoseconds int64 `json:"nanoseconds"`
}

// Stopwatch runs what it is given and returns how long that took.
type Stopwatch func(run func()) time.Duration

// Measure fills in the measured part of the plan's cost. It takes some hundredths of a second.
func (p *Plan) Measure(watch Stopwatch) {
	if p.where == nil {
		return
	}
	p.Cost.Measured = nil
	for _, n := range p.sizes() {
		in, sum := p.subject(n), time.Duration(0)
		for _, leaf := range leaves(p.Condition.part, nil) {
			sum += measure(leaf, in, watch)
		}
		m := Measurement{Nanoseconds: int64(sum)}
		if len(p.Reads.Events) > 0 {
			m.Events = n
		}
		if p.lists() > 0 {
			m.Rows = n
		}
		p.Cost.Measured = append(p.Cost.Measured, m)
	}
}

// sizes are how long the lists are with which a condition is measured. Lists of lists are shorter: what they take
// together is what counts.
func (p *Plan) sizes() []int {
	switch lists := p.lists(); {
	case lists > 1:
		return []int{0, 3, 10}
	case lists > 0 || len(p.Reads.Events) > 0:
		return []int{0, 10, 100}
	}
	return []int{0}
}

// lists returns how many lists stand within one another in the rows that the condition goes through.
func (p *Plan) lists() int {
	most := 0
	for _, path := range p.Condition.part.Reads().Paths {
		n := 0
		for _, l := range path.Links {
			if l.Many {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// madeUpRows are linked rows: of every table one, as often as a list needs it.
type madeUpRows struct {
	length int // of lists
	now    row.Instant
	rows   map[*expr.Table]row.Row
	lists  map[*expr.Table][]row.Row
}

// One implements expr.Rows.
func (m *madeUpRows) One(l *expr.Link, _ row.Row) row.Row {
	if m.rows[l.To] == nil {
		m.rows[l.To] = madeUp(l.To.Schema, m.now)
	}
	return m.rows[l.To]
}

// Many implements expr.Rows.
func (m *madeUpRows) Many(l *expr.Link, from row.Row) []row.Row {
	if m.lists[l.To] == nil {
		m.lists[l.To] = slices.Repeat([]row.Row{m.One(l, from)}, m.length)
	}
	return m.lists[l.To]
}

// leaves appends the leaves of a part to out.
func leaves(p *expr.Part, out []*expr.Part) []*expr.Part {
	if p.Op == expr.Leaf {
		return append(out, p)
	}
	for _, below := range p.Parts {
		out = leaves(below, out)
	}
	return out
}

// measure returns the shortest of several averages.
func measure(part *expr.Part, in *expr.Input, watch Stopwatch) time.Duration {
	const enough = 500 * time.Microsecond
	best := time.Duration(1<<63 - 1)
	for range 3 {
		for n := 1; ; n *= 4 {
			took := watch(func() {
				for range n {
					part.Eval(in)
				}
			})
			if took >= enough {
				best = min(best, took/time.Duration(n))
				break
			}
		}
	}
	return best
}

// subject makes up a subject with n events of each kind.
func (p *Plan) subject(n int) *expr.Input {
	now := row.At(time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC))
	in := &expr.Input{Now: now, Subject: madeUp(p.scope.audience.Table.Schema, now),
		Linked:  &madeUpRows{length: n, now: now, rows: map[*expr.Table]row.Row{}, lists: map[*expr.Table][]row.Row{}},
		Segment: func(int) (bool, row.Instant) { return false, row.Never }}
	switch t := p.trigger; {
	case t == nil:
	case t.Table != nil:
		in.Before, in.After = madeUp(t.Table.Schema, now), madeUp(t.Table.Schema, now)
	case t.Event != nil:
		in.Event = &row.Event{Time: row.OfTime(now.Time()), Fields: madeUp(t.Event.Schema, now)}
	}
	windows := map[int]*expr.Period{}
	for _, h := range p.Condition.part.History {
		windows[h.Kind] = h.Window
	}
	for i, kind := range p.scope.audience.Events {
		span := &expr.Period{Duration: 90 * 24 * time.Hour}
		switch {
		case windows[i] != nil:
			span = windows[i]
		case kind.Retention != nil:
			span = kind.Retention
		}
		first := span.Before(now)
		from := row.Clamp(first.Int, first.Nanos)
		events := make([]row.Event, n)
		for j := range events {
			at := from + (now-from)/row.Instant(n+1)*row.Instant(j+1)
			events[j] = row.Event{Time: row.OfTime(at.Time()), Seq: uint64(j), Fields: madeUp(kind.Schema, at)}
		}
		in.Events = append(in.Events, events)
	}
	return in
}

// madeUp makes up a row with a value in every field.
func madeUp(s *row.Schema, now row.Instant) row.Row {
	r := make(row.Row, len(s.Fields))
	for i, f := range s.Fields {
		r[i] = madeUpValue(f.Type, now)
	}
	return r
}

func madeUpValue(t row.Type, now row.Instant) row.Value {
	switch t.Kind {
	case row.Bool:
		return row.OfBool(true)
	case row.Int:
		return row.OfInt(50)
	case row.Double:
		return row.OfDouble(50)
	case row.String:
		return row.OfString("made up")
	case row.Timestamp:
		return row.OfTime(now.Time().AddDate(-30, 0, 0).Truncate(24 * time.Hour))
	case row.List:
		return row.OfList([]row.Value{madeUpValue(*t.Elem, now)})
	}
	return row.Value{}
}
