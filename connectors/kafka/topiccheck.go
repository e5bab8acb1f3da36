package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// check compares the topics that exist with what weir needs and returns all faults, each with its remedy.
func (t *topicAdmin) check(ctx context.Context, partitions int32) error {
	configs, err := t.describe(ctx)
	if err != nil {
		return err
	}
	var f faults
	if want := t.cfg.Partitions; want > 0 && want != partitions {
		f.add("topic %s has %d partitions, but partitions says %d: leave the setting out, or move the state to"+
			" another number of partitions with weir reshard", t.cfg.Topic(TopicInput), partitions, want)
	}
	for _, s := range topicSpecs {
		name := t.cfg.Topic(s.name)
		t.checkPartitions(&f, name, s, partitions)
		rc, err := configs.On(name, nil)
		if err == nil {
			err = rc.Err
		}
		if err != nil {
			return fmt.Errorf("cannot describe the settings of topic %s: %w", name, err)
		}
		t.checkSettings(&f, name, s, settings(rc.Configs))
	}
	if len(f.list) == 0 {
		return nil
	}
	return permanent{fmt.Errorf("cannot use the topics as they are: %w", errors.Join(f.list...))}
}

// describe asks for the topics' settings. A broker that has not heard of a new topic yet is asked again.
func (t *topicAdmin) describe(ctx context.Context) (kadm.ResourceConfigs, error) {
	ctx, cancel := context.WithTimeout(ctx, topicWait)
	defer cancel()
	for {
		configs, err := t.adm.DescribeTopicConfigs(ctx, t.names()...)
		if err != nil {
			return nil, fmt.Errorf("cannot describe the topics' settings: %w", err)
		}
		unknown := func(rc kadm.ResourceConfig) bool { return errors.Is(rc.Err, kerr.UnknownTopicOrPartition) }
		if !slices.ContainsFunc(configs, unknown) || pause(ctx, topicPause) != nil {
			return configs, nil
		}
	}
}

func (t *topicAdmin) checkPartitions(f *faults, name string, s topicSpec, partitions int32) {
	want := partitions
	if s.partitions > 0 {
		want = s.partitions
	}
	have := int32(len(t.found[name].Partitions))
	switch {
	case have < want:
		f.add("topic %s has %d partitions and needs %d: kafka-topics --bootstrap-server %s --alter --topic %s"+
			" --partitions %d", name, have, want, t.server(), name, want)
	case have > want:
		f.add("topic %s has %d partitions and must have %d: its records would not be where weir looks for them;"+
			" make it anew: kafka-topics --bootstrap-server %s --delete --topic %s", name, have, want, t.server(), name)
	}
}

func (t *topicAdmin) checkSettings(f *faults, name string, s topicSpec, have map[string]string) {
	if have["max.message.bytes"] != "" && number(have["max.message.bytes"]) < int64(t.cfg.messageBytes()) {
		t.wrong(f, name, have, "max.message.bytes", strconv.Itoa(int(t.cfg.messageBytes())),
			"a record of max.record.bytes would not fit")
	}
	policy := have["cleanup.policy"]
	switch {
	case s.compacted && policy != "compact":
		t.wrong(f, name, have, "cleanup.policy", "compact", "state would be lost")
	case !s.compacted && s.name != TopicMemberships && policy != "delete":
		t.wrong(f, name, have, "cleanup.policy", "delete", "records would be lost")
	case s.name == TopicMemberships && policy == "": // users may compact this one into a table
		t.wrong(f, name, have, "cleanup.policy", "delete", "it has no policy")
	}
	if s.compacted {
		if have["retention.ms"] != "-1" {
			t.wrong(f, name, have, "retention.ms", "-1", "state would be lost")
		}
		if b := have["retention.bytes"]; b != "" && b != "-1" && strings.Contains(policy, "delete") {
			t.wrong(f, name, have, "retention.bytes", "-1", "state would be lost")
		}
		if d := have["delete.retention.ms"]; d != "" && number(d) < retention.Milliseconds() {
			t.wrong(f, name, have, "delete.retention.ms", strconv.FormatInt(retention.Milliseconds(), 10),
				"a worker that was away could miss deletions")
		}
	}
	if s.kept && have["retention.ms"] != "-1" {
		t.wrong(f, name, have, "retention.ms", "-1", "messages that are not read would be lost")
	}
	if b := have["retention.bytes"]; s.kept && b != "" && b != "-1" {
		t.wrong(f, name, have, "retention.bytes", "-1", "messages that are not read would be lost")
	}
	t.checkReplicas(f, name, have)
}

// checkReplicas compares min.insync.replicas with the replicas that there are.
func (t *topicAdmin) checkReplicas(f *faults, name string, have map[string]string) {
	replicas := int64(t.found[name].Partitions.NumReplicas())
	insync := number(have["min.insync.replicas"])
	switch {
	case insync > replicas:
		t.wrong(f, name, have, "min.insync.replicas", strconv.FormatInt(max(1, replicas-1), 10),
			fmt.Sprintf("there are %d replicas: nothing could be written", replicas))
	case replicas >= 3 && insync == 1:
		t.cfg.Logger.Warn("a lost broker can lose acknowledged records: min.insync.replicas should be 2",
			"topic", name, "replicas", replicas)
	}
}

func (t *topicAdmin) wrong(f *faults, topic string, have map[string]string, key, want, why string) {
	f.add("topic %s has %s=%s (%s): kafka-configs --bootstrap-server %s --alter --entity-type topics"+
		" --entity-name %s --add-config %s=%s", topic, key, have[key], why, t.server(), topic, key, want)
}

func (t *topicAdmin) server() string { return t.cfg.Brokers[0] }

func settings(configs []kadm.Config) map[string]string {
	m := make(map[string]string, len(configs))
	for _, c := range configs {
		m[c.Key] = c.MaybeValue()
	}
	return m
}

// number reads a setting; what is no number counts as 0.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
