package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// check returns what is wrong with a poll of the exchange topic, and with the topic itself.
func (x *exchange) check(ctx context.Context, fetches kgo.Fetches, consumed map[int32]*seat) (fatal error) {
	fetches.EachError(func(_ string, p int32, err error) {
		if fatal == nil && !errors.Is(err, context.Canceled) {
			fatal = x.explain(ctx, p, consumed[p], err)
		}
	})
	for _, f := range fetches {
		for _, t := range f.Topics {
			if fatal == nil && t.TopicID != x.topic.id && len(t.Partitions) > 0 && t.Topic == x.topic.name {
				fatal = topicAnew(x.cfg, x.topic.name)
			}
		}
	}
	return fatal
}

// explain tells what an error of the client means. Where records are gone that a task has not read, going on would
// leave rows out of date for ever, unseen.
func (x *exchange) explain(ctx context.Context, p int32, s *seat, err error) error {
	var loss *kgo.ErrDataLoss
	switch {
	case errors.As(err, &loss):
		return x.lost(p, fmt.Sprintf("a broker no longer has what it had acknowledged from offset %d on",
			loss.ResetTo), err)
	case errors.Is(err, kerr.OffsetOutOfRange) && s != nil:
		return x.lost(p, x.outOfRange(ctx, p, s), err)
	case errors.Is(err, kerr.UnknownTopicID), errors.Is(err, kerr.InconsistentTopicID),
		errors.Is(err, kerr.UnknownTopicOrPartition):
		if x.gone(ctx) {
			return topicAnew(x.cfg, x.topic.name)
		}
	}
	return fmt.Errorf("cannot read %s partition %d: %w", x.topic.name, p, err)
}

// gone says whether the brokers no longer have the topic with the id that the session knows.
func (x *exchange) gone(ctx context.Context) bool {
	topics, err := kadm.NewClient(x.cl).ListTopics(ctx, x.topic.name)
	if err != nil {
		return false
	}
	d := topics[x.topic.name]
	return errors.Is(d.Err, kerr.UnknownTopicOrPartition) || d.Err == nil && d.ID != x.topic.id
}

// outOfRange says where the task is and what the partition still has.
func (x *exchange) outOfRange(ctx context.Context, p int32, s *seat) string {
	adm := kadm.NewClient(x.cl)
	starts, startErr := adm.ListStartOffsets(ctx, x.topic.name)
	ends, endErr := adm.ListEndOffsets(ctx, x.topic.name)
	start, _ := starts.Lookup(x.topic.name, p)
	end, _ := ends.Lookup(x.topic.name, p)
	x.mu.Lock()
	head := s.head
	x.mu.Unlock()
	if startErr != nil || endErr != nil {
		return fmt.Sprintf("it no longer holds offset %d, which comes next", head)
	}
	return fmt.Sprintf("offset %d comes next, but it holds offsets %d to %d", head, start.Offset, end.Offset)
}

// topicAnew says that the topic is not the one that the tasks have read.
func topicAnew(cfg *Config, topic string) error {
	return permanent{fmt.Errorf("cannot go on with %s: it was deleted or made anew, and messages between the tasks are"+
		" lost; %s", topic, rebuild(cfg))}
}

func (x *exchange) lost(p int32, what string, err error) error {
	return permanent{fmt.Errorf("cannot go on with %s partition %d: messages between the tasks are lost: %s: %w; %s",
		x.topic.name, p, what, err, rebuild(x.cfg))}
}

// rebuild is the remedy for lost messages: nobody can send them again.
func rebuild(cfg *Config) string {
	return fmt.Sprintf("what is known of linked rows may be out of date: stop all workers, delete the topics %s, %s and"+
		" %s and the groups %s and %s.intake, and start again to build all from the source topics",
		cfg.Topic(TopicInput), cfg.Topic(TopicExchange), cfg.Topic(TopicChangelog), cfg.App, cfg.App)
}
