package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// restoreResult is what a restore posts to the loop when it ends.
type restoreResult struct {
	task     *workerTask
	revision int64 // that the partition has and the worker has not got yet
	err      error
}

// assign starts the restore of a partition that is now the worker's.
func (w *Worker) assign(ctx context.Context, p int32) {
	w.revoke(p)
	t := &workerTask{partition: p}
	w.tasks[p] = t
	w.restore(ctx, t)
}

// restore brings the store's share of a partition to the changelog's end, on its own goroutine.
func (w *Worker) restore(ctx context.Context, t *workerTask) {
	ctx, t.cancel = context.WithCancel(ctx)
	before, done := w.restoring[t.partition], make(chan struct{})
	w.restoring[t.partition] = done
	w.restores.Add(1)
	go func() {
		defer w.restores.Done()
		defer close(done)
		if before != nil {
			<-before // an earlier restore of the partition, given up, may still be writing its last batch
		}
		r := restoreResult{task: t, err: w.fill(ctx, t.partition)}
		select {
		case w.restored <- r:
		case <-ctx.Done():
		}
	}()
}

// staleAfter is the age from which on local state is not trusted: deletions older than the changelog's
// delete.retention.ms (7 days) may be gone from it, so state that did not follow for long could keep what was deleted.
const staleAfter = row.Instant(6 * 24 * time.Hour)

// fill restores one partition: from where the store is, or from nothing if that can't be trusted.
func (w *Worker) fill(ctx context.Context, p int32) error {
	pos, held, err := w.store.Position(p)
	if err != nil {
		return &stateError{err}
	}
	log := w.config.Logger.With("partition", p)
	if held && w.config.Now()-pos.Applied > staleAfter {
		log.Info("local state did not follow the changelog for too long; restoring from nothing",
			"last", pos.Applied.String())
		held = false
	}
	if !held {
		pos = state.Position{}
		if err := w.store.Drop(p); err != nil {
			return &stateError{err}
		}
	}
	err = w.read(ctx, p, pos.Next)
	if errors.Is(err, ErrOutOfRange) {
		log.Warn("the changelog does not hold the local position; restoring from nothing", "position", pos.Next)
		if err := w.store.Drop(p); err != nil {
			return &stateError{err}
		}
		err = w.read(ctx, p, 0)
	}
	return err
}

// read applies the changelog of a partition from an offset to its end.
func (w *Worker) read(ctx context.Context, p int32, from int64) error {
	began, logged := time.Now(), time.Now()
	var total int64
	err := w.changelog.Restore(ctx, p, from, func(facts []state.Fact, next int64) error {
		b := w.store.NewBatch()
		if err := b.PutAll(p, facts); err != nil {
			return &stateError{err}
		}
		if err := b.SetPosition(p, state.Position{Next: next, Applied: w.config.Now()}); err != nil {
			return &stateError{err}
		}
		if err := b.Commit(); err != nil {
			return &stateError{err}
		}
		return nil
	}, func(done, all int64) {
		total = all
		w.status.restoring(p, all-done)
		if time.Since(logged) < 5*time.Second {
			return
		}
		logged = time.Now()
		rate := float64(done) / time.Since(began).Seconds()
		w.config.Logger.Info("restoring", "partition", p, "done", done, "total", all, "records_per_s", int(rate),
			"eta_s", int(float64(all-done)/max(rate, 1)))
	})
	if err != nil {
		return err
	}
	if total > 0 {
		w.config.Logger.Debug("restored", "partition", p, "records", total, "took", time.Since(began))
	}
	return nil
}

// takeRestored opens the tasks whose restore has ended and lets their records come.
func (w *Worker) takeRestored(s Session) error {
	var ready []Resumption
	waited := w.swaps.early
	w.swaps.early = nil
	for {
		r, ok := w.nextRestored(&waited)
		if !ok {
			if len(ready) > 0 {
				s.Resume(ready)
				w.publish()
			}
			return nil
		}
		p := r.task.partition
		if w.tasks[p] != r.task {
			continue // revoked meanwhile
		}
		if errors.Is(r.err, context.Canceled) {
			continue
		}
		if r.err != nil {
			return fmt.Errorf("cannot restore partition %d: %w", p, r.err)
		}
		var err error
		if r.revision, err = w.early(p); err != nil {
			return &stateError{err}
		}
		if r.revision > 0 {
			w.swaps.early = append(w.swaps.early, r)
			continue
		}
		task, err := OpenTask(p, w.catalog, w.store, w.config.Task)
		if err != nil {
			return &stateError{err}
		}
		r.task.task = task
		w.status.restoring(p, 0)
		if _, sweeping := task.Sweeping(); sweeping {
			w.config.Logger.Debug("bringing the catalog over the subjects", "partition", p)
		}
		ready = append(ready, r.task.resumption())
	}
}

// nextRestored returns a restore that has ended: one of those that waited for a revision, or a new one.
func (w *Worker) nextRestored(waited *[]restoreResult) (r restoreResult, ok bool) {
	if len(*waited) > 0 {
		r, *waited = (*waited)[0], (*waited)[1:]
		return r, true
	}
	select {
	case r = <-w.restored:
		return r, true
	default:
		return r, false
	}
}

// resumption says where the task goes on.
func (t *workerTask) resumption() Resumption {
	topic, next := t.task.ExchangeNext()
	return Resumption{Partition: t.partition, Exchange: next, Topic: topic}
}

// revoke forgets a task. What it did in an epoch that is not committed is lost on purpose: the next owner does it.
func (w *Worker) revoke(p int32) {
	if t := w.tasks[p]; t != nil {
		t.cancel()
		if t.task != nil {
			if err := t.task.Close(); err != nil {
				w.config.Logger.Warn("cannot close a task", "partition", p, "err", err)
			}
		}
		delete(w.tasks, p)
		w.status.restoring(p, 0)
	}
}

// rewind makes every task start again from what is committed: the session hands the records out again.
func (w *Worker) rewind() error {
	for _, t := range w.tasks {
		t.records, t.taken = t.records[:0], 0
		t.exchange, t.exchanged = t.exchange[:0], 0
		if t.task == nil {
			continue
		}
		if err := t.task.Reset(); err != nil {
			return &stateError{err}
		}
	}
	return nil
}
