package trigger

import (
	"sort"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// AwaitDates makes the triggers on dates wait for those of a row that changed from before to what it is now: the dates
// that changed, and are not past. What was waited for and no longer comes is forgotten.
func AwaitDates(a *catalog.Audience, s *state.Subject, before row.Row, now row.Instant) (changed bool) {
	for _, t := range a.TriggersOnDate() {
		f := t.Date.Field
		if before != nil && s.Row != nil && before[f].Same(s.Row[f]) {
			continue
		}
		if due := dateFrom(t.Date, s.Row, now); due != dateFrom(t.Date, before, now) {
			changed = wait(s, t, due, 0) || changed
		}
	}
	return changed
}

// dateDue fires t if its date has come at due.
func dateDue(t *catalog.Trigger, s *state.Subject, due row.Instant, in *expr.Input, out []Firing) []Firing {
	// The field's type may be another one by now: its value is null then.
	if in.Event = nil; dateFrom(t.Date, s.Row, due) == due && met(t, in) {
		out = append(out, Firing{Trigger: t, Due: due})
	}
	return out
}

// dateFrom returns the first instant from from on at which the date of a row comes; row.Never if it does not.
func dateFrom(d *catalog.Date, r row.Row, from row.Instant) row.Instant {
	if r == nil || r[d.Field].IsNull() {
		return row.Never
	}
	n := 0
	if d.Every != nil {
		// An instant is before the year 2263, and a timestamp is not before the year 1.
		n = sort.Search(2300*12/int(d.Every.Months)+1, func(n int) bool { return occurrence(d, r, n) >= from })
	}
	if at := occurrence(d, r, n); at >= from {
		return at
	}
	return row.Never
}

// occurrence returns when the date of a row comes for the n-th time, from 0.
func occurrence(d *catalog.Date, r row.Row, n int) row.Instant {
	at := r[d.Field]
	if d.Every != nil {
		at = d.Every.Shift(at, int64(n))
	}
	if d.Offset != nil {
		sign := int64(1)
		if d.Before {
			sign = -1
		}
		at = d.Offset.Shift(at, sign)
	}
	return row.Clamp(at.Int, at.Nanos)
}
