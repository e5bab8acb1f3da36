package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state/row"
)

// Producer writes records to source topics, without transactions: for benchmarks, demos and tests. weir's own topics
// are written by Session and Intake alone. Any goroutine may use it.
type Producer struct {
	cl *kgo.Client

	mu     sync.Mutex
	failed error
}

const (
	producerBuffer = 20_000    // records that may wait for the brokers; Send waits while there are so many
	producerBatch  = 1_000_000 // bytes: source topics have Kafka's default max.message.bytes, as a rule
)

// NewProducer returns a producer. Records go to the partition that Kafka's Java clients would choose by the key.
func NewProducer(cfg Config) (*Producer, error) {
	cfg, err := cfg.prepared()
	if err != nil {
		return nil, err
	}
	cl, err := cfg.newClient("producer", kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.MaxBufferedRecords(producerBuffer), kgo.ProducerBatchMaxBytes(producerBatch))
	if err != nil {
		return nil, err
	}
	return &Producer{cl: cl}, nil
}

// Send hands a record over; its key and value must stay as they are until it is acknowledged. A nil value is a
// tombstone. acknowledged, which may be nil, is called with the record's place and timestamp, on the client's
// goroutine: it must not block. Send returns the first error that any record had.
func (p *Producer) Send(ctx context.Context, topic string, key, value []byte, acknowledged func(engine.Record)) error {
	if err := p.failure(); err != nil {
		return err
	}
	p.cl.Produce(ctx, &kgo.Record{Topic: topic, Key: key, Value: value}, func(r *kgo.Record, err error) {
		if err != nil {
			p.fail(fmt.Errorf("cannot write to topic %s: %w", r.Topic, err))
			return
		}
		if acknowledged != nil {
			acknowledged(engine.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
				Time: row.At(r.Timestamp), Key: r.Key, Value: r.Value})
		}
	})
	return nil
}

// Flush waits until all records that were sent are acknowledged. It returns the first error that any record had.
func (p *Producer) Flush(ctx context.Context) error {
	if err := p.cl.Flush(ctx); err != nil {
		return fmt.Errorf("cannot wait for the brokers to acknowledge: %w", err)
	}
	return p.failure()
}

// Close gives up what is not acknowledged.
func (p *Producer) Close() { p.cl.Close() }

func (p *Producer) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed == nil {
		p.failed = err
	}
}

func (p *Producer) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

// CreateTopic makes a source topic, or any other that is not weir's own, and waits until its partitions can be
// written to. That it exists already is an error. settings may be nil.
func CreateTopic(ctx context.Context, cfg Config, name string, partitions int32, settings map[string]string) error {
	cfg, cl, err := openAdmin(cfg)
	if err != nil {
		return err
	}
	defer cl.Close()
	configs := make(map[string]*string, len(settings))
	for k, v := range settings {
		configs[k] = &v
	}
	adm := kadm.NewClient(cl)
	replication := int16(-1)
	if cfg.Replication > 0 {
		replication = cfg.Replication
	}
	resp, err := adm.CreateTopic(ctx, partitions, replication, configs, name)
	if err == nil {
		err = resp.Err
	}
	if err != nil {
		return fmt.Errorf("cannot create topic %s: %w", name, err)
	}
	return awaitTopic(ctx, adm, name)
}

// awaitTopic waits until the brokers know the topic and each of its partitions has a leader.
func awaitTopic(ctx context.Context, adm *kadm.Client, name string) error {
	for {
		found, err := adm.ListTopics(ctx, name)
		if err != nil {
			return fmt.Errorf("cannot list topic %s: %w", name, err)
		}
		if settled(found, name) {
			return nil
		}
		if err := pause(ctx, topicPause); err != nil {
			return fmt.Errorf("cannot see new topic %s on the brokers: %w", name, err)
		}
	}
}

// DeleteTopics deletes the topics; those that do not exist are passed over.
func DeleteTopics(ctx context.Context, cfg Config, names ...string) error {
	_, cl, err := openAdmin(cfg)
	if err != nil {
		return err
	}
	defer cl.Close()
	resp, err := kadm.NewClient(cl).DeleteTopics(ctx, names...)
	if err != nil {
		return fmt.Errorf("cannot delete topics: %w", err)
	}
	for name, r := range resp {
		if r.Err != nil && !errors.Is(r.Err, kerr.UnknownTopicOrPartition) {
			return fmt.Errorf("cannot delete topic %s: %w", name, r.Err)
		}
	}
	return nil
}

// OwnTopics returns the full names of the topics that weir makes for cfg.App.
func (c *Config) OwnTopics() []string {
	names := make([]string, len(topicSpecs))
	for i, s := range topicSpecs {
		names[i] = c.Topic(s.name)
	}
	return names
}

// OpenTransactions counts those of the workers, by instance, that have a transaction open at this moment.
func OpenTransactions(ctx context.Context, cfg Config, instances ...string) (int, error) {
	cfg, cl, err := openAdmin(cfg)
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	ids := make([]string, len(instances))
	for i, name := range instances {
		ids[i] = cfg.App + "." + name
	}
	described, err := kadm.NewClient(cl).DescribeTransactions(ctx, ids...)
	if err != nil {
		return 0, fmt.Errorf("cannot describe the workers' transactions: %w", err)
	}
	open := 0
	for _, d := range described {
		if d.Err == nil && d.State == "Ongoing" {
			open++
		}
	}
	return open, nil
}

// openAdmin returns a client for one question or order to the brokers, with the prepared cfg; the caller closes it.
func openAdmin(cfg Config) (Config, *kgo.Client, error) {
	cfg, err := cfg.prepared()
	if err != nil {
		return cfg, nil, err
	}
	cl, err := cfg.newClient("admin")
	return cfg, cl, err
}
