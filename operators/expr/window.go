package expr

import "github.com/weirstream/weir/state/row"

// gone tells whether an event of time t has left a window of s for good.
func (s *seq) gone(now row.Instant, t row.Value) bool {
	if s.retention != nil {
		if still, u := newerThan(now, *s.retention, t); !still && u == never {
			return true
		}
	}
	for i := range s.heads {
		if still, u := newerThan(now, s.stages[i].period, t); !still && u == never {
			return true
		}
	}
	return false
}

// windowSlack is how much longer than its period a window keeps an event: 0, but for a test that plants a fault.
var windowSlack row.Instant

// newerThan tells whether t is later than now minus p, and until when that stays so.
func newerThan(now row.Instant, p Period, t row.Value) (bool, row.Instant) {
	if p.Months == 0 {
		if at := row.Clamp(t.Int, t.Nanos); at != row.Never && at != row.Earliest {
			if leaves := later(at, uint64(p.Duration)) + windowSlack; leaves > now {
				return true, leaves
			}
			return false, never
		}
	}
	edge := p.Before(now)
	m := motion{at: span{edge.Int, edge.Nanos}, slope: 1, months: -p.Months}
	return compare(now, m, fixed(span{t.Int, t.Nanos}), less)
}

// inWindow tells whether t is later than now minus p and not later than now, and until when that stays so.
func inWindow(now row.Instant, p Period, t row.Value) (Truth, row.Instant) {
	newer, u := newerThan(now, p, t)
	if !newer {
		return False, u // it may come back, at the end of a month
	}
	if at := row.Clamp(t.Int, t.Nanos); at > now {
		return False, at
	}
	return True, u
}
