package kafka

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirstream/weir/engine"
)

// forget takes a worker out of the group behind its back, as the coordinator does when a worker has been silent
// for the session timeout (a long pause, a partitioned network).
func (k *worker) forget() {
	k.Helper()
	member, _ := k.cl.GroupMetadata()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group, req.MemberID = k.Session.cfg.App, member
	m := kmsg.NewLeaveGroupRequestMember()
	m.MemberID = member
	req.Members = append(req.Members, m)
	resp, err := req.RequestWith(k.ctx, k.client())
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		k.Fatal(err)
	}
}

// zombie returns a worker that has lost its partitions to another one and does not know yet: it has not polled. The
// other one owns them.
func zombie(w *world, partitions int) (z, owner *worker) {
	z = w.open("a")
	z.own(partitions)
	z.forget()
	owner = w.open("b")
	return z, owner
}

// refused checks that a commit had no effect.
func (k *worker) refused(parts ...engine.Part) {
	k.Helper()
	o, err := k.Commit(k.ctx, parts)
	if err == nil && o.Committed {
		k.Error("a worker that had lost the partition committed")
	}
}

// A worker that has lost its partition can't commit an epoch of timers, which reads nothing and so commits no
// position: the brokers refuse it by the group's generation.
func TestZombieTimers(t *testing.T) {
	w := newWorld(t, 1)
	z, owner := zombie(w, 1)
	z.refused(timers(0, "from the zombie"))
	owner.own(1)
	z.refused(timers(0, "from the zombie, again"))
	owner.commit(timers(0, "from the owner"))
	if got := w.committed(TopicFirings, 1)[0]; !slices.Equal(got, []string{"from the owner"}) {
		t.Fatalf("firings are %q", got)
	}
}

// The brokers themselves must refuse: here the zombie's own view is frozen, so that nothing but the request can
// stop it.
func TestZombieTimersFencedByBrokers(t *testing.T) {
	w := newWorld(t, 1)
	z := w.open("a")
	z.own(1)
	tenures := z.Session.own
	z.Session.own = &ownership{topic: tenures.topic, owned: map[int32]int64{0: 1}, told: map[int32]int64{0: 1}}
	z.forget()
	z.refused(timers(0, "from the zombie"))
	w.committed(TopicFirings, 0)
}

// The same for an epoch that has read messages only, seen by the worker itself and by the brokers alone. The new owner
// reads them again.
func TestZombieMessages(t *testing.T) {
	for name, frozen := range map[string]bool{"knows": false, "does not know": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			z := w.open("a")
			z.own(1)
			z.commit(post(0, 0, "one"))
			got := z.messages(1)
			epoch := receipt(got)
			epoch.Outputs = timers(0, "from the zombie").Outputs
			tenures := z.Session.own
			if frozen {
				z.Session.own = &ownership{topic: tenures.topic, owned: map[int32]int64{0: 1}, told: map[int32]int64{0: 1}}
			}
			z.forget()
			z.refused(epoch)
			z.Session.own = tenures
			owner := w.open("b")
			owner.own(1)
			z.refused(epoch)
			epoch.Outputs = timers(0, "from the owner").Outputs
			owner.messages(1)
			owner.settled(epoch)
			if got := w.committed(TopicFirings, 1)[0]; !slices.Equal(got, []string{"from the owner"}) {
				t.Fatalf("firings are %q", got)
			}
		})
	}
}

// The same for an epoch that has read records. The new owner reads them again.
func TestZombieRecords(t *testing.T) {
	w := newWorld(t, 1)
	z := w.open("a")
	z.own(1)
	w.write(TopicInput, 0, "one")
	records := z.read(1)
	z.forget()
	owner := w.open("b")
	z.refused(echo(records)...)
	w.until("has moved", func() bool { owner.poll(); return owner.owned[0] })
	z.refused(echo(records)...)
	z.Close()
	got := slices.DeleteFunc(owner.events, func(e string) bool { return e == "+0" || e == "-0" })
	if len(got) == 0 {
		owner.read(1)
	}
	w.committed(TopicFirings, 0)
}

// A second worker with the same instance name takes over; the first one's epochs are refused with an error.
func TestZombieSameInstance(t *testing.T) {
	w := newWorld(t, 1)
	z := w.open("a")
	z.own(1)
	z.commit(timers(0, "first"))
	z.forget()
	owner := w.open("a")
	owner.own(1)
	owner.commit(timers(0, "second"))
	z.refused(timers(0, "from the zombie"))
	owner.commit(timers(0, "third"))
	if got := w.committed(TopicFirings, 3)[0]; !slices.Equal(got, []string{"first", "second", "third"}) {
		t.Fatalf("firings are %q", got)
	}
}

// A revocation while an epoch is being worked out aborts it, and its records come again to whoever owns them now.
func TestRevokedEpochAborts(t *testing.T) {
	w := newWorld(t, 2)
	a := w.open("a")
	a.own(2)
	w.write(TopicInput, 0, "zero")
	w.write(TopicInput, 1, "one")
	epoch := echo(a.read(2))
	b := w.open("b")
	b.own(1)
	if o := a.commit(epoch...); o.Committed {
		t.Fatal("an epoch with a partition that had moved was committed")
	}
	a.until("knows what it has lost", func() bool {
		if records := a.poll(); len(records) > 0 {
			a.commit(echo(records)...)
		}
		return len(a.owned) == 1
	})
	count := 0
	w.until("has both records", func() bool {
		for _, k := range []*worker{a, b} {
			if records := k.poll(); len(records) > 0 {
				k.commit(echo(records)...)
			}
		}
		count = int(a.Session.committed[0].Offset + a.Session.committed[1].Offset +
			b.Session.committed[0].Offset + b.Session.committed[1].Offset)
		return count >= 2
	})
	w.committed(TopicFirings, 2)
}

// A partition that was lost and has come back is reported as both, and a Resume meant for the old tenure does not
// let records come.
func TestTenures(t *testing.T) {
	cl, err := kgo.NewClient()
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	o := newOwnership("in")
	give := map[string][]int32{"in": {1, 2}}
	o.onAssigned(t.Context(), cl, give)
	if revoked, assigned := o.notes(); len(revoked) != 0 || !slices.Equal(assigned, []int32{1, 2}) {
		t.Fatalf("notes are -%v +%v", revoked, assigned)
	}
	o.onRevoked(t.Context(), cl, map[string][]int32{"in": {1}})
	o.onAssigned(t.Context(), cl, map[string][]int32{"in": {1}})
	if o.holds(1) || !o.holds(2) {
		t.Fatal("the worker holds the new tenure before it knows of it")
	}
	o.resume(cl, []int32{1, 2})
	if paused := cl.PauseFetchPartitions(nil)["in"]; !slices.Equal(paused, []int32{1}) {
		t.Fatalf("paused are %v, want 1 only", paused)
	}
	// The client swallows a loss here; the next assignment tells.
	o.onAssigned(t.Context(), cl, map[string][]int32{"in": {2}})
	if revoked, assigned := o.notes(); !slices.Equal(revoked, []int32{1, 2}) || !slices.Equal(assigned, []int32{1, 2}) {
		t.Fatalf("notes are -%v +%v", revoked, assigned)
	}
	o.onAssignment(map[string][]int32{"in": {2}})
	if revoked, assigned := o.notes(); !slices.Equal(revoked, []int32{1}) || len(assigned) != 0 {
		t.Fatalf("notes are -%v +%v", revoked, assigned)
	}
}

// Where the brokers answer a commit with an unknown error, its outcome is unknown, and the session says so rather
// than report an abort.
func TestCommitInDoubt(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w := bareWorld(t)
	w.cfg.Brokers, w.cfg.Partitions = c.ListenAddrs(), 1
	if w.partitions, err = EnsureTopics(w.ctx, w.cfg); err != nil {
		t.Fatal(err)
	}
	a := w.open("a")
	a.own(1)
	a.commit(timers(0, "first"))
	c.ControlKey(int16(kmsg.EndTxn), func(req kmsg.Request) (kmsg.Response, error, bool) {
		resp := req.ResponseKind().(*kmsg.EndTxnResponse)
		resp.ErrorCode = kerr.UnknownServerError.Code
		return resp, nil, true
	})
	_, err = a.Commit(w.ctx, []engine.Part{timers(0, "second")})
	if !errors.Is(err, ErrInDoubt) || Permanent(err) {
		t.Fatalf("error is %v, want ErrInDoubt", err)
	}
}
