package engine

import (
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// Replay runs one task over records and moves of the clock that a file gives, without Kafka: the same operators,
// the same store, the same facts. It is deterministic: the same input gives the same outputs, however it is cut
// into epochs.
type Replay struct {
	task    *Task
	store   *state.Store
	decoder Decoder
	write   func(*Output) error
	changes []Change
	offsets map[place]int64
	now     row.Instant
	steps   int
	every   int
	facts   func([]state.Fact)
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
	// Facts is handed the facts of each epoch; may be nil. They are only valid during the call.
	Facts func([]state.Fact)
}

// replayTimers is how many timers fire before a replay closes its epoch: the memory of a long move of the clock.
const replayTimers = 4096

// NewReplay returns a replay over a store, new or of an earlier replay of the same catalog. write is handed the
// outputs in order.
func NewReplay(cfg ReplayConfig, c *catalog.Catalog, s *state.Store, d Decoder,
	write func(*Output) error) (*Replay, error) {
	task, err := OpenTask(0, c, s, cfg.Task)
	if err != nil {
		return nil, err
	}
	r := &Replay{task: task, store: s, decoder: d, write: write, offsets: map[place]int64{}, now: task.Clock(),
		every: cfg.EpochRecords, facts: cfg.Facts}
	for s, m := range task.sources { // an earlier replay's records keep their offsets
		r.offsets[place{s.Name, s.Partition}] = m.offset>>16 + 1
	}
	return r, nil
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
		if err := r.task.Apply(c, at); err != nil {
			return err
		}
	}
	return r.step()
}

// Clock moves the clock to the instant at: everything due up to it happens. After its outputs comes one with the
// instant and no topic: the move itself, in its place.
func (r *Replay) Clock(at row.Instant) error {
	if err := r.advance(at, true); err != nil {
		return err
	}
	r.task.put(Output{At: at})
	return r.step()
}

// Refuse sends what stands in place of a record, and could not be read as one, to the dead letters. number tells
// which of the input's pieces it was.
func (r *Replay) Refuse(number int64, raw []byte, reason string) error {
	c := Change{Kind: Bad, Reason: reason, Raw: raw, Origin: Origin{Offset: number, Time: r.now}}
	if err := r.task.Apply(&c, r.now); err != nil {
		return err
	}
	return r.step()
}

// Now returns the instant of the last record or move of the clock; row.Earliest before the first.
func (r *Replay) Now() row.Instant { return r.now }

// Close ends the last epoch, after everything due up to the last instant.
func (r *Replay) Close() error {
	if r.now != row.Earliest {
		if err := r.advance(r.now, true); err != nil {
			return err
		}
	}
	return r.Flush()
}

func (r *Replay) advance(at row.Instant, inclusive bool) error {
	r.now = at
	for {
		done, err := r.task.Advance(at, inclusive, replayTimers)
		if err != nil || done {
			return err
		}
		if r.every < replayTimers {
			if err := r.Flush(); err != nil {
				return err
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
	part := r.task.Effects()
	for i := range part.Outputs {
		if err := r.write(&part.Outputs[i]); err != nil {
			return err
		}
	}
	b := r.store.NewBatch()
	if err := b.PutAll(0, part.Facts); err != nil {
		return err
	}
	if err := b.Commit(); err != nil {
		return err
	}
	if r.facts != nil {
		r.facts(part.Facts)
	}
	r.task.Applied()
	return nil
}
