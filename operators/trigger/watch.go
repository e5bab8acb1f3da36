package trigger

import (
	"cmp"
	"slices"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// place returns where the watch with the id is, or belongs, among the subject's watches.
func place(s *state.Subject, id uint64) (int, bool) {
	return slices.BinarySearchFunc(s.Watches, id, func(w state.Watch, id uint64) int { return cmp.Compare(w.ID, id) })
}

// waiting returns what the trigger waits for.
func waiting(s *state.Subject, t *catalog.Trigger) (due row.Instant, from uint64) {
	if i, found := place(s, t.WaitID); found {
		return s.Watches[i].Due, s.Watches[i].From
	}
	return row.Never, 0
}

// wait makes due what the trigger waits for, row.Never for nothing, and tells whether that is something new.
func wait(s *state.Subject, t *catalog.Trigger, due row.Instant, from uint64) (changed bool) {
	i, found := place(s, t.WaitID)
	switch {
	case !found && due == row.Never:
		return false
	case !found:
		s.Watches = slices.Insert(s.Watches, i, state.Watch{ID: t.WaitID, Due: due, From: from})
	case due == row.Never:
		s.Watches = slices.Delete(s.Watches, i, i+1)
	case s.Watches[i].Due == due && s.Watches[i].From == from:
		return false
	default:
		s.Watches[i].Due, s.Watches[i].From = due, from
	}
	return true
}

// Due appends the firings of what the subject's triggers waited for up to now, in order of instant and then of name,
// and makes them wait for what comes next. in is the subject as it is; its Now and Event are set by Due.
func Due(a *catalog.Audience, s *state.Subject, now row.Instant, in *expr.Input,
	out []Firing) (_ []Firing, changed bool) {
	in.Before, in.After = nil, nil
	for {
		due := row.Never
		for _, t := range a.TriggersWaiting() {
			at, _ := waiting(s, t)
			due = min(due, at)
		}
		if due > now {
			in.Now = now
			return out, changed
		}
		changed = true
		in.Now = due
		for _, t := range a.TriggersWaiting() {
			at, from := waiting(s, t)
			switch {
			case at != due:
				continue
			case t.Date != nil:
				out = dateDue(t, s, due, in, out)
			default:
				out = absenceDue(t, s, due, from, in, out)
			}
			wait(s, t, after(t, s, due), 0)
		}
	}
}

// Resume makes the triggers of a catalog that is new to the subject wait for what comes after now, and takes away the
// watches of triggers that are gone, or wait for something else now. What was due up to now is left as it is: Due
// fires it.
func Resume(a *catalog.Audience, s *state.Subject, now row.Instant) (changed bool) {
	n := len(s.Watches)
	s.Watches = slices.DeleteFunc(s.Watches, func(w state.Watch) bool { return !a.Watcher(w.ID) })
	changed = len(s.Watches) != n
	for _, t := range a.TriggersWaiting() {
		if _, found := place(s, t.WaitID); found {
			continue
		}
		changed = wait(s, t, after(t, s, now), 0) || changed
	}
	return changed
}

// after returns the first instant after now that the trigger waits for, as things are; row.Never if there is none.
func after(t *catalog.Trigger, s *state.Subject, now row.Instant) row.Instant {
	if t.Date != nil {
		return dateFrom(t.Date, s.Row, now+1)
	}
	return absenceAfter(t.Absence, s, now)
}

// Allow tells whether the trigger's limit lets it fire for the subject at the instant at, and counts the firing if it
// does.
func Allow(t *catalog.Trigger, s *state.Subject, at row.Instant) bool {
	if t.Limit == nil {
		return true
	}
	start := t.Limit.Per.Before(at)
	i, found := place(s, t.ID)
	if !found {
		s.Watches = slices.Insert(s.Watches, i, state.Watch{ID: t.ID, Due: row.Never})
	}
	w := &s.Watches[i]
	w.Fired = slices.DeleteFunc(w.Fired, func(f row.Instant) bool { return f <= row.Clamp(start.Int, start.Nanos) })
	if len(w.Fired) >= t.Limit.Count {
		return false
	}
	w.Fired = append(w.Fired, at)
	return true
}
