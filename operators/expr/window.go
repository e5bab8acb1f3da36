package expr

import (
	"time"

	"github.com/weirstream/weir/state/row"
)

// gone tells whether an event of time t has left a window of s for good.
func (s *seq) gone(now row.Instant, t row.Value) bool {
	if s.retention != nil {
		if still, u := newerThan(now, *s.retention, nil, t); !still && u == never {
			return true
		}
	}
	for i := range s.heads {
		if still, u := newerThan(now, s.stages[i].period, s.stages[i].zone, t); !still && u == never {
			return true
		}
	}
	return false
}

// windowSlack is how much longer than its period a window keeps an event: 0, but for a test that plants a fault.
var windowSlack row.Instant

// newerThan tells whether t is later than now minus p, calendar months being meant in loc (nil: UTC), and until when
// that stays so.
func newerThan(now row.Instant, p Period, loc *time.Location, t row.Value) (bool, row.Instant) {
	if p.Months == 0 {
		if at := row.Clamp(t.Int, t.Nanos); at != row.Never && at != row.Earliest {
			if leaves := later(at, uint64(p.Duration)) + windowSlack; leaves > now {
				return true, leaves
			}
			return false, never
		}
	}
	if loc != nil && p.Months != 0 {
		return newerThanIn(now, int64(p.Months), loc, t)
	}
	edge := p.Before(now)
	m := motion{at: span{edge.Int, edge.Nanos}, slope: 1, months: -p.Months}
	return compare(now, m, fixed(span{t.Int, t.Nanos}), less)
}

// inWindow tells whether t is later than now minus the window's period and not later than now, and until when that
// stays so.
func inWindow(now row.Instant, w *stage, t row.Value) (Truth, row.Instant) {
	newer, u := newerThan(now, w.period, w.zone, t)
	if !newer {
		return False, u // it may come back, at the end of a month
	}
	if at := row.Clamp(t.Int, t.Nanos); at > now {
		return False, at
	}
	return True, u
}
