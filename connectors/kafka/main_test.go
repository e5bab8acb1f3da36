package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/weirstream/weir/connectors/embedded"
	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// realBrokers names the brokers that the suite runs on instead of an embedded one, as HOST:PORT[,...].
const realBrokers = "WEIR_TEST_BROKERS"

// patience bounds every wait of a test. Real brokers abort timed-out transactions only every 10 s.
const patience = 60 * time.Second

// world is a broker with weir's topics on it, for one test.
type world struct {
	testing.TB
	ctx        context.Context
	cfg        Config
	partitions int32
	admin      *kgo.Client // where a test keeps one
}

// newWorld starts a broker, or takes the real ones, and makes topics of an application of the test's own.
func newWorld(t testing.TB, partitions int32) *world {
	t.Helper()
	w := bareWorld(t)
	w.cfg.Partitions = partitions
	n, err := EnsureTopics(w.ctx, w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.partitions = n
	return w
}

func bareWorld(t testing.TB) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	w := &world{TB: t, ctx: ctx, cfg: Config{
		App:                fmt.Sprintf("t%08x", rand.Uint32()),
		Instance:           "a",
		SessionTimeout:     3 * time.Second,
		TransactionTimeout: 2 * time.Second,
		Logger:             slog.New(slog.NewTextHandler(logLines{}, nil)),
	}}
	if real := os.Getenv(realBrokers); real != "" {
		w.cfg.Brokers = strings.Split(real, ",")
		return w
	}
	b, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	w.cfg.Brokers = []string{b.Addr()}
	return w
}

// onEmbedded says whether the test has a broker of its own.
func onEmbedded() bool { return os.Getenv(realBrokers) == "" }

// worker is a session as the engine uses it, with a note of what it was told.
type worker struct {
	*world
	*Session
	owned  map[int32]bool
	events []string        // "+3", "-3", and "3@17" for a record
	came   []engine.Record // messages that the last poll brought
}

func (w *world) open(instance string) *worker {
	w.Helper()
	cfg := w.cfg
	cfg.Instance = instance
	s, err := OpenSession(w.ctx, cfg, w.partitions)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(s.Close)
	return &worker{world: w, Session: s, owned: make(map[int32]bool)}
}

// poll polls once and resumes what was assigned, as a worker without state does.
func (k *worker) poll() []engine.Record {
	k.Helper()
	p, err := k.Poll(k.ctx, 50*time.Millisecond, 1000)
	if err != nil {
		k.Fatal(err)
	}
	for _, n := range p.Revoked {
		k.events = append(k.events, fmt.Sprintf("-%d", n))
		delete(k.owned, n)
	}
	for _, n := range p.Assigned {
		if k.owned[n] {
			k.Errorf("partition %d was assigned twice", n)
		}
		k.events = append(k.events, fmt.Sprintf("+%d", n))
		k.owned[n] = true
	}
	for _, r := range p.Records {
		if !k.owned[r.Partition] {
			k.Errorf("a record came of partition %d, which is not owned", r.Partition)
		}
		k.events = append(k.events, fmt.Sprintf("%d@%d", r.Partition, r.Offset))
	}
	for _, r := range p.Exchange {
		if !k.owned[r.Partition] {
			k.Errorf("a message came to partition %d, which is not owned", r.Partition)
		}
	}
	k.came = slices.Clone(p.Exchange)
	k.Resume(started(p.Assigned))
	return slices.Clone(p.Records)
}

// started resumes tasks that have read nothing of the exchange topic.
func started(partitions []int32) []engine.Resumption {
	tasks := make([]engine.Resumption, len(partitions))
	for i, p := range partitions {
		tasks[i].Partition = p
	}
	return tasks
}

// own polls until the worker has n partitions; the records that come are given back.
func (k *worker) own(n int) (records []engine.Record) {
	k.Helper()
	k.until(fmt.Sprintf("owns %d partitions", n), func() bool {
		records = append(records, k.poll()...)
		return len(k.owned) == n
	})
	return records
}

// read polls until n records have come.
func (k *worker) read(n int) (records []engine.Record) {
	k.Helper()
	k.until(fmt.Sprintf("has read %d records", n), func() bool {
		records = append(records, k.poll()...)
		return len(records) >= n
	})
	return records
}

// until runs try again and again until it is true.
func (w *world) until(what string, try func() bool) {
	w.Helper()
	for end := time.Now().Add(patience); !try(); {
		if time.Now().After(end) {
			w.Fatalf("gave up waiting until it %s", what)
		}
	}
}

// commit commits the parts and returns what came of it; an error ends the test.
func (k *worker) commit(parts ...engine.Part) engine.Outcome {
	k.Helper()
	o, err := k.Commit(k.ctx, parts)
	if err != nil {
		k.Fatal(err)
	}
	return o
}

// echo is an epoch that copies each record's value to an output and remembers it as a fact.
func echo(records []engine.Record) []engine.Part {
	var parts []engine.Part
	for _, r := range records {
		i := slices.IndexFunc(parts, func(p engine.Part) bool { return p.Partition == r.Partition })
		if i < 0 {
			i = len(parts)
			parts = append(parts, engine.Part{Partition: r.Partition})
		}
		parts[i].Next = r.Offset + 1
		parts[i].Outputs = append(parts[i].Outputs, engine.Output{
			Topic: TopicFirings, Key: r.Key, Value: r.Value, Headers: []engine.Header{{Key: "ce_id", Value: r.Key}},
		})
		parts[i].Facts = append(parts[i].Facts, state.Fact{Key: r.Key, Value: r.Value})
	}
	return parts
}

// timers is an epoch of one partition in which no record was read.
func timers(partition int32, value string) engine.Part {
	return engine.Part{
		Partition: partition, Next: -1,
		Outputs: []engine.Output{{Topic: TopicFirings, Key: []byte("t"), Value: []byte(value)}},
		Facts:   []state.Fact{{Key: []byte("t"), Value: []byte(value)}},
	}
}

// client returns a client for the test's own use.
func (w *world) client(opts ...kgo.Opt) *kgo.Client {
	w.Helper()
	cfg, err := w.cfg.prepared()
	if err != nil {
		w.Fatal(err)
	}
	cl, err := cfg.newClient("test", opts...)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(cl.Close)
	return cl
}

// write puts values into partition p of one of weir's topics; the keys are the values.
func (w *world) write(topic string, p int32, values ...string) {
	w.Helper()
	var records []*kgo.Record
	for _, v := range values {
		records = append(records, &kgo.Record{
			Topic: w.cfg.Topic(topic), Partition: p, Key: []byte(v), Value: []byte(v),
		})
	}
	if err := w.client().ProduceSync(w.ctx, records...).FirstErr(); err != nil {
		w.Fatal(err)
	}
}

// committed returns the values that a read-committed consumer finds in a topic of weir's, by partition, once there
// are n of them and nothing more is to come.
func (w *world) committed(topic string, n int) map[int32][]string {
	w.Helper()
	cl := w.client(kgo.ConsumeTopics(w.cfg.Topic(topic)), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	found, count := make(map[int32][]string), 0
	take := func(wait time.Duration) {
		ctx, cancel := context.WithTimeout(w.ctx, wait)
		defer cancel()
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			found[r.Partition] = append(found[r.Partition], string(r.Value))
			count++
		})
	}
	w.until(fmt.Sprintf("has %d records in %s", n, topic), func() bool {
		take(100 * time.Millisecond)
		return count >= n
	})
	take(300 * time.Millisecond) // what should not be there
	if count != n {
		w.Errorf("%s has %d records, want %d: %v", topic, count, n, found)
	}
	return found
}

// logLines shows what is logged when tests are run with -v.
type logLines struct{}

func (logLines) Write(b []byte) (int, error) {
	if testing.Verbose() {
		return os.Stderr.Write(b)
	}
	return len(b), nil
}
