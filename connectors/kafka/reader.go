package kafka

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/engine"
)

// slabBytes is what values of the input topic are cut from: one allocation for many small changes.
const slabBytes = 64 << 10

// reader is one goroutine of intake. It decodes the records of its source partitions and writes the changes.
type reader struct {
	in      *Intake
	jobs    chan job
	changes []engine.Change
	slab    []byte
}

// job is what one poll brought of one source partition.
type job struct {
	batch    *batch
	reader   int
	decoder  engine.Decoder
	revision int64
	topicID  [16]byte
	records  []*kgo.Record
}

func (r *reader) run(ctx context.Context) {
	var undecoded error // nothing that comes later may overtake a record that could not be decoded
	for j := range r.jobs {
		for _, rec := range j.records {
			if undecoded = cmp.Or(undecoded, ctx.Err()); undecoded != nil {
				break
			}
			source := record(rec, j.topicID)
			r.changes = j.decoder.Decode(&source, r.changes[:0])
			if d, ok := j.decoder.(engine.InterruptedDecoder); ok && d.Err() != nil {
				undecoded = d.Err()
				break
			}
			for i := range r.changes {
				r.changes[i].Origin.Index, r.changes[i].Revision = uint16(i), j.revision
				r.write(ctx, j.batch, &r.changes[i])
			}
		}
		j.batch.done(undecoded)
	}
}

// write sends a change to its home: that of its key, and for a truncation every partition.
func (r *reader) write(ctx context.Context, b *batch, c *engine.Change) {
	value := r.encode(c)
	if c.Kind == engine.Truncate {
		for p := range r.in.partitions {
			r.produce(ctx, b, p, c.Key, value)
		}
		return
	}
	r.produce(ctx, b, engine.Home(c.Key, r.in.partitions), c.Key, value)
}

func (r *reader) produce(ctx context.Context, b *batch, partition int32, key string, value []byte) {
	b.pending.Add(1)
	r.in.cl.Produce(ctx, &kgo.Record{
		Topic:     r.in.cfg.Topic(TopicInput),
		Partition: partition,
		Key:       []byte(key),
		Value:     value,
	}, b.acknowledged)
}

// encode returns the change's value. A change that no record of the input topic can hold becomes a bad one without
// the record's content.
func (r *reader) encode(c *engine.Change) []byte {
	if cap(r.slab)-len(r.slab) < slabBytes/8 {
		r.slab = make([]byte, 0, slabBytes)
	}
	value := engine.AppendChange(r.slab[len(r.slab):], c)
	limit := int(r.in.cfg.messageBytes()) - framingBytes
	if len(value)+len(c.Key) > limit {
		*c = engine.Change{Kind: engine.Bad, Origin: c.Origin, Revision: c.Revision, Reason: "larger than max.record.bytes"}
		value = engine.AppendChange(nil, c)
	}
	if end := len(r.slab) + len(value); end <= cap(r.slab) && len(value) > 0 && &value[0] == &r.slab[:end][len(r.slab)] {
		r.slab = r.slab[:end]
	}
	return value[:len(value):len(value)]
}

// framingBytes is what a record and its batch need beside key and value.
const framingBytes = 4 << 10

// batch is what one poll brought. It is finished when all that came of it is acknowledged, or something failed.
type batch struct {
	offsets  map[string]map[int32]kgo.EpochOffset // of the records after it
	pending  atomic.Int64
	finished chan struct{}

	mu  sync.Mutex
	err error
}

// newBatch returns a batch that needs one done more than it has jobs and writes.
func newBatch() *batch {
	b := &batch{offsets: make(map[string]map[int32]kgo.EpochOffset), finished: make(chan struct{})}
	b.pending.Store(1)
	return b
}

// add counts a job.
func (b *batch) add(tp topicPartition, next kgo.EpochOffset) {
	b.pending.Add(1)
	if b.offsets[tp.topic] == nil {
		b.offsets[tp.topic] = make(map[int32]kgo.EpochOffset)
	}
	b.offsets[tp.topic][tp.partition] = next
}

func (b *batch) acknowledged(_ *kgo.Record, err error) { b.done(err) }

func (b *batch) done(err error) {
	if err != nil {
		b.mu.Lock()
		if b.err == nil {
			b.err = err
		}
		b.mu.Unlock()
	}
	if b.pending.Add(-1) == 0 {
		close(b.finished)
	}
}

func (b *batch) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}
