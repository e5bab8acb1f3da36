package kafka

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/engine"
)

// Bounds of what the exchange's reader holds that is not handed out. It reads on as soon as there is less.
const (
	exchangePoll  = 1000    // records that it takes from the client at once
	exchangeBytes = 8 << 20 // about
	recordBytes   = 256     // that a record takes beside its value, about
)

// exchange reads the exchange topic for the tasks that the session has resumed. It is no part of the group: a task's
// own state says where it goes on, and which tasks those are follows from the input topic.
//
// A goroutine of its own reads, so that a message ends the wait for input records at once. It alone tells the client
// what to read, between two polls, so that what a poll gives is of the seats that the goroutine knows. What has been
// handed out is kept until it is committed: after an abort it is handed out again.
type exchange struct {
	cfg      *Config
	cl       *kgo.Client
	topic    topicRef
	progress *progress

	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	seats   map[int32]*seat
	ready   int                // records that can be handed out
	bytes   int                // of them, about
	changed context.CancelFunc // ends the reader's wait
	wake    context.CancelFunc // ends the session's wait
	failed  error              // the reader has ended with it
}

// seat is a resumed task's place in the exchange topic. A task that is resumed after a loss has another one.
type seat struct {
	start   int64 // where reading begins
	done    int64 // before it all is committed
	purged  int64 // before it all is deleted
	head    int64 // after all that has been read, markers included
	records []engine.Record
	given   int // how many of the records are handed out; they are not committed
}

// openExchange returns a reader that has nothing to read yet.
func openExchange(cfg *Config, topic topicRef, progress *progress) (*exchange, error) {
	// The client must never choose a place by itself: what it would skip is lost. Control records tell how far it is.
	cl, err := cfg.newClient("exchange", kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.KeepControlRecords())
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	x := &exchange{cfg: cfg, cl: cl, topic: topic, progress: progress, stop: stop,
		seats: make(map[int32]*seat), changed: func() {}, wake: func() {}}
	x.running.Go(func() { x.read(ctx) })
	x.running.Go(func() {
		ticker := time.NewTicker(purgeEvery)
		defer ticker.Stop()
		x.purge(ctx, ticker.C)
	})
	return x, nil
}

func (x *exchange) close() {
	x.stop()
	x.running.Wait()
	x.cl.Close()
}

// resume begins to read for a task. A task that is resumed a second time goes on where it is.
func (x *exchange) resume(t engine.Resumption) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if t.Topic != x.topic.id && t.Topic != [16]byte{} {
		x.failed = cmp.Or(x.failed, topicAnew(x.cfg, x.topic.name))
		return
	}
	if x.seats[t.Partition] != nil {
		return
	}
	s := &seat{start: t.Exchange, done: t.Exchange, head: t.Exchange}
	x.seats[t.Partition] = s
	x.report(t.Partition, s)
	x.changed()
}

// revoke forgets a task, and what was read for it.
func (x *exchange) revoke(partition int32) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if s := x.seats[partition]; s != nil {
		x.count(s.records[s.given:], -1)
		delete(x.seats, partition)
		x.progress.forget(x.topic.name, partition)
		x.changed()
	}
}

// count takes records up in what can be handed out, or takes them off.
func (x *exchange) count(records []engine.Record, sign int) {
	x.ready += sign * len(records)
	for i := range records {
		x.bytes += sign * (recordBytes + len(records[i].Value))
	}
}

// pollContext returns a context that ends when there is something to hand out, or to say. It has ended already if
// there is. Ready is how many records that are.
func (x *exchange) pollContext(ctx context.Context) (waiting context.Context, cancel context.CancelFunc, ready int) {
	waiting, cancel = context.WithCancel(ctx)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.wake = cancel
	if x.ready > 0 || x.failed != nil {
		cancel()
	}
	return waiting, cancel, x.ready
}

// take appends at most n records of held tasks to out: what is handed out now. They must be committed or rewound.
func (x *exchange) take(out []engine.Record, n int, holds func(int32) bool) ([]engine.Record, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	full := x.bytes >= exchangeBytes
	for p, s := range x.seats {
		taken := min(n, len(s.records)-s.given)
		if taken <= 0 || !holds(p) {
			continue
		}
		records := s.records[s.given : s.given+taken]
		out = append(out, records...)
		x.count(records, -1)
		s.given += taken
		n -= taken
		x.report(p, s)
	}
	if full {
		x.changed()
	}
	return out, x.failed
}

// report notes how far the task is.
func (x *exchange) report(p int32, s *seat) {
	next, at := s.head, time.Now()
	if s.given < len(s.records) {
		next = s.records[s.given].Offset
	}
	if s.given > 0 {
		at = s.records[s.given-1].Time.Time()
	}
	x.progress.read(x.topic.name, p, next, at)
}

// committed notes that a task's records before next are committed.
func (x *exchange) committed(p int32, next int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.seats[p]
	if s == nil {
		return
	}
	s.done = max(s.done, next)
	n := 0
	for n < s.given && s.records[n].Offset < next {
		n++
	}
	s.records = slices.Delete(s.records, 0, n)
	s.given -= n
}

// rewind makes all that is handed out and not committed come again.
func (x *exchange) rewind() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for p, s := range x.seats {
		x.count(s.records[:s.given], 1)
		s.given = 0
		x.report(p, s)
	}
}

// read is the reader's goroutine.
func (x *exchange) read(ctx context.Context) {
	consumed := make(map[int32]*seat)
	for ctx.Err() == nil {
		waiting, cancel := context.WithCancel(ctx)
		if x.settle(cancel, consumed) {
			fetches := x.cl.PollRecords(waiting, exchangePoll)
			if err := x.accept(ctx, fetches, consumed); err != nil {
				x.fail(err)
				cancel()
				return
			}
		} else {
			<-waiting.Done() // until something is handed out or revoked
		}
		cancel()
	}
}

// settle tells the client what has changed of the seats, and says whether there is room for more records. Cancel is
// called when that must be done again.
func (x *exchange) settle(cancel context.CancelFunc, consumed map[int32]*seat) (room bool) {
	var gone []int32
	added := make(map[int32]kgo.Offset)
	x.mu.Lock()
	x.changed = cancel
	room = x.bytes < exchangeBytes
	for p, s := range consumed {
		if x.seats[p] != s {
			gone = append(gone, p)
			delete(consumed, p)
		}
	}
	for p, s := range x.seats {
		if consumed[p] == nil {
			added[p] = kgo.NewOffset().At(s.start)
			consumed[p] = s
		}
	}
	x.mu.Unlock()
	if len(gone) > 0 {
		x.cl.RemoveConsumePartitions(map[string][]int32{x.topic.name: gone})
	}
	if len(added) > 0 {
		x.cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{x.topic.name: added})
	}
	return room
}

// accept takes up what a poll has given for those seats that are still there.
func (x *exchange) accept(ctx context.Context, fetches kgo.Fetches, consumed map[int32]*seat) error {
	if err := x.check(ctx, fetches, consumed); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, f := range fetches {
		for _, t := range f.Topics {
			for i := range t.Partitions {
				p := &t.Partitions[i]
				if s := x.seats[p.Partition]; s != nil && s == consumed[p.Partition] && len(p.Records) > 0 {
					x.acceptPartition(s, t.TopicID, p)
				}
			}
		}
	}
	if x.ready > 0 {
		x.wake()
	}
	return nil
}

func (x *exchange) acceptPartition(s *seat, id [16]byte, p *kgo.FetchPartition) {
	before := len(s.records)
	for _, r := range p.Records {
		s.head = r.Offset + 1
		if !r.Attrs.IsControl() {
			s.records = append(s.records, record(r, id))
		}
	}
	x.count(s.records[before:], 1)
	x.report(p.Partition, s)
}

// fail ends reading: the session's next poll says why.
func (x *exchange) fail(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.failed = err
	x.wake()
}
