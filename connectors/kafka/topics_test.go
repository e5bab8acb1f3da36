package kafka

import (
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"
)

// set changes a setting of one of weir's topics.
func (w *world) set(topic, key, value string) {
	w.Helper()
	resp, err := kadm.NewClient(w.client()).AlterTopicConfigs(w.ctx,
		[]kadm.AlterConfig{{Op: kadm.SetConfig, Name: key, Value: &value}}, w.cfg.Topic(topic))
	if err == nil {
		_, err = resp.On(w.cfg.Topic(topic), func(r *kadm.AlterConfigsResponse) error { return r.Err })
	}
	if err != nil {
		w.Fatal(err)
	}
}

// The first worker makes the topics; the next ones find them, whatever number of partitions is the default.
func TestEnsureTopicsCreates(t *testing.T) {
	w := newWorld(t, 3)
	if w.partitions != 3 {
		t.Fatalf("made %d partitions", w.partitions)
	}
	w.cfg.Partitions = 0
	if n, err := EnsureTopics(w.ctx, w.cfg); n != 3 || err != nil {
		t.Fatalf("the next worker finds %d partitions, error %v", n, err)
	}
	found, err := kadm.NewClient(w.client()).ListTopics(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range topicSpecs {
		want := 3
		if s.partitions > 0 {
			want = int(s.partitions)
		}
		if got := len(found[w.cfg.Topic(s.name)].Partitions); got != want {
			t.Errorf("%s has %d partitions, want %d", s.name, got, want)
		}
	}
}

// Workers that start at once agree.
func TestEnsureTopicsRace(t *testing.T) {
	w := bareWorld(t)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			cfg := w.cfg
			cfg.Partitions = 5
			if n, err := EnsureTopics(w.ctx, cfg); n != 5 || err != nil {
				t.Errorf("worker %d finds %d partitions, error %v", i, n, err)
			}
		})
	}
	all.Wait()
}

// All that is wrong is told at once, each fault with the command that mends it.
func TestEnsureTopicsChecks(t *testing.T) {
	w := newWorld(t, 2)
	w.set(TopicChangelog, "cleanup.policy", "delete")
	w.set(TopicChangelog, "retention.ms", "1000")
	w.set(TopicChangelog, "delete.retention.ms", "1000")
	w.set(TopicInput, "max.message.bytes", "1000000")
	w.set(TopicExchange, "cleanup.policy", "compact")
	w.set(TopicExchange, "retention.ms", "604800000")
	w.set(TopicDeadletter, "min.insync.replicas", "9")
	adm := kadm.NewClient(w.client())
	if r, err := adm.CreatePartitions(w.ctx, 1, w.cfg.Topic(TopicFirings)); err != nil || r.Error() != nil {
		t.Fatal(err, r.Error())
	}
	w.until("has 3 partitions", func() bool {
		found, err := adm.ListTopics(w.ctx, w.cfg.Topic(TopicFirings))
		return err == nil && len(found[w.cfg.Topic(TopicFirings)].Partitions) == 3
	})
	w.cfg.Partitions = 7
	_, err := EnsureTopics(w.ctx, w.cfg)
	if err == nil {
		t.Fatal("no error")
	}
	server, app := w.cfg.Brokers[0], w.cfg.App
	for _, want := range []string{
		"has 2 partitions, but partitions says 7",
		"kafka-configs --bootstrap-server " + server + " --alter --entity-type topics --entity-name " + app +
			".internal.changelog --add-config cleanup.policy=compact",
		app + ".internal.changelog --add-config retention.ms=-1",
		app + ".internal.changelog --add-config delete.retention.ms=604800000",
		app + ".internal.input --add-config max.message.bytes=17825792",
		app + ".internal.exchange --add-config cleanup.policy=delete",
		app + ".internal.exchange --add-config retention.ms=-1",
		app + ".deadletter --add-config min.insync.replicas=",
		app + ".firings has 3 partitions and must have 2",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 9 {
		t.Errorf("the error has %d lines, want 9:\n%v", n, err)
	}
}

// Brokers that lack the second version of transactions are refused, unless transactions are not used.
func TestOldBrokers(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.MaxVersions(kversion.V3_9_0()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w := bareWorld(t)
	w.cfg.Brokers, w.cfg.Partitions = c.ListenAddrs(), 1
	_, err = EnsureTopics(w.ctx, w.cfg)
	if !Permanent(err) || !strings.Contains(err.Error(), "transaction.version is 0 and must be at least 2") {
		t.Fatalf("error is %v", err)
	}
	w.cfg.Delivery = AtLeastOnce
	if _, err := EnsureTopics(w.ctx, w.cfg); err != nil {
		t.Fatal(err)
	}
}
