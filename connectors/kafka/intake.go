package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/engine"
)

const (
	intakePoll     = 4096             // records of one poll at most
	intakeQueue    = 16               // polls whose records are not all acknowledged
	intakeCommit   = time.Second      // between two commits of source offsets
	intakeMetadata = 3 * time.Second  // how soon a source topic that is made later is seen
	intakeMissing  = 30 * time.Second // between two warnings about source topics that do not exist
	intakeDrain    = 3 * time.Second  // what has been read may take to be written at the end
)

// Intake reads the source topics, decodes their records and writes what they say to the input topic, each change
// to its home. It is a group of its own, shared by all workers of the app.
//
// It is at least once and in order for each source partition: source offsets are committed when all that was read
// before them is acknowledged, and a write that fails ends the run before anything later is committed. The tasks
// drop what they have seen.
type Intake struct {
	cfg        Config
	cl         *kgo.Client
	partitions int32
	progress   *progress
	readers    []*reader
	home       map[topicPartition]int             // its reader
	pending    atomic.Pointer[sources]            // to be taken over before the next poll
	wake       atomic.Pointer[context.CancelFunc] // ends the poll that waits
	failed     chan error                         // the first failure
}

// sources is what is read, and how.
type sources struct {
	topics   []string
	decoders []engine.Decoder // one for each reader
	revision int64            // of the catalog that the decoders know
}

// OpenIntake joins the intake group. partitions is what EnsureTopics returned; topics are the source topics, which
// need not exist yet; newDecoder is called once for each of a few goroutines; revision is that of the catalog which the
// decoders know.
func OpenIntake(cfg Config, partitions int32, revision int64, topics []string,
	newDecoder func() engine.Decoder) (*Intake, error) {
	cfg, err := cfg.prepared()
	if err != nil {
		return nil, err
	}
	in := &Intake{
		cfg: cfg, partitions: partitions, progress: newProgress(),
		home: make(map[topicPartition]int), failed: make(chan error, 1),
	}
	opts, err := cfg.options("intake")
	if err != nil {
		return nil, err
	}
	opts = append(opts,
		kgo.ConsumerGroup(cfg.App+".intake"),
		kgo.ConsumeTopics(topics...),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AdjustFetchOffsetsFn(oneBefore),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(cfg.SessionTimeout),
		kgo.HeartbeatInterval(max(cfg.SessionTimeout/10, 100*time.Millisecond)),
		kgo.AutoCommitMarks(),
		kgo.AutoCommitInterval(intakeCommit),
		kgo.MetadataMaxAge(intakeMetadata),
		kgo.MaxBufferedBytes(int(cfg.IntakeBytes)),
		kgo.StopProducerOnDataLossDetected(),
		kgo.OnPartitionsAssigned(in.assigned),
		kgo.OnPartitionsRevoked(in.revoked),
		kgo.OnPartitionsLost(in.lost),
	)
	if cfg.StaticMember {
		opts = append(opts, kgo.InstanceID(cfg.Instance))
	}
	if in.cl, err = kgo.NewClient(opts...); err != nil {
		return nil, fmt.Errorf("cannot make the intake client: %w", err)
	}
	for range max(1, runtime.GOMAXPROCS(0)/2) {
		in.readers = append(in.readers, &reader{in: in})
	}
	in.Swap(revision, topics, newDecoder)
	return in, nil
}

// oneBefore makes intake begin with the last record that it had finished. A decoder knows by the record before it
// whether a tombstone says something new, so it must see that one; the tasks drop what comes of it a second time.
func oneBefore(_ context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	for _, partitions := range offsets {
		for p, o := range partitions {
			if at := o.EpochOffset().Offset; at > 0 {
				partitions[p] = kgo.NewOffset().At(at - 1)
			}
		}
	}
	return offsets, nil
}

// Swap changes the topics and decoders, before the next poll. It may be called from any goroutine.
func (in *Intake) Swap(revision int64, topics []string, newDecoder func() engine.Decoder) {
	s := &sources{topics: slices.Clone(topics), revision: revision}
	for range in.readers {
		s.decoders = append(s.decoders, newDecoder())
	}
	in.pending.Store(s)
	if wake := in.wake.Load(); wake != nil {
		(*wake)()
	}
}

// Lags returns how far intake is behind in the source partitions that are this worker's. It asks the brokers, and
// may be called from any goroutine.
func (in *Intake) Lags(ctx context.Context) ([]Lag, error) { return in.progress.lags(ctx, in.cl) }

// Run reads until the context ends, which is no error, or something fails. Then Close it; another Intake goes on
// from the committed offsets. It may be called once.
func (in *Intake) Run(ctx context.Context) error {
	parent := ctx
	ctx, stop := context.WithCancel(parent)
	defer stop()
	writing, abandon := context.WithCancel(context.WithoutCancel(parent))
	defer abandon()

	// What has been read may still be written after the end, but not for ever: the brokers may be away.
	context.AfterFunc(ctx, func() {
		if pause(writing, intakeDrain) == nil {
			abandon()
		}
	})

	var running, committing sync.WaitGroup
	batches := make(chan *batch, intakeQueue)
	for _, r := range in.readers {
		r.jobs = make(chan job, intakeQueue)
		running.Go(func() { r.run(writing) })
	}
	committing.Go(func() {
		if err := in.commit(writing, batches); err != nil {
			in.failed <- err
			abandon()
			stop()
		}
	})
	running.Go(func() { in.watchMissing(ctx) })

	err := in.poll(ctx, writing, batches)
	stop()
	for _, r := range in.readers {
		close(r.jobs)
	}
	close(batches)
	running.Wait()
	committing.Wait()
	select {
	case failure := <-in.failed:
		if parent.Err() != nil && errors.Is(failure, context.Canceled) {
			return nil // not all could be written in time: it is read again
		}
		return errors.Join(failure, err)
	default:
	}
	if err != nil {
		return err
	}
	return in.lastCommit()
}

// lastCommit commits what the ticker of the client has not yet.
func (in *Intake) lastCommit() error {
	ctx, cancel := context.WithTimeout(context.Background(), intakeDrain)
	defer cancel()
	if err := in.cl.CommitMarkedOffsets(ctx); err != nil && classify(err) == classPermanent {
		return fmt.Errorf("cannot commit source offsets: %w", err)
	}
	return nil
}

// Close leaves the group.
func (in *Intake) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveWait)
	defer cancel()
	if err := in.cl.LeaveGroupContext(ctx); err != nil {
		in.cfg.Logger.Debug("intake could not tell the group that it leaves", "error", err)
	}
	in.cl.CloseAllowingRebalance()
}

// poll hands what it reads to the readers.
func (in *Intake) poll(ctx, writing context.Context, batches chan<- *batch) error {
	var current *sources
	for {
		waiting, wake := context.WithCancel(ctx)
		in.wake.Store(&wake) // before pending is looked at: a Swap after that ends the poll
		if next := in.pending.Swap(nil); next != nil {
			in.subscribe(ctx, current, next)
			current = next
		}
		fetches := in.cl.PollRecords(waiting, intakePoll)
		wake()
		if ctx.Err() != nil || writing.Err() != nil {
			return nil
		}
		if err := readErrors(in.cfg.Logger, in.again(fetches)); err != nil {
			return err
		}
		b := newBatch()
		for _, j := range in.jobs(fetches, b, current) {
			select {
			case in.readers[j.reader].jobs <- j:
			case <-writing.Done():
				return nil
			}
		}
		if b.done(nil); len(b.offsets) == 0 {
			continue
		}
		select {
		case batches <- b:
		case <-writing.Done():
			return nil
		}
	}
}

// jobs makes a job of what came of each source partition. A partition always goes to the same reader.
func (in *Intake) jobs(fetches kgo.Fetches, b *batch, from *sources) (jobs []job) {
	fetches.EachTopic(func(t kgo.FetchTopic) {
		for i := range t.Partitions {
			p := &t.Partitions[i]
			if len(p.Records) == 0 {
				continue
			}
			tp := topicPartition{t.Topic, p.Partition}
			if _, ok := in.home[tp]; !ok {
				in.home[tp] = len(in.home) % len(in.readers)
			}
			last := p.Records[len(p.Records)-1]
			b.add(tp, kgo.EpochOffset{Epoch: last.LeaderEpoch, Offset: last.Offset + 1})
			in.progress.read(t.Topic, p.Partition, last.Offset+1, last.Timestamp)
			jobs = append(jobs, job{
				batch: b, reader: in.home[tp], decoder: from.decoders[in.home[tp]], revision: from.revision,
				topicID: t.TopicID, records: p.Records,
			})
		}
	})
	return jobs
}

// subscribe changes the topics that are read.
func (in *Intake) subscribe(ctx context.Context, from, to *sources) {
	if from == nil {
		return
	}
	gone := slices.DeleteFunc(slices.Clone(from.topics), func(t string) bool { return slices.Contains(to.topics, t) })
	if len(gone) > 0 {
		if err := in.cl.CommitMarkedOffsets(ctx); err != nil {
			in.cfg.Logger.Debug("intake could not commit before it gave topics up", "error", err)
		}
		in.cl.PurgeTopicsFromConsuming(gone...)
	}
	in.cl.AddConsumeTopics(to.topics...)
}

// again takes up topics that were made anew, and returns the fetches without those errors.
func (in *Intake) again(fetches kgo.Fetches) kgo.Fetches {
	var anew []string
	for _, f := range fetches {
		for _, t := range f.Topics {
			for i := range t.Partitions {
				if p := &t.Partitions[i]; errors.Is(p.Err, kerr.UnknownTopicID) {
					p.Err = nil
					anew = append(anew, t.Topic)
				}
			}
		}
	}
	if len(anew) > 0 {
		slices.Sort(anew)
		anew = slices.Compact(anew)
		in.cfg.Logger.Warn("source topics were made anew and are read from their start", "topics", anew)
		in.cl.PurgeTopicsFromConsuming(anew...)
		in.cl.AddConsumeTopics(anew...)
	}
	return fetches
}

// commit marks the offsets of batches that are written, in order. The client commits what is marked. After the
// first batch that is not written, none is marked.
func (in *Intake) commit(writing context.Context, batches <-chan *batch) error {
	for b := range batches {
		var err error
		select {
		case <-b.finished:
			err = b.failure()
		case <-writing.Done():
			err = writing.Err()
		}
		if err != nil {
			return fmt.Errorf("cannot write to the input topic: %w", err)
		}
		in.cl.MarkCommitOffsets(b.offsets)
	}
	return nil
}

// watchMissing says now and then which source topics there are not.
func (in *Intake) watchMissing(ctx context.Context) {
	adm := kadm.NewClient(in.cl)
	for wait := intakeMetadata; pause(ctx, wait) == nil; wait = intakeMissing {
		topics := in.cl.GetConsumeTopics()
		if len(topics) == 0 {
			continue
		}
		found, err := adm.ListTopics(ctx, topics...)
		if err != nil {
			continue // the client's own log has it
		}
		var missing []string
		for name, d := range found {
			if errors.Is(d.Err, kerr.UnknownTopicOrPartition) {
				missing = append(missing, name)
			}
		}
		if len(missing) > 0 {
			slices.Sort(missing)
			in.cfg.Logger.Warn("source topics do not exist yet", "topics", missing)
		}
	}
}

func (in *Intake) assigned(_ context.Context, _ *kgo.Client, added map[string][]int32) {
	for topic, partitions := range added {
		for _, p := range partitions {
			in.progress.begin(topic, p)
		}
	}
}

// revoked commits what is written of the partitions before another member gets them.
func (in *Intake) revoked(ctx context.Context, cl *kgo.Client, gone map[string][]int32) {
	if len(gone) > 0 {
		if err := cl.CommitMarkedOffsets(ctx); err != nil {
			in.cfg.Logger.Debug("intake could not commit before a revocation", "error", err)
		}
	}
	in.lost(ctx, cl, gone)
}

func (in *Intake) lost(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
	for topic, partitions := range gone {
		for _, p := range partitions {
			in.progress.forget(topic, p)
		}
	}
}

// readErrors returns the first error of a poll that ends the client's use, and logs those that do not. The client
// retries the others by itself.
func readErrors(log *slog.Logger, fetches kgo.Fetches) (fatal error) {
	fetches.EachError(func(topic string, partition int32, err error) {
		var loss *kgo.ErrDataLoss
		var group *kgo.ErrGroupSession
		switch {
		case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || fatal != nil:
		case errors.As(err, &loss):
			log.Error("records are lost: a broker no longer has what it had acknowledged",
				"topic", topic, "partition", partition, "from", loss.ConsumedTo, "to", loss.ResetTo)
		case errors.As(err, &group) && !Permanent(err):
			log.Warn("a member was dropped from its group and joins again", "error", err)
		case topic == "": // of the client or its group
			fatal = fmt.Errorf("cannot poll: %w", err)
		default:
			fatal = fmt.Errorf("cannot read %s partition %d: %w", topic, partition, err)
		}
	})
	return fatal
}
