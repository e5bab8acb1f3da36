package decode

import (
	"time"

	"github.com/weirstream/weir/state/row"
)

// Timestamps reach from the year 1 to the year 9999, as CEL's do. What lies outside, the infinities of
// PostgreSQL included, is clamped to the first or the last instant of that span.
const (
	secondsMin = -62135596800 // 0001-01-01T00:00:00Z
	secondsMax = 253402300799 // 9999-12-31T23:59:59Z
	nanosMax   = 999_999_999
	daySeconds = 86400
	daysMin    = secondsMin / daySeconds
	daysMax    = secondsMax / daySeconds
)

// Numbers without a declared unit are read by their magnitude. The thresholds are chosen so that each unit is
// read right from May 1970 to 2286 and from 1653 to September 1969: a number below 1e10 counts seconds, below
// 1e13 milliseconds, below 1e16 microseconds, else nanoseconds. Debezium never sends seconds: there everything
// below 1e13 counts milliseconds. The numbers by which Debezium sends infinity lie at the end of int64.
const (
	millisFrom   = 10_000_000_000
	microsFrom   = 10_000_000_000_000
	nanosFrom    = 10_000_000_000_000_000
	infinityFrom = 9_223_372_036_800_000_000
)

// unit is what a number that stands for a time counts.
type unit uint8

const (
	unknown unit = iota // by magnitude, never seconds: Debezium
	epoch               // by magnitude: plain JSON
	days
	seconds
	millis
	micros
	nanos
	years // the number of a calendar year
)

// timeOf returns the timestamp that n stands for. date tells that a date is wanted: its time is 00:00 UTC, and a
// small number of no known unit counts days.
func timeOf(n int64, u unit, date bool) row.Value {
	if date && u <= epoch && isDays(n, u) {
		u = days
	}
	if u <= epoch {
		u = magnitude(n, u)
	}
	switch u {
	case days:
		n = max(daysMin-1, min(n, daysMax+1))
		return clamp(n*daySeconds, 0, date)
	case seconds:
		return clamp(n, 0, date)
	case millis:
		return split(n, 1000, date)
	case micros:
		return split(n, 1_000_000, date)
	case years:
		return asYear(n)
	}
	return split(n, 1_000_000_000, date)
}

// isDays tells whether a number for a date counts days. Debezium sends a date as an int32, infinity included;
// plain JSON has seconds too, so there only what is a day of the years 1 to 9999 is one.
func isDays(n int64, u unit) bool {
	if u == unknown {
		return n >= -1<<31 && n < 1<<31
	}
	return n >= daysMin && n <= daysMax
}

func magnitude(n int64, u unit) unit {
	abs := n
	if abs < 0 {
		abs = -abs
	}
	switch {
	case abs < 0 || abs >= nanosFrom:
		return nanos
	case abs >= microsFrom:
		return micros
	case abs >= millisFrom || u == unknown:
		return millis
	}
	return seconds
}

// split returns the timestamp of n parts of a second of which there are perSecond.
func split(n, perSecond int64, date bool) row.Value {
	if n >= infinityFrom {
		return clamp(secondsMax+1, 0, date)
	}
	if n <= -infinityFrom {
		return clamp(secondsMin-1, 0, date)
	}
	sec, part := n/perSecond, n%perSecond
	if part < 0 {
		sec, part = sec-1, part+perSecond
	}
	return clamp(sec, int32(part*(1_000_000_000/perSecond)), date)
}

func clamp(sec int64, nano int32, date bool) row.Value {
	switch {
	case sec < secondsMin:
		sec, nano = secondsMin, 0
	case sec > secondsMax:
		sec, nano = secondsMax, nanosMax
	}
	if date {
		sec, nano = sec-floorMod(sec, daySeconds), 0
	}
	return row.Value{Kind: row.Timestamp, Int: sec, Nanos: nano}
}

func floorMod(a, b int64) int64 {
	m := a % b
	if m < 0 {
		m += b
	}
	return m
}

// parseTime reads the forms of time that source records hold: RFC 3339 with a zone; the same with a space for
// the T, or without a zone, which is then UTC; a date alone, with or without Z. Digits beyond nanoseconds are
// cut off, years outside 1 to 9999 are clamped. With date, the calendar day as written is the result, at 00:00
// UTC. It tells whether s is such a time.
func parseTime(s string, date bool) (row.Value, bool) {
	p := clockReader{s: s}
	year, ok := p.year()
	month := p.field('-', 2)
	day := p.field('-', 2)
	if !ok || p.bad || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return row.Value{}, false
	}
	sec := civil(year, month, day) * daySeconds
	var nano int32
	var offset int64
	if len(p.s) > 0 && (p.s[0]|0x20 == 't' || p.s[0] == ' ') {
		var within int64
		within, nano = p.clock()
		if !date {
			sec += within
		} else {
			nano = 0
		}
		offset = p.zone()
	} else if len(p.s) == 1 && p.s[0]|0x20 == 'z' {
		p.s = ""
	}
	if p.bad || p.s != "" {
		return row.Value{}, false
	}
	if !date {
		sec -= offset
	}
	return clamp(sec, nano, date), true
}

// clockReader reads a time from the front of s.
type clockReader struct {
	s   string
	bad bool
}

// yearDigitsMax bounds years: PostgreSQL's infinite date is in the year 5877611, Java's last instant in 292278994.
const yearDigitsMax = 9

// year reads a year of four digits, or of more or before year 0 with a sign.
func (p *clockReader) year() (int64, bool) {
	sign := int64(1)
	signed := p.s != "" && (p.s[0] == '+' || p.s[0] == '-')
	if signed {
		if p.s[0] == '-' {
			sign = -1
		}
		p.s = p.s[1:]
	}
	n := 0
	var year int64
	for n < len(p.s) && n <= yearDigitsMax && p.s[n]-'0' <= 9 {
		year = year*10 + int64(p.s[n]-'0')
		n++
	}
	p.s = p.s[n:]
	return sign * year, n == 4 || signed && n > 4 && n <= yearDigitsMax
}

// field reads lead and a number of exactly n digits.
func (p *clockReader) field(lead byte, n int) int64 {
	if p.bad || len(p.s) < n+1 || p.s[0] != lead {
		p.bad = true
		return 0
	}
	p.s = p.s[1:]
	return p.digits(n)
}

func (p *clockReader) digits(n int) int64 {
	if p.bad || len(p.s) < n {
		p.bad = true
		return 0
	}
	var v int64
	for i := range n {
		if p.s[i]-'0' > 9 {
			p.bad = true
			return 0
		}
		v = v*10 + int64(p.s[i]-'0')
	}
	p.s = p.s[n:]
	return v
}

// clock reads a time of day with what separates it from the date.
func (p *clockReader) clock() (sec int64, nano int32) {
	p.s = p.s[1:]
	hour, minute := p.digits(2), p.field(':', 2)
	var second int64
	if p.s != "" && p.s[0] == ':' {
		second = p.field(':', 2)
		nano = p.fraction()
	}
	if hour > 23 || minute > 59 || second > 59 {
		p.bad = true
	}
	return hour*3600 + minute*60 + second, nano
}

func (p *clockReader) fraction() int32 {
	if p.s == "" || p.s[0] != '.' {
		return 0
	}
	n, scale := 1, int32(100_000_000)
	var nano int32
	for n < len(p.s) && p.s[n]-'0' <= 9 {
		nano += int32(p.s[n]-'0') * scale
		scale /= 10
		n++
	}
	p.bad = p.bad || n == 1
	p.s = p.s[n:]
	return nano
}

// zone reads Z, an offset such as +02:00, +0200 or +02, or nothing, and returns the seconds east of UTC.
func (p *clockReader) zone() int64 {
	if p.bad || p.s == "" {
		return 0
	}
	lead := p.s[0]
	p.s = p.s[1:]
	switch {
	case lead|0x20 == 'z':
		return 0
	case lead != '+' && lead != '-':
		p.bad = true
		return 0
	}
	hour := p.digits(2)
	var minute int64
	switch {
	case p.s != "" && p.s[0] == ':':
		minute = p.field(':', 2)
	case p.s != "":
		minute = p.digits(2)
	}
	if hour > 23 || minute > 59 {
		p.bad = true
	}
	east := hour*3600 + minute*60
	if lead == '-' {
		return -east
	}
	return east
}

func daysIn(year, month int64) int64 {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// civil returns the days from 1970-01-01 to a day of the proleptic Gregorian calendar. Years count from
// March, so that a leap day ends its year.
func civil(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := (year - floorMod(year, 400)) / 400
	ofEra := floorMod(year, 400)
	ofYear := (153*(month-3)+2)/5 + day - 1
	return era*146097 + ofEra*365 + ofEra/4 - ofEra/100 + ofYear - 719468
}

// arrival returns the time of a record, for events that name none.
func arrival(i row.Instant) row.Value {
	return row.OfTime(time.Unix(0, int64(i)))
}
