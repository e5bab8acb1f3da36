package kafka

import (
	"slices"
	"testing"

	"github.com/weirstream/weir/engine"
)

// Without transactions an epoch is written and its positions committed; the next worker goes on from there.
func TestAtLeastOnce(t *testing.T) {
	w := newWorld(t, 2)
	w.cfg.Delivery = AtLeastOnce
	a := w.open("a")
	a.own(2)
	w.write(TopicInput, 0, "one", "two", "three")
	records := a.read(3)
	o := a.commit(echo(records[:2])...)
	if !o.Committed || o.Changelog[0] != 2 {
		t.Fatalf("outcome %+v", o)
	}
	if o := a.commit(timers(1, "due")); !o.Committed || o.Changelog[1] != 1 {
		t.Fatalf("outcome %+v", o)
	}
	if o := a.commit(engine.Part{Partition: 0, Next: records[2].Offset}); !o.Committed {
		t.Fatalf("outcome %+v", o)
	}
	a.Close()
	b := w.open("b")
	b.own(2)
	if got := b.read(1); string(got[0].Value) != "three" {
		t.Fatalf("the next worker begins with %q", got[0].Value)
	}
	if got := w.committed(TopicFirings, 3); !slices.Equal(got[0], []string{"one", "two"}) {
		t.Fatalf("firings are %q", got)
	}
}

// An epoch of partitions that have moved is not written at all, and its other records come again.
func TestAtLeastOnceMoved(t *testing.T) {
	w := newWorld(t, 2)
	w.cfg.Delivery = AtLeastOnce
	a := w.open("a")
	a.own(2)
	w.write(TopicInput, 0, "zero")
	w.write(TopicInput, 1, "one")
	epoch := echo(a.read(2))
	b := w.open("b")
	b.own(1)
	if o := a.commit(epoch...); o.Committed {
		t.Fatal("committed")
	}
	w.committed(TopicFirings, 0)
	a.own(1)
	a.events = nil
	a.commit(echo(a.read(1))...)
	w.committed(TopicFirings, 1)
}

// A worker that has lost its partition can't commit its position.
func TestAtLeastOnceZombie(t *testing.T) {
	w := newWorld(t, 1)
	w.cfg.Delivery = AtLeastOnce
	z, owner := zombie(w, 1)
	z.refused(timers(0, "from the zombie"))
	owner.own(1)
	owner.commit(timers(0, "from the owner"))
}
