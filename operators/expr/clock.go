package expr

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	_ "time/tzdata" // zones are part of the language: the same on every machine

	"github.com/weirstream/weir/state/row"
)

// unit is a part of a time that an accessor returns.
type unit uint8

const (
	unitYear unit = iota
	unitMonth
	unitDayOfYear
	unitDayOfMonth // from 0
	unitDate       // from 1
	unitDayOfWeek
	unitHour
	unitMinute
	unitSecond
	unitMilli
)

var unitNames = map[string]unit{
	"getFullYear": unitYear, "getMonth": unitMonth, "getDayOfYear": unitDayOfYear,
	"getDayOfMonth": unitDayOfMonth, "getDate": unitDate, "getDayOfWeek": unitDayOfWeek,
	"getHours": unitHour, "getMinutes": unitMinute, "getSeconds": unitSecond, "getMilliseconds": unitMilli,
}

// part returns unit un of v, a time, in loc and until when it stays so.
func part(now row.Instant, v *val, un unit, loc *time.Location) val {
	t := time.Unix(v.n, int64(v.nanos)).In(loc)
	n := partOf(t, un)
	if v.slope == 0 {
		return intVal(n, v.until)
	}
	lo, hi := unitBounds(t, un)
	return intVal(n, min(v.until, leaves(now, v.motion(), lo, hi)))
}

func partOf(t time.Time, un unit) int64 {
	switch un {
	case unitYear:
		return int64(t.Year())
	case unitMonth:
		return int64(t.Month() - 1)
	case unitDayOfYear:
		return int64(t.YearDay() - 1)
	case unitDayOfMonth:
		return int64(t.Day() - 1)
	case unitDate:
		return int64(t.Day())
	case unitDayOfWeek:
		return int64(t.Weekday())
	case unitHour:
		return int64(t.Hour())
	case unitMinute:
		return int64(t.Minute())
	case unitSecond:
		return int64(t.Second())
	}
	return int64(t.Nanosecond() / 1_000_000)
}

// unitBounds returns the span around t in which its unit stays the same: the unit by the offset from UTC that
// holds at t, cut to the time for which that offset holds.
func unitBounds(t time.Time, un unit) (lo, hi span) {
	_, offset := t.Zone()
	local := t.Unix() + int64(offset)
	day := floorDiv(local, daySecs)
	year, month, _ := civil(day)
	switch un {
	case unitYear, unitDayOfYear:
		lo.sec, hi.sec = dayOf(year, 0, 1)*daySecs, dayOf(year+1, 0, 1)*daySecs
	case unitMonth:
		lo.sec, hi.sec = dayOf(year, month, 1)*daySecs, dayOf(year, month+1, 1)*daySecs
	case unitHour:
		lo.sec = floorDiv(local, 3600) * 3600
		hi.sec = lo.sec + 3600
	case unitMinute:
		lo.sec = floorDiv(local, 60) * 60
		hi.sec = lo.sec + 60
	case unitSecond, unitMilli:
		lo.sec, hi.sec = local, local+1
	default:
		lo.sec, hi.sec = day*daySecs, (day+1)*daySecs
	}
	if un == unitDayOfYear {
		lo.sec, hi.sec = day*daySecs, (day+1)*daySecs
	}
	lo.sec, hi.sec = lo.sec-int64(offset), hi.sec-int64(offset)
	if un == unitMilli {
		lo.nanos = int32(t.Nanosecond() / 1_000_000 * 1_000_000)
		hi = lo.plus(span{0, 1_000_000})
	}
	start, end := t.ZoneBounds()
	if s := (span{start.Unix(), 0}); !start.IsZero() && lo.minus(s).sign() < 0 {
		lo = s
	}
	if e := (span{end.Unix(), 0}); !end.IsZero() && hi.minus(e).sign() > 0 {
		hi = e
	}
	return lo, hi
}

// zones holds what zone found, by name: as many as maxZones, since names may come from data.
var (
	zones     sync.Map
	zoneCount atomic.Int32
)

const maxZones = 4096

type foundZone struct {
	loc *time.Location
	err error
}

// zone returns the zone called name: an IANA name or an offset such as "-08:00", as cel-go reads them.
func zone(name string) (*time.Location, error) {
	if z, ok := zones.Load(name); ok {
		found := z.(foundZone)
		return found.loc, found.err
	}
	loc, err := loadZone(name)
	if len(name) <= 64 && zoneCount.Load() < maxZones {
		if _, known := zones.LoadOrStore(name, foundZone{loc, err}); !known {
			zoneCount.Add(1)
		}
	}
	return loc, err
}

func loadZone(name string) (*time.Location, error) {
	hours, minutes, isOffset := strings.Cut(name, ":")
	if !isOffset {
		loc, err := time.LoadLocation(name)
		if err != nil {
			return nil, fmt.Errorf("unknown time zone %q: write an IANA name or an offset like \"-08:00\"", name)
		}
		return loc, nil
	}
	h, err := strconv.Atoi(hours)
	m, err2 := strconv.Atoi(minutes)
	if err != nil || err2 != nil || h < -23 || h > 23 || m < 0 || m > 59 {
		return nil, fmt.Errorf("bad offset %q: write it like \"-08:00\"", name)
	}
	if name[0] == '-' {
		m = -m
	}
	return time.FixedZone(name, (h*60+m)*60), nil
}

// step is a whole number that a duration or a time is rounded to, never falling as it grows.
type step func(v span) int64

// The steps. Hours, minutes and seconds of a duration go through floating point in cel-go, so that a long duration
// reaches the next number some nanoseconds early.
var (
	durHours   step = func(v span) int64 { return int64(v.duration().Hours()) }
	durMinutes step = func(v span) int64 { return int64(v.duration().Minutes()) }
	durSeconds step = func(v span) int64 { return int64(v.duration().Seconds()) }
	durMillis  step = func(v span) int64 { return v.duration().Milliseconds() }
	unixSecond step = func(v span) int64 { return v.sec }
)

// duration returns a span that is within the bounds of a Duration.
func (a span) duration() time.Duration {
	if a.sec < 0 {
		return time.Duration((a.sec+1)*second + int64(a.nanos) - second)
	}
	return time.Duration(a.sec*second + int64(a.nanos))
}

// threshold returns the least span within a Duration's (or, for times, a timestamp's) bounds at which s reaches n.
func (s step) threshold(n int64, lo, hi span) span {
	for lo != hi {
		mid := middle(lo, hi)
		if s(mid) >= n {
			hi = mid
		} else {
			lo = mid.plus(span{0, 1})
		}
	}
	return lo
}

// middle returns a span in [lo, hi), halfway.
func middle(lo, hi span) span {
	d := hi.minus(lo)
	return lo.plus(span{d.sec / 2, int32((d.sec%2*second + int64(d.nanos)) / 2)})
}

// bounds returns the bounds of the values that s is made of, given one.
func (v *val) bounds() (lo, hi span) {
	if v.k == kDur {
		return firstDur, lastDur
	}
	return firstTime, lastTime
}

// rounded returns the step s of v and until when it stays so.
func rounded(now row.Instant, v *val, s step) val {
	at := v.span()
	n := s(at)
	if v.slope == 0 {
		return intVal(n, v.until)
	}
	lo, hi := v.bounds()
	beyond := hi.plus(span{0, 1})
	from := s.threshold(n, lo, at)
	to := beyond
	if n < math.MaxInt64 && s(hi) > n {
		to = s.threshold(n+1, at, hi)
	}
	return intVal(n, min(v.until, leaves(now, v.motion(), from, to)))
}

// orderSteps is order(s(v), n) with the exact instant at which it flips.
func orderSteps(now row.Instant, v *val, s step, n int64, rels relations) (Truth, row.Instant) {
	truth := rels.has(cmp(s(v.span()), n))
	if v.slope == 0 {
		return truthOf(truth), v.until
	}
	lo, hi := v.bounds()
	// s < n below from, s > n from above on; either may be out of reach
	from, above := hi.plus(span{0, 1}), hi.plus(span{0, 1})
	if s(hi) >= n {
		from = s.threshold(n, lo, hi)
	}
	if n < math.MaxInt64 && s(hi) > n {
		above = s.threshold(n+1, lo, hi)
	}
	u := v.until
	for _, edge := range []span{from, above} {
		_, w := compare(now, v.motion(), fixed(edge), less)
		u = min(u, w)
	}
	if rels == less || rels == equal|greater {
		_, u = compare(now, v.motion(), fixed(from), less)
	}
	if rels == greater || rels == less|equal {
		_, u = compare(now, v.motion(), fixed(above), less)
	}
	return truthOf(truth), min(u, v.until)
}
