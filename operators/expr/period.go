package expr

import (
	"fmt"
	"strconv"
	"time"

	"github.com/weirstream/weir/state/row"
)

// Period is a span of time as the catalog language writes it: calendar months and an exact duration. One of
// them is zero: "90d" is exact, "6mo" and "5y" are calendar.
type Period struct {
	Months   int32
	Duration time.Duration
}

// The longest periods: an exact one must fit a Duration, a calendar one must keep the clock's span within the
// years that a timestamp can have.
const (
	maxDays   = 100_000
	maxMonths = 1000 * 12
)

// ParsePeriod reads "30s", "15m", "12h", "90d", "2w", "6mo", "5y": a whole positive number and a unit. Exact periods
// reach 100000 days, calendar ones 1000 years.
func ParsePeriod(s string) (Period, error) {
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	if digits == 0 {
		return Period{}, fmt.Errorf("bad period %q: write a whole positive number and a unit, as in \"90d\"", s)
	}
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	if err != nil || n == 0 {
		return Period{}, fmt.Errorf("bad period %q: the number must be positive and not too large", s)
	}
	const day = 24 * time.Hour
	var unit time.Duration
	switch s[digits:] {
	case "s":
		unit = time.Second
	case "m":
		unit = time.Minute
	case "h":
		unit = time.Hour
	case "d":
		unit = day
	case "w":
		unit = 7 * day
	case "mo", "y":
		if s[digits:] == "y" {
			if n > maxMonths/12 {
				return Period{}, fmt.Errorf("bad period %q: longer than 1000y", s)
			}
			n *= 12
		}
		if n > maxMonths {
			return Period{}, fmt.Errorf("bad period %q: longer than 1000y", s)
		}
		return Period{Months: int32(n)}, nil
	default:
		return Period{}, fmt.Errorf("bad period %q: unknown unit %q; the units are s, m, h, d, w, mo and y", s, s[digits:])
	}
	if n > int64(maxDays*day/unit) {
		return Period{}, fmt.Errorf("bad period %q: longer than %dd", s, maxDays)
	}
	return Period{Duration: time.Duration(n) * unit}, nil
}

// String returns p as the catalog language writes it, in the largest unit that gives a whole number.
func (p Period) String() string {
	if p.Months != 0 {
		if p.Months%12 == 0 {
			return strconv.Itoa(int(p.Months/12)) + "y"
		}
		return strconv.Itoa(int(p.Months)) + "mo"
	}
	const day = 24 * time.Hour
	switch {
	case p.Duration%day == 0:
		return strconv.FormatInt(int64(p.Duration/day), 10) + "d"
	case p.Duration%time.Hour == 0:
		return strconv.FormatInt(int64(p.Duration/time.Hour), 10) + "h"
	case p.Duration%time.Minute == 0:
		return strconv.FormatInt(int64(p.Duration/time.Minute), 10) + "m"
	}
	return strconv.FormatInt(int64(p.Duration/time.Second), 10) + "s"
}

// Before returns now minus p, and After now plus p: calendar months in UTC, clamped to the month's end, the time of
// day kept. The result is a Timestamp, since it may lie beyond what an Instant can hold.
func (p Period) Before(now row.Instant) row.Value { return p.shift(now, -1) }

// After returns now plus p; see Before.
func (p Period) After(now row.Instant) row.Value { return p.shift(now, 1) }

func (p Period) shift(now row.Instant, sign int64) row.Value {
	sec, nanos := split(int64(now))
	return p.Shift(row.Value{Kind: row.Timestamp, Int: sec, Nanos: nanos}, sign)
}

// Shift returns the Timestamp v moved by n times p, back if n is negative: calendar months are counted from v, so that
// a day that the month lacks does not move the ones after it. n times an exact p must fit a Duration.
func (p Period) Shift(v row.Value, n int64) row.Value {
	sec, nanos := v.Int, v.Nanos
	if p.Months != 0 {
		sec = addMonths(sec, n*int64(p.Months))
	}
	sec, nanos = addNanos(sec, nanos, n*int64(p.Duration))
	return row.Value{Kind: row.Timestamp, Int: sec, Nanos: nanos}
}

// longest and shortest bound the length of p over all starting points.
func (p Period) longest() time.Duration  { return p.days(31, 366) }
func (p Period) shortest() time.Duration { return p.days(28, 365) }

func (p Period) days(month, year int64) time.Duration {
	if p.Months == 0 {
		return p.Duration
	}
	months, years := int64(p.Months%12), int64(p.Months/12)
	days := min(months*month, year) + years*year
	return time.Duration(min(days, maxDays)) * 24 * time.Hour
}

// Exceeds tells whether p can be longer than o.
func (p Period) Exceeds(o Period) bool {
	if p.Months != 0 && o.Months != 0 {
		return p.Months > o.Months
	}
	return p.longest() > o.shortest()
}
