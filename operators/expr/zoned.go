package expr

import (
	"fmt"
	"strings"
	"time"

	"github.com/weirstream/weir/state/row"
)

// LoadZone returns the time zone called name: an IANA name such as "Europe/Berlin" or an offset such as "-08:00". The
// machine's own zone ("Local") is none: a catalog means the same everywhere.
func LoadZone(name string) (*time.Location, error) {
	if name == "" || strings.EqualFold(name, "local") {
		return nil, fmt.Errorf("unknown time zone %q: write an IANA name or an offset like \"-08:00\"", name)
	}
	return zone(name)
}

// zonedSlack bounds how much the length of a period of calendar months in a zone changes with its start: three days by
// the lengths of months, one of leap years, and less than two by the offsets of the zone.
const zonedSlack = 8 * daySecs

// shiftIn returns now moved by calendar months in a zone, and the instant up to which that moves evenly with now: no
// day begins and no offset changes, at neither end. A time of day that a day skips or has twice is read as time.Date
// does.
func shiftIn(now row.Instant, months int64, loc *time.Location) (span, row.Instant) {
	sec, nanos := split(int64(now))
	here := time.Unix(sec, 0).In(loc)
	local := localSecs(here)
	day := floorDiv(local, daySecs)
	there := shiftDay(day, months)*daySecs + local - day*daySecs
	y, m, d := civil(floorDiv(there, daySecs))
	image := time.Date(int(y), time.Month(m+1), int(d), 0, 0, int(there-floorDiv(there, daySecs)*daySecs), 0, loc)

	ahead := (day+1)*daySecs - local // seconds after now
	if _, end := here.ZoneBounds(); !end.IsZero() {
		ahead = min(ahead, end.Unix()-sec)
	}
	start, end := image.ZoneBounds()
	for _, edge := range []time.Time{start, end} {
		if edge.IsZero() {
			continue
		}
		// time.Date guesses the offset by reading the local time as UTC, and mends the guess once: which offset it
		// takes changes where the local time passes the edge as UTC or one of the offsets shows it.
		for _, at := range []int64{edge.Unix(), localSecs(edge), localSecs(edge.Add(-time.Second)) + 1} {
			if at > there {
				ahead = min(ahead, at-there)
			}
		}
	}
	return span{image.Unix(), nanos}, later(now-row.Instant(nanos), uint64(ahead)*second)
}

// localSecs returns what the clocks of t's zone show, in seconds since 1970 as they showed it.
func localSecs(t time.Time) int64 {
	_, offset := t.Zone()
	return t.Unix() + int64(offset)
}

// shiftedIn is the time that is calendar months from now in a zone.
func shiftedIn(now row.Instant, months int64, loc *time.Location) val {
	at, until := shiftIn(now, months, loc)
	return val{k: kTime, n: at.sec, nanos: at.nanos, slope: 1, until: until}
}

// newerThanIn is newerThan for calendar months in a zone. Far from the edge it looks again only when that is near.
func newerThanIn(now row.Instant, months int64, loc *time.Location, t row.Value) (bool, row.Instant) {
	edge, until := shiftIn(now, -months, loc)
	left := span{t.Int, t.Nanos}.minus(edge)
	switch {
	case left.sec > zonedSlack:
		return true, later(now, uint64(min(left.sec-zonedSlack, 1<<33))*second)
	case left.sec < -zonedSlack:
		return false, never
	}
	newer, u := compare(now, motion{at: edge, slope: 1}, fixed(span{t.Int, t.Nanos}), less)
	return newer, min(u, until)
}
