package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Backlogs asks the brokers how far all workers of an app are, whoever they are: for benchmarks and tests. It belongs
// to one goroutine.
type Backlogs struct {
	cfg     Config
	cl      *kgo.Client
	adm     *kadm.Client
	sources []string
}

// Backlog is how far the workers are at one moment, in records.
type Backlog struct {
	Sources int64 // of the source topics, not yet taken in as far as the group has committed: it does every second
	Input   int64 // of the input topic, not yet worked off
	Worked  int64 // of the input topic, worked off and committed since the topic was made
}

// Empty tells whether there is nothing left to do.
func (b Backlog) Empty() bool { return b.Sources == 0 && b.Input == 0 }

// OpenBacklogs returns a Backlogs for the workers of cfg.App, which read the source topics.
func OpenBacklogs(cfg Config, sources ...string) (*Backlogs, error) {
	cfg, err := cfg.prepared()
	if err != nil {
		return nil, err
	}
	cl, err := cfg.newClient("backlog")
	if err != nil {
		return nil, err
	}
	return &Backlogs{cfg: cfg, cl: cl, adm: kadm.NewClient(cl), sources: sources}, nil
}

// Read asks the brokers. A worker that has never committed counts as one that has all before it.
func (b *Backlogs) Read(ctx context.Context) (now Backlog, err error) {
	if _, now.Sources, err = b.group(ctx, b.cfg.App+".intake", b.sources...); err != nil {
		return now, err
	}
	now.Worked, now.Input, err = b.group(ctx, b.cfg.App, b.cfg.Topic(TopicInput))
	return now, err
}

// group returns what a group has committed of the topics and what is left.
func (b *Backlogs) group(ctx context.Context, group string, topics ...string) (done, left int64, err error) {
	committed, err := b.adm.FetchOffsets(ctx, group)
	for kerr.IsRetriable(err) && pause(ctx, topicPause) == nil { // a broker that started a moment ago
		committed, err = b.adm.FetchOffsets(ctx, group)
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return 0, 0, fmt.Errorf("cannot fetch the offsets of group %s: %w", group, err)
	}
	ends, err := b.adm.ListEndOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) { // the first worker makes the input topic
		return 0, 0, fmt.Errorf("cannot list the ends of topics: %w", err)
	}
	ends.Each(func(end kadm.ListedOffset) {
		if end.Err != nil {
			return
		}
		at := int64(0)
		if c, ok := committed.Lookup(end.Topic, end.Partition); ok && c.Err == nil {
			at = max(c.At, 0)
		}
		done += at
		left += max(0, end.Offset-at)
	})
	return done, left, nil
}

// Close ends the connections.
func (b *Backlogs) Close() { b.cl.Close() }
