package row

import (
	"math"
	"time"
)

// Instant is a moment of the engine's clock: nanoseconds since 1970-01-01T00:00:00Z, from 1678 to 2262.
//
// Data may hold times outside that span (a contract that ends in year 9999): those are Values of kind
// Timestamp. Instants are what the clock shows, when timers are due and until when a result holds.
type Instant int64

const (
	// Never is later than every instant that the clock can reach.
	Never Instant = math.MaxInt64
	// Earliest is the first instant, before every other.
	Earliest Instant = math.MinInt64
)

// At returns the instant of t, clamped to the span that an Instant can hold.
func At(t time.Time) Instant {
	return Clamp(t.Unix(), int32(t.Nanosecond()))
}

// Clamp returns the instant of sec seconds and nanos nanoseconds since 1970; what lies beyond the last
// representable instant is Never, what lies before the first is Earliest.
func Clamp(sec int64, nanos int32) Instant {
	const limit = math.MaxInt64 / 1_000_000_000
	if sec >= limit {
		return Never
	}
	if sec <= -limit {
		return Earliest
	}
	return Instant(sec*1_000_000_000 + int64(nanos))
}

// Time returns i in UTC.
func (i Instant) Time() time.Time { return time.Unix(0, int64(i)).UTC() }

// String returns i as RFC 3339 with as many digits of the second as it has, or "never".
func (i Instant) String() string {
	if i == Never {
		return "never"
	}
	return i.Time().Format(time.RFC3339Nano)
}
