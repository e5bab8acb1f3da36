package catalog

import (
	"time"

	"github.com/weirstream/weir/state/row"
)

// Refresh is the time of day at which a segment is brought up to date, once a day.
type Refresh struct {
	Minute int // of the day, 0 to 1439
	Zone   *time.Location
}

// From returns the first refresh at or after an instant; row.Never if the clock can't show it. A time of day that a day
// skips is counted as if the clocks had not been put forward yet; of one that a day has twice it is the first.
func (r *Refresh) From(at row.Instant) row.Instant {
	if at == row.Never {
		return row.Never
	}
	year, month, day := at.Time().In(r.Zone).Date()
	for d := day - 1; ; d++ {
		if next := r.on(year, month, d); !next.Before(at.Time()) {
			return row.At(next)
		}
	}
}

// on returns the refresh of a day; any day, as in time.Date.
func (r *Refresh) on(year int, month time.Month, day int) time.Time {
	clock := time.Date(year, month, day, 0, r.Minute, 0, 0, time.UTC)
	offset := func(t time.Time) int {
		_, seconds := t.In(r.Zone).Zone()
		return seconds
	}
	before, after := offset(clock.AddDate(0, 0, -1)), offset(clock.AddDate(0, 0, 1))
	first := clock.Add(-time.Duration(before) * time.Second)
	last := clock.Add(-time.Duration(after) * time.Second)
	if offset(first) != before && offset(last) == after {
		return last
	}
	return first
}
