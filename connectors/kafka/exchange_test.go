package kafka

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state"
)

// post is an epoch of one partition in which no record was read and messages are sent to another partition.
func post(from, to int32, values ...string) engine.Part {
	p := engine.Part{Partition: from, Next: -1, Exchange: -1}
	for _, v := range values {
		p.Messages = append(p.Messages, engine.Message{To: to, Value: []byte(v)})
		p.Facts = append(p.Facts, state.Fact{Key: []byte("sent"), Value: []byte(v)})
	}
	return p
}

// receipt is an epoch that has read messages of one partition: it writes down how far.
func receipt(messages []engine.Record) engine.Part {
	last := messages[len(messages)-1]
	return engine.Part{Partition: last.Partition, Next: -1, Exchange: last.Offset + 1,
		Facts: []state.Fact{{Key: []byte("source"), Value: []byte(fmt.Sprint(last.Offset + 1))}}}
}

// messages polls until n messages have come.
func (k *worker) messages(n int) (messages []engine.Record) {
	k.Helper()
	k.until(fmt.Sprintf("has read %d messages", n), func() bool {
		k.poll()
		messages = append(messages, k.came...)
		return len(messages) >= n
	})
	return messages
}

// settled commits a part again and again: the first epoch after a rebalance is aborted.
func (k *worker) settled(p engine.Part) {
	k.Helper()
	k.until("has committed", func() bool { return k.commit(p).Committed })
}

func values(records []engine.Record) (all []string) {
	for _, r := range records {
		all = append(all, string(r.Value))
	}
	return all
}

// Messages come in the order in which they were sent, once their epoch is committed, and with the topic's id.
func TestExchange(t *testing.T) {
	w := newWorld(t, 2)
	a := w.open("a")
	a.own(2)
	if o := a.commit(post(0, 1, "one", "two")); !o.Committed {
		t.Fatal("not committed")
	}
	got := a.messages(2)
	if !slices.Equal(values(got), []string{"one", "two"}) || got[0].Partition != 1 || got[0].Offset != 0 {
		t.Fatalf("messages are %q, the first at %d@%d", values(got), got[0].Partition, got[0].Offset)
	}
	if got[0].Topic != w.cfg.Topic(TopicExchange) || got[0].TopicID == [16]byte{} {
		t.Fatalf("the topic is %s with id %x", got[0].Topic, got[0].TopicID)
	}
	a.commit(receipt(got))
	a.commit(post(1, 1, "three"))
	if got := a.messages(1); !slices.Equal(values(got), []string{"three"}) {
		t.Fatalf("messages are %q, want three: the others are committed", values(got))
	}
}

// A message ends the wait for input records.
func TestExchangeWakes(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.open("a"), w.open("b")
	w.until("shares the partitions", func() bool {
		a.poll()
		b.poll()
		return len(a.owned) == 1 && len(b.owned) == 1
	})
	from, to := int32(0), int32(1)
	if a.owned[1] {
		from, to = to, from
	}
	b.settled(post(to, to, "ready?"))
	b.settled(receipt(b.messages(1)))
	type polled struct {
		engine.Poll
		err error
	}
	done := make(chan polled)
	go func() {
		p, err := b.Poll(w.ctx, patience, 10)
		done <- polled{p, err}
	}()
	sent := time.Now()
	a.settled(post(from, to, "now"))
	p := <-done
	if p.err != nil || !slices.Equal(values(p.Exchange), []string{"now"}) {
		t.Fatalf("messages are %q, error %v", values(p.Exchange), p.err)
	}
	if took := time.Since(sent); took > patience/2 {
		t.Errorf("the message took %v", took)
	}
}

// After an abort the messages that were not committed come again, once each and in order.
func TestExchangeAborted(t *testing.T) {
	w := newWorld(t, 2)
	a := w.open("a")
	a.own(2)
	a.commit(post(0, 0, "one", "two", "three", "four"))
	got := a.messages(4)
	a.commit(receipt(got[:1]))
	for range 3 {
		lost := receipt(got[:2])
		lost.Messages = []engine.Message{{To: 0, Value: []byte("of an aborted epoch")}}
		a.abortNext(lost)
		if got := a.messages(3); !slices.Equal(values(got), []string{"two", "three", "four"}) {
			t.Fatalf("messages are %q", values(got))
		}
	}
	a.commit(receipt(got))
	a.commit(post(0, 0, "five"))
	if got := a.messages(1); !slices.Equal(values(got), []string{"five"}) {
		t.Fatalf("messages are %q", values(got))
	}
}

// abortNext commits a part together with one that was written for a partition that is not held, which aborts both.
func (k *worker) abortNext(p engine.Part) {
	k.Helper()
	if o := k.commit(p, timers(999, "not mine")); o.Committed {
		k.Fatal("committed")
	}
}

// A message of a transaction that was aborted is never seen, and holds up none that comes later.
func TestExchangeReadsCommitted(t *testing.T) {
	w := newWorld(t, 1)
	a := w.open("a")
	a.own(1)
	cl := w.client(kgo.TransactionalID(w.cfg.App + ".stranger"))
	for i, end := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		r := &kgo.Record{Topic: w.cfg.Topic(TopicExchange), Value: []byte([]string{"aborted", "committed"}[i])}
		if err := cl.ProduceSync(w.ctx, r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if got := a.poll(); len(a.came) > 0 {
			t.Fatalf("messages of an open transaction came: %q, %q", values(a.came), values(got))
		}
		if err := cl.EndTransaction(w.ctx, end); err != nil {
			t.Fatal(err)
		}
	}
	if got := a.messages(1); !slices.Equal(values(got), []string{"committed"}) {
		t.Fatalf("messages are %q", values(got))
	}
}

// The bound of a poll is for input records and messages together; with 0 nothing is taken. Messages come first, and
// where there is room for input it comes with them.
func TestExchangeBound(t *testing.T) {
	w := newWorld(t, 1)
	a := w.open("a")
	a.own(1)
	a.commit(post(0, 0, "one", "two", "three"))
	w.write(TopicInput, 0, "four", "five")
	a.until("has read the messages ahead", func() bool {
		a.exchange.mu.Lock()
		defer a.exchange.mu.Unlock()
		return a.exchange.ready == 3
	})
	poll := func(recordsMax int) []string {
		p, err := a.Poll(w.ctx, 50*time.Millisecond, recordsMax)
		if err != nil {
			t.Fatal(err)
		}
		return values(slices.Concat(p.Exchange, p.Records))
	}
	if got := poll(0); len(got) != 0 {
		t.Fatalf("with a bound of 0 came %q", got)
	}
	if got := poll(2); !slices.Equal(got, []string{"one", "two"}) {
		t.Fatalf("with a bound of 2 came %q", got)
	}
	var got []string
	w.until("has read the rest", func() bool {
		got = append(got, poll(2)...)
		return len(got) == 3
	})
	if !slices.Equal(got, []string{"three", "four", "five"}) {
		t.Fatalf("the rest is %q", got)
	}
}

// More messages than the reader may hold come all the same, as the worker takes them.
func TestExchangeFull(t *testing.T) {
	const n = 3 * exchangeBytes >> 20
	w := newWorld(t, 1)
	a := w.open("a")
	a.own(1)
	for i := range n {
		p := post(0, 0, string(byte('a'+i))+strings.Repeat(" ", 1<<20))
		p.Facts = p.Facts[:0]
		a.settled(p)
	}
	for i, m := range a.messages(n) {
		if m.Value[0] != byte('a'+i) {
			t.Fatalf("message %d is %q", i, m.Value[:1])
		}
	}
	if x := a.exchange; x.ready != 0 || x.bytes != 0 {
		t.Errorf("the reader counts %d messages of %d bytes, and holds none", x.ready, x.bytes)
	}
}

// Without transactions it is the same, but for the marks of transactions.
func TestExchangeAtLeastOnce(t *testing.T) {
	w := newWorld(t, 2)
	w.cfg.Delivery = AtLeastOnce
	a := w.open("a")
	a.own(2)
	a.commit(post(0, 1, "one", "two"))
	got := a.messages(2)
	a.abortNext(receipt(got))
	got = a.messages(2)
	a.commit(receipt(got[:1]))
	a.abortNext(receipt(got[1:]))
	if got := a.messages(1); !slices.Equal(values(got), []string{"two"}) {
		t.Fatalf("messages are %q", values(got))
	}
}

// The lag is that of messages, not of the transactions' markers.
func TestExchangeLag(t *testing.T) {
	w := newWorld(t, 1)
	a := w.open("a")
	a.own(1)
	a.commit(post(0, 0, "one"))
	a.commit(receipt(a.messages(1)))
	w.until("is up to date", func() bool {
		a.poll()
		lags, err := a.Lags(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		return len(lags) == 2 && lags[0].Topic == w.cfg.Topic(TopicExchange) && lags[0].Records == 0
	})
}

// A partition that was lost and has come back goes on where its state says, whatever was read for it before, and so
// does one whose loss the reader has not seen yet when it gets records.
func TestExchangeTenure(t *testing.T) {
	w := newWorld(t, 1)
	a := w.open("a")
	a.own(1)
	a.commit(post(0, 0, "one", "two", "three"))
	a.messages(3)
	x := a.exchange
	for from := range int64(3) {
		x.revoke(0)
		x.resume(engine.Resumption{Partition: 0, Exchange: from})
		if got := a.messages(3 - int(from)); got[0].Offset != from || len(got) != 3-int(from) {
			t.Fatalf("resumed at %d came %q, the first at %d", from, values(got), got[0].Offset)
		}
	}
	x.close()
	late := kgo.FetchPartition{Records: []*kgo.Record{{Topic: x.topic.name, Offset: 7}}}
	fetches := kgo.Fetches{{Topics: []kgo.FetchTopic{{
		Topic: x.topic.name, TopicID: x.topic.id, Partitions: []kgo.FetchPartition{late},
	}}}}
	before := map[int32]*seat{0: new(seat)}
	if err := x.accept(w.ctx, fetches, before); err != nil || x.ready != 0 {
		t.Errorf("records for an earlier tenure: %d taken, error %v", x.ready, err)
	}
	if err := x.accept(w.ctx, fetches, x.seats); err != nil || x.ready != 1 {
		t.Errorf("records for the present tenure: %d taken, error %v", x.ready, err)
	}
}

// BenchmarkExchange measures how long a message takes from the end of its epoch's commit until it is handed out.
func BenchmarkExchange(b *testing.B) {
	w := newWorld(b, 4)
	a := w.open("a")
	a.own(4)
	var took []time.Duration
	for range 20 { // the first transactions of a coordinator are slow
		a.settled(post(0, 1, "now"))
		a.settled(receipt(a.messages(1)))
	}
	for b.Loop() {
		a.settled(post(0, 1, "now"))
		begun := time.Now()
		got := a.messages(1)
		took = append(took, time.Since(begun))
		a.settled(receipt(got))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(took[len(took)*9/10].Microseconds())/1000, "p90-ms")
}
