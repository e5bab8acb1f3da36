package expr

import (
	"slices"

	"github.com/weirstream/weir/state/row"
)

// count tells whether the number of elements for which pred holds (all, if pred is nil) stands to k in rels, and
// until when. predFails tells that pred can be an error, which makes the whole an error.
func (s *seq) count(in *Input, f *frame, slot int, pred condFn, predFails bool, k int64, rels relations) (
	Truth, row.Instant,
) {
	c := s.open(in, f)
	if c.failed {
		return Error, c.until
	}
	var leaveBuf, enterBuf [16]row.Instant
	leave, enter := leaveBuf[:0], enterBuf[:0]
	failed, failUntil, bound, n := false, row.Earliest, never, int64(0)
	for i := c.n - 1; i >= c.from; i-- {
		el, p, u := s.element(in, f, &c, i)
		if pred != nil && (p == True || p == False && u != never) {
			f.vars[slot] = el
			q, w := pred(in, f)
			p, u = both(p, u, q, w, s.fails)
		}
		switch {
		case p == Error:
			failed, failUntil = true, max(failUntil, u)
		case p == True:
			n++
			if u != never {
				leave = append(leave, u)
			}
		case u != never:
			enter = append(enter, u)
		}
		bound = min(bound, u)
	}
	if failed {
		return Error, min(failUntil, c.until)
	}
	truth := rels.has(cmp(n, k))
	until := min(c.until, nth(enter, toChange(n, k, 1, rels, truth)), nth(leave, toChange(n, k, -1, rels, truth)))
	if s.fails || predFails {
		until = min(until, bound)
	}
	return truthOf(truth), until
}

// toChange returns how many more (or, with direction -1, fewer) than n there must be at least for "n stands to k in
// rels" not to be truth; 0 if no number does it.
func toChange(n, k, direction int64, rels relations, truth bool) int {
	far := (k - n) * direction
	for _, d := range []int64{1, far, far + 1} {
		if d >= 1 && d < 1<<31 && rels.has(cmp(n+d*direction, k)) != truth {
			return int(d)
		}
	}
	return 0
}

// nth returns the instant by which n of at have come; Never if there are not so many, or n is 0.
func nth(at []row.Instant, n int) row.Instant {
	if n == 0 || n > len(at) {
		return never
	}
	slices.Sort(at)
	return at[n-1]
}
