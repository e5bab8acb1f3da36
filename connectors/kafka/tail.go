package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/engine"
)

// topicPause is the pause between two looks at topics that are being waited for.
const topicPause = 50 * time.Millisecond

// Isolation says which records a Tail gives.
type Isolation bool

// The isolations.
const (
	Committed   Isolation = true  // records of committed transactions, and those written without one
	Uncommitted Isolation = false // all, those of aborted and open transactions too
)

// Tail reads whole topics, without a group, and goes on as they grow: for benchmarks, demos and tests. It belongs to
// one goroutine.
type Tail struct {
	cfg    Config
	cl     *kgo.Client
	adm    *kadm.Client
	topics []string
	next   map[topicPartition]int64
	batch  []engine.Record
}

// OpenTail returns a reader of the topics from their start. The topics must exist.
func OpenTail(cfg Config, isolation Isolation, topics ...string) (*Tail, error) {
	return openTail(cfg, isolation, topics, kgo.ConsumeTopics(topics...),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
}

// OpenTailFromNow returns a reader of what the topics get from now on. The topics must exist.
func OpenTailFromNow(ctx context.Context, cfg Config, isolation Isolation, topics ...string) (*Tail, error) {
	cfg, cl, err := openAdmin(cfg)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list the ends of topics: %w", err)
	}
	from := map[string]map[int32]kgo.Offset{}
	ends.Each(func(end kadm.ListedOffset) {
		if from[end.Topic] == nil {
			from[end.Topic] = map[int32]kgo.Offset{}
		}
		from[end.Topic][end.Partition] = kgo.NewOffset().At(end.Offset)
	})
	t, err := openTail(cfg, isolation, topics, kgo.ConsumePartitions(from))
	if err != nil {
		return nil, err
	}
	ends.Each(func(end kadm.ListedOffset) { t.next[topicPartition{end.Topic, end.Partition}] = end.Offset })
	return t, nil
}

func openTail(cfg Config, isolation Isolation, topics []string, from ...kgo.Opt) (*Tail, error) {
	cfg, err := cfg.prepared()
	if err != nil {
		return nil, err
	}
	level := kgo.ReadUncommitted()
	if isolation == Committed {
		level = kgo.ReadCommitted()
	}
	cl, err := cfg.newClient("tail", append(from, kgo.FetchIsolationLevel(level), kgo.KeepControlRecords())...)
	if err != nil {
		return nil, err
	}
	return &Tail{cfg: cfg, cl: cl, adm: kadm.NewClient(cl), topics: topics, next: make(map[topicPartition]int64)}, nil
}

// Next waits for records and returns them, in order in each partition; none where only transactions ended. They are
// valid until the next call. Brokers that can't be reached are waited for.
func (t *Tail) Next(ctx context.Context) ([]engine.Record, error) {
	fetches := t.cl.PollFetches(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := readErrors(t.cfg.Logger, fetches); err != nil {
		return nil, err
	}
	t.batch = t.batch[:0]
	fetches.EachTopic(func(ft kgo.FetchTopic) {
		for i := range ft.Partitions {
			p := &ft.Partitions[i]
			for _, r := range p.Records {
				t.next[topicPartition{r.Topic, r.Partition}] = r.Offset + 1
				if !r.Attrs.IsControl() {
					t.batch = append(t.batch, record(r, ft.TopicID))
				}
			}
		}
	})
	return t.batch, nil
}

// AtEnd tells whether everything that the topics hold at this moment has been returned by Next. It asks the brokers.
// With Committed that comes true only when no transaction is open.
func (t *Tail) AtEnd(ctx context.Context) (bool, error) {
	ends, err := t.Ends(ctx)
	return err == nil && t.Reached(ends), err
}

// Ends is where topics end at some moment.
type Ends map[topicPartition]int64

// Ends returns where the topics end now. It asks the brokers.
func (t *Tail) Ends(ctx context.Context) (Ends, error) {
	ends, err := t.adm.ListEndOffsets(ctx, t.topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list the ends of topics: %w", err)
	}
	starts, err := t.adm.ListStartOffsets(ctx, t.topics...)
	if err != nil {
		return nil, fmt.Errorf("cannot list the starts of topics: %w", err)
	}
	out := Ends{}
	ends.Each(func(end kadm.ListedOffset) {
		if start, _ := starts.Lookup(end.Topic, end.Partition); start.Offset < end.Offset {
			out[topicPartition{end.Topic, end.Partition}] = end.Offset
		}
	})
	return out, nil
}

// Reached tells whether everything before the ends has been returned by Next.
func (t *Tail) Reached(ends Ends) bool {
	for at, end := range ends {
		if t.next[at] < end {
			return false
		}
	}
	return true
}

// Close ends the connections.
func (t *Tail) Close() { t.cl.Close() }
