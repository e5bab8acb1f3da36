package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state/row"
)

// leaveWait bounds how long Close waits for the group's coordinator.
const leaveWait = 3 * time.Second

// Session is a worker's membership in the group over the input topic, and its transactions. It implements
// engine.Session and belongs to one goroutine; only Lags may be called from others.
type Session struct {
	cfg        Config
	cl         *kgo.Client
	txn        *kgo.GroupTransactSession // nil: at least once
	own        *ownership
	tap        *endTap
	pace       pacer
	partitions int32

	input, changelog topicRef
	exchange         *exchange

	// What the worker has read and what is committed, for each partition that it knows it owns.
	heads     map[int32]kgo.EpochOffset
	committed map[int32]kgo.EpochOffset

	records  []engine.Record // of the input topic; reused by each Poll, as messages are
	messages []engine.Record // of the exchange topic
	progress *progress
}

// topicRef is a topic's name with its id.
type topicRef struct {
	name string
	id   [16]byte
}

// OpenSession joins the group; partitions is what EnsureTopics returned. It waits for neither an assignment nor
// the first records: they come with Poll.
func OpenSession(ctx context.Context, cfg Config, partitions int32) (*Session, error) {
	cfg, err := cfg.prepared()
	if err != nil {
		return nil, err
	}
	s := &Session{
		cfg:        cfg,
		own:        newOwnership(cfg.Topic(TopicInput)),
		tap:        new(endTap),
		partitions: partitions,
		heads:      make(map[int32]kgo.EpochOffset),
		committed:  make(map[int32]kgo.EpochOffset),
		progress:   newProgress(),
	}
	opts, err := cfg.options("worker")
	if err != nil {
		return nil, err
	}
	opts = append(opts, s.groupOptions()...)
	if cfg.Delivery == ExactlyOnce {
		s.pace = newPacer()
		opts = append(opts, kgo.TransactionalID(cfg.App+"."+cfg.Instance),
			kgo.TransactionTimeout(cfg.TransactionTimeout), kgo.WithHooks(s.tap))
		if s.txn, err = kgo.NewGroupTransactSession(opts...); err == nil {
			s.cl = s.txn.Client()
		}
	} else {
		s.cl, err = kgo.NewClient(opts...)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot make the worker's client: %w", err)
	}
	if err := s.lookUp(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Session) groupOptions() []kgo.Opt {
	opts := []kgo.Opt{
		kgo.ConsumerGroup(s.cfg.App),
		kgo.ConsumeTopics(s.own.topic),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.Balancers(watchedBalancer{kgo.CooperativeStickyBalancer(), s.own.onAssignment}),
		kgo.DisableAutoCommit(),
		kgo.SessionTimeout(s.cfg.SessionTimeout),
		kgo.HeartbeatInterval(max(s.cfg.SessionTimeout/10, 100*time.Millisecond)),
		kgo.RebalanceTimeout(s.cfg.SessionTimeout),
		kgo.OnPartitionsAssigned(s.own.onAssigned),
		kgo.OnPartitionsRevoked(s.own.onRevoked),
		kgo.OnPartitionsLost(s.own.onRevoked),
		// An epoch is produced as a whole: one request for each broker instead of a request for each first record.
		kgo.ManualFlushing(),
		kgo.MaxBufferedRecords(maxBuffered),
	}
	if s.cfg.StaticMember {
		opts = append(opts, kgo.InstanceID(s.cfg.Instance))
	}
	return opts
}

// lookUp finds the ids of the topics that the session names, and opens the exchange. They are fixed for the session: a
// topic that is made anew breaks it.
func (s *Session) lookUp(ctx context.Context) error {
	if _, err := awaitBroker(ctx, &s.cfg, s.cl); err != nil {
		return err
	}
	s.input.name, s.changelog.name = s.own.topic, s.cfg.Topic(TopicChangelog)
	exchange := topicRef{name: s.cfg.Topic(TopicExchange)}
	refs := []*topicRef{&s.input, &s.changelog, &exchange}
	topics, err := kadm.NewClient(s.cl).ListTopics(ctx, s.input.name, s.changelog.name, exchange.name)
	if err != nil {
		return fmt.Errorf("cannot look up the session's topics: %w", err)
	}
	for _, t := range refs {
		d := topics[t.name]
		if d.Err != nil {
			return fmt.Errorf("cannot find topic %s: %w", t.name, d.Err)
		}
		if n := int32(len(d.Partitions)); n != s.partitions {
			return permanent{fmt.Errorf("cannot use topic %s: it has %d partitions, not %d", t.name, n, s.partitions)}
		}
		t.id = [16]byte(d.ID)
	}
	s.exchange, err = openExchange(&s.cfg, exchange, s.progress)
	return err
}

// Poll implements engine.Session.
func (s *Session) Poll(ctx context.Context, wait time.Duration, recordsMax int) (engine.Poll, error) {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	waiting, cancelWake := s.own.pollContext(waiting)
	defer cancelWake()
	waiting, cancelMessages, ready := s.exchange.pollContext(waiting)
	defer cancelMessages()
	if ready > 0 {
		waiting = atHand
	}
	fetches, err := s.gather(ctx, waiting, recordsMax-ready)
	if err != nil {
		return engine.Poll{}, err
	}
	var p engine.Poll
	p.Revoked, p.Assigned = s.own.notes()
	for _, partition := range p.Revoked {
		delete(s.heads, partition)
		delete(s.committed, partition)
		s.progress.forget(s.input.name, partition)
		s.exchange.revoke(partition)
	}
	for _, partition := range p.Assigned {
		s.progress.begin(s.input.name, partition)
	}
	p.Records = s.take(fetches, p.Revoked)
	s.messages, err = s.exchange.take(s.messages[:0], recordsMax-len(p.Records), s.own.holds)
	if err != nil {
		return engine.Poll{}, err
	}
	p.Exchange = s.messages
	if len(p.Revoked) > 0 {
		s.settleRevoked(ctx)
	}
	return p, nil
}

// atHand makes the client give what it has, and not wait.
var atHand context.Context

// What a poll gathers beyond its first fetch.
const (
	gatherWait = time.Millisecond // for each further fetch
	gatherMax  = 8                // fetches
)

// gather returns what is at hand, after waiting for the first records. The client holds one fetch of a broker
// ready, which was answered while the last epoch was committed, with the few records that came first; what came
// after them is in the fetches that follow at once. An epoch that left them would be small, and they would wait for
// its commit.
func (s *Session) gather(ctx, waiting context.Context, recordsMax int) (all kgo.Fetches, err error) {
	for n := 0; n < gatherMax && recordsMax > 0; n++ {
		fetches := s.cl.PollRecords(waiting, recordsMax)
		if err := errors.Join(readErrors(s.cfg.Logger, fetches), ctx.Err()); err != nil {
			return nil, err
		}
		got := fetches.NumRecords()
		all = append(all, fetches...)
		if got == 0 {
			break
		}
		recordsMax -= got
		var cancel context.CancelFunc
		waiting, cancel = context.WithTimeout(ctx, gatherWait)
		defer cancel()
	}
	return all, nil
}

// take copies the fetched records that are this worker's. Records that were fetched before a partition was lost
// are left out, also if it has come back: they will come again when it is resumed.
func (s *Session) take(fetches kgo.Fetches, revoked []int32) []engine.Record {
	s.records = s.records[:0]
	for _, f := range fetches {
		for _, t := range f.Topics {
			for i := range t.Partitions {
				p := &t.Partitions[i]
				if len(p.Records) == 0 || slices.Contains(revoked, p.Partition) || !s.own.holds(p.Partition) {
					continue
				}
				s.takePartition(t.TopicID, p)
			}
		}
	}
	return s.records
}

func (s *Session) takePartition(id [16]byte, p *kgo.FetchPartition) {
	first, last := p.Records[0], p.Records[len(p.Records)-1]
	if _, ok := s.committed[p.Partition]; !ok {
		s.committed[p.Partition] = kgo.EpochOffset{Epoch: -1, Offset: first.Offset}
	}
	s.heads[p.Partition] = kgo.EpochOffset{Epoch: last.LeaderEpoch, Offset: last.Offset + 1}
	s.progress.read(s.input.name, p.Partition, last.Offset+1, last.Timestamp)
	for _, r := range p.Records {
		s.records = append(s.records, record(r, id))
	}
}

// record converts a record of the client. Headers are few or none; their keys and values are not copied.
func record(r *kgo.Record, id [16]byte) engine.Record {
	rec := engine.Record{
		Topic: r.Topic, TopicID: id, Partition: r.Partition, Offset: r.Offset,
		Time: row.At(r.Timestamp), Key: r.Key, Value: r.Value,
	}
	if len(r.Headers) > 0 {
		rec.Headers = make([]engine.Header, len(r.Headers))
		for i, h := range r.Headers {
			rec.Headers[i] = engine.Header{Key: h.Key, Value: h.Value}
		}
	}
	return rec
}

// settleRevoked spares an epoch. After a revocation the client aborts the next transaction whatever it holds;
// where nothing that was read is uncommitted, ending a transaction that has not begun serves as that one.
func (s *Session) settleRevoked(ctx context.Context) {
	if s.txn == nil || len(s.records) > 0 {
		return
	}
	for p, head := range s.heads {
		if s.committed[p].Offset != head.Offset {
			return
		}
	}
	if _, err := s.txn.End(ctx, kgo.TryAbort); err != nil {
		s.cfg.Logger.Debug("the client could not settle a revocation; the next commit will", "error", err)
	}
}

// Resume implements engine.Session. Partitions that have been lost since they were reported are left out.
func (s *Session) Resume(tasks []engine.Resumption) {
	partitions := make([]int32, len(tasks))
	for i, t := range tasks {
		partitions[i] = t.Partition
	}
	held := s.own.resume(s.cl, partitions)
	for _, t := range tasks {
		if slices.Contains(held, t.Partition) {
			s.exchange.resume(t)
		}
	}
}

// Close implements engine.Session. A static member stays in the group until the session timeout, so that a quick
// restart moves no partition.
func (s *Session) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveWait)
	defer cancel()
	if s.exchange != nil { // it is the last that OpenSession opens
		s.exchange.close()
	}
	if err := s.cl.LeaveGroupContext(ctx); err != nil {
		s.cfg.Logger.Debug("the worker could not tell the group that it leaves", "error", err)
	}
	s.cl.CloseAllowingRebalance()
}
