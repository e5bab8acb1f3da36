package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state"
)

func (w *world) openChangelog() *Changelog {
	w.Helper()
	c, err := OpenChangelog(w.ctx, w.cfg)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(c.Close)
	return c
}

// restored is what a restore has handed on.
type restored struct {
	values []string // "-" for a fact that is taken back
	next   int64
	calls  int
}

func (r *restored) apply(facts []state.Fact, next int64) error {
	for _, f := range facts {
		v := string(f.Value)
		if f.Value == nil {
			v = "-"
		}
		r.values = append(r.values, v)
	}
	r.next = next
	r.calls++
	return nil
}

// A restore gives what was committed, in order, tombstones too, and ends at the end; from there it gives nothing.
func TestRestore(t *testing.T) {
	w := newWorld(t, 2)
	a := w.open("a")
	a.own(2)
	for _, v := range []string{"one", "two"} {
		a.commit(timers(1, v))
	}
	gone := timers(1, "")
	gone.Facts[0].Value = nil
	o := a.commit(gone)
	c := w.openChangelog()
	var got restored
	var done, total int64
	err := c.Restore(w.ctx, 1, 0, got.apply, func(d, n int64) { done, total = d, n })
	if err != nil || !slices.Equal(got.values, []string{"one", "two", "-"}) {
		t.Fatalf("restored %q, error %v", got.values, err)
	}
	if got.next <= o.Changelog[1]-1 || done != total || total != got.next {
		t.Fatalf("ended at %d after %d of %d; the last fact is before %d", got.next, done, total, o.Changelog[1])
	}
	var tail restored
	if err := c.Restore(w.ctx, 1, o.Changelog[1], tail.apply, nil); err != nil || len(tail.values) != 0 {
		t.Fatalf("from the end: restored %q, error %v", tail.values, err)
	}
	var none restored
	if err := c.Restore(w.ctx, 0, 0, none.apply, nil); err != nil || none.calls != 0 {
		t.Fatalf("an empty partition: %d calls, error %v", none.calls, err)
	}
}

// Positions that the topic does not hold are told apart from other faults.
func TestRestoreOutOfRange(t *testing.T) {
	w := newWorld(t, 1)
	w.write(TopicChangelog, 0, "one", "two", "three")
	c := w.openChangelog()
	var got restored
	if err := c.Restore(w.ctx, 0, 4, got.apply, nil); !errors.Is(err, engine.ErrOutOfRange) {
		t.Errorf("after the end: error %v", err)
	}
	w.set(TopicChangelog, "cleanup.policy", "compact,delete") // Kafka trims no topic that is compacted only
	cut := make(kadm.Offsets)
	cut.AddOffset(w.cfg.Topic(TopicChangelog), 0, 2, -1)
	if r, err := kadm.NewClient(w.client()).DeleteRecords(w.ctx, cut); err != nil || r.Error() != nil {
		t.Fatal(err, r.Error())
	}
	if err := c.Restore(w.ctx, 0, 1, got.apply, nil); !errors.Is(err, engine.ErrOutOfRange) {
		t.Errorf("before the start: error %v", err)
	}
	if err := c.Restore(w.ctx, 0, 0, got.apply, nil); err != nil || !slices.Equal(got.values, []string{"three"}) {
		t.Errorf("from nothing: restored %q, error %v", got.values, err)
	}
}

// A producer that has died in a transaction keeps the records after it from being stable. A restore must wait: to
// end at the last stable offset would lose what the next owner of the partition has committed after it.
func TestRestoreWaitsForOpenTransaction(t *testing.T) {
	w := newWorld(t, 1)
	dead := w.client(kgo.TransactionalID(w.cfg.App+".dead"), kgo.TransactionTimeout(2*time.Second))
	if err := dead.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	open := &kgo.Record{Topic: w.cfg.Topic(TopicChangelog), Key: []byte("k"), Value: []byte("never committed")}
	if err := dead.ProduceSync(w.ctx, open).FirstErr(); err != nil {
		t.Fatal(err)
	}
	w.write(TopicChangelog, 0, "stable")
	c := w.openChangelog()
	var got restored
	begun := time.Now()
	if err := c.Restore(w.ctx, 0, 0, got.apply, nil); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.values, []string{"stable"}) {
		t.Fatalf("restored %q", got.values)
	}
	if waited := time.Since(begun); waited < 500*time.Millisecond {
		t.Fatalf("it waited %v only", waited)
	}
	if err := dead.EndTransaction(w.ctx, kgo.TryAbort); err != nil {
		t.Log("the dead producer was fenced, as kfake does: ", err)
	}
}

// A restore that waits ends with its context.
func TestRestoreIsCancelled(t *testing.T) {
	w := newWorld(t, 1)
	dead := w.client(kgo.TransactionalID(w.cfg.App+".dead"), kgo.TransactionTimeout(10*time.Second))
	if err := dead.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	open := &kgo.Record{Topic: w.cfg.Topic(TopicChangelog), Key: []byte("k"), Value: []byte("never committed")}
	if err := dead.ProduceSync(w.ctx, open).FirstErr(); err != nil {
		t.Fatal(err)
	}
	c := w.openChangelog()
	ctx, cancel := context.WithTimeout(w.ctx, 300*time.Millisecond)
	defer cancel()
	var got restored
	if err := c.Restore(ctx, 0, 0, got.apply, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error is %v", err)
	}
	if err := dead.EndTransaction(w.ctx, kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}

// Several partitions at once, larger than one fetch, in batches that are bounded.
func TestRestoreManyPartitions(t *testing.T) {
	const partitions, each = 4, 5000
	w := newWorld(t, partitions)
	for p := range int32(partitions) {
		values := make([]string, each)
		for i := range values {
			values[i] = fmt.Sprintf("%d-%06d-%0200d", p, i, 0)
		}
		w.write(TopicChangelog, p, values...)
	}
	c := w.openChangelog()
	var all sync.WaitGroup
	for p := range int32(partitions) {
		all.Go(func() {
			n := 0
			err := c.Restore(w.ctx, p, 0, func(facts []state.Fact, _ int64) error {
				if len(facts) > batchFacts {
					t.Errorf("a batch has %d facts", len(facts))
				}
				for _, f := range facts {
					if want := fmt.Sprintf("%d-%06d-", p, n); string(f.Value[:len(want)]) != want {
						return fmt.Errorf("fact %d is %.12q", n, f.Value)
					}
					n++
				}
				return nil
			}, nil)
			if err != nil || n != each {
				t.Errorf("partition %d: %d facts, error %v", p, n, err)
			}
		})
	}
	all.Wait()
}
