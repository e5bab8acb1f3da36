// Package systemtest tests the built program: workers that are killed on a real Kafka, against an oracle that
// recomputes from the source topics all that must come out; and what users meet on the command line.
package systemtest

import (
	"slices"
)

// This file is the oracle's model: what testdata/chaos/catalog.yaml means, written down plainly and without any code
// of the engine. It looks at all events of a subject whenever anything may have changed.

// second is a second of the model's clock, which counts nanoseconds since 1970.
const second = int64(1e9)

// forever is an instant after all others.
const forever = int64(1<<63 - 1)

// image is a row of either table; a nil field is null.
type image struct {
	ID    string  `json:"id"`
	State *string `json:"state"`
	Score *int64  `json:"score"`
	OptIn *bool   `json:"opt_in"`
	Stage *string `json:"stage"`
}

func (r *image) same(o *image) bool {
	if r == nil || o == nil {
		return r == o
	}
	return r.ID == o.ID && same(r.State, o.State) && same(r.Score, o.Score) && same(r.OptIn, o.OptIn) &&
		same(r.Stage, o.Stage)
}

func same[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// occurrence is an event of engagement.
type occurrence struct {
	kind, id string // visited or bought
	time     int64
	page     string
	amount   float64
}

// origin is where a source record stands.
type origin struct {
	topic     string
	partition int32
	offset    int64
}

// change is what one source record did to one subject.
type change struct {
	origin        origin
	before, after *image      // a row
	event         *occurrence // or an event
}

// delta is a membership change as the model expects it.
type delta struct {
	segment   string
	enter     bool
	at, since int64
	spell     int
	cause     string // row, event, time or segment
	origin    origin // row and event
}

// firing is a firing as the model expects it.
type firing struct {
	trigger string
	at      int64
	origin  origin // of row and event triggers
}

// subject is a contact or lead with all that hangs on it.
type subject struct {
	audience string
	row      *image
	events   []occurrence
	now      int64
	stays    map[string]*stay
	deltas   []delta
	firings  []firing
}

// stay is what a subject has to do with one segment.
type stay struct {
	member bool
	since  int64
	spells int
}

func newSubject(audience string) *subject {
	return &subject{audience: audience, stays: map[string]*stay{}}
}

// rule is the condition of one segment.
type rule struct {
	audience, segment string
	uses              bool // names other segments: flips because of them
	holds             func(s *subject, now int64) bool
}

// rules stand so that a segment comes after those that it names.
var rules = []rule{
	{"contact", "hot", false, func(s *subject, _ int64) bool { return s.row.Score != nil && *s.row.Score >= 50 }},
	{"contact", "northern", false, func(s *subject, _ int64) bool {
		return s.row.State != nil && *s.row.State == "ND" && s.optIn()
	}},
	{"contact", "recent", false, func(s *subject, now int64) bool {
		return s.count("visited", now, 15*second, func(e *occurrence) bool { return e.page == "pricing" }) > 0
	}},
	{"contact", "busy", false, func(s *subject, now int64) bool {
		return s.count("visited", now, 20*second, anyEvent) >= 3
	}},
	{"contact", "quiet", false, func(s *subject, now int64) bool {
		return s.optIn() && s.count("visited", now, 12*second, anyEvent) == 0
	}},
	{"contact", "spender", false, func(s *subject, _ int64) bool {
		sum := 0.0
		for i := range s.events {
			if s.events[i].kind == "bought" {
				sum += s.events[i].amount
			}
		}
		return sum >= 300
	}},
	{"contact", "converted", false, func(s *subject, now int64) bool {
		return s.count("bought", now, 18*second, s.afterPricing) > 0
	}},
	{"contact", "hot-recent", true, func(s *subject, _ int64) bool { return s.in("hot") && s.in("recent") }},
	{"lead", "warm", false, func(s *subject, _ int64) bool {
		return s.row.Score != nil && *s.row.Score >= 40 && (s.row.Stage == nil || *s.row.Stage != "lost")
	}},
	{"lead", "fresh", false, func(s *subject, now int64) bool { return s.count("bought", now, 15*second, anyEvent) > 0 }},
}

// windows are the lengths of all windows of the catalog.
var windows = []int64{12 * second, 15 * second, 18 * second, 20 * second}

func anyEvent(*occurrence) bool { return true }

func (s *subject) optIn() bool { return s.row != nil && s.row.OptIn != nil && *s.row.OptIn }

func (s *subject) in(segment string) bool { return s.stays[segment] != nil && s.stays[segment].member }

// count counts the events of a kind in the window of the given length that ends now.
func (s *subject) count(kind string, now, length int64, with func(*occurrence) bool) int {
	n := 0
	for i := range s.events {
		e := &s.events[i]
		if e.kind == kind && e.time > now-length && e.time <= now && with(e) {
			n++
		}
	}
	return n
}

// afterPricing tells whether a purchase came less than 10 s after a look at the prices.
func (s *subject) afterPricing(bought *occurrence) bool {
	return slices.ContainsFunc(s.events, func(v occurrence) bool {
		return v.kind == "visited" && v.page == "pricing" && v.time < bought.time && bought.time-v.time < 10*second
	})
}

// apply lets c happen at the instant at, after all that time alone does until then.
func (s *subject) apply(c *change, at int64) {
	s.advance(at)
	cause := "row"
	if c.event != nil {
		cause = "event"
		s.events = append(s.events, *c.event)
	} else {
		s.row = c.after
	}
	existence := c.event == nil && (c.before == nil || c.after == nil)
	first := len(s.deltas)
	s.settle(at, cause, c.origin, existence)
	s.fire(c, at)
	s.fireSegments(s.deltas[first:], at)
}

// advance lets the time pass until the instant to, included: every segment is looked at whenever an event begins to
// count or falls out of a window.
func (s *subject) advance(to int64) {
	var instants []int64
	for i := range s.events {
		for _, length := range append([]int64{0}, windows...) {
			if t := s.events[i].time + length; t > s.now && t <= to {
				instants = append(instants, t)
			}
		}
	}
	slices.Sort(instants)
	for _, t := range slices.Compact(instants) {
		first := len(s.deltas)
		s.settle(t, "time", origin{}, false)
		s.fireSegments(s.deltas[first:], t)
	}
	s.now = max(s.now, to)
}

// settle looks at every segment. existence: the row came or went, which is then the cause of all.
func (s *subject) settle(at int64, cause string, from origin, existence bool) {
	for i := range rules {
		r := &rules[i]
		if r.audience != s.audience {
			continue
		}
		st := s.stays[r.segment]
		if st == nil {
			st = &stay{}
			s.stays[r.segment] = st
		}
		member := s.row != nil && r.holds(s, at)
		if member == st.member {
			continue
		}
		st.member = member
		if member {
			st.spells++
			st.since = at
		}
		d := delta{segment: r.segment, enter: member, at: at, since: st.since, spell: st.spells, cause: cause, origin: from}
		if r.uses && !existence {
			d.cause, d.origin = "segment", origin{}
		}
		s.deltas = append(s.deltas, d)
	}
}

// fire adds the firings of row and event triggers with a condition.
func (s *subject) fire(c *change, at int64) {
	add := func(trigger string) { s.firings = append(s.firings, firing{trigger, at, c.origin}) }
	switch {
	case s.audience != "contact":
	case c.event != nil:
		if c.event.kind == "bought" && c.event.amount >= 90 && s.optIn() {
			add("big-buy")
		}
	case c.before != nil && c.after != nil:
		if !same(c.before.State, c.after.State) && c.after.State != nil && *c.after.State == "ND" && s.optIn() {
			add("moved-north")
		}
	}
}

// fireSegments adds the firings of segment triggers.
func (s *subject) fireSegments(deltas []delta, at int64) {
	for i := range deltas {
		switch d := &deltas[i]; {
		case d.segment == "hot" && d.enter:
			s.firings = append(s.firings, firing{trigger: "became-hot", at: at})
		case d.segment == "recent" && !d.enter && s.in("hot"):
			s.firings = append(s.firings, firing{trigger: "cooled-while-hot", at: at})
		}
	}
}
