package load

import (
	"context"
	"time"

	"github.com/weirstream/weir/bench/generate"
	"github.com/weirstream/weir/connectors/kafka"
	"github.com/weirstream/weir/engine"
)

// Sender sends generated records to the source topics of a benchmark. It belongs to one goroutine.
type Sender struct {
	producer *kafka.Producer
	gen      *generate.Generator
	prefix   string
	topics   map[string]string // generated name -> full name
}

// Acknowledged is called for each record that is in Kafka, with the instant at which it was handed over. It is called
// on the producer's goroutine and must not block.
type Acknowledged func(r engine.Record, sent time.Time)

// History is how far back the events of a backlog reach.
const History = 60 * 24 * time.Hour

// NewSender returns a sender of contacts with a tenth as many accounts. Close the producer after it.
func NewSender(p *kafka.Producer, seed uint64, contacts int, prefix string, now time.Time) *Sender {
	s := &Sender{producer: p, prefix: prefix, topics: map[string]string{},
		gen: generate.New(generate.Options{Seed: seed, Contacts: contacts, Accounts: max(contacts/10, 1),
			Start: now.Add(-History)})}
	for _, t := range []string{generate.TopicContact, generate.TopicAccount, generate.TopicEngagement} {
		s.topics[t] = prefix + "." + t
	}
	return s
}

// Topics returns the full names of the source topics.
func Topics(prefix string) []string {
	return []string{prefix + "." + generate.TopicContact, prefix + "." + generate.TopicAccount,
		prefix + "." + generate.TopicEngagement}
}

// Snapshot sends all contacts and accounts, and waits until they are in Kafka. It returns how many records that were.
func (s *Sender) Snapshot(ctx context.Context) (n int64, err error) {
	s.gen.Load(func(r generate.Record) bool {
		err = s.producer.Send(ctx, s.topics[r.Topic], r.Key, r.Value, nil)
		n++
		return err == nil
	})
	if err != nil {
		return n, err
	}
	return n, s.producer.Flush(ctx)
}

// Backlog sends n records of the stream, whose times are spread evenly over History until now, as fast as Kafka takes
// them, and waits until they are there.
func (s *Sender) Backlog(ctx context.Context, n int64, now time.Time) error {
	step := History / time.Duration(max(n, 1))
	for i := range n {
		r := s.gen.Next(now.Add(-time.Duration(n-i) * step))
		if err := s.producer.Send(ctx, s.topics[r.Topic], r.Key, r.Value, nil); err != nil {
			return err
		}
	}
	return s.producer.Flush(ctx)
}

// rateTick is how often records are sent at a fixed rate: several at once where the rate is high.
const rateTick = time.Millisecond

// Rate sends perSecond records a second for the given time, evenly. It does not slow down when the engine does: who
// measures latency must not wait for who is measured. It returns how many were sent.
func (s *Sender) Rate(ctx context.Context, perSecond float64, length time.Duration,
	done Acknowledged) (n int64, err error) {
	tick := time.NewTicker(rateTick)
	defer tick.Stop()
	start := time.Now()
	for {
		now := time.Now()
		if now.Sub(start) >= length {
			return n, s.producer.Flush(ctx)
		}
		for due := int64(now.Sub(start).Seconds() * perSecond); n < due; n++ {
			sent := time.Now()
			r := s.gen.Next(sent)
			err := s.producer.Send(ctx, s.topics[r.Topic], r.Key, r.Value, func(r engine.Record) { done(r, sent) })
			if err != nil {
				return n, err
			}
		}
		select {
		case <-ctx.Done():
			return n, ctx.Err()
		case <-tick.C:
		}
	}
}
