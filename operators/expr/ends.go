package expr

import (
	"math"

	"github.com/weirstream/weir/state/row"
)

// end returns the first or the last of events by time, the first or last in the list among those of one time;
// null if there is none.
func (s *seq) end(in *Input, f *frame, last bool) val {
	c := s.open(in, f)
	if c.failed {
		return errUntil(c.until)
	}
	failed, failUntil, until := false, row.Earliest, c.until
	best, bestAt := -1, val{k: kNull, until: never}
	bestUntil := never
	for j := range c.n - c.from {
		i := c.from + j
		if last {
			i = c.n - 1 - j
		}
		el, p, u := s.element(in, f, &c, i)
		if s.fails {
			until = min(until, u)
		}
		e, isEvent := el.ref.(*row.Event)
		if p == True && !isEvent {
			p, u = Error, min(u, el.until)
		}
		switch {
		case p == Error:
			failed, failUntil = true, max(failUntil, u)
		case p == True && (best < 0 || stands(e, bestAt.ref.(*row.Event), last)):
			best, bestAt, bestUntil = i, el, u
		}
		if p == True && s.plain() {
			break // the rest is in order behind it
		}
	}
	if failed {
		return errUntil(min(failUntil, c.until))
	}
	until = min(until, bestUntil, bestAt.until, s.overtaken(in, f, &c, best, bestAt, last))
	bestAt.until = until
	return bestAt
}

// stands tells whether e stands strictly before (with last: after) o by time.
func stands(e, o *row.Event, last bool) bool {
	d := row.CompareTimes(e.Time, o.Time)
	return last && d > 0 || !last && d < 0
}

// overtaken returns when an element that is absent may come in and take the place of element best.
func (s *seq) overtaken(in *Input, f *frame, c *cursor, best int, bestAt val, last bool) row.Instant {
	until := never
	for i := c.from; i < c.n; i++ {
		if best >= 0 && s.plain() && (last && i < best || !last && i > best) {
			continue
		}
		el, p, u := s.element(in, f, c, i)
		if p != False || u == never {
			continue
		}
		e, isEvent := el.ref.(*row.Event)
		if best >= 0 && isEvent {
			d := row.CompareTimes(e.Time, bestAt.ref.(*row.Event).Time)
			if last && (d < 0 || d == 0 && i < best) || !last && (d > 0 || d == 0 && i > best) {
				continue
			}
		}
		until = min(until, u)
	}
	return until
}

// fold is what a list of numbers is folded to.
type fold uint8

const (
	foldSum fold = iota
	foldMin
	foldMax
	foldAvg
)

// numbers folds a list of numbers: of nothing, a sum is 0 and the others are errors; a null is an error.
func (s *seq) numbers(in *Input, f *frame, how fold, doubles bool) val {
	c := s.open(in, f)
	if c.failed {
		return errUntil(c.until)
	}
	failed, failUntil, until, bad := false, row.Earliest, c.until, false
	acc := accumulator{how: how, doubles: doubles}
	for i := c.from; i < c.n; i++ {
		el, p, u := s.element(in, f, &c, i)
		until = min(until, u)
		switch p {
		case Error:
			failed, failUntil = true, max(failUntil, u)
		case True:
			until = min(until, el.until)
			bad = !acc.add(&el) || bad
		}
	}
	if failed {
		return errUntil(min(failUntil, c.until))
	}
	if bad {
		return errUntil(until)
	}
	return acc.result(until)
}

// accumulator folds numbers one by one.
type accumulator struct {
	how     fold
	doubles bool
	n       int64
	i       int64
	d       float64
}

// add takes a number; false: it is none, or the sum is too large.
func (a *accumulator) add(v *val) bool {
	if a.doubles && v.k != kDouble || !a.doubles && v.k != kInt {
		return false
	}
	a.n++
	x, d := v.n, v.double()
	if !a.doubles {
		d = float64(v.n)
	}
	switch a.how {
	case foldAvg:
		a.d += d
	case foldSum:
		a.d += d
		if !a.doubles {
			if x > 0 && a.i > math.MaxInt64-x || x < 0 && a.i < math.MinInt64-x {
				return false
			}
			a.i += x
		}
	case foldMin:
		if a.n == 1 || a.doubles && d < a.d || !a.doubles && x < a.i {
			a.i, a.d = x, d
		}
	case foldMax:
		if a.n == 1 || a.doubles && d > a.d || !a.doubles && x > a.i {
			a.i, a.d = x, d
		}
	}
	return true
}

func (a *accumulator) result(u row.Instant) val {
	switch {
	case a.n == 0 && a.how != foldSum:
		return errUntil(u)
	case a.how == foldAvg:
		return doubleVal(a.d/float64(a.n), u)
	case a.doubles:
		return doubleVal(a.d, u)
	}
	return intVal(a.i, u)
}
