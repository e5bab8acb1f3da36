package expr

import (
	"math"

	"github.com/weirstream/weir/state/row"
)

// finish makes a val of kind k of the motion m, known until u: an error while it is beyond CEL's bounds of k.
func finish(now row.Instant, k kind, m motion, u row.Instant) val {
	lo, hi := firstTime, lastTime
	if k == kDur {
		lo, hi = firstDur, lastDur
	}
	inside, bound := within(now, m, lo, hi)
	if u = min(u, bound); !inside {
		return errUntil(u)
	}
	v := val{k: k, n: m.at.sec, nanos: m.at.nanos, slope: m.slope, months: m.months, until: u}
	if m.slope == 0 {
		v.months = 0
	}
	if k == kDur {
		v.n, v.nanos = m.at.sec*second+int64(m.at.nanos), 0
		if m.at.sec < 0 && m.at.nanos > 0 { // the seconds alone may be beyond the bounds
			v.n = (m.at.sec+1)*second + int64(m.at.nanos) - second
		}
	}
	return v
}

// strict returns until when an operation on a and b fails, if one of them has failed.
func strict(a, b *val) (until row.Instant, failed bool) {
	switch {
	case a.k == kErr && b.k == kErr:
		return max(a.until, b.until), true
	case a.k == kErr:
		return a.until, true
	case b.k == kErr:
		return b.until, true
	}
	return min(a.until, b.until), false
}

// plus is CEL's a + b.
func plus(now row.Instant, a, b val) val {
	u, failed := strict(&a, &b)
	if failed {
		return errUntil(u)
	}
	switch {
	case a.k == kInt && b.k == kInt:
		sum := a.n + b.n
		if (sum > a.n) != (b.n > 0) && b.n != 0 {
			return errUntil(u)
		}
		return intVal(sum, u)
	case a.k == kDouble && b.k == kDouble:
		return doubleVal(a.double()+b.double(), u)
	case a.k == kString && b.k == kString:
		if len(a.s)+len(b.s) > maxSize {
			return errUntil(u)
		}
		return val{k: kString, s: a.s + b.s, until: u}
	case a.k == kList && b.k == kList:
		return concat(&a, &b, u)
	case a.k == kTime && b.k == kDur, a.k == kDur && b.k == kTime:
		m, bound := add(now, a.motion(), b.motion(), 1)
		return finish(now, kTime, m, min(u, bound))
	case a.k == kDur && b.k == kDur:
		m, bound := add(now, a.motion(), b.motion(), 1)
		return finish(now, kDur, m, min(u, bound))
	}
	return errUntil(u)
}

// maxSize bounds the bytes of a string and the elements of a list that an expression makes: larger ones are errors, so
// that no expression can exhaust the memory by doubling. It is the one place where the plan leaves cel-go's meaning.
const maxSize = 1 << 20

func concat(a, b *val, u row.Instant) val {
	if a.size()+b.size() > maxSize {
		return errUntil(u)
	}
	l := &list{elems: make([]val, 0, a.size()+b.size())}
	for _, v := range []*val{a, b} {
		for i := range v.size() {
			l.elems = append(l.elems, v.at(i))
		}
	}
	return val{k: kList, ref: l, until: u}
}

// minus is CEL's a - b.
func minus(now row.Instant, a, b val) val {
	u, failed := strict(&a, &b)
	if failed {
		return errUntil(u)
	}
	switch {
	case a.k == kInt && b.k == kInt:
		diff := a.n - b.n
		if (diff < a.n) != (b.n > 0) && b.n != 0 {
			return errUntil(u)
		}
		return intVal(diff, u)
	case a.k == kDouble && b.k == kDouble:
		return doubleVal(a.double()-b.double(), u)
	case a.k == kTime && b.k == kDur:
		return minusDuration(now, a, b, u)
	case a.k == kTime && b.k == kTime:
		return minusTime(now, a, b, u)
	case a.k == kDur && b.k == kDur:
		m, bound := add(now, a.motion(), b.motion(), -1)
		return finish(now, kDur, m, min(u, bound))
	}
	return errUntil(u)
}

// minusDuration adds the negated duration, as cel-go does: the most negative one has no negation.
func minusDuration(now row.Instant, a, b val, u row.Instant) val {
	least, bound := compare(now, b.motion(), fixed(firstDur), equal)
	if u = min(u, bound); least {
		return errUntil(u)
	}
	m, bound := add(now, a.motion(), b.motion(), -1)
	return finish(now, kTime, m, min(u, bound))
}

// cel-go subtracts seconds and nanoseconds apart, each with its own check: near the bounds of a duration whether
// the result is an error depends on both operands' nanoseconds.
const (
	maxDurSecs = math.MaxInt64 / second
	sureSecs   = maxDurSecs - 2
	failSecs   = maxDurSecs + 2
)

func minusTime(now row.Instant, a, b val, u row.Instant) val {
	if sec := a.n - b.n; a.slope|b.slope == 0 && sec < sureSecs && sec > -sureSecs {
		return val{k: kDur, n: sec*second + int64(a.nanos-b.nanos), until: u}
	}
	m, bound := add(now, a.motion(), b.motion(), -1)
	u = min(u, bound)
	sure, bound := within(now, m, span{-sureSecs, 0}, span{sureSecs, 0})
	if sure {
		return finish(now, kDur, m, min(u, bound))
	}
	near, bound := within(now, m, span{-failSecs, 0}, span{failSecs, 0})
	u = min(u, bound)
	if !near {
		return errUntil(u)
	}
	for _, v := range []val{a, b} {
		u = min(u, leaves(now, v.motion(), span{v.n, 0}, span{v.n + 1, 0}))
	}
	r := finish(now, kDur, m, u)
	if sec := a.n - b.n; sec > maxDurSecs || sec < -maxDurSecs {
		return errUntil(r.until)
	}
	return r
}

// times, divide and modulo are CEL's *, / and %.
func times(a, b val) val {
	u, failed := strict(&a, &b)
	switch {
	case failed:
	case a.k == kInt && b.k == kInt:
		if p, ok := product(a.n, b.n); ok {
			return intVal(p, u)
		}
	case a.k == kDouble && b.k == kDouble:
		return doubleVal(a.double()*b.double(), u)
	}
	return errUntil(u)
}

func product(a, b int64) (int64, bool) {
	if a == 0 || b == 0 {
		return 0, true
	}
	p := a * b
	return p, p/b == a && (a != -1 || b != math.MinInt64) && (b != -1 || a != math.MinInt64)
}

func divide(a, b val) val {
	u, failed := strict(&a, &b)
	switch {
	case failed:
	case a.k == kInt && b.k == kInt:
		if b.n != 0 && (a.n != math.MinInt64 || b.n != -1) {
			return intVal(a.n/b.n, u)
		}
	case a.k == kDouble && b.k == kDouble:
		return doubleVal(a.double()/b.double(), u)
	}
	return errUntil(u)
}

func modulo(a, b val) val {
	u, failed := strict(&a, &b)
	if !failed && a.k == kInt && b.k == kInt && b.n != 0 && (a.n != math.MinInt64 || b.n != -1) {
		return intVal(a.n%b.n, u)
	}
	return errUntil(u)
}

// negate is CEL's unary minus.
func negate(a val) val {
	switch {
	case a.k == kInt && a.n != math.MinInt64:
		return intVal(-a.n, a.until)
	case a.k == kDouble:
		return doubleVal(-a.double(), a.until)
	}
	return errUntil(a.until)
}
