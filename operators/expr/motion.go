package expr

import (
	"math"
	"math/bits"

	"github.com/weirstream/weir/state/row"
)

// relations is a set of relations between two values: a comparison operator.
type relations uint8

const (
	less relations = 1 << iota
	equal
	greater
)

// has tells whether the relation whose sign is rel is in s.
func (s relations) has(rel int) bool { return s>>(rel+1)&1 != 0 }

// span is a time or a duration in seconds and nanoseconds within the second, without bounds.
type span struct {
	sec   int64
	nanos int32
}

// The bounds of CEL's timestamps and durations.
var (
	firstTime = span{-62_135_596_800, 0}
	lastTime  = span{253_402_300_799, 999_999_999}
	firstDur  = nanosSpan(math.MinInt64)
	lastDur   = nanosSpan(math.MaxInt64)
)

func nanosSpan(ns int64) span {
	sec, nanos := split(ns)
	return span{sec, nanos}
}

func (v *val) span() span {
	if v.k == kDur {
		return nanosSpan(v.n)
	}
	return span{v.n, v.nanos}
}

func (a span) plus(b span) span {
	r := span{a.sec + b.sec, a.nanos + b.nanos}
	if r.nanos >= second {
		r.sec, r.nanos = r.sec+1, r.nanos-second
	}
	return r
}

func (a span) minus(b span) span {
	r := span{a.sec - b.sec, a.nanos - b.nanos}
	if r.nanos < 0 {
		r.sec, r.nanos = r.sec-1, r.nanos+second
	}
	return r
}

func (a span) times(sign int32) span {
	if sign < 0 {
		return span{}.minus(a)
	}
	return a
}

// sign is -1, 0 or 1.
func (a span) sign() int {
	switch {
	case a.sec < 0:
		return -1
	case a.sec == 0 && a.nanos == 0:
		return 0
	}
	return 1
}

// later returns now plus dt nanoseconds; Never if the clock cannot get there.
func later(now row.Instant, dt uint64) row.Instant {
	if dt >= uint64(row.Never)-uint64(now) {
		return row.Never
	}
	return now + row.Instant(dt)
}

// nextMidnight returns the first midnight, in UTC, after now.
func nextMidnight(now row.Instant) row.Instant {
	return row.Clamp((floorDiv(int64(now), dayNanos)+1)*daySecs, 0)
}

// motion is a time or duration that moves, in general: what val says of it, with any bounds.
type motion struct {
	at            span
	slope, months int32
}

func (v *val) motion() motion { return motion{v.span(), v.slope, v.months} }

func fixed(s span) motion { return motion{at: s} }

// compare tells whether a stands to b, now, in one of rels, and the instant at which that first changes by their
// motion alone: exact, but not beyond the next midnight where several calendar periods meet.
func compare(now row.Instant, a, b motion, rels relations) (bool, row.Instant) {
	d := a.at.minus(b.at)
	truth := rels.has(d.sign())
	if a.slope == 0 && b.slope == 0 {
		return truth, never
	}
	slope := a.slope - b.slope
	if a.months == b.months && slope == 0 {
		return truth, never
	}
	switch {
	case a.months == 0 && b.months == 0:
		return truth, crossing(now, d, int64(slope), rels, truth)
	case b.slope == 0:
		return truth, calendarCrossing(now, a, b.at, rels, truth)
	case a.slope == 0:
		return truth, calendarCrossing(now, b, a.at, rels.mirrored(), truth)
	}
	return truth, min(nextMidnight(now), crossing(now, d, int64(slope), rels, truth))
}

// mirrored is the operator with its operands exchanged.
func (s relations) mirrored() relations {
	return s&equal | s&less<<2 | s&greater>>2
}

// crossing returns the first instant after now at which "d moving by slope stands to zero in rels" is not truth.
func crossing(now row.Instant, d span, slope int64, rels relations, truth bool) row.Instant {
	rel, direction := d.sign(), 1
	if slope < 0 {
		direction = -1
	}
	if slope == 0 || rel == direction {
		return never
	}
	if rel == 0 {
		if rels.has(direction) != truth {
			return later(now, 1)
		}
		return never
	}
	q, exact := quotient(d.times(int32(rel)), uint64(slope*int64(direction)))
	if exact {
		if rels.has(0) != truth {
			return later(now, q)
		}
	}
	if rels.has(direction) == truth || q == math.MaxUint64 {
		return never
	}
	return later(now, q+1)
}

// quotient returns the nanoseconds of d (not negative) divided by by, rounded down; the largest number if that is
// beyond it.
func quotient(d span, by uint64) (q uint64, exact bool) {
	hi, lo := bits.Mul64(uint64(d.sec), second)
	lo, carry := bits.Add64(lo, uint64(d.nanos), 0)
	hi += carry
	if hi >= by {
		return math.MaxUint64, false
	}
	q, rest := bits.Div64(hi, lo, by)
	return q, rest == 0
}

// calendarCrossing returns the first instant after now at which "m stands to target in rels" is not truth, for a
// calendar motion m. The month's end makes it come back: 28 to 31 August less six months are all 28 February, so
// that each of those days passes through it again.
func calendarCrossing(now row.Instant, m motion, target span, rels relations, truth bool) row.Instant {
	if m.slope < 0 {
		rels = rels.mirrored()
	}
	months := int64(m.months)
	nowSec, nowNanos := split(int64(now))
	image := span{addMonths(nowSec, months), nowNanos}
	goal := image.plus(target.minus(m.at).times(m.slope)) // the image of now when m reaches target
	goalDay := floorDiv(goal.sec, daySecs)
	timeOfDay := span{goal.sec - goalDay*daySecs, goal.nanos}
	first, last := preimage(goalDay, months)
	changes := func(day int64, t span, rel int) (row.Instant, bool) {
		at := row.Clamp(day*daySecs+t.sec, t.nanos)
		return at, at > now && rels.has(rel) != truth
	}
	for day := max(first, floorDiv(nowSec, daySecs)); day <= last; day++ {
		if timeOfDay.sign() > 0 {
			if at, ok := changes(day, span{}, -1); ok {
				return at
			}
		}
		if at, ok := changes(day, timeOfDay, 0); ok {
			return at
		}
		if after := timeOfDay.plus(span{0, 1}); after.sec < daySecs {
			if at, ok := changes(day, after, 1); ok {
				return at
			}
		}
	}
	if at, ok := changes(last+1, span{}, 1); ok {
		return at
	}
	return never
}

// leaves returns the first instant at which m, which is within [lo, hi), is no longer.
func leaves(now row.Instant, m motion, lo, hi span) row.Instant {
	_, below := compare(now, m, fixed(lo), less)
	_, above := compare(now, m, fixed(hi), equal|greater)
	return min(below, above)
}

// within tells whether m is within [lo, hi], both included, and the first instant at which that changes.
func within(now row.Instant, m motion, lo, hi span) (bool, row.Instant) {
	below, u := compare(now, m, fixed(lo), less)
	if below {
		return false, u
	}
	above, w := compare(now, m, fixed(hi), greater)
	if above {
		return false, w
	}
	return true, min(u, w)
}

// maxSlope bounds how fast a value may move: beyond it only the present nanosecond is known.
const maxSlope = 1 << 20

// add returns a plus sign times b and the instant up to which that motion is known.
func add(now row.Instant, a, b motion, sign int32) (motion, row.Instant) {
	r := motion{at: a.at.plus(b.at.times(sign)), slope: a.slope + sign*b.slope}
	until := never
	switch {
	case r.slope > maxSlope || r.slope < -maxSlope:
		return motion{at: r.at}, later(now, 1)
	case a.slope == 0:
		r.months = b.months
	case b.slope == 0:
		r.months = a.months
	case a.months == b.months && (a.months == 0 || r.slope == 0):
		// both linear, or the calendar motion cancels
	default:
		until = nextMidnight(now)
	}
	return r, until
}
