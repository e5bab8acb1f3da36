package expr

import (
	"math"
	"strings"

	"github.com/weirstream/weir/state/row"
)

// order is CEL's <, <=, > or >= of a and b: what is not ordered is an error.
func order(now row.Instant, a, b *val, rels relations) (Truth, row.Instant) {
	u, failed := strict(a, b)
	if failed {
		return Error, u
	}
	rel := 0
	switch {
	case a.k == kInt && b.k == kInt, a.k == kBool && b.k == kBool:
		rel = cmp(a.n, b.n)
	case a.isNaN(), b.isNaN() && a.k != kNull: // even with a null on the right
		return False, u
	case a.k == kDouble && b.k == kDouble:
		rel = cmp(a.double(), b.double())
	case a.k == kInt && b.k == kDouble:
		rel = -compareDoubleInt(b.double(), a.n)
	case a.k == kDouble && b.k == kInt:
		rel = compareDoubleInt(a.double(), b.n)
	case a.k == kString && b.k == kString:
		rel = strings.Compare(a.s, b.s)
	case a.k == kTime && b.k == kTime, a.k == kDur && b.k == kDur:
		if a.slope|b.slope == 0 {
			rel = a.span().minus(b.span()).sign()
			break
		}
		holds, bound := compare(now, a.motion(), b.motion(), rels)
		return truthOf(holds), min(u, bound)
	default:
		return Error, u
	}
	return truthOf(rels.has(rel)), u
}

func (v *val) isNaN() bool { return v.k == kDouble && math.IsNaN(v.double()) }

func truthOf(b bool) Truth {
	if b {
		return True
	}
	return False
}

func cmp[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// compareDoubleInt compares as cel-go does.
func compareDoubleInt(d float64, i int64) int {
	switch {
	case d < math.MinInt64:
		return -1
	case d > math.MaxInt64:
		return 1
	}
	return cmp(d, float64(i))
}

// same is CEL's a == b of values that are not errors.
func same(now row.Instant, a, b *val) (bool, row.Instant) {
	u := min(a.until, b.until)
	switch {
	case a.k == kInt && b.k == kDouble:
		return !b.isNaN() && compareDoubleInt(b.double(), a.n) == 0, u
	case a.k == kDouble && b.k == kInt:
		return !a.isNaN() && compareDoubleInt(a.double(), b.n) == 0, u
	case a.k != b.k:
		return false, u
	}
	switch a.k {
	case kNull:
		return true, u
	case kBool, kInt:
		return a.n == b.n, u
	case kDouble:
		return a.double() == b.double(), u
	case kString:
		return a.s == b.s, u
	case kTime, kDur:
		if a.slope|b.slope == 0 {
			return a.n == b.n && a.nanos == b.nanos, u
		}
		eq, bound := compare(now, a.motion(), b.motion(), equal)
		return eq, min(u, bound)
	case kList:
		eq, bound := sameLists(now, a, b)
		return eq, min(u, bound)
	}
	return false, u
}

// sameLists compares element by element; one that differs suffices, so the one that does so longest counts.
func sameLists(now row.Instant, a, b *val) (bool, row.Instant) {
	if a.size() != b.size() {
		return false, never
	}
	equalUntil, differUntil, differ := never, row.Earliest, false
	for i := range a.size() {
		x, y := a.at(i), b.at(i)
		eq, u := same(now, &x, &y)
		if eq {
			equalUntil = min(equalUntil, u)
			continue
		}
		differ, differUntil = true, max(differUntil, u)
	}
	if differ {
		return false, differUntil
	}
	return true, equalUntil
}

// equality is CEL's a == b, or a != b.
func equality(now row.Instant, a, b *val, negated bool) (Truth, row.Instant) {
	if u, failed := strict(a, b); failed {
		return Error, u
	}
	eq, u := same(now, a, b)
	return truthOf(eq != negated), u
}

// contains is CEL's a in l.
func contains(now row.Instant, a, l *val) (Truth, row.Instant) {
	u, failed := strict(a, l)
	if failed || l.k != kList {
		return Error, u
	}
	inUntil, outUntil, found := row.Earliest, never, false
	for i := range l.size() {
		e := l.at(i)
		eq, w := same(now, a, &e)
		if eq {
			found, inUntil = true, max(inUntil, w)
			if w == never {
				break
			}
			continue
		}
		outUntil = min(outUntil, w)
	}
	if found {
		return True, min(u, inUntil)
	}
	return False, min(u, outUntil)
}
