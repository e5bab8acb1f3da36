package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state/wire"
)

// lines is a decoder for tests: a value is a list of words, each a change about that key; "TRUNCATE" and values
// that begin with "bad" are what they say.
type lines struct{}

func (lines) Decode(rec *engine.Record, out []engine.Change) []engine.Change {
	origin := engine.Origin{Topic: rec.Topic, TopicID: rec.TopicID, Partition: rec.Partition, Offset: rec.Offset}
	for _, word := range strings.Fields(string(rec.Value)) {
		switch {
		case word == "TRUNCATE":
			out = append(out, engine.Change{Kind: engine.Truncate, Origin: origin, Table: "contact"})
		case strings.HasPrefix(word, "bad"):
			out = append(out, engine.Change{Kind: engine.Bad, Origin: origin, Key: string(rec.Key),
				Reason: "a test", RawKey: rec.Key, Raw: rec.Value})
		default:
			out = append(out, engine.Change{Kind: engine.Delete, Origin: origin, Table: "contact", Key: word})
		}
	}
	return out
}

func newLines() engine.Decoder { return lines{} }

// source makes a source topic and returns its name.
func (w *world) source(name string, partitions int32) string {
	w.Helper()
	name = w.cfg.App + "-" + name
	if _, err := kadm.NewClient(w.client()).CreateTopic(w.ctx, partitions, -1, nil, name); err != nil {
		w.Fatal(err)
	}
	return name
}

// feed writes values to partition p of a source topic.
func (w *world) feed(topic string, p int32, values ...string) {
	w.Helper()
	var records []*kgo.Record
	for _, v := range values {
		records = append(records, &kgo.Record{Topic: topic, Partition: p, Key: []byte("key"), Value: []byte(v)})
	}
	if err := w.client().ProduceSync(w.ctx, records...).FirstErr(); err != nil {
		w.Fatal(err)
	}
}

// intake runs an intake until stop is called, which returns what Run returned.
func (w *world) intake(instance string, topics ...string) (in *Intake, stop func() error) {
	w.Helper()
	cfg := w.cfg
	cfg.Instance = instance
	in, err := OpenIntake(cfg, w.partitions, 1, topics, newLines)
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.ctx)
	var running sync.WaitGroup
	var result error
	running.Go(func() { result = in.Run(ctx) })
	stop = sync.OnceValue(func() error {
		cancel()
		running.Wait()
		in.Close()
		return result
	})
	w.Cleanup(func() { _ = stop() })
	return in, stop
}

// taken is one record of the input topic.
type taken struct {
	partition int32
	key       string
	kind      uint64
	offset    int64 // of the source
}

// input reads n records of the input topic and checks that each partition's are in the order of the source.
func (w *world) input(n int) (all []taken) {
	w.Helper()
	cl := w.client(kgo.ConsumeTopics(w.cfg.Topic(TopicInput)), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	w.until(fmt.Sprintf("has %d records of the input topic", n), func() bool {
		ctx, cancel := context.WithTimeout(w.ctx, 100*time.Millisecond)
		defer cancel()
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			c := readOrigin(w.TB, r.Value)
			all = append(all, taken{r.Partition, string(r.Key), c.kind, c.offset})
		})
		return len(all) >= n
	})
	return all
}

// Changes go to their home, truncations to every partition, and bad records to that of their key.
func TestIntakeHomes(t *testing.T) {
	w := newWorld(t, 4)
	topic := w.source("contact", 2)
	_, stop := w.intake("a", topic)
	w.feed(topic, 1, "c-1 c-2", "bad", "TRUNCATE", "c-3")
	got := w.input(8)
	for _, r := range got {
		if r.kind == uint64(engine.Truncate) {
			continue
		}
		if want := engine.Home(r.key, 4); r.partition != want {
			t.Errorf("%q is in partition %d, its home is %d", r.key, r.partition, want)
		}
	}
	count := func(kind engine.ChangeKind) (n int) {
		for _, r := range got {
			if r.kind == uint64(kind) {
				n++
			}
		}
		return n
	}
	if count(engine.Delete) != 3 || count(engine.Bad) != 1 || count(engine.Truncate) != 4 {
		t.Errorf("got %v", got)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// What was read and not committed comes again, from the first record that is not committed on and in order, and
// the next run begins where the last clean one ended.
func TestIntakeRepeatsInOrder(t *testing.T) {
	const n = 500
	w := newWorld(t, 3)
	topic := w.source("contact", 1)
	values := make([]string, n)
	for i := range values {
		values[i] = "k" + strconv.Itoa(i%7)
	}
	w.feed(topic, 0, values...)

	// A crash between writing and committing the offsets: the offsets are taken back to those before.
	_, stop := w.intake("a", topic)
	w.input(n)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	back := make(kadm.Offsets)
	back.AddOffset(topic, 0, 200, -1)
	if err := kadm.NewClient(w.client()).CommitAllOffsets(w.ctx, w.cfg.App+".intake", back); err != nil {
		t.Fatal(err)
	}
	_, stop = w.intake("b", topic)
	const again = 301 // those since the offset, and the one before it
	all := w.input(n + again)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	seen := make(map[int32]int64)
	var repeated, fresh int
	for _, p := range []int32{0, 1, 2} {
		seen[p] = -1
		for _, r := range all {
			if r.partition != p {
				continue
			}
			if r.offset <= seen[p] {
				repeated++
				continue
			}
			seen[p] = r.offset
			fresh++
		}
	}
	if fresh != n || repeated != again {
		t.Fatalf("a task that drops what it has seen takes %d records of %d and drops %d of %d", fresh, n, repeated, again)
	}

	w.feed(topic, 0, "last")
	_, stop = w.intake("c", topic)
	if all := w.input(n + again + 2); len(all) != n+again+2 {
		t.Fatalf("after a clean end came %d records again, want 1", len(all)-n-again-1)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// A source topic that does not exist yet is picked up when it is made, and topics can be exchanged.
func TestIntakeTopicsComeLater(t *testing.T) {
	w := newWorld(t, 1)
	first := w.source("first", 1)
	in, stop := w.intake("a", first, w.cfg.App+"-later")
	w.feed(first, 0, "one")
	w.input(1)
	later := w.source("later", 1)
	w.feed(later, 0, "two")
	w.input(2)
	third := w.source("third", 1)
	w.feed(third, 0, "three")
	in.Swap(2, []string{later, third}, newLines)
	w.input(3)
	w.feed(first, 0, "not read")
	w.feed(third, 0, "four")
	w.feed(later, 0, "five")
	got := w.input(5)
	if slices.ContainsFunc(got, func(r taken) bool { return r.key == "not" }) {
		t.Error("a topic that was given up is still read")
	}
	w.until("knows its lag", func() bool {
		lags, err := in.Lags(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		return len(lags) == 2 && lags[0].Records == 0 && lags[1].Records == 0
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// A change that no record of the input topic can hold becomes a bad record without its content; what comes after
// it is not held up.
func TestIntakeTooLarge(t *testing.T) {
	w := bareWorld(t)
	w.cfg.MaxRecordBytes, w.cfg.Partitions = 1<<10, 1
	var err error
	if w.partitions, err = EnsureTopics(w.ctx, w.cfg); err != nil {
		t.Fatal(err)
	}
	topic := w.cfg.App + "-large"
	size := strconv.Itoa(4 << 20)
	_, err = kadm.NewClient(w.client()).CreateTopic(w.ctx, 1, -1, map[string]*string{"max.message.bytes": &size}, topic)
	if err != nil {
		t.Fatal(err)
	}
	_, stop := w.intake("a", topic)
	large := &kgo.Record{Topic: topic, Key: []byte("key"), Value: []byte("bad" + strings.Repeat("x", 2<<20))}
	cl := w.client(kgo.ProducerBatchMaxBytes(3 << 20))
	if err := cl.ProduceSync(w.ctx, large).FirstErr(); err != nil {
		t.Fatal(err)
	}
	w.feed(topic, 0, "after")
	got := w.input(2)
	if got[0].kind != uint64(engine.Bad) || got[1].key != "after" {
		t.Fatalf("got %v", got)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// A write that fails ends the run with an error, and nothing after it is committed.
func TestIntakeFails(t *testing.T) {
	w := newWorld(t, 1)
	topic := w.source("contact", 1)
	in, err := OpenIntake(w.cfg, 5, 1, []string{topic}, newLines) // the input topic has one partition
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	keys := []string{"zero"}
	for i := range 20 {
		keys = append(keys, "k"+strconv.Itoa(i)) // some of them have homes that do not exist
	}
	w.feed(topic, 0, keys...)
	if err := in.Run(w.ctx); err == nil || errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v", err)
	}
	offsets, err := kadm.NewClient(w.client()).FetchOffsets(w.ctx, w.cfg.App+".intake")
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := offsets.Lookup(topic, 0); ok && o.At > 0 {
		t.Fatalf("offset %d is committed", o.At)
	}
}

// origin is what the tests need of an input record.
type origin struct {
	kind   uint64
	offset int64
}

// readOrigin reads the head of what engine.AppendChange has written.
func readOrigin(t testing.TB, value []byte) (o origin) {
	t.Helper()
	fail := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	_, value, err := wire.ReadArray(value)
	fail(err)
	_, value, err = wire.ReadUint(value) // format
	fail(err)
	o.kind, value, err = wire.ReadUint(value)
	fail(err)
	_, value, err = wire.ReadString(value) // topic
	fail(err)
	_, value, err = wire.ReadBytes(value) // its id
	fail(err)
	_, value, err = wire.ReadInt(value) // partition
	fail(err)
	o.offset, _, err = wire.ReadInt(value)
	fail(err)
	return o
}

// An intake that goes on begins with the last record that was finished, so that a decoder sees what stands before the
// next one: here the records of the second run are the last of the first, and the new one.
func TestIntakeBeginsOneBefore(t *testing.T) {
	w := newWorld(t, 1)
	topic := w.source("again", 1)
	w.feed(topic, 0, "a", "b", "c")
	_, stop := w.intake("1", topic)
	w.input(3)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	w.feed(topic, 0, "d")
	_, stop = w.intake("2", topic)
	defer func() { _ = stop() }()
	var offsets []int64
	for _, r := range w.input(5) {
		offsets = append(offsets, r.offset)
	}
	slices.Sort(offsets)
	if want := []int64{0, 1, 2, 2, 3}; !slices.Equal(offsets, want) {
		t.Errorf("offsets %v, want %v", offsets, want)
	}
}
