package kafka

import (
	"fmt"
	"slices"
	"testing"
	"time"

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
	b.commit(post(to, to, "ready?"))
	b.commit(receipt(b.messages(1)))
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
	if o := a.commit(post(from, to, "now")); !o.Committed {
		t.Fatal("not committed")
	}
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
