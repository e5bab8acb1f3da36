package kafka

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/engine"
)

// A commit shows its outputs to read-committed readers and tells where the changelog stands; an epoch of records
// that are read again after an abort shows nothing twice.
func TestSessionCommits(t *testing.T) {
	w := newWorld(t, 2)
	a := w.open("a")
	a.own(2)
	w.write(TopicInput, 0, "one", "two")
	o := a.commit(echo(a.read(2))...)
	if !o.Committed || o.Changelog[0] != 2 {
		t.Fatalf("outcome %+v, want committed with changelog position 2 in partition 0", o)
	}
	if got := w.committed(TopicFirings, 2)[0]; !slices.Equal(got, []string{"one", "two"}) {
		t.Fatalf("firings are %q", got)
	}
	w.write(TopicInput, 0, "three")
	o = a.commit(echo(a.read(1))...)
	if !o.Committed || o.Changelog[0] != 4 { // after the marker of the first transaction
		t.Fatalf("outcome %+v, want committed with changelog position 4", o)
	}
	a.Close()

	b := w.open("b")
	b.own(2)
	w.write(TopicInput, 0, "four")
	if got := b.read(1); string(got[0].Value) != "four" || got[0].Offset != 3 || got[0].TopicID == [16]byte{} {
		t.Fatalf("the next worker begins with %+v", got[0])
	}
}

// An epoch commits what its parts say, not all that was read.
func TestSessionCommitsParts(t *testing.T) {
	w := newWorld(t, 1)
	a := w.open("a")
	a.own(1)
	w.write(TopicInput, 0, "one", "two", "three")
	records := a.read(3)
	if o := a.commit(echo(records[:1])...); !o.Committed {
		t.Fatal("not committed")
	}
	a.Close()
	b := w.open("b")
	b.own(1)
	if got := b.read(2); string(got[0].Value) != "two" {
		t.Fatalf("the next worker begins with %q, want two", got[0].Value)
	}
}

// Nothing is read of a partition before it is resumed: its state must be restored first.
func TestSessionWaitsForResume(t *testing.T) {
	w := newWorld(t, 1)
	w.write(TopicInput, 0, "one")
	a := w.open("a")
	var p engine.Poll
	w.until("has the partition", func() bool {
		var err error
		if p, err = a.Poll(w.ctx, 50*time.Millisecond, 10); err != nil {
			t.Fatal(err)
		}
		return len(p.Assigned) > 0
	})
	for range 10 {
		if p, err := a.Poll(w.ctx, 50*time.Millisecond, 10); err != nil || len(p.Records) > 0 {
			t.Fatalf("before Resume came %d records, error %v", len(p.Records), err)
		}
	}
	a.Resume([]engine.Resumption{{Partition: 0}})
	a.owned[0] = true
	if got := a.read(1); string(got[0].Value) != "one" {
		t.Fatalf("after Resume came %q", got[0].Value)
	}
}

// An epoch of timers alone, which reads no record, commits, and so does one that only reads.
func TestSessionCommitsWithoutRecords(t *testing.T) {
	w := newWorld(t, 2)
	a := w.open("a")
	a.own(2)
	if o := a.commit(timers(1, "due")); !o.Committed || o.Changelog[1] != 1 {
		t.Fatalf("outcome %+v", o)
	}
	w.write(TopicInput, 0, "seen before")
	w.until("has committed a position alone", func() bool { // brokers may refuse it while they write markers
		r := a.read(1)[0]
		return a.commit(engine.Part{Partition: 0, Next: r.Offset + 1}).Committed
	})
	if o := a.commit(engine.Part{Partition: 0, Next: -1}); !o.Committed {
		t.Fatalf("an epoch that did nothing: outcome %+v", o)
	}
	w.committed(TopicFirings, 1)
	a.Close()
	b := w.open("b")
	b.own(2)
	w.write(TopicInput, 0, "new")
	if got := b.read(1); string(got[0].Value) != "new" {
		t.Fatalf("the next worker begins with %q", got[0].Value)
	}
}

// Two workers share the partitions; when the second joins and leaves, nothing is lost and nothing doubled, and each
// is told of what it has before records of it come.
func TestSessionRebalance(t *testing.T) {
	const partitions, each = 4, 200
	w := newWorld(t, partitions)
	a := w.open("a")
	a.own(partitions)
	written := 0
	write := func(n int) {
		for p := range int32(partitions) {
			var values []string
			for i := range n {
				values = append(values, fmt.Sprintf("%d-%d", p, written+i))
			}
			w.write(TopicInput, p, values...)
		}
		written += n
	}
	step := func(k *worker) {
		if records := k.poll(); len(records) > 0 {
			k.commit(echo(records)...)
		}
	}
	write(each)
	step(a)
	b := w.open("b")
	w.until("shares the partitions", func() bool {
		step(a)
		step(b)
		return len(a.owned) == 2 && len(b.owned) == 2
	})
	write(each)
	for range 5 {
		step(a)
		step(b)
	}
	b.Close()
	w.until("has all partitions again", func() bool { step(a); return len(a.owned) == partitions })
	write(each)
	w.until("has read all", func() bool {
		step(a)
		read := int64(0)
		for _, at := range a.Session.committed {
			read += at.Offset
		}
		return read == int64(partitions*written)
	})
	for p, got := range w.committed(TopicFirings, partitions*written) {
		for i, v := range got {
			if want := fmt.Sprintf("%d-%d", p, i); v != want {
				t.Fatalf("partition %d has %q as number %d, want %q", p, v, i, want)
			}
		}
	}
}

// A static member that is closed and opened again within the session timeout keeps its partitions, and the others
// notice nothing.
func TestStaticMember(t *testing.T) {
	w := newWorld(t, 4)
	w.cfg.StaticMember = true
	a, b := w.open("a"), w.open("b")
	w.until("shares the partitions", func() bool {
		a.poll()
		b.poll()
		return len(a.owned) == 2 && len(b.owned) == 2
	})
	had := slices.Sorted(maps.Keys(a.owned))
	b.events = nil
	a.Close()
	a = w.open("a")
	w.until("has its partitions again", func() bool { a.poll(); b.poll(); return len(a.owned) == 2 })
	if got := slices.Sorted(maps.Keys(a.owned)); !slices.Equal(got, had) {
		t.Errorf("had %v, has %v", had, got)
	}
	if len(b.events) > 0 {
		t.Errorf("the other member was told %v", b.events)
	}
}

// Lags tell how far the worker is behind, also in partitions that are still being restored.
func TestSessionLags(t *testing.T) {
	w := newWorld(t, 2)
	a := w.open("a")
	a.own(2)
	w.write(TopicInput, 1, "one", "two", "three")
	a.read(3)
	w.until("is up to date", func() bool {
		lags, err := a.Lags(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		return len(lags) == 4 && lags[3].Records == 0 && lags[3].Age == 0
	})
	w.write(TopicInput, 1, "four")
	lags, err := a.Lags(w.ctx)
	if err != nil || len(lags) != 4 || lags[3].Records != 1 || lags[3].Age <= 0 || lags[3].Partition != 1 {
		t.Fatalf("lags are %+v, error %v", lags, err)
	}
	if lags[0].Topic != w.cfg.Topic(TopicExchange) || lags[0].Records != 0 {
		t.Fatalf("lags are %+v: those of the exchange topic come first", lags)
	}
}
