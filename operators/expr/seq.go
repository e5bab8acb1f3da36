package expr

import (
	"slices"
	"sort"
	"time"

	"github.com/weirstream/weir/state/row"
)

// evalFn evaluates a node. condFn evaluates a node of type bool as an operand of CEL's logic, and until when.
type (
	evalFn func(in *Input, f *frame) val
	condFn func(in *Input, f *frame) (Truth, row.Instant)
)

// frame holds the variables of one evaluation.
type frame struct {
	vars     []val
	segments row.Instant // until when all memberships that were asked for hold
	looking  bool        // a comparison looks ahead
	ahead    Input       // what it reads
}

// seq is a list that is iterated without being built: the events of a kind, the rows to which a link leads, or any
// other list, through stages. Each element of the source has, as a function of the time, a presence in the list: True,
// False, or Error if the making of the list fails by it.
type seq struct {
	kind      int     // index into Input.Events; kindList: base; kindRows: rows
	retention *Period // of the kind
	base      evalFn
	rows      rowsRef
	stages    []stage
	heads     int  // how many windows the stages begin with
	fails     bool // the presence of an element can be Error
}

// What a seq is of, if not of the events of a kind.
const (
	kindList = -1 - iota
	kindRows
)

// rowsRef finds rows, and until when they are found like this: not ok is an error.
type rowsRef func(in *Input, f *frame) (rows []row.Row, ok bool, until row.Instant)

type stageKind uint8

const (
	stageWindow stageKind = iota
	stageFilter
	stageMap
)

// stage takes or changes elements.
type stage struct {
	kind   stageKind
	period Period         // stageWindow
	zone   *time.Location // stageWindow: where calendar months are meant; nil: UTC
	slot   int            // stageFilter, stageMap: the variable
	cond   condFn         // stageFilter
	eval   evalFn         // stageMap
	fails  bool           // this stage can make the list fail
	after  bool           // a stage before this one can
}

// with returns s with one more stage, which can make the list fail or not.
func (s *seq) with(st stage, fails bool) *seq {
	t := *s
	st.fails, st.after = fails, s.fails
	t.stages = append(slices.Clip(slices.Clone(s.stages)), st)
	t.fails = s.fails || fails
	if st.kind == stageWindow && s.kind >= 0 && s.heads == len(s.stages) {
		t.heads++
	}
	return &t
}

// plain tells whether s is the events of a kind through windows alone: in order of time, and the newer an event
// that is present, the longer it stays.
func (s *seq) plain() bool { return s.kind >= 0 && s.heads == len(s.stages) }

// cursor is an open seq: the elements of the source from from up to n.
type cursor struct {
	events  []row.Event
	rows    []row.Row
	base    val
	from, n int
	until   row.Instant // of the source as a whole
	failed  bool
}

func (s *seq) open(in *Input, f *frame) cursor {
	switch s.kind {
	case kindRows:
		rows, ok, until := s.rows(in, f)
		return cursor{rows: rows, n: len(rows), until: until, failed: !ok}
	case kindList:
		base := s.base(in, f)
		if base.k != kList {
			return cursor{until: base.until, failed: true}
		}
		return cursor{base: base, n: base.size(), until: base.until}
	}
	c := cursor{until: never}
	if s.kind < len(in.Events) {
		c.events = in.Events[s.kind]
	}
	c.n = len(c.events)
	if s.retention != nil || s.heads > 0 {
		c.from = sort.Search(c.n, func(i int) bool { return !s.gone(in.Now, c.events[i].Time) })
	}
	return c
}

// both is the presence of an element after a further stage: p so far, q by the stage. pFails tells that p can
// become Error, which q does not hide.
func both(p Truth, u row.Instant, q Truth, w row.Instant, pFails bool) (Truth, row.Instant) {
	switch {
	case p == Error:
		return Error, u
	case p == False:
		if q == False && !pFails {
			return False, max(u, w)
		}
		return False, u
	case q == False && !pFails:
		return False, w
	}
	return q, min(u, w)
}

// element returns element i, its presence and until when that presence holds.
func (s *seq) element(in *Input, f *frame, c *cursor, i int) (el val, p Truth, u row.Instant) {
	switch s.kind {
	case kindRows:
		return s.through(in, f, 0, val{k: kObj, ref: &c.rows[i], until: never}, True, never)
	case kindList:
		return s.through(in, f, 0, c.base.at(i), True, never)
	}
	e := &c.events[i]
	el = val{k: kObj, ref: e, until: never}
	next := s.heads
	if next == len(s.stages) || s.stages[next].kind != stageFilter {
		p, u = s.visible(in.Now, e)
		return s.through(in, f, next, el, p, u)
	}
	// what the filter drops for ever is out, wherever the windows stand
	st := &s.stages[next]
	f.vars[st.slot] = el
	q, w := st.cond(in, f)
	if q == False && w == never {
		return el, False, never
	}
	p, u = s.visible(in.Now, e)
	p, u = both(p, u, q, w, false)
	return s.through(in, f, next+1, el, p, u)
}

// visible is the presence of an event after its retention and the windows that the stages begin with.
func (s *seq) visible(now row.Instant, e *row.Event) (p Truth, u row.Instant) {
	p, u = True, never
	if s.retention != nil {
		still, w := newerThan(now, *s.retention, nil, e.Time)
		p, u = truthOf(still), w
	}
	for i := range s.heads {
		q, w := inWindow(now, &s.stages[i], e.Time)
		p, u = both(p, u, q, w, false)
	}
	return p, u
}

// through takes an element of presence p until u through the stages from next on.
func (s *seq) through(in *Input, f *frame, next int, el val, p Truth, u row.Instant) (val, Truth, row.Instant) {
	for j := next; j < len(s.stages); j++ {
		if p == Error || p == False && u == never {
			return el, p, u
		}
		st := &s.stages[j]
		switch st.kind {
		case stageWindow:
			q, w := Error, el.until
			if e, ok := el.ref.(*row.Event); ok {
				q, w = inWindow(in.Now, st, e.Time)
				w = min(w, el.until)
			}
			p, u = both(p, u, q, w, st.after)
		case stageFilter:
			f.vars[st.slot] = el
			q, w := st.cond(in, f)
			p, u = both(p, u, q, w, st.after)
		case stageMap:
			f.vars[st.slot] = el
			el = st.eval(in, f)
			if el.k == kErr {
				if p == True {
					p, u = Error, min(u, el.until)
				}
				return el, p, u
			}
			if st.fails {
				u = min(u, el.until)
			}
		}
	}
	return el, p, u
}

// any is list.exists(x, pred): CEL's || over the elements. With negated it is exists(x, !pred).
func (s *seq) any(in *Input, f *frame, slot int, pred condFn, negated bool) (Truth, row.Instant) {
	c := s.open(in, f)
	if c.failed {
		return Error, c.until
	}
	plain := s.plain()
	failed, found, errored := false, false, false
	failUntil, trueUntil := row.Earliest, row.Earliest
	bound := never // the end of any False or Error, and of any presence that can become Error
	for i := c.n - 1; i >= c.from; i-- {
		r, ru, w, broken := s.witness(in, f, &c, i, slot, pred, negated)
		if s.fails {
			bound = min(bound, ru)
		}
		switch {
		case broken: // the list itself has failed
			failed, failUntil = true, max(failUntil, ru)
		case r == True:
			found, trueUntil = true, max(trueUntil, ru)
			if !s.fails && (ru == never || plain && w == never) {
				return True, min(ru, c.until)
			}
		case r == Error:
			errored, bound = true, min(bound, ru)
		default:
			bound = min(bound, ru)
		}
	}
	switch {
	case failed:
		return Error, min(failUntil, c.until)
	case found && !s.fails:
		return True, min(trueUntil, c.until)
	case found:
		return True, min(trueUntil, bound, c.until)
	case errored:
		return Error, min(bound, c.until)
	}
	return False, min(bound, c.until)
}

// witness evaluates pred on element i: r until u for the two together, w for pred alone. broken: the list fails by
// the element.
func (s *seq) witness(in *Input, f *frame, c *cursor, i, slot int, pred condFn, negated bool) (
	r Truth, u, w row.Instant, broken bool,
) {
	if s.kind == kindRows && len(s.stages) == 0 { // each row is there, for ever
		f.vars[slot] = val{k: kObj, ref: &c.rows[i], until: never}
		r, w = pred(in, f)
		if negated {
			r = r.not()
		}
		return r, w, w, false
	}
	plain := s.plain()
	var el val
	p := True
	if plain {
		el = val{k: kObj, ref: &c.events[i], until: never}
	} else if el, p, u = s.element(in, f, c, i); p == Error {
		return Error, u, u, true
	} else if p == False && u == never {
		return False, never, never, false
	}
	f.vars[slot] = el
	q, w := pred(in, f)
	if negated {
		q = q.not()
	}
	if plain {
		if q == False && w == never {
			return False, never, never, false // wherever the windows stand
		}
		p, u = s.visible(in.Now, &c.events[i])
	}
	if s.fails {
		w = min(w, u)
	}
	r, u = both(p, u, q, w, s.fails)
	return r, u, w, false
}

// not is CEL's negation.
func (t Truth) not() Truth {
	switch t {
	case True:
		return False
	case False:
		return True
	}
	return Error
}

// size returns the number of elements.
func (s *seq) size(in *Input, f *frame) val {
	c := s.open(in, f)
	if c.failed {
		return errUntil(c.until)
	}
	failed, failUntil, until, n := false, row.Earliest, c.until, int64(0)
	for i := c.from; i < c.n; i++ {
		_, p, u := s.element(in, f, &c, i)
		switch p {
		case Error:
			failed, failUntil = true, max(failUntil, u)
		case True:
			n++
		}
		until = min(until, u)
	}
	if failed {
		return errUntil(min(failUntil, c.until))
	}
	return intVal(n, until)
}

// build returns s as a list.
func (s *seq) build(in *Input, f *frame) val {
	c := s.open(in, f)
	if c.failed {
		return errUntil(c.until)
	}
	failed, failUntil, until, l := false, row.Earliest, c.until, &list{}
	for i := c.from; i < c.n; i++ {
		el, p, u := s.element(in, f, &c, i)
		switch p {
		case Error:
			failed, failUntil = true, max(failUntil, u)
		case True:
			l.elems = append(l.elems, el)
		}
		until = min(until, u)
	}
	if failed {
		return errUntil(min(failUntil, c.until))
	}
	return val{k: kList, ref: l, until: until}
}
