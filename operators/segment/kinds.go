package segment

import (
	"slices"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// freeze is when a frozen segment is or was evaluated, once.
type freeze struct {
	at   row.Instant
	open bool // subjects that were there when the segment was first seen are still being looked at
}

// Freeze tells at which instant the segment number i is or was frozen; row.Earliest: before there was any subject. open
// tells that there may be subjects that were there at that instant and have not been looked at since: see Visit.
func (e *Evaluator) Freeze(i int, at row.Instant, open bool) { e.freezes[i] = freeze{at, open} }

// Edit makes what a command says of the subject and a segment part of its memberships, and touches the segment. It
// tells whether that is new.
func (e *Evaluator) Edit(s *state.Subject, segment *catalog.Segment, edit state.Edit) bool {
	e.subject = s
	place, found := e.find(segment.ID)
	if !found {
		s.Memberships = slices.Insert(s.Memberships, place, state.Membership{Segment: segment.ID, Until: row.Never})
	}
	m := &s.Memberships[place]
	if m.Edit == edit {
		return false
	}
	m.Edit = edit
	e.touch([]int{segment.Index})
	return true
}

// decide tells whether the subject is a member of s at now, and brings up to date what else m holds of it but the stay.
func (e *Evaluator) decide(s *catalog.Segment, m *state.Membership, now row.Instant) (member bool) {
	if !s.Editable() {
		m.Edit = state.NoEdit // of a definition that was
	}
	if s.Freeze != nil {
		return e.frozen(s, m, now)
	}
	m.Chosen = false
	switch {
	case e.in.Subject == nil:
		m.Until = row.Never
		return false
	case s.Where == nil:
		m.Until = row.Never
		return edited(m, s.Members.Has(e.subject.ID))
	case s.Refresh != nil:
		return e.refreshed(s, m, now)
	}
	member, m.Until = e.condition(s)
	return member
}

// edited is a membership by definition, base, after the commands.
func edited(m *state.Membership, base bool) bool {
	return m.Edit == state.Added || base && m.Edit != state.Removed
}

// condition evaluates s on its lists and its condition at the instant of the input, and until when the result holds.
func (e *Evaluator) condition(s *catalog.Segment) (member bool, until row.Instant) {
	switch {
	case s.Exclude.Has(e.subject.ID):
		return false, row.Never
	case s.Include.Has(e.subject.ID):
		return true, row.Never
	}
	result, until := s.Where.Eval(&e.in)
	return result == expr.True, until
}

// conditionAt is condition at another instant.
func (e *Evaluator) conditionAt(s *catalog.Segment, at row.Instant) (member bool, until row.Instant) {
	now := e.in.Now
	defer func() { e.in.Now = now }()
	e.in.Now = at
	return e.condition(s)
}

// frozen decides on a frozen segment: who meets the condition at the instant of the freezing is chosen, and from then
// on only commands and the lists of the definition change anything. Subjects that wait for that instant have it as
// Until.
func (e *Evaluator) frozen(s *catalog.Segment, m *state.Membership, now row.Instant) (member bool) {
	f := e.freezes[s.Index]
	undecided := f.open && e.visiting || now == f.at || m.Until == f.at
	m.Until = row.Never
	switch {
	case now < f.at:
		m.Chosen = false
		if e.in.Subject != nil {
			m.Until = f.at
		}
	case undecided && e.in.Subject == nil:
		m.Chosen = false
	case undecided:
		m.Chosen, _ = e.conditionAt(s, f.at)
	}
	return e.in.Subject != nil && e.picked(s, m, now >= f.at)
}

// picked tells whether a subject that is there is a member of a frozen segment; done: it is frozen by now.
func (e *Evaluator) picked(s *catalog.Segment, m *state.Membership, done bool) bool {
	return !s.Exclude.Has(e.subject.ID) && edited(m, done && (m.Chosen || s.Include.Has(e.subject.ID)))
}

// refreshed decides on a segment that is brought up to date once a day. A subject is due at a refresh only if its
// condition says something else by then.
func (e *Evaluator) refreshed(s *catalog.Segment, m *state.Membership, now row.Instant) (member bool) {
	would, until := e.condition(s)
	member = m.Member
	if m.Until <= now || s.Refresh.From(now) == now {
		member = would
	}
	switch {
	case would != member:
		until = now + 1
	case until == row.Never:
		m.Until = row.Never
		return member
	}
	m.Until = s.Refresh.From(max(until, now+1))
	return member
}

// next is the membership of a segment with a condition at the instant of the input, one at which it may change, and
// until when it holds, if nothing else happens.
func (e *Evaluator) next(s *catalog.Segment) (member bool, until row.Instant) {
	member, until = e.condition(s)
	if s.Refresh != nil && until != row.Never {
		until = s.Refresh.From(max(until, e.in.Now+1))
	}
	return member, until
}

// foresee is the membership of the segment number i at the instant of the input, which lies ahead, and until when it
// holds, if nothing else happens.
func (e *Evaluator) foresee(i int) (member bool, until row.Instant) {
	s, at := e.audience.Segments[i], e.in.Now
	if s.Where != nil && s.Freeze == nil && s.Refresh == nil {
		return e.condition(s)
	}
	m := state.Membership{Until: row.Never}
	if place, found := e.find(s.ID); found {
		m = e.subject.Memberships[place]
	}
	member, until = m.Member, m.Until
	if until <= at && s.Freeze != nil {
		m.Chosen, _ = e.conditionAt(s, until)
		return e.picked(s, &m, true), row.Never
	}
	defer func() { e.in.Now = at }()
	for range endProbes {
		if at < until {
			return member, until
		}
		e.in.Now = until
		member, until = e.next(s)
	}
	return member, at + 1 // too far ahead: look again at once
}
