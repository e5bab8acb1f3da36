// Package segment decides who enters and leaves segments. It is pure: it reads a subject and changes only the
// subject's memberships.
package segment

import (
	"math/bits"
	"slices"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// Flip is one change of a membership.
type Flip struct {
	Segment *catalog.Segment
	Enter   bool
	At      row.Instant // the exact instant of the change
	Since   row.Instant // start of the stay
	Until   row.Instant // on entering: when the stay ends if nothing else happens; row.Never if never or not known
	Spell   uint32      // number of the stay, from 1
	Why     Why
	By      *catalog.Segment // BySegment: the segment whose change it was
}

// Why is the kind of reason of a flip.
type Why uint8

// The reasons of a flip: what was touched, time alone, or another segment's flip.
const (
	ByTouch Why = iota
	ByTime
	BySegment
)

// Evaluator evaluates the segments of one audience. It holds scratch space and belongs to one goroutine.
type Evaluator struct {
	audience *catalog.Audience
	touched  []uint64 // bit sets over Audience.Segments
	pending  []uint64
	by       []*catalog.Segment // by segment: whose flip made it pending
	freezes  []freeze           // by segment
	held     []uint64           // bit set: segments that are not looked at
	visiting bool
	in       expr.Input
	subject  *state.Subject
	// Observe is called with each segment that is evaluated; may be nil.
	Observe func(*catalog.Segment)
}

// NewEvaluator returns an evaluator for the audience a, whose conditions find linked rows by linked; nil if they follow
// no links.
func NewEvaluator(a *catalog.Audience, linked expr.Rows) *Evaluator {
	words := (len(a.Segments) + 63) / 64
	e := &Evaluator{audience: a, touched: make([]uint64, words), pending: make([]uint64, words),
		held: make([]uint64, words), by: make([]*catalog.Segment, len(a.Segments)),
		freezes: make([]freeze, len(a.Segments))}
	e.in.Segment, e.in.Linked = e.membership, linked
	return e
}

// TouchField marks the segments that read the field of the audience row.
func (e *Evaluator) TouchField(field int) { e.touch(e.audience.SegmentsReadingField(field)) }

// TouchEvent marks the segments that read the event kind.
func (e *Evaluator) TouchEvent(kind int) { e.touch(e.audience.SegmentsReadingEvent(kind)) }

// TouchAll marks every segment: the row came or went, or the catalog changed.
func (e *Evaluator) TouchAll() {
	for i := range e.audience.Segments {
		e.touched[i/64] |= 1 << (i % 64)
	}
}

// Touch marks the segments at positions of Audience.Segments.
func (e *Evaluator) Touch(segments []int) { e.touch(segments) }

// Untouch takes all marks back.
func (e *Evaluator) Untouch() { clear(e.touched) }

// Hold makes Settle pass over the segments at the positions, and over no others, whatever touches them.
func (e *Evaluator) Hold(segments []int) {
	clear(e.held)
	for _, i := range segments {
		e.held[i/64] |= 1 << (i % 64)
	}
}

// Visit says whether subjects are settled that were there when frozen segments were first seen, and have not been
// looked at since.
func (e *Evaluator) Visit(visiting bool) { e.visiting = visiting }

func (e *Evaluator) touch(segments []int) {
	for _, i := range segments {
		e.touched[i/64] |= 1 << (i % 64)
	}
}

// Input returns the input on which s is evaluated at now, for the triggers: valid until the next call of Input or
// Settle.
func (e *Evaluator) Input(s *state.Subject, now row.Instant) *expr.Input {
	e.subject = s
	e.in.Now, e.in.Subject, e.in.Events = now, s.Row, s.Events
	e.in.Before, e.in.After, e.in.Event = nil, nil, nil
	return &e.in
}

// Settle evaluates, at now, the segments that were touched and those whose result holds only until now, and after
// them those that name a segment that flipped. It brings the subject's memberships up to date and appends the flips
// to out, in the order of the audience's segments. changed tells whether any membership record changed. The touches
// are used up.
func (e *Evaluator) Settle(s *state.Subject, now row.Instant, out []Flip) (flips []Flip, changed bool) {
	e.Input(s, now)
	copy(e.pending, e.touched)
	for i := range s.Memberships {
		if m := &s.Memberships[i]; m.Until <= now {
			if seg, ok := e.audience.SegmentByID(m.Segment); ok {
				e.pending[seg.Index/64] |= 1 << (seg.Index % 64)
			}
		}
	}
	for word := range e.pending {
		for e.pending[word] &^= e.held[word]; e.pending[word] != 0; e.pending[word] &^= e.held[word] {
			i := word*64 + bits.TrailingZeros64(e.pending[word])
			e.pending[word] &^= 1 << (i % 64)
			if e.Observe != nil {
				e.Observe(e.audience.Segments[i])
			}
			flip, flipped, renewed := e.settle(e.audience.Segments[i], now)
			changed = changed || renewed
			if flipped {
				out = append(out, flip)
				e.follow(flip.Segment)
			}
		}
	}
	clear(e.touched)
	clear(e.by)
	return out, changed
}

// follow makes the segments pending that name s. They stand after it, so the scan of Settle still comes to them.
func (e *Evaluator) follow(s *catalog.Segment) {
	for _, d := range e.audience.Dependants(s.Index) {
		e.pending[d/64] |= 1 << (d % 64)
		e.by[d] = s
	}
}

// settle evaluates one segment and brings its membership up to date.
func (e *Evaluator) settle(s *catalog.Segment, now row.Instant) (flip Flip, flipped, changed bool) {
	place, found := e.find(s.ID)
	m := state.Membership{Segment: s.ID, Until: row.Never}
	if found {
		m = e.subject.Memberships[place]
	}
	old := m
	member := e.decide(s, &m, now)
	if member != m.Member {
		flipped = true
		flip = e.flip(s, &m, member, now, old.Until <= now)
	}
	switch {
	case m == old:
	case m == state.Membership{Segment: s.ID, Until: row.Never}: // there is nothing to remember
		e.subject.Memberships = slices.Delete(e.subject.Memberships, place, place+1)
		changed = true
	case found:
		e.subject.Memberships[place] = m
		changed = true
	default:
		e.subject.Memberships = slices.Insert(e.subject.Memberships, place, m)
		changed = true
	}
	return flip, flipped, changed
}

func (e *Evaluator) flip(s *catalog.Segment, m *state.Membership, member bool, now row.Instant, due bool) Flip {
	if member {
		m.Spell++
		m.Since = now
	}
	f := Flip{Segment: s, Enter: member, At: now, Since: m.Since, Until: row.Never, Spell: m.Spell}
	switch {
	case e.touched[s.Index/64]&(1<<(s.Index%64)) != 0:
	case e.by[s.Index] != nil:
		f.Why, f.By = BySegment, e.by[s.Index]
	case due:
		f.Why = ByTime
	}
	switch {
	case !member:
		m.Since = 0
	case !s.Editable():
		f.Until = e.ends(s, m.Until)
	}
	m.Member = member
	return f
}

// endProbes bounds how many future instants are tried to find the end of a stay.
const endProbes = 64

// ends returns when a stay ends if nothing else happens. until is the first instant at which the condition may flip;
// whether it does is found by evaluating it there.
func (e *Evaluator) ends(s *catalog.Segment, until row.Instant) row.Instant {
	now := e.in.Now
	defer func() { e.in.Now, e.in.Segment = now, e.membership }()
	e.in.Segment = e.foresee
	for range endProbes {
		if until == row.Never {
			return row.Never
		}
		e.in.Now = until
		member, next := e.next(s)
		if !member {
			return until
		}
		until = next
	}
	return row.Never
}

// membership is the present membership of the audience's segment number i, and how long it holds.
func (e *Evaluator) membership(i int) (member bool, until row.Instant) {
	place, found := e.find(e.audience.Segments[i].ID)
	if !found {
		return false, row.Never
	}
	m := &e.subject.Memberships[place]
	return m.Member, m.Until
}

func (e *Evaluator) find(id uint64) (place int, found bool) {
	return slices.BinarySearchFunc(e.subject.Memberships, id, func(m state.Membership, id uint64) int {
		switch {
		case m.Segment < id:
			return -1
		case m.Segment > id:
			return 1
		}
		return 0
	})
}
