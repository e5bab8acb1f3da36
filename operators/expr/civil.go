package expr

// Calendar arithmetic on the proleptic Gregorian calendar in UTC, on seconds and days since 1970, without the
// bounds of time.Time.

const (
	second    = 1_000_000_000
	daySecs   = 86_400
	dayNanos  = daySecs * second
	eraYears  = 400
	eraDays   = 146_097
	epochDays = 719_468 // from 0000-03-01 to 1970-01-01
)

// floorDiv returns a/b rounded down, for b > 0.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// split returns nanoseconds since 1970 as whole seconds and the nanoseconds within.
func split(ns int64) (sec int64, nanos int32) {
	sec = floorDiv(ns, second)
	return sec, int32(ns - sec*second)
}

// addNanos returns sec and nanos plus ns.
func addNanos(sec int64, nanos int32, ns int64) (int64, int32) {
	s, n := split(ns)
	sec, n = sec+s, n+nanos
	if n >= second {
		return sec + 1, n - second
	}
	return sec, n
}

// civil returns the date of a day since 1970: month from 0, day from 1.
func civil(day int64) (year, month, dom int64) {
	z := day + epochDays
	era := floorDiv(z, eraDays)
	doe := z - era*eraDays
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	dom = doy - (153*mp+2)/5 + 1
	year = yoe + era*eraYears
	if mp < 10 {
		return year, mp + 2, dom
	}
	return year + 1, mp - 10, dom
}

// dayOf returns the day since 1970 of a date: any month (0 is January of the year, 12 of the next), day from 1.
func dayOf(year, month, dom int64) int64 {
	year += floorDiv(month, 12)
	month -= floorDiv(month, 12) * 12
	if month < 2 {
		year--
	}
	era := floorDiv(year, eraYears)
	yoe := year - era*eraYears
	mp := (month + 10) % 12
	doy := (153*mp+2)/5 + dom - 1
	return era*eraDays + yoe*365 + yoe/4 - yoe/100 + doy - epochDays
}

// monthLen returns the number of days of a month; any month, as in dayOf.
func monthLen(year, month int64) int64 { return dayOf(year, month+1, 1) - dayOf(year, month, 1) }

// shiftDay returns the day that calendar months after day: clamped to the month's end.
func shiftDay(day, months int64) int64 {
	y, m, d := civil(day)
	m += months
	return dayOf(y, m, 1) + min(d, monthLen(y, m)) - 1
}

// addMonths returns sec moved by calendar months, the time of day kept.
func addMonths(sec, months int64) int64 {
	day := floorDiv(sec, daySecs)
	return shiftDay(day, months)*daySecs + sec - day*daySecs
}

// preimage returns the days that shiftDay moves onto day: from first to last, none if last is before first. Then
// first is the first day that is moved beyond day.
func preimage(day, months int64) (first, last int64) {
	y, m, d := civil(day)
	from := m - months
	length := monthLen(y, from)
	start := dayOf(y, from, 1)
	if d > length {
		return start + length, start + length - 1
	}
	first = start + d - 1
	if d == monthLen(y, m) {
		return first, start + length - 1
	}
	return first, first
}
