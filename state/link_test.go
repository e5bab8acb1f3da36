package state

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/weirstream/weir/state/row"
)

func TestLinkFactsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if err := DecodeRefFact(RefFact(Ref{1, "a", "b"}).Value); err != nil {
			t.Fatalf("a reference: %v", err)
		}
		want := Subscription{Token: rapid.Uint64().Draw(t, "token"), Complete: rapid.Bool().Draw(t, "complete")}
		if got, err := DecodeSubscriptionFact(SubscriptionFact(want).Value); err != nil || got != want {
			t.Fatalf("got %+v, %v; want %+v", got, err, want)
		}
		follower := Subscriber{Token: want.Token}
		if got, err := DecodeSubscriberFact(SubscriberFact(follower).Value); err != nil || got != follower {
			t.Fatalf("got %+v, %v; want %+v", got, err, follower)
		}
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		if got, err := DecodeWorkFact(WorkFact(Work{7, body}).Value); err != nil || !bytes.Equal(got.Body, body) {
			t.Fatalf("got %x, %v; want %x", got.Body, err, body)
		}
		if got, err := DecodeDeferredFact(DeferredFact("contact", "c", body).Value); err != nil || !bytes.Equal(got, body) {
			t.Fatalf("got %x, %v; want %x", got, err, body)
		}
	})
}

// Known bytes: FORMAT.md describes them, and the changelog keeps them for years.
func TestLinkFactsAreAsDescribed(t *testing.T) {
	for _, c := range []struct {
		fact       Fact
		key, value string
	}{
		{RefFact(Ref{5, "a\x00", "c\x00"}), "\x05\x00\x00\x00\x00\x00\x00\x00\x05a\x00\xff\x00\x01c\x00", "\x01"},
		{
			SubscriptionFact(Subscription{"t", "k", 1, 9, true}),
			"\x06t\x00\x01k\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01", "\x01\x92\x09\x01",
		},
		{
			SubscriberFact(Subscriber{"t", "k", 1, 258, 9}),
			"\x07t\x00\x01k\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x01\x02", "\x01\x91\x09",
		},
		{WorkFact(Work{3, []byte("body")}), "\x08\x00\x00\x00\x00\x00\x00\x00\x03", "\x01body"},
		{DeferredFact("t", "k", []byte("body")), "\x10t\x00\x01k\x00\x01\x04", "\x01body"},
	} {
		if string(c.fact.Key) != c.key || string(c.fact.Value) != c.value {
			t.Errorf("got %q, %q; want %q, %q", c.fact.Key, c.fact.Value, c.key, c.value)
		}
	}
}

func TestLinkFactsRefuse(t *testing.T) {
	if err := DecodeRefFact([]byte{1, 0}); !errors.Is(err, ErrValue) {
		t.Errorf("bytes behind a reference: %v", err)
	}
	if _, err := DecodeSubscriptionFact([]byte{1, 0x91, 1}); !errors.Is(err, ErrValue) {
		t.Errorf("a subscription that says too little: %v", err)
	}
}

// Arrays of links may grow, too.
func TestLongerLinkArraysAreRead(t *testing.T) {
	want := Subscription{Token: 4, Complete: true}
	if got, err := DecodeSubscriptionFact([]byte{1, 0x93, 4, 1, 7}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := DecodeSubscriberFact([]byte{1, 0x92, 4, 7}); err != nil || got.Token != 4 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A task's fact that was written before there were links.
func TestOlderTasksAreRead(t *testing.T) {
	got, err := DecodeTaskFact([]byte{1, 0x95, 1, 2, 3, 4, 5})
	if want := (Task{Clock: 1, Seq: 2, EventSeq: 3, Catalog: 4, Revision: 5}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

// What waits for a subject is loaded with it, and forgotten with it.
func TestDeferredIsPartOfTheSubject(t *testing.T) {
	s := openMem(t)
	apply(t, s, 1, DeferredFact("contact", "c-1", []byte("wait")), DeferredFact("contact", "c-2", []byte{}))
	c, err := s.Load(1, layout, "contact", "c-1")
	if err != nil || string(c.Deferred) != "wait" || c.Known {
		t.Fatalf("got %+v, %v", c, err)
	}
	apply(t, s, 1,
		RowFact(contact, "c-1", row.Row{row.OfString("c-1"), {}}, row.Version{}),
		EventFact("contact", "c-1", opened, openedAt(30, 1, "x")),
		StatusFact("contact", "c-1", []Membership{member(9, 50)}))
	c, err = s.Load(1, layout, "contact", "c-1")
	if err != nil || string(c.Deferred) != "wait" || !c.Known || len(c.Events[0]) != 1 || len(c.Memberships) != 1 {
		t.Fatalf("got %+v, %v", c, err)
	}
	if c, err := s.Load(1, layout, "contact", "c-2"); err != nil || c.Deferred == nil || len(c.Deferred) > 0 {
		t.Errorf("an empty body: got %+v, %v", c, err)
	}
	if ids, err := s.IDs(1, "contact", "", 9); err != nil || len(ids) != 2 {
		t.Errorf("got ids %q, %v", ids, err)
	}
	keys, err := s.Keys(1, "contact", "c-1")
	if err != nil || len(keys) != 4 {
		t.Errorf("got %d keys, %v", len(keys), err)
	}
	apply(t, s, 1, DeferredFact("contact", "c-1", nil))
	if c, err := s.Load(1, layout, "contact", "c-1"); err != nil || c.Deferred != nil || !c.Known {
		t.Errorf("taken back: got %+v, %v", c, err)
	}
	for _, key := range keys {
		apply(t, s, 1, Fact{Key: key})
	}
	if c, err := s.Load(1, layout, "contact", "c-1"); err != nil || c != nil {
		t.Errorf("forgotten: got %+v, %v", c, err)
	}
}

// FuzzLink reads hostile values of facts about links: no panic, and what is read comes back when it is written again.
func FuzzLink(f *testing.F) {
	for _, fact := range []Fact{
		RefFact(Ref{1, "a", "b"}), SubscriptionFact(Subscription{Token: 300, Complete: true}),
		SubscriberFact(Subscriber{Token: 5}), WorkFact(Work{1, []byte("body")}), DeferredFact("a", "b", []byte("body")),
	} {
		f.Add(fact.Value)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := DecodeRefFact(b); err == nil && !bytes.Equal(RefFact(Ref{}).Value, b) {
			t.Fatalf("%x is read as a reference", b)
		}
		if s, err := DecodeSubscriptionFact(b); err == nil {
			if again, err := DecodeSubscriptionFact(SubscriptionFact(s).Value); err != nil || again != s {
				t.Fatalf("got %+v, %v; want %+v", again, err, s)
			}
		}
		if s, err := DecodeSubscriberFact(b); err == nil {
			if again, err := DecodeSubscriberFact(SubscriberFact(s).Value); err != nil || again != s {
				t.Fatalf("got %+v, %v; want %+v", again, err, s)
			}
		}
		if w, err := DecodeWorkFact(b); err == nil && !bytes.Equal(WorkFact(w).Value, b) {
			t.Fatalf("%x became %x", b, WorkFact(w).Value)
		}
		if body, err := DecodeDeferredFact(b); err == nil && !bytes.Equal(DeferredFact("a", "b", body).Value, b) {
			t.Fatalf("%x became %x", b, body)
		}
	})
}
