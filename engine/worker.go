package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// WorkerConfig is how a worker runs.
type WorkerConfig struct {
	Task         TaskConfig
	EpochRecords int           // the most records of one epoch
	EpochBytes   int64         // an epoch ends at about so many bytes of records in and out
	EpochTimers  int           // the most timers that one task fires in one epoch while no record is read
	PollWait     time.Duration // the longest wait for records
	RetryMax     time.Duration // the longest pause between attempts to open a session
	Logger       *slog.Logger
	// Now is the wall clock.
	Now func() row.Instant
	// Committed is called after each commit with what it wrote and the time that the commit took; may be nil.
	Committed func(parts []Part, took time.Duration)
	// Swapped is called on the worker's goroutine when a catalog has been put in force by Swap; may be nil.
	Swapped func(*catalog.Catalog)
	// Permanent tells whether a session's error can't heal by opening a new one: the worker then stops.
	Permanent func(error) bool
}

// Worker is one process's loop: it owns the session, the tasks and the open epoch. Run is its only goroutine that does;
// others read Status.
type Worker struct {
	config    WorkerConfig
	catalog   *catalog.Catalog
	store     *state.Store
	changelog Changelog
	open      func(context.Context) (Session, error)

	tasks     map[int32]*workerTask
	restoring map[int32]chan struct{} // by partition: closed when its last restore has ended
	swaps     swaps
	polled    time.Time
	restored  chan restoreResult
	restores  sync.WaitGroup
	status    statusBoard
}

// workerTask is a partition that the worker is assigned.
type workerTask struct {
	partition int32
	task      *Task // nil while restoring
	cancel    context.CancelFunc
	records   []Record // polled and not yet committed
	taken     int      // how many of them the open epoch has worked off
	exchange  []Record // likewise, of the exchange topic
	exchanged int
	ahead     int64 // the revision by which the next record was read, and that the task has not got yet; 0: none
	failed    error
}

// NewWorker returns a worker over the store. open opens a session; the worker opens another after a failed one.
func NewWorker(cfg WorkerConfig, c *catalog.Catalog, s *state.Store, changelog Changelog,
	open func(context.Context) (Session, error)) *Worker {
	w := &Worker{config: cfg, catalog: c, store: s, changelog: changelog, open: open,
		tasks: map[int32]*workerTask{}, restoring: map[int32]chan struct{}{}, restored: make(chan restoreResult, 1)}
	w.swaps.version.Store(c.Revision)
	return w
}

// Run works until ctx ends, then finishes the open epoch and leaves the group; it then returns nil. A failed session is
// replaced, with growing pauses; only an error that can't heal ends Run.
func (w *Worker) Run(ctx context.Context) error {
	pause := 100 * time.Millisecond
	for {
		began := time.Now()
		err := w.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		var broken *stateError
		if errors.As(err, &broken) || w.config.Permanent(err) {
			return err
		}
		if time.Since(began) > time.Minute {
			pause = 100 * time.Millisecond
		}
		w.config.Logger.Warn("session failed; opening a new one", "err", err, "pause", pause)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, w.config.RetryMax)
	}
}

// stateError is a failure of the store: going on could lose or double something, so the worker stops.
type stateError struct{ err error }

func (e *stateError) Error() string { return e.err.Error() }
func (e *stateError) Unwrap() error { return e.err }

// session runs one session from its opening to its end.
func (w *Worker) session(ctx context.Context) error {
	s, err := w.open(ctx)
	if err != nil {
		return fmt.Errorf("cannot open a session: %w", err)
	}
	defer func() {
		w.closeTasks()
		s.Close()
	}()
	for ctx.Err() == nil {
		if err := w.round(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (w *Worker) closeTasks() {
	for p := range w.tasks {
		w.revoke(p)
	}
	w.restores.Wait()
	for len(w.restored) > 0 {
		<-w.restored
	}
	w.swaps.early = nil
	w.publish()
}

// pollEvery is how long the loop works off due timers without looking for records and assignments.
const pollEvery = 500 * time.Millisecond

// round is one turn of the loop: finish restores, poll, run one epoch over what is at hand, commit, apply.
func (w *Worker) round(ctx context.Context, s Session) error {
	if err := w.takeRestored(s); err != nil {
		return err
	}
	if err := w.swap(); err != nil {
		return err
	}
	if err := w.tellUnlinked(); err != nil {
		return err
	}
	wait, recordsMax := w.wait(), w.config.EpochRecords
	if wait == 0 && time.Since(w.polled) < pollEvery {
		return w.epoch(ctx, s) // what is at hand is worked off before more is taken on
	}
	if w.backlog() {
		recordsMax = 0 // only look for changes of assignment
	}
	w.polled = time.Now()
	poll, err := s.Poll(ctx, wait, recordsMax)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("cannot poll the input topic: %w", err)
	}
	for _, p := range poll.Revoked {
		w.revoke(p)
	}
	for _, p := range poll.Assigned {
		w.assign(ctx, p)
	}
	if len(poll.Revoked)+len(poll.Assigned) > 0 {
		w.publish()
	}
	if err := w.hand(poll.Exchange, func(t *workerTask) *[]Record { return &t.exchange }); err != nil {
		return err
	}
	if err := w.hand(poll.Records, func(t *workerTask) *[]Record { return &t.records }); err != nil {
		return err
	}
	return w.epoch(ctx, s)
}

// hand gives polled records to their tasks.
func (w *Worker) hand(records []Record, queue func(*workerTask) *[]Record) error {
	for i := range records {
		r := &records[i]
		t := w.tasks[r.Partition]
		if t == nil || t.task == nil {
			return fmt.Errorf("a record of partition %d came while its task is not running", r.Partition)
		}
		q := queue(t)
		*q = append(*q, *r)
	}
	return nil
}

// backlog tells whether records that were polled are left from an epoch that was full.
func (w *Worker) backlog() bool {
	for _, t := range w.tasks {
		if len(t.records)+len(t.exchange) > 0 {
			return true
		}
	}
	return false
}

// wait returns how long the loop may sleep: until the next due instant of a task.
func (w *Worker) wait() time.Duration {
	wait := w.config.PollWait
	now := w.config.Now()
	late := row.Instant(0)
	defer func() { w.status.lateness.Store(int64(late)) }()
	for _, t := range w.tasks {
		if t.task == nil {
			wait = min(wait, 20*time.Millisecond) // its restore may end at any time
			continue
		}
		switch _, sweeping := t.task.Sweeping(); {
		case t.ahead > 0:
			wait = min(wait, aheadWait)
		case len(t.records)+len(t.exchange) > 0 || t.task.Working():
			return 0
		case sweeping || t.task.Linking() || t.task.Serving():
			wait = min(wait, sweepWait)
		}
		due, err := t.task.NextDue()
		if err != nil || due <= now {
			wait, late = 0, max(late, now-due)
			continue
		}
		wait = min(wait, time.Duration(due-now)+1)
	}
	return wait
}

// epoch runs the tasks that have something to do, each on its own goroutine, commits what they did in one transaction,
// and applies it to the store. On an abort every task starts again from what is committed.
func (w *Worker) epoch(ctx context.Context, s Session) error {
	var wg sync.WaitGroup
	var room epochRoom
	room.bytes.Store(w.config.EpochBytes)
	room.sweep.Store(int64(sweepShare))
	for _, t := range w.tasks {
		if t.task == nil {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			t.failed = t.step(w.config.Now(), w.config.EpochTimers, &room)
		}()
	}
	wg.Wait()
	parts := make([]Part, 0, len(w.tasks))
	for _, t := range w.tasks {
		if t.task == nil {
			continue
		}
		if t.failed != nil {
			return &stateError{t.failed}
		}
		part := t.task.Effects()
		if t.taken > 0 {
			part.Next = t.records[t.taken-1].Offset + 1
		}
		if t.exchanged > 0 {
			part.Exchange = t.exchange[t.exchanged-1].Offset + 1
		}
		if part.Next >= 0 || part.Exchange >= 0 || len(part.Facts)+len(part.Outputs) > 0 {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return w.commit(ctx, s, parts)
}

// epochRoom is what is left of an epoch, for all tasks.
type epochRoom struct {
	bytes atomic.Int64 // that it may still grow by
	sweep atomic.Int64 // nanoseconds that sweeps may still take
}

// step runs one task's share of an epoch. It takes at least one record, and no more when the room is used up: the rest
// stays for the next epoch. A changed catalog is brought over the subjects with what is left.
func (t *workerTask) step(now row.Instant, timersMax int, room *epochRoom) error {
	task := t.task
	t.taken, t.exchanged, t.ahead = 0, 0, 0
	if task.Preparing() {
		if err := task.Sweep(now, timersMax); err != nil || task.Preparing() {
			return err
		}
	}
	idle := len(t.records)+len(t.exchange) == 0
	for {
		done, err := task.Advance(now, idle, timersMax)
		if err != nil {
			return err
		}
		if done {
			break
		}
		if idle {
			return nil
		}
	}
	if task.Linking() || task.Serving() {
		if err := task.Link(now, workShare); err != nil {
			return err
		}
	}
	if err := task.Work(now, workShare); err != nil {
		return err
	}
	err := t.takeAll(t.exchange, &t.exchanged, room, func(r *Record) error { return task.TakeMessage(r, now) })
	if err != nil {
		return err
	}
	err = t.takeAll(t.records, &t.taken, room, func(r *Record) error { return task.Take(r, now) })
	var ahead *aheadError
	if errors.As(err, &ahead) {
		t.ahead, err = ahead.revision, nil
	}
	if err != nil {
		return err
	}
	return t.sweep(now, room)
}

// workShare is how many subjects, in one epoch of one task, a change is brought to that concerns very many: a bound on
// what the records of others wait for.
const workShare = 512

// takeAll takes records until room is used up, but one at least, and counts them.
func (t *workerTask) takeAll(records []Record, taken *int, room *epochRoom, take func(*Record) error) error {
	for size := t.task.Bytes(); *taken < len(records); {
		r := &records[*taken]
		if err := take(r); err != nil {
			return err
		}
		*taken++
		grown := t.task.Bytes() + len(r.Value)
		if room.bytes.Add(int64(size-grown)) <= 0 {
			break
		}
		size = t.task.Bytes()
	}
	return nil
}

func (w *Worker) commit(ctx context.Context, s Session, parts []Part) error {
	began := time.Now()
	// A stop finishes the open epoch: the commit gets its own time for that.
	commitCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	outcome, err := s.Commit(commitCtx, parts)
	if err != nil {
		return fmt.Errorf("cannot commit an epoch: %w", err)
	}
	if !outcome.Committed {
		w.config.Task.Counts.Aborts.Add(1)
		return w.rewind()
	}
	for _, t := range w.tasks {
		t.records = t.records[:copy(t.records, t.records[t.taken:])]
		t.exchange = t.exchange[:copy(t.exchange, t.exchange[t.exchanged:])]
		t.taken, t.exchanged = 0, 0
	}
	w.config.Task.Counts.Commits.Add(1)
	if err := w.apply(parts, outcome); err != nil {
		return &stateError{err}
	}
	if w.config.Committed != nil {
		w.config.Committed(parts, time.Since(began))
	}
	return nil
}

// apply writes a committed epoch into the store, with the changelog positions it brings, in one batch.
func (w *Worker) apply(parts []Part, outcome Outcome) error {
	b := w.store.NewBatch()
	now := w.config.Now()
	for i := range parts {
		p := &parts[i]
		if err := b.PutAll(p.Partition, p.Facts); err != nil {
			return err
		}
		if next, ok := outcome.Changelog[p.Partition]; ok {
			if err := b.SetPosition(p.Partition, state.Position{Next: next, Applied: now}); err != nil {
				return err
			}
		}
	}
	if err := b.Commit(); err != nil {
		return err
	}
	for i := range parts {
		if t := w.tasks[parts[i].Partition]; t != nil && t.task != nil {
			t.task.Applied()
		}
	}
	return nil
}
