package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state"
)

const (
	batchFacts   = 1000    // of one call of apply, at most
	batchBytes   = 1 << 20 // about
	pinnedLog    = 5 * time.Second
	waitMin      = 10 * time.Millisecond // between two looks at a partition whose end is not stable yet
	waitMax      = 200 * time.Millisecond
	leaderTries  = 100 // looks for a new leader before giving up, waitMax apart
	sessionless  = -1  // a fetch that is not part of a fetch session
	latestOffset = -1  // in ListOffsets
	firstOffset  = -2
)

// Changelog reads the changelog topic. It implements engine.Changelog and may be used by several goroutines at
// once; they share the connections.
//
// It asks for fetches by itself, without the client's consumer: what counts is to reach the high watermark, also
// where the last offsets hold no records (markers, aborted records, batches that compaction has emptied).
type Changelog struct {
	cfg   Config
	cl    *kgo.Client
	topic string

	mu      sync.Mutex
	id      [16]byte
	leaders map[int32]int32
}

// OpenChangelog returns a reader of the changelog topic, which must exist.
func OpenChangelog(ctx context.Context, cfg Config) (*Changelog, error) {
	return openLog(ctx, cfg, TopicChangelog)
}

// openLog returns a reader of one of weir's compacted topics.
func openLog(ctx context.Context, cfg Config, topic string) (*Changelog, error) {
	cfg, err := cfg.prepared()
	if err != nil {
		return nil, err
	}
	cl, err := cfg.newClient("restore")
	if err != nil {
		return nil, err
	}
	c := &Changelog{cfg: cfg, cl: cl, topic: cfg.Topic(topic)}
	if _, err = awaitBroker(ctx, &c.cfg, cl); err == nil {
		err = c.lookUp(ctx)
	}
	if err != nil {
		cl.Close()
		return nil, err
	}
	return c, nil
}

// Close ends the connections. Restores under way fail.
func (c *Changelog) Close() { c.cl.Close() }

// lookUp asks for the topic's id and the leaders of its partitions.
func (c *Changelog) lookUp(ctx context.Context) error {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(c.topic)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, c.cl)
	if err != nil {
		return fmt.Errorf("cannot look up topic %s: %w", c.topic, err)
	}
	if len(resp.Topics) != 1 {
		return fmt.Errorf("cannot look up topic %s: the answer names %d topics", c.topic, len(resp.Topics))
	}
	if err := kerr.ErrorForCode(resp.Topics[0].ErrorCode); err != nil {
		return fmt.Errorf("cannot look up topic %s: %w", c.topic, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.id = resp.Topics[0].TopicID
	c.leaders = make(map[int32]int32)
	for _, p := range resp.Topics[0].Partitions {
		c.leaders[p.Partition] = p.Leader
	}
	return nil
}

// Restore implements engine.Changelog.
func (c *Changelog) Restore(ctx context.Context, partition int32, from int64,
	apply func(facts []state.Fact, next int64) error, progress func(done, total int64)) error {
	r := restore{Changelog: c, partition: partition, apply: apply}
	start, err := r.offset(ctx, firstOffset)
	if err != nil {
		return err
	}
	if r.end, err = r.offset(ctx, latestOffset); err != nil {
		return err
	}
	if from > r.end || from > 0 && from < start {
		return fmt.Errorf("partition %d of %s holds offsets %d to %d, not %d: %w", partition, c.topic, start, r.end,
			from, engine.ErrOutOfRange)
	}
	r.next = max(from, start)
	first := r.next
	if progress != nil {
		progress(0, r.end-first)
	}
	for r.next < r.end {
		before := r.next
		if err := r.step(ctx); err != nil {
			return err
		}
		if progress != nil && r.next > before {
			progress(min(r.next, r.end)-first, r.end-first)
		}
	}
	return nil
}

// restore is one run of Restore.
type restore struct {
	*Changelog
	partition int32
	apply     func(facts []state.Fact, next int64) error

	next, end int64
	facts     []state.Fact
	tries     int           // in a row in which no leader answered
	wait      time.Duration // before the next look at an end that is not stable
	since     time.Time     // when the end was first seen not to be stable
	logged    time.Time
}

// step fetches once and applies what came.
func (r *restore) step(ctx context.Context) error {
	resp, err := r.fetch(ctx)
	if err != nil {
		return r.retry(ctx, err)
	}
	part, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		KeepControlRecords: false,
		Offset:             r.next,
		IsolationLevel:     kgo.ReadCommitted(),
		Topic:              r.topic,
		Partition:          r.partition,
	}, resp, kgo.DefaultDecompressor(), nil)
	if part.Err != nil {
		return r.retry(ctx, part.Err)
	}
	r.tries = 0
	if next <= r.next {
		return r.pinned(ctx, part.LastStableOffset)
	}
	r.wait, r.since = 0, time.Time{}
	if err := r.hand(part.Records, next); err != nil {
		return err
	}
	r.next = next
	return nil
}

// hand passes the records on in batches. The position after the last one is next, which counts what is no record.
func (r *restore) hand(records []*kgo.Record, next int64) error {
	bytes := 0
	r.facts = r.facts[:0]
	for i, rec := range records {
		r.facts = append(r.facts, state.Fact{Key: rec.Key, Value: rec.Value})
		bytes += len(rec.Key) + len(rec.Value)
		if i+1 == len(records) || len(r.facts) < batchFacts && bytes < batchBytes {
			continue
		}
		if err := r.apply(r.facts, rec.Offset+1); err != nil {
			return fmt.Errorf("cannot restore partition %d: %w", r.partition, err)
		}
		r.facts, bytes = r.facts[:0], 0
	}
	if err := r.apply(r.facts, next); err != nil {
		return fmt.Errorf("cannot restore partition %d: %w", r.partition, err)
	}
	return nil
}

// pinned waits while an open transaction keeps the records up to the end from being stable.
func (r *restore) pinned(ctx context.Context, stable int64) error {
	now := time.Now()
	if r.since.IsZero() {
		r.since, r.logged = now, now
	}
	if now.Sub(r.logged) >= pinnedLog {
		r.logged = now
		r.cfg.Logger.Warn("a restore waits for an open transaction, probably of a worker that died; the brokers"+
			" abort it after its transaction timeout", "partition", r.partition, "stable", stable, "end", r.end,
			"waiting", now.Sub(r.since).Round(time.Second))
	}
	r.wait = min(max(r.wait*2, waitMin), waitMax)
	return pause(ctx, r.wait)
}

// retry looks the leader up again after an error that another leader may not have.
func (r *restore) retry(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, kerr.OffsetOutOfRange) || errors.Is(err, kerr.UnknownTopicID) ||
		errors.Is(err, kerr.InconsistentTopicID) {
		return fmt.Errorf("cannot read partition %d of %s at %d: %w: %w", r.partition, r.topic, r.next,
			engine.ErrOutOfRange, err)
	}
	if r.tries++; r.tries > leaderTries || classify(err) == classPermanent {
		return fmt.Errorf("cannot read partition %d of %s: %w", r.partition, r.topic, err)
	}
	if err := pause(ctx, waitMax); err != nil {
		return err
	}
	if err := r.lookUp(ctx); err != nil && classify(err) == classPermanent {
		return err
	}
	return ctx.Err()
}

// fetch reads from the leader what it has at next, without waiting: a waiting fetch would hold up those of other
// partitions on the same connection.
func (r *restore) fetch(ctx context.Context) (*kmsg.FetchResponseTopicPartition, error) {
	r.mu.Lock()
	id, leader := r.id, r.leaders[r.partition]
	r.mu.Unlock()
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = 0, 1, fetchBytes
	req.IsolationLevel, req.SessionEpoch = 1, sessionless
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = r.topic, id
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = r.partition, r.next, fetchPartitionBytes
	p.CurrentLeaderEpoch, p.LastFetchedEpoch, p.LogStartOffset = -1, -1, -1
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)

	kresp, err := r.cl.Broker(int(leader)).RetriableRequest(ctx, req)
	if err != nil {
		return nil, err
	}
	resp, ok := kresp.(*kmsg.FetchResponse)
	if !ok {
		return nil, fmt.Errorf("cannot use an answer of type %T to a fetch", kresp)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, fmt.Errorf("cannot use an answer to a fetch that names other partitions")
	}
	part := &resp.Topics[0].Partitions[0]
	return part, kerr.ErrorForCode(part.ErrorCode)
}

// offset returns the partition's first offset or its high watermark: what readers of uncommitted records may see.
func (r *restore) offset(ctx context.Context, which int64) (int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID, req.IsolationLevel = -1, 0
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = r.topic
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Partition, p.Timestamp, p.CurrentLeaderEpoch = r.partition, which, -1
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, r.cl)
	if err != nil {
		return 0, fmt.Errorf("cannot list the offsets of partition %d of %s: %w", r.partition, r.topic, err)
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return 0, fmt.Errorf("cannot list the offsets of partition %d of %s: no answer about it", r.partition, r.topic)
	}
	answer := resp.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return 0, fmt.Errorf("cannot list the offsets of partition %d of %s: %w", r.partition, r.topic, err)
	}
	return answer.Offset, nil
}

// pause waits, or returns the context's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
