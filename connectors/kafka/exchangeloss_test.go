package kafka

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/weirstream/weir/engine"
)

// resumed returns a worker that owns the one partition and is resumed at a place in the exchange topic.
func (w *world) resumed(at engine.Resumption) *worker {
	w.Helper()
	k := w.open("a")
	w.until("has the partition", func() bool {
		p, err := k.Poll(w.ctx, 50*time.Millisecond, 10)
		if err != nil {
			w.Fatal(err)
		}
		return len(p.Assigned) > 0
	})
	k.owned[0] = true
	k.Resume([]engine.Resumption{at})
	return k
}

// fails polls until there is an error, which must be permanent and say all of that.
func (k *worker) fails(saying ...string) {
	k.Helper()
	var err error
	k.until("fails", func() bool {
		_, err = k.Poll(k.ctx, 50*time.Millisecond, 10)
		return err != nil
	})
	if !Permanent(err) {
		k.Errorf("the error is not permanent: %v", err)
	}
	for _, s := range saying {
		if !strings.Contains(err.Error(), s) {
			k.Errorf("the error does not say %q: %v", s, err)
		}
	}
}

// posted makes a world of one partition with n messages in it.
func posted(t *testing.T, n int) *world {
	t.Helper()
	w := newWorld(t, 1)
	for range n {
		w.write(TopicExchange, 0, "message")
	}
	return w
}

// trim deletes what is before an offset.
func (w *world) trim(to int64) {
	w.Helper()
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: w.cfg.Topic(TopicExchange), At: to})
	resp, err := kadm.NewClient(w.client()).DeleteRecords(w.ctx, offsets)
	if err := errors.Join(err, resp.Error()); err != nil {
		w.Fatal(err)
	}
}

// A place that was trimmed is an error that says what is lost and what to do; the place where the rest begins is not.
func TestExchangeTrimmed(t *testing.T) {
	w := posted(t, 5)
	w.trim(3)
	k := w.resumed(engine.Resumption{Exchange: 2})
	k.fails("internal.exchange partition 0", "offset 2 comes next, but it holds offsets 3 to 5",
		"delete the topics "+w.cfg.Topic(TopicInput))
	k.Close()
	k = w.resumed(engine.Resumption{Exchange: 3})
	if got := k.messages(2); got[0].Offset != 3 {
		t.Errorf("the first message is at %d", got[0].Offset)
	}
}

// A task that has read nothing yet has lost what was trimmed, too.
func TestExchangeTrimmedUnread(t *testing.T) {
	w := posted(t, 2)
	w.trim(2)
	w.resumed(engine.Resumption{}).fails("offset 0 comes next, but it holds offsets 2 to 2")
}

// So is a place that the brokers have not got to: they have lost what was there.
func TestExchangeCutOff(t *testing.T) {
	w := posted(t, 2)
	w.resumed(engine.Resumption{Exchange: 7}).fails("offset 7 comes next, but it holds offsets 0 to 2")
}

// A topic that was made anew is noticed by its id where the task has read of the one before.
func TestExchangeMadeAnew(t *testing.T) {
	w := posted(t, 2)
	k := w.resumed(engine.Resumption{Exchange: 1, Topic: [16]byte{1}})
	k.fails("internal.exchange: it was deleted or made anew")
	k.Close()
	k = w.resumed(engine.Resumption{Exchange: 1, Topic: k.exchange.topic.id})
	k.messages(1)
}

// A topic that is deleted under a session, and perhaps made anew, is noticed.
func TestExchangeDeleted(t *testing.T) {
	for name, anew := range map[string]bool{"deleted": false, "made anew": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the client asks again for some seconds before it believes it
			w := posted(t, 1)
			k := w.resumed(engine.Resumption{})
			k.messages(1)
			if err := DeleteTopics(w.ctx, w.cfg, w.cfg.Topic(TopicExchange)); err != nil {
				t.Fatal(err)
			}
			if anew {
				w.until("is gone and made again", func() bool {
					return CreateTopic(w.ctx, w.cfg, w.cfg.Topic(TopicExchange), 1, nil) == nil
				})
			}
			k.fails("internal.exchange: it was deleted or made anew")
		})
	}
}

// What the tasks have read and committed is deleted, and nothing else. A task goes on there.
func TestExchangePurge(t *testing.T) {
	w := newWorld(t, 1)
	a := w.open("a")
	a.own(1)
	a.commit(post(0, 0, "one", "two", "three"))
	got := a.messages(3)
	a.commit(receipt(got[:2]))
	adm := kadm.NewClient(w.client())
	for range 2 {
		if err := a.exchange.purgeOnce(w.ctx, adm); err != nil {
			t.Fatal(err)
		}
		starts, err := adm.ListStartOffsets(w.ctx, w.cfg.Topic(TopicExchange))
		if err != nil {
			t.Fatal(err)
		}
		if start, _ := starts.Lookup(w.cfg.Topic(TopicExchange), 0); start.Offset != 2 {
			t.Fatalf("the topic begins at %d, want 2", start.Offset)
		}
	}
	a.abortNext(receipt(got[2:]))
	a.messages(1)
	a.Close()
	if got := w.resumed(engine.Resumption{Exchange: 2}).messages(1); string(got[0].Value) != "three" {
		t.Errorf("the next worker begins with %q", got[0].Value)
	}
}
