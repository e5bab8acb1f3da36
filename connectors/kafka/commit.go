package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirstream/weir/engine"
)

// Bounds of what a commit has in the client before it flushes.
const (
	maxBuffered = 1 << 20 // the client's own bound: never reached
	flushCount  = 1 << 18
	flushBytes  = 32 << 20
)

// stopGrace is how long a commit that has begun may go on after its context has ended: cut off, its outcome would
// be unknown.
const stopGrace = 3 * time.Second

// Commit implements engine.Session. A commit that takes longer than the transaction timeout is given up: the
// brokers have aborted it by then. With committed false everything that was read and is not committed comes again, also
// records that were in none of the parts.
func (s *Session) Commit(ctx context.Context, parts []engine.Part) (engine.Outcome, error) {
	if empty(parts) {
		return engine.Outcome{Committed: true}, nil
	}
	if err := ctx.Err(); err != nil {
		return engine.Outcome{}, err
	}
	ctx, cancel := outlive(ctx, s.cfg.TransactionTimeout)
	defer cancel()
	if s.txn == nil {
		return s.commitPlain(ctx, parts)
	}
	return s.commitTransaction(ctx, parts)
}

// empty says whether the epoch did nothing at all.
func empty(parts []engine.Part) bool {
	return silent(parts) && !slices.ContainsFunc(parts, func(p engine.Part) bool {
		return p.Next >= 0 || p.Exchange > 0
	})
}

// silent says whether the epoch only moves positions.
func silent(parts []engine.Part) bool {
	for i := range parts {
		if len(parts[i].Outputs)+len(parts[i].Facts)+len(parts[i].Messages) > 0 {
			return false
		}
	}
	return true
}

// outlive returns a context that ends after the timeout, or stopGrace after its parent.
func outlive(parent context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), timeout)
	stop := context.AfterFunc(parent, func() {
		select {
		case <-time.After(stopGrace):
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() { stop(); cancel() }
}

func (s *Session) commitTransaction(ctx context.Context, parts []engine.Part) (engine.Outcome, error) {
	if !s.holdsAll(parts) {
		return s.abort(ctx)
	}
	if silent(parts) {
		s.pace.settle(ctx)
	} else {
		s.pace.wait(ctx)
	}
	if err := s.txn.Begin(); err != nil {
		return engine.Outcome{}, fmt.Errorf("cannot begin a transaction: %w", err)
	}
	e, err := s.produce(ctx, parts)
	if err != nil {
		outcome, abortErr := s.abort(ctx)
		if classify(err) == classAborted {
			return outcome, abortErr
		}
		return engine.Outcome{}, errors.Join(err, abortErr)
	}
	s.pace.produced(e.bytes)

	s.tap.arm()
	committed, err := s.txn.End(s.withOffsets(ctx, parts, e), kgo.TryCommit)
	doubtful := s.tap.disarm()
	s.pace.ended()
	switch {
	case err != nil && classify(err) == classPermanent:
		return engine.Outcome{}, fmt.Errorf("cannot commit: %w", err)
	case err != nil:
		return engine.Outcome{}, fmt.Errorf("cannot commit: %w: %w", ErrInDoubt, err)
	case !committed && doubtful:
		return engine.Outcome{}, fmt.Errorf("cannot commit: %w", ErrInDoubt)
	case !committed:
		s.rewound()
		return engine.Outcome{}, nil
	}
	s.advance(parts)
	return engine.Outcome{Committed: true, Changelog: e.changelog}, nil
}

// abort ends the transaction, if there is one, without effect and rewinds to what is committed.
func (s *Session) abort(ctx context.Context) (engine.Outcome, error) {
	if _, err := s.txn.End(ctx, kgo.TryAbort); err != nil {
		return engine.Outcome{}, fmt.Errorf("cannot abort a transaction: %w", err)
	}
	s.pace.ended()
	s.rewound()
	return engine.Outcome{}, nil
}

func (s *Session) holdsAll(parts []engine.Part) bool {
	for i := range parts {
		if !s.own.holds(parts[i].Partition) {
			return false
		}
	}
	return true
}

// rewound notes that the client goes back to what is committed.
func (s *Session) rewound() {
	for p := range s.heads {
		s.heads[p] = s.committed[p]
	}
	s.exchange.rewind()
}

// advance notes what is committed now.
func (s *Session) advance(parts []engine.Part) {
	for i := range parts {
		p := &parts[i]
		if p.Next >= 0 {
			s.committed[p.Partition] = s.next(p)
		}
		s.exchange.committed(p.Partition, p.Exchange)
	}
}

// next returns the position that a part leads to. The leader epoch is that of the last record before it.
func (s *Session) next(p *engine.Part) kgo.EpochOffset {
	if head, ok := s.heads[p.Partition]; ok && head.Offset == p.Next {
		return head
	}
	return kgo.EpochOffset{Epoch: -1, Offset: p.Next}
}

// withOffsets makes the client commit the parts' positions rather than all that it has handed out, and always
// something: the generation of the group is checked with the offsets only, so that an epoch of timers or of messages,
// which has read no input, would else not be fenced. Such an epoch commits its changelog positions, which nobody reads
// back.
func (s *Session) withOffsets(ctx context.Context, parts []engine.Part, e *epoch) context.Context {
	return kgo.PreTxnCommitFnContext(ctx, func(req *kmsg.TxnOffsetCommitRequest) error {
		if !s.holdsAll(parts) {
			return kerr.RebalanceInProgress // the client aborts
		}
		req.Topics = s.offsets(parts, e)
		return nil
	})
}

func (s *Session) offsets(parts []engine.Part, e *epoch) []kmsg.TxnOffsetCommitRequestTopic {
	input, fence := kmsg.NewTxnOffsetCommitRequestTopic(), kmsg.NewTxnOffsetCommitRequestTopic()
	input.Topic, input.TopicID = s.input.name, s.input.id
	fence.Topic, fence.TopicID = s.changelog.name, s.changelog.id
	for i := range parts {
		p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		p.Partition = parts[i].Partition
		if parts[i].Next >= 0 {
			at := s.next(&parts[i])
			p.Offset, p.LeaderEpoch = at.Offset, at.Epoch
			input.Partitions = append(input.Partitions, p)
		} else {
			p.Offset, p.LeaderEpoch = e.changelog[p.Partition], -1
			fence.Partitions = append(fence.Partitions, p)
		}
	}
	if len(input.Partitions) > 0 {
		return []kmsg.TxnOffsetCommitRequestTopic{input}
	}
	return []kmsg.TxnOffsetCommitRequestTopic{fence}
}

// epoch is what the brokers have acknowledged of one epoch.
type epoch struct {
	facts     string // the changelog topic
	bytes     int
	mu        sync.Mutex
	changelog map[int32]int64 // partition -> offset after its last fact
	err       error           // the first failure
}

// acknowledged is the client's callback for each record.
func (e *epoch) acknowledged(r *kgo.Record, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case err != nil && e.err == nil:
		e.err = fmt.Errorf("cannot write to %s partition %d: %w", r.Topic, r.Partition, err)
	case err == nil && r.Topic == e.facts:
		e.changelog[r.Partition] = max(e.changelog[r.Partition], r.Offset+1)
	}
}

func (e *epoch) failure() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// produce writes all of the epoch's records and waits until they are acknowledged.
func (s *Session) produce(ctx context.Context, parts []engine.Part) (*epoch, error) {
	e := &epoch{facts: s.changelog.name, changelog: make(map[int32]int64, len(parts))}
	count := 0
	for i := range parts {
		count += len(parts[i].Outputs) + len(parts[i].Facts) + len(parts[i].Messages)
	}
	slab := make([]kgo.Record, count)
	buffered, bytes := 0, 0
	send := func(fill func(r *kgo.Record)) error {
		r := &slab[0]
		slab = slab[1:]
		fill(r)
		s.cl.Produce(ctx, r, e.acknowledged)
		buffered++
		bytes += len(r.Key) + len(r.Value)
		e.bytes += len(r.Key) + len(r.Value)
		if buffered < flushCount && bytes < flushBytes {
			return nil
		}
		buffered, bytes = 0, 0
		return s.cl.Flush(ctx)
	}
	for i := range parts {
		p := &parts[i]
		for j := range p.Outputs {
			if err := send(func(r *kgo.Record) { s.fill(r, p.Partition, &p.Outputs[j]) }); err != nil {
				return e, fmt.Errorf("cannot write an epoch's outputs: %w", err)
			}
		}
		for _, m := range p.Messages {
			if err := send(func(r *kgo.Record) {
				r.Topic, r.Partition, r.Value = s.exchange.topic.name, m.To, m.Value
			}); err != nil {
				return e, fmt.Errorf("cannot write an epoch's messages: %w", err)
			}
		}
		for _, f := range p.Facts {
			if err := send(func(r *kgo.Record) {
				r.Topic, r.Partition, r.Key, r.Value = s.changelog.name, p.Partition, f.Key, f.Value
			}); err != nil {
				return e, fmt.Errorf("cannot write an epoch's facts: %w", err)
			}
		}
	}
	if err := s.cl.Flush(ctx); err != nil {
		return e, fmt.Errorf("cannot write an epoch: %w", err)
	}
	return e, e.failure()
}

func (s *Session) fill(r *kgo.Record, partition int32, o *engine.Output) {
	r.Topic, r.Partition, r.Key, r.Value = s.cfg.Topic(o.Topic), partition, o.Key, o.Value
	if len(o.Headers) == 0 {
		return
	}
	r.Headers = make([]kgo.RecordHeader, len(o.Headers))
	for i, h := range o.Headers {
		r.Headers[i] = kgo.RecordHeader{Key: h.Key, Value: h.Value}
	}
}

// endTap watches the client end a transaction. Where the brokers' answer to a commit is an unknown error, the
// client reports an abort, but the commit may have happened: what shows is that it asks for its producer id anew
// after it has asked for the end.
type endTap struct{ armed, ended, reloaded atomic.Bool }

// OnBrokerWrite is called by the client after each request that it has written.
func (t *endTap) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, _ error) {
	const initProducerID, endTxn = 22, 26
	switch {
	case !t.armed.Load():
	case key == endTxn:
		t.ended.Store(true)
	case key == initProducerID && t.ended.Load():
		t.reloaded.Store(true)
	}
}

func (t *endTap) arm() {
	t.ended.Store(false)
	t.reloaded.Store(false)
	t.armed.Store(true)
}

// disarm says whether a reported abort may be none.
func (t *endTap) disarm() bool {
	t.armed.Store(false)
	return t.reloaded.Load()
}
