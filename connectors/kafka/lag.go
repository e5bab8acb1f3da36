package kafka

import (
	"context"
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Lag is how far reading is behind in one partition.
type Lag struct {
	Topic     string
	Partition int32
	Records   int64         // up to the last stable offset
	Age       time.Duration // of the last record read, or since the assignment; 0 if Records is 0
}

// progress is what has been read of the partitions at hand. It is written by the reader and read by metrics.
type progress struct {
	mu sync.Mutex
	at map[topicPartition]reading
}

type topicPartition struct {
	topic     string
	partition int32
}

type reading struct {
	next int64 // offset of the next record; negative: none read yet
	time time.Time
}

func newProgress() *progress { return &progress{at: make(map[topicPartition]reading)} }

func (p *progress) begin(topic string, partition int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at[topicPartition{topic, partition}] = reading{next: -1, time: time.Now()}
}

func (p *progress) read(topic string, partition int32, next int64, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at[topicPartition{topic, partition}] = reading{next: next, time: at}
}

func (p *progress) forget(topic string, partition int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.at, topicPartition{topic, partition})
}

// lags asks the brokers for the ends of the partitions at hand.
func (p *progress) lags(ctx context.Context, cl *kgo.Client) ([]Lag, error) {
	p.mu.Lock()
	at := make(map[topicPartition]reading, len(p.at))
	topics := make(map[string]bool)
	for tp, r := range p.at {
		at[tp] = r
		topics[tp.topic] = true
	}
	p.mu.Unlock()
	if len(at) == 0 {
		return nil, nil
	}
	names := make([]string, 0, len(topics))
	for t := range topics {
		names = append(names, t)
	}
	adm := kadm.NewClient(cl)
	ends, err := adm.ListCommittedOffsets(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("cannot list the ends of the partitions: %w", err)
	}
	starts := cl.CommittedOffsets()
	var lags []Lag
	for tp, r := range at {
		end, ok := ends.Lookup(tp.topic, tp.partition)
		if !ok || end.Err != nil {
			continue
		}
		if r.next < 0 {
			r.next = starts[tp.topic][tp.partition].Offset
		}
		lag := Lag{Topic: tp.topic, Partition: tp.partition, Records: max(0, end.Offset-r.next)}
		if lag.Records > 0 {
			lag.Age = max(0, time.Since(r.time))
		}
		lags = append(lags, lag)
	}
	sort.Slice(lags, func(i, j int) bool {
		a, b := lags[i], lags[j]
		return a.Topic < b.Topic || a.Topic == b.Topic && a.Partition < b.Partition
	})
	return lags, nil
}

// Lags returns how far the worker is behind in the partitions of the input topic that it owns. It asks the brokers,
// and may be called from any goroutine.
func (s *Session) Lags(ctx context.Context) ([]Lag, error) { return s.progress.lags(ctx, s.cl) }
