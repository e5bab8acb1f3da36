package trigger

import (
	"sort"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// AwaitAbsences makes the triggers on absences wait that e, an event of the kind number kind which just arrived, gives
// reason to: those whose wait does not end before now. Whether something prevents a firing is seen when the wait ends.
func AwaitAbsences(a *catalog.Audience, s *state.Subject, kind int, e *row.Event, now row.Instant) (changed bool) {
	for _, t := range a.TriggersOnAbsence(kind) {
		if !counts(&t.Absence.After, e) {
			continue
		}
		ends := deadline(t.Absence, e)
		if held, _ := waiting(s, t); ends < now || ends >= held {
			continue
		}
		from := uint64(0)
		if ends == now { // those that arrived before have been looked at
			from = e.Seq
		}
		changed = wait(s, t, ends, from) || changed
	}
	return changed
}

// absenceDue fires t for each event whose wait ends at due. Of those, the ones count whose Seq is not below from.
func absenceDue(t *catalog.Trigger, s *state.Subject, due row.Instant, from uint64, in *expr.Input,
	out []Firing) []Firing {
	list := s.Events[t.Absence.After.Kind]
	for i := firstDue(t.Absence, list, due); i < len(list) && deadline(t.Absence, &list[i]) == due; i++ {
		e := list[i]
		if e.Seq < from || !counts(&t.Absence.After, &e) || prevented(t.Absence, s, i) {
			continue
		}
		in.Event = &e
		if met(t, in) {
			out = append(out, Firing{Trigger: t, Event: &e, Due: due})
		}
	}
	return out
}

// absenceAfter returns when the first wait ends, after the instant after, that nothing prevents as things are;
// row.Never if there is none.
func absenceAfter(a *catalog.Absence, s *state.Subject, after row.Instant) row.Instant {
	list := s.Events[a.After.Kind]
	for i := firstDue(a, list, after+1); i < len(list); i++ {
		if counts(&a.After, &list[i]) && !prevented(a, s, i) {
			return deadline(a, &list[i])
		}
	}
	return row.Never
}

// firstDue returns the position of the first event whose wait does not end before at. The list is ordered by time, and
// so by the ends of the waits.
func firstDue(a *catalog.Absence, list []row.Event, at row.Instant) int {
	return sort.Search(len(list), func(i int) bool { return deadline(a, &list[i]) >= at })
}

// deadline returns when the wait ends that e starts.
func deadline(a *catalog.Absence, e *row.Event) row.Instant {
	at := a.Within.Shift(e.Time, 1)
	return row.Clamp(at.Int, at.Nanos)
}

// counts tells whether e is one of the events that p means. An event that lacks the field by which it is matched with
// others is none.
func counts(p *catalog.Part, e *row.Event) bool {
	if p.By >= 0 && e.Fields[p.By].IsNull() {
		return false
	}
	if p.When == nil {
		return true
	}
	result, _ := p.When.Eval(&expr.Input{Event: e})
	return result == expr.True
}

// prevented tells whether the wait that event number i of its list starts leads to nothing: since what must not come
// has come, or because a later event of the same kind has started the wait anew. Both must be before the wait's end.
func prevented(a *catalog.Absence, s *state.Subject, i int) bool {
	list := s.Events[a.After.Kind]
	e := &list[i]
	ends := deadline(a, e)
	for j := i + 1; j < len(list) && instant(&list[j]) < ends; j++ {
		if counts(&a.After, &list[j]) && matches(&a.After, e, &a.After, &list[j]) {
			return true
		}
	}
	others, j := s.Events[a.Of.Kind], i+1
	if a.Of.Kind != a.After.Kind { // of one kind, it must come later in the list
		j = sort.Search(len(others), func(j int) bool { return row.CompareTimes(others[j].Time, e.Time) >= 0 })
	}
	for ; j < len(others) && instant(&others[j]) < ends; j++ {
		if counts(&a.Of, &others[j]) && matches(&a.After, e, &a.Of, &others[j]) {
			return true
		}
	}
	return false
}

// matches tells whether two events, of which p and q mean one each, belong together.
func matches(p *catalog.Part, e *row.Event, q *catalog.Part, f *row.Event) bool {
	return p.By < 0 || e.Fields[p.By].Same(f.Fields[q.By])
}

func instant(e *row.Event) row.Instant { return row.Clamp(e.Time.Int, e.Time.Nanos) }
