package engine

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state/row"
)

// How a sweep shares the worker with the records.
const (
	sweepShare = 20 * time.Millisecond // of an epoch, of all tasks together
	sweepPage  = 32                    // subjects between two looks at the share
	sweepWait  = time.Millisecond      // for records, between two epochs
	aheadWait  = 20 * time.Millisecond // between two looks for a revision that records need
)

// aheadMax is how long records wait for the revision by which they were read. It must have been withdrawn by then: the
// topic of catalogs was made anew.
const aheadMax = time.Minute

// swaps is what a worker knows of revisions of the catalog.
type swaps struct {
	next    atomic.Pointer[catalog.Catalog] // to be put in force between two epochs
	refused atomic.Int64                    // the last revision that can't be used here
	at      row.Instant                     // when next was first seen: tasks finish what came due before it
	waiting time.Time                       // since when records wait for a revision; zero: none do
	early   []restoreResult                 // of partitions that have a revision which has not come here yet
	version atomic.Int64                    // in force
	linking time.Time                       // since when tasks wait for rows of others, or the last time that was told
}

// Swap puts a catalog in force, between two epochs of a later moment. Any goroutine may call it.
func (w *Worker) Swap(c *catalog.Catalog) { w.swaps.next.Store(c) }

// Refuse says that a revision of the catalog can't be used by this worker: records that were read by it are taken as
// the catalog in force has them. Any goroutine may call it.
func (w *Worker) Refuse(revision int64) { w.swaps.refused.Store(revision) }

// Revision returns the revision of the catalog in force. Any goroutine may call it.
func (w *Worker) Revision() int64 { return w.swaps.version.Load() }

// early returns the revision that a partition has if this worker, which follows the topic of catalogs, has not got it
// yet; 0 if it has. Opened by an older catalog the partition would be brought back to that, and forth again.
func (w *Worker) early(p int32) (revision int64, err error) {
	if !w.config.Task.Progress {
		return 0, nil
	}
	fill, held, err := w.store.Fill(p)
	if err != nil || !held || fill.Published <= max(w.catalog.Revision, w.swaps.refused.Load()) {
		return 0, err
	}
	return fill.Published, nil
}

// swap puts the next catalog in force once every task has done what came due before it.
func (w *Worker) swap() error {
	w.awaitRevision()
	next := w.swaps.next.Load()
	if next == nil {
		return nil
	}
	if w.swaps.at == 0 {
		w.swaps.at = w.config.Now()
	}
	for _, t := range w.tasks {
		if t.task == nil || t.task.Preparing() {
			continue
		}
		due, err := t.task.NextDue()
		if err != nil {
			return &stateError{err}
		}
		if due <= w.swaps.at {
			return nil
		}
	}
	for _, t := range w.tasks {
		if t.task == nil {
			continue
		}
		if err := t.task.Swap(next); err != nil {
			return &stateError{fmt.Errorf("cannot change the catalog of partition %d: %w", t.partition, err)}
		}
	}
	w.catalog, w.swaps.at = next, 0
	w.swaps.version.Store(next.Revision)
	w.swaps.next.CompareAndSwap(next, nil)
	w.config.Logger.Info("a revision of the catalog is in force", "revision", next.Revision,
		"segments", len(next.Segments), "triggers", len(next.Triggers))
	if w.config.Swapped != nil {
		w.config.Swapped(next)
	}
	return nil
}

// awaitRevision lets records be taken that were read by a revision which can't be used here, or does not come.
func (w *Worker) awaitRevision() {
	accepts, waiting := w.swaps.refused.Load(), int64(0)
	for _, t := range w.tasks {
		waiting = max(waiting, t.ahead)
	}
	for _, r := range w.swaps.early {
		waiting = max(waiting, r.revision)
	}
	switch {
	case waiting == 0:
		w.swaps.waiting = time.Time{}
	case w.swaps.waiting.IsZero():
		w.swaps.waiting = time.Now()
	case time.Since(w.swaps.waiting) > aheadMax:
		w.config.Logger.Warn("records were read by a revision of the catalog that does not come; taking them as they are",
			"revision", waiting)
		w.swaps.refused.Store(waiting)
		accepts = waiting
	}
	for _, t := range w.tasks {
		if t.task != nil {
			t.task.accepts = accepts
		}
	}
}

// linkWait is how long tasks wait for rows of other partitions before that is told.
const linkWait = 10 * time.Second

// tellUnlinked says, now and then, for which partitions tasks wait that have not sent the rows which a catalog's links
// lead here.
func (w *Worker) tellUnlinked() error {
	waiting := map[int32]bool{}
	for _, t := range w.tasks {
		if t.task == nil || !t.task.Linking() {
			continue
		}
		missing, err := t.task.Unlinked()
		if err != nil {
			return &stateError{err}
		}
		for _, p := range missing {
			waiting[p] = true
		}
	}
	switch {
	case len(waiting) == 0:
		w.swaps.linking = time.Time{}
	case w.swaps.linking.IsZero():
		w.swaps.linking = time.Now()
	case time.Since(w.swaps.linking) > linkWait:
		w.swaps.linking = time.Now()
		w.config.Logger.Warn("segments wait for rows of other partitions, which the catalog's links lead to this worker: "+
			"are all workers running, and have they this revision?", "partitions", slices.Sorted(maps.Keys(waiting)))
	}
	return nil
}

// sweep brings a changed catalog over subjects, as long as the epoch has room for that.
func (t *workerTask) sweep(now row.Instant, room *epochRoom) error {
	for {
		if _, sweeping := t.task.Sweeping(); !sweeping || room.sweep.Load() <= 0 || room.bytes.Load() <= 0 {
			return nil
		}
		began, size := time.Now(), t.task.Bytes()
		if err := t.task.Sweep(now, sweepPage); err != nil || t.task.sweep != nil && t.task.sweep.blocked {
			return err
		}
		room.sweep.Add(-int64(time.Since(began)))
		room.bytes.Add(int64(size - t.task.Bytes()))
	}
}
