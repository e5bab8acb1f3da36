package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Names of weir's topics, without the application's prefix.
const (
	TopicInput       = "internal.input"
	TopicExchange    = "internal.exchange"
	TopicChangelog   = "internal.changelog"
	TopicCatalog     = "internal.catalog"
	TopicMemberships = "memberships"
	TopicFirings     = "firings"
	TopicJourneys    = "journeys"
	TopicMetrics     = "metrics"
	TopicDeadletter  = "deadletter"
	TopicCommands    = "commands"
)

// retention is how long topics that are not compacted keep their records, and compacted ones their deletions.
const retention = 7 * 24 * time.Hour

// topicWait bounds the wait for brokers to know new topics.
const topicWait = 30 * time.Second

// topicSpec is what weir needs of one of its topics.
type topicSpec struct {
	name       string // without the prefix
	partitions int32  // 0: as many as the input topic
	compacted  bool   // cleaner only: a record that is not superseded must never go
	kept       bool   // never by age: weir deletes what has been read
}

var topicSpecs = []topicSpec{
	{name: TopicInput}, // first: its partition count is the engine's
	{name: TopicExchange, kept: true},
	{name: TopicChangelog, compacted: true},
	{name: TopicCatalog, compacted: true, partitions: 1},
	{name: TopicMemberships},
	{name: TopicFirings},
	{name: TopicJourneys},
	{name: TopicMetrics},
	{name: TopicDeadletter},
	{name: TopicCommands},
}

// EnsureTopics checks the brokers, makes the topics that are missing and checks those that exist. It returns the
// engine's partition count, which is the input topic's. All that is wrong comes in one error, each fault with the
// command that mends it. Several workers may call it at once.
func EnsureTopics(ctx context.Context, cfg Config) (partitions int32, err error) {
	if cfg, err = cfg.prepared(); err != nil {
		return 0, err
	}
	cl, err := cfg.newClient("admin")
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	if err := checkBrokers(ctx, &cfg, cl); err != nil {
		return 0, err
	}
	t := topicAdmin{cfg: &cfg, adm: kadm.NewClient(cl)}
	if err := t.list(ctx); err != nil {
		return 0, err
	}
	if partitions, err = t.create(ctx); err != nil {
		return 0, err
	}
	return partitions, t.check(ctx, partitions)
}

// topicAdmin makes and checks topics.
type topicAdmin struct {
	cfg   *Config
	adm   *kadm.Client
	found kadm.TopicDetails
}

func (t *topicAdmin) names() []string {
	names := make([]string, len(topicSpecs))
	for i, s := range topicSpecs {
		names[i] = t.cfg.Topic(s.name)
	}
	return names
}

func (t *topicAdmin) list(ctx context.Context) error {
	found, err := t.adm.ListTopics(ctx, t.names()...)
	if err != nil {
		return fmt.Errorf("cannot list the topics: %w", err)
	}
	t.found = make(kadm.TopicDetails)
	for name, d := range found {
		switch {
		case d.Err == nil:
			t.found[name] = d
		case !errors.Is(d.Err, kerr.UnknownTopicOrPartition):
			return fmt.Errorf("cannot describe topic %s: %w", name, d.Err)
		}
	}
	return nil
}

// create makes what is missing, the input topic first: who makes it decides on the number of partitions.
func (t *topicAdmin) create(ctx context.Context) (partitions int32, err error) {
	partitions = DefaultPartitions
	if t.cfg.Partitions > 0 {
		partitions = t.cfg.Partitions
	}
	made := false
	for _, s := range topicSpecs {
		name := t.cfg.Topic(s.name)
		if _, ok := t.found[name]; !ok {
			if err := t.createOne(ctx, name, s, partitions); err != nil {
				return 0, err
			}
			made = true
		}
		if s.name != TopicInput {
			continue
		}
		if made { // another worker may have made it with another number
			if err := t.await(ctx, name); err != nil {
				return 0, err
			}
		}
		partitions = int32(len(t.found[name].Partitions))
	}
	if !made {
		return partitions, nil
	}
	return partitions, t.await(ctx, t.names()...)
}

func (t *topicAdmin) createOne(ctx context.Context, name string, s topicSpec, partitions int32) error {
	if s.partitions > 0 {
		partitions = s.partitions
	}
	replication := int16(-1)
	if t.cfg.Replication > 0 {
		replication = t.cfg.Replication
	}
	configs := make(map[string]*string)
	for k, v := range t.wanted(s) {
		configs[k] = &v
	}
	if t.cfg.Replication >= 3 {
		configs["min.insync.replicas"] = kadm.StringPtr("2")
	}
	resp, err := t.adm.CreateTopic(ctx, partitions, replication, configs, name)
	if err == nil {
		err = resp.Err
	}
	if err == nil || errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	if resp.ErrMessage != "" {
		return fmt.Errorf("cannot create topic %s: %w: %s", name, err, resp.ErrMessage)
	}
	return fmt.Errorf("cannot create topic %s: %w", name, err)
}

// await waits until the brokers know the topics: creation is answered by the controller, before they do.
func (t *topicAdmin) await(ctx context.Context, names ...string) error {
	ctx, cancel := context.WithTimeout(ctx, topicWait)
	defer cancel()
	for {
		if err := t.list(ctx); err != nil {
			return err
		}
		missing := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return settled(t.found, n) })
		if len(missing) == 0 {
			return nil
		}
		if err := pause(ctx, topicPause); err != nil {
			return fmt.Errorf("cannot see new topics %s on the brokers: %w", strings.Join(missing, ", "), err)
		}
	}
}

// settled says whether the topic is known and each of its partitions has a leader.
func settled(found kadm.TopicDetails, name string) bool {
	d, ok := found[name]
	if !ok || len(d.Partitions) == 0 {
		return false
	}
	for _, p := range d.Partitions {
		if p.Err != nil || p.Leader < 0 {
			return false
		}
	}
	return true
}

// wanted returns the settings that weir relies on.
func (t *topicAdmin) wanted(s topicSpec) map[string]string {
	w := map[string]string{"max.message.bytes": strconv.Itoa(int(t.cfg.messageBytes()))}
	week := strconv.FormatInt(retention.Milliseconds(), 10)
	if s.compacted {
		w["cleanup.policy"] = "compact"
		w["retention.ms"] = "-1" // some brokers apply retention to compacted topics as well
		w["delete.retention.ms"] = week
	} else {
		w["cleanup.policy"] = "delete"
		w["retention.ms"] = week
	}
	if s.kept {
		w["retention.ms"] = "-1"
	}
	return w
}
