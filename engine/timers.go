package engine

import (
	"container/heap"
	"fmt"

	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// timers finds the next due subject. The store's timers are read in pages; the timers of subjects that changed
// since a page was read stand in a heap. What either holds may be stale: a timer counts only if it is its subject's
// due instant.
type timers struct {
	page    []state.Timer // of the store, not yet looked at
	next    int
	loaded  bool        // page holds all timers of the store up to horizon
	horizon row.Instant // the last due of a full page; row.Never if the page was the rest
	changed timerHeap
}

const (
	timerPage       = 512
	timerChangedMax = 8192
)

func (t *timers) reset() { *t = timers{changed: t.changed[:0]} }

// reload looks at all of the store's timers again.
func (t *timers) reload() { t.page, t.next, t.loaded = nil, 0, false }

// applied: the store now has the timers of all changed subjects, so the heap may be given up for a fresh page.
func (t *timers) applied() {
	if len(t.changed) > timerChangedMax {
		t.reset()
	}
}

// head returns the earliest timer, of the store or of a changed subject, that is due up to limit.
func (t *Task) headTimer(limit row.Instant) (timer state.Timer, stored, found bool, err error) {
	tm := &t.timers
	if tm.next == len(tm.page) && (!tm.loaded || tm.horizon <= limit) {
		if err := t.loadTimers(); err != nil {
			return state.Timer{}, false, false, err
		}
	}
	if tm.next < len(tm.page) {
		timer, stored, found = tm.page[tm.next], true, true
	}
	if len(tm.changed) > 0 && (!found || tm.changed[0].Before(timer)) {
		timer, stored, found = tm.changed[0], false, true
	}
	if !found || timer.Due > limit {
		return state.Timer{}, false, false, nil
	}
	return timer, stored, true, nil
}

// loadTimers reads the next page of the store's timers, after those already looked at.
func (t *Task) loadTimers() error {
	tm := &t.timers
	var after *state.Timer
	if tm.loaded && len(tm.page) > 0 {
		last := tm.page[len(tm.page)-1]
		after = &last
	}
	page, err := t.store.Timers(t.partition, after, row.Never-1, timerPage)
	if err != nil {
		return fmt.Errorf("cannot read the timers of partition %d: %w", t.partition, err)
	}
	tm.loaded, tm.next = true, 0
	if len(page) > 0 {
		tm.page = page
	} else {
		tm.next = len(tm.page)
	}
	tm.horizon = row.Never
	if len(page) == timerPage {
		tm.horizon = page[len(page)-1].Due
	}
	return nil
}

// await puts the subject's next due instant into the heap. Earlier entries of it are found stale when they come up.
func (t *Task) await(e *entry) {
	if due := e.subject.Due(); due != row.Never {
		t.awaitAt(e, due)
	}
}

func (t *Task) awaitAt(e *entry, due row.Instant) {
	heap.Push(&t.timers.changed, state.Timer{Due: due, Table: e.subject.Table, ID: e.subject.ID})
}

// Advance moves the clock towards now and fires the timers due before it (inclusive: and at it), each at its own
// instant, in order of due time; at most max of them. done is false if more are due.
func (t *Task) Advance(now row.Instant, inclusive bool, max int) (done bool, err error) {
	limit := now
	if !inclusive {
		limit--
	}
	for range max {
		timer, stored, found, err := t.headTimer(limit)
		if err != nil {
			return false, err
		}
		if !found {
			t.metrics(now)
			t.tick(now)
			return true, nil
		}
		if stored {
			t.timers.next++
		} else {
			heap.Pop(&t.timers.changed)
		}
		if err := t.fire(timer); err != nil {
			return false, err
		}
	}
	return false, nil
}

// fire looks at a subject whose timer came due.
func (t *Task) fire(timer state.Timer) error {
	g := t.groups[timer.Table]
	if g == nil || g.audience == nil {
		return nil // of a catalog that was: the sweep takes its memberships back
	}
	e, err := t.load(g, timer.ID)
	if err != nil {
		return err
	}
	if due := t.dueOf(e); due != timer.Due && (t.sweep == nil || due > timer.Due) {
		t.awaitHeld(e, timer.Due)
		return nil // something else happened meanwhile
	}
	if waits, err := t.waiting(e); err != nil || waits {
		return err // when what it waits for has come, it is settled
	}
	t.metrics(timer.Due)
	now := t.tick(timer.Due)
	t.born = timer.Due
	if err := t.visitFirst(e, now); err != nil {
		return err
	}
	t.config.Counts.TimersFired.Add(1)
	t.settle(e, now, causeOfTime())
	t.comeDue(e, now)
	t.awaitHeld(e, timer.Due)
	return t.links.rows.err
}

// NextDue returns the earliest instant at which the task has something to do though no record comes.
func (t *Task) NextDue() (row.Instant, error) {
	timer, _, found, err := t.headTimer(row.Never - 1)
	if err != nil {
		return row.Never, err
	}
	due := row.Never
	if found {
		due = timer.Due
	}
	return min(due, t.nextMetrics()), nil
}

type timerHeap []state.Timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].Before(h[j]) }
func (h timerHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push is heap.Interface's.
func (h *timerHeap) Push(x any) { *h = append(*h, x.(state.Timer)) }

// Pop is heap.Interface's.
func (h *timerHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
