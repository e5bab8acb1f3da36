package engine

import (
	"errors"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// Replay runs the tasks of an app over records and moves of the clock that a file gives, without Kafka: the same
// operators, the same store, the same facts. It is deterministic: the same input gives the same outputs, however it is
// cut into epochs.
type Replay struct {
	tasks   []*Task // by partition
	store   *state.Store
	decoder Decoder
	write   func(*Output) error
	changes []Change
	offsets map[place]int64
	now     row.Instant
	steps   int
	every   int
	facts   func(partition int32, facts []state.Fact)
	message func(m *Message) bool
	outputs []Output // of the open epoch, in the order in which they came
	taken   []int    // by task: how many of its outputs are among them
}

// place is a partition of a source topic.
type place struct {
	topic     string
	partition int32
}

// ReplayConfig is how a replay runs.
type ReplayConfig struct {
	Task         TaskConfig
	EpochRecords int // steps of an epoch, from 1
	// Facts is handed the facts of each epoch, partition by partition; may be nil. They are only valid during the call.
	Facts func(partition int32, facts []state.Fact)
	// Message is shown each message between tasks, may change it, and tells whether it arrives; nil: all do.
	Message func(m *Message) bool
}

// replayTimers is how many timers fire before a replay closes its epoch: the memory of a long move of the clock.
const replayTimers = 4096

// NewReplay returns a replay over a store, new or of an earlier replay of the same catalog with as many partitions.
// write is handed the outputs in order. The replay must be closed before the store.
func NewReplay(cfg ReplayConfig, c *catalog.Catalog, s *state.Store, d Decoder,
	write func(*Output) error) (*Replay, error) {
	cfg.Task.Partitions = max(cfg.Task.Partitions, 1)
	r := &Replay{store: s, decoder: d, write: write, offsets: map[place]int64{}, now: row.Earliest,
		every: cfg.EpochRecords, facts: cfg.Facts, message: cfg.Message, taken: make([]int, cfg.Task.Partitions)}
	for p := range cfg.Task.Partitions {
		task, err := OpenTask(p, c, s, cfg.Task)
		if err != nil {
			return nil, errors.Join(err, r.Release())
		}
		r.tasks = append(r.tasks, task)
		r.now = max(r.now, task.Clock())
		for s, m := range task.sources { // an earlier replay's records keep their offsets
			at := place{s.Name, s.Partition}
			r.offsets[at] = max(r.offsets[at], m.offset>>16+1)
		}
	}
	if err := r.link(); err != nil {
		return nil, errors.Join(err, r.Release())
	}
	return r, nil
}

// link brings the catalog's links over the rows of all tasks, if there are any.
func (r *Replay) link() error {
	if r.now == row.Earliest {
		for _, t := range r.tasks {
			t.linkNothing()
		}
	}
	for linking := true; linking; {
		linking = false
		for _, t := range r.tasks {
			if t.Linking() || t.Serving() {
				linking = true
				if err := t.Link(r.now, workAll); err != nil {
					return err
				}
			}
		}
		if err := r.exchange(r.now); err != nil {
			return err
		}
	}
	return nil
}

// Release gives up what the replay holds of the store. What it has done since the last Flush is lost.
func (r *Replay) Release() error {
	var err error
	for _, t := range r.tasks {
		err = errors.Join(err, t.Close())
	}
	return err
}

// Record takes one source record at the instant at, which must not lie before an earlier one. It sets the record's
// offset: the number of records of its topic and partition before it.
func (r *Replay) Record(at row.Instant, rec *Record) error {
	from := place{rec.Topic, rec.Partition}
	rec.Offset = r.offsets[from]
	r.offsets[from]++
	return r.Deliver(at, rec)
}

// Deliver takes one source record that has its offset, as Record does. One that came before is dropped.
func (r *Replay) Deliver(at row.Instant, rec *Record) error {
	if err := r.advance(at, false); err != nil {
		return err
	}
	rec.Time = at
	r.changes = r.decoder.Decode(rec, r.changes[:0])
	for i := range r.changes {
		c := &r.changes[i]
		c.Origin.Index = uint16(i)
		if err := r.apply(c, at); err != nil {
			return err
		}
	}
	return r.step()
}

// apply hands a change to the task of its home, a truncation to all, and lets the tasks exchange what comes of it.
func (r *Replay) apply(c *Change, at row.Instant) error {
	to := r.tasks
	if c.Kind != Truncate {
		home := Home(c.Key, int32(len(r.tasks)))
		to = r.tasks[home : home+1]
	}
	if len(r.tasks) == 1 {
		return r.applyAlone(c, at)
	}
	for _, t := range r.tasks {
		t.HoldEffects()
	}
	for _, t := range to {
		copied := *c
		if err := t.Apply(&copied, at); err != nil {
			return err
		}
		r.take(t)
	}
	if err := r.exchange(at); err != nil {
		return err
	}
	for _, t := range r.tasks {
		if err := t.SettleEffects(at); err != nil {
			return err
		}
		r.take(t)
	}
	return nil
}

// applyAlone is apply where there is one task.
func (r *Replay) applyAlone(c *Change, at row.Instant) error {
	t := r.tasks[0]
	if err := t.Apply(c, at); err != nil {
		return err
	}
	for t.Working() {
		if err := t.Work(at, replayTimers); err != nil {
			return err
		}
		if t.Bytes() > replayBytes {
			if err := r.Flush(); err != nil {
				return err
			}
		}
	}
	r.take(t)
	return nil
}

// replayBytes is about how large an epoch becomes when one change concerns very many subjects.
const replayBytes = 32 << 20

// exchange delivers the messages of the tasks until there are no more.
func (r *Replay) exchange(at row.Instant) error {
	for quiet := false; !quiet; {
		quiet = true
		for _, t := range r.tasks {
			for _, m := range t.Messages() {
				quiet = false
				if r.message != nil && !r.message(&m) {
					continue
				}
				if err := r.tasks[m.To].Receive(m.Value, at); err != nil {
					return err
				}
			}
			if err := t.answerAll(); err != nil {
				return err
			}
			quiet = quiet && len(t.epoch.messages) == 0
		}
	}
	return nil
}

// take puts what a task has for the output topics since it was last asked in its place among the others'.
func (r *Replay) take(t *Task) {
	n := &r.taken[t.partition]
	r.outputs = append(r.outputs, t.epoch.outputs[*n:]...)
	*n = len(t.epoch.outputs)
}

// Clock moves the clock to the instant at: everything due up to it happens. After its outputs comes one with the
// instant and no topic: the move itself, in its place.
func (r *Replay) Clock(at row.Instant) error {
	if err := r.advance(at, true); err != nil {
		return err
	}
	r.tasks[0].put(Output{At: at})
	r.take(r.tasks[0])
	return r.step()
}

// Refuse sends what stands in place of a record, and could not be read as one, to the dead letters. number tells
// which of the input's pieces it was.
func (r *Replay) Refuse(number int64, raw []byte, reason string) error {
	c := Change{Kind: Bad, Reason: reason, Raw: raw, Origin: Origin{Offset: number, Time: r.now}}
	if err := r.apply(&c, r.now); err != nil {
		return err
	}
	return r.step()
}

// Now returns the instant of the last record or move of the clock; row.Earliest before the first.
func (r *Replay) Now() row.Instant { return r.now }

// Close ends the last epoch, after everything due up to the last instant, and gives up what the replay holds of the
// store.
func (r *Replay) Close() error {
	if r.now != row.Earliest {
		if err := r.advance(r.now, true); err != nil {
			return errors.Join(err, r.Release())
		}
	}
	return errors.Join(r.Flush(), r.Release())
}

// advance fires what is due up to the instant at, of all tasks in the order of time.
func (r *Replay) advance(at row.Instant, inclusive bool) error {
	r.now = at
	if len(r.tasks) == 1 {
		_, err := r.advanceTask(r.tasks[0], at, inclusive)
		return err
	}
	for {
		first, due := (*Task)(nil), row.Never
		for _, t := range r.tasks {
			next, err := t.NextDue()
			if err != nil {
				return err
			}
			if next < due {
				first, due = t, next
			}
		}
		if first == nil || due > at || due == at && !inclusive {
			break
		}
		if _, err := r.advanceTask(first, due, true); err != nil {
			return err
		}
	}
	for _, t := range r.tasks {
		if _, err := r.advanceTask(t, at, inclusive); err != nil {
			return err
		}
	}
	return nil
}

func (r *Replay) advanceTask(t *Task, at row.Instant, inclusive bool) (done bool, err error) {
	for {
		done, err := t.Advance(at, inclusive, replayTimers)
		r.take(t)
		if err != nil || done {
			return done, err
		}
		if r.every < replayTimers {
			if err := r.Flush(); err != nil {
				return false, err
			}
		}
	}
}

func (r *Replay) step() error {
	r.steps++
	if r.steps < r.every {
		return nil
	}
	return r.Flush()
}

// Flush ends the epoch: its outputs are written and its facts applied to the store.
func (r *Replay) Flush() error {
	r.steps = 0
	for _, t := range r.tasks {
		r.take(t)
	}
	for i := range r.outputs {
		if err := r.write(&r.outputs[i]); err != nil {
			return err
		}
	}
	clear(r.outputs)
	r.outputs = r.outputs[:0]
	b := r.store.NewBatch()
	parts := make([]Part, 0, len(r.tasks))
	for _, t := range r.tasks {
		part := t.Effects()
		if err := b.PutAll(t.partition, part.Facts); err != nil {
			return err
		}
		parts = append(parts, part)
	}
	if err := b.Commit(); err != nil {
		return err
	}
	for i, t := range r.tasks {
		if r.facts != nil {
			r.facts(t.partition, parts[i].Facts)
		}
		t.Applied()
		r.taken[i] = 0
	}
	return nil
}
