package state

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weirstream/weir/state/row"
)

var (
	contact = row.NewSchema("contact", []row.Field{
		{Name: "id", Type: row.Type{Kind: row.String}},
		{Name: "score", Type: row.Type{Kind: row.Int}},
	})
	opened = row.NewSchema("email_opened", []row.Field{{Name: "email", Type: row.Type{Kind: row.String}}})
	paid   = row.NewSchema("purchase", []row.Field{{Name: "amount", Type: row.Type{Kind: row.Double}}})
	layout = &Layout{Row: contact, Events: []*row.Schema{opened, paid}}
)

// instant draws instants as they come about: whole milliseconds and odd nanoseconds, and the ends of time.
var instant = rapid.Custom(func(t *rapid.T) row.Instant {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	return row.Instant(rapid.OneOf(
		rapid.Custom(func(t *rapid.T) int64 { return now + 1e6*rapid.Int64Range(-1e9, 1e9).Draw(t, "millis") }),
		rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, -1, 0, 1, math.MaxInt64 - 1, math.MaxInt64}),
	).Draw(t, "instant"))
})

// memberships draws those of a subject, ordered, in some of n segments.
func memberships(t *rapid.T, n uint64) []Membership {
	var ms []Membership
	for segment := range n {
		if rapid.Bool().Draw(t, "has") {
			continue
		}
		m := Membership{Segment: segment * 0x9e3779b97f4a7c15, Spell: rapid.Uint32().Draw(t, "spell"), Until: row.Never}
		if m.Member = rapid.Bool().Draw(t, "member"); m.Member {
			m.Since = instant.Draw(t, "since")
		}
		m.Chosen = rapid.Bool().Draw(t, "chosen")
		m.Edit = Edit(rapid.IntRange(0, 2).Draw(t, "edit"))
		if rapid.Bool().Draw(t, "ends") {
			m.Until = instant.Draw(t, "until")
		}
		ms = append(ms, m)
	}
	slices.SortFunc(ms, func(a, b Membership) int {
		if a.Segment < b.Segment {
			return -1
		}
		return 1
	})
	return ms
}

// watches draws the watches of a subject, ordered by ID.
func watches(t *rapid.T, most int) []Watch {
	var ws []Watch
	for id := range rapid.IntRange(0, most).Draw(t, "watches") {
		w := Watch{ID: uint64(id) * 0x1e3779b97f4a7c15, Due: row.Never}
		if rapid.Bool().Draw(t, "waits") {
			w.Due, w.From = instant.Draw(t, "due"), rapid.Uint64().Draw(t, "from")
		}
		for range rapid.IntRange(0, 3).Draw(t, "firings") {
			w.Fired = append(w.Fired, instant.Draw(t, "fired"))
		}
		ws = append(ws, w)
	}
	return ws
}

func sameWatch(a, b Watch) bool {
	return a.ID == b.ID && a.Due == b.Due && a.From == b.From && slices.Equal(a.Fired, b.Fired)
}

func TestStatusesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms, ws := memberships(t, 6), watches(t, 4)
		if len(ms)+len(ws) == 0 {
			return
		}
		got, watches, err := DecodeStatusFact(StatusFact("contact", "c-1", ms, ws...).Value)
		if err != nil || !slices.Equal(got, ms) || !slices.EqualFunc(watches, ws, sameWatch) {
			t.Fatalf("got %v, %v, %v; want %v, %v", got, watches, err, ms, ws)
		}
		shuffled, turned := slices.Clone(ms), slices.Clone(ws)
		slices.Reverse(shuffled)
		slices.Reverse(turned)
		got, watches, err = DecodeStatusFact(StatusFact("contact", "c-1", shuffled, turned...).Value)
		if err != nil || !slices.Equal(got, ms) || !slices.EqualFunc(watches, ws, sameWatch) {
			t.Fatalf("in another order: got %v, %v, %v; want %v, %v", got, watches, err, ms, ws)
		}
	})
}

// Known bytes: statuses and counters as they were written before there were watches and suppressed firings.
func TestOlderFactsAreRead(t *testing.T) {
	status := []byte{1, 1, 0, 0, 0, 0, 0, 0, 0, 7, statusMember | statusSince, 2, 10}
	ms, ws, err := DecodeStatusFact(status)
	want := []Membership{{Segment: 7, Member: true, Spell: 2, Since: 5, Until: row.Never}}
	if err != nil || !slices.Equal(ms, want) || len(ws) > 0 {
		t.Errorf("got %v, %v, %v; want %v", ms, ws, err, want)
	}
	c, err := DecodeCounterFact([]byte{1, 0x94, 1, 2, 3, 4})
	if err != nil || c != (Counter{Size: 1, Entered: 2, Left: 3, Fired: 4}) {
		t.Errorf("got %+v, %v", c, err)
	}
}

// A subject that is in no segment may be watched all the same.
func TestWatchesAlone(t *testing.T) {
	s := openMem(t)
	w := Watch{ID: 3, Due: 70, From: 9, Fired: []row.Instant{10, 20}}
	apply(t, s, 1, StatusFact("contact", "c-1", nil, w))
	c, err := s.Load(1, layout, "contact", "c-1")
	if err != nil || len(c.Memberships) > 0 || len(c.Watches) != 1 || !sameWatch(c.Watches[0], w) || c.Due() != 70 {
		t.Errorf("got %+v, %v", c, err)
	}
	if due, err := s.NextDue(1); err != nil || due != 70 {
		t.Errorf("next due is %v, %v", due, err)
	}
	apply(t, s, 1, StatusFact("contact", "c-1", nil))
	if due, err := s.NextDue(1); err != nil || due != row.Never {
		t.Errorf("taken back, next due is %v, %v", due, err)
	}
}

func TestStatusIsCompact(t *testing.T) {
	now := row.At(time.Date(2026, 3, 1, 12, 0, 0, 123e6, time.UTC))
	ms := make([]Membership, 10)
	for i := range ms {
		ms[i] = Membership{
			Segment: uint64(i), Member: true, Spell: 1, Since: now + row.Instant(i)*3600e9,
			Until: now + row.Instant(i)*3600e9 + 90*24*3600e9,
		}
	}
	if n := len(StatusFact("contact", "c-1", ms).Value); n > 10*(8+2+6+6) {
		t.Errorf("10 memberships take %d bytes", n)
	}
}

func TestFactsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Task{
			Clock: instant.Draw(t, "clock"), Seq: rapid.Uint64().Draw(t, "seq"), EventSeq: 4,
			Catalog: rapid.Uint64().Draw(t, "catalog"), Revision: rapid.Int64().Draw(t, "revision"),
			LinkSeq: rapid.Uint64().Draw(t, "link seq"),
		}
		if got, err := DecodeTaskFact(TaskFact(want).Value); err != nil || got != want {
			t.Fatalf("got %+v, %v; want %+v", got, err, want)
		}
		c := Counter{Size: rapid.Int64().Draw(t, "size"), Entered: 1, Left: rapid.Uint64().Draw(t, "left"), Fired: 3,
			Suppressed: rapid.Uint64().Draw(t, "suppressed")}
		if got, err := DecodeCounterFact(CounterFact(c).Value); err != nil || got != c {
			t.Fatalf("got %+v, %v; want %+v", got, err, c)
		}
		f := Freezing{Hash: rapid.Uint64().Draw(t, "hash"), At: instant.Draw(t, "at"), Done: rapid.Bool().Draw(t, "done")}
		if got, err := DecodeFreezeFact(FreezeFact(f).Value); err != nil || got != f {
			t.Fatalf("got %+v, %v; want %+v", got, err, f)
		}
		offset := rapid.Int64().Draw(t, "offset")
		if got, err := DecodeSourceFact(SourceFact(Source{}, offset).Value); err != nil || got != offset {
			t.Fatalf("got %d, %v; want %d", got, err, offset)
		}
	})
}

func TestRowsAndEventsComeBack(t *testing.T) {
	version := row.Version{Known: true, Lo: 99, Millis: 5}
	for _, want := range []row.Row{nil, {row.OfString("c-1"), {}}, {row.OfString("c-1"), row.OfInt(7)}} {
		r, v, err := DecodeRowFact(RowFact(contact, "c-1", want, version).Value, contact)
		if err != nil || !r.Same(want) || v != version {
			t.Errorf("got %v, %+v, %v; want %v", r, v, err, want)
		}
	}
	e := row.Event{ID: "e-1", Time: row.OfTime(time.Unix(5, 6)), Seq: 7, Fields: row.Row{row.OfString("spring")}}
	got, err := DecodeEventFact(EventFact("contact", "c-1", opened, &e).Value, opened)
	if err != nil || got.ID != e.ID || !got.Fields.Same(e.Fields) {
		t.Errorf("got %v, %v; want %v", got, err, e)
	}
}

// A later version may append to the facts that are arrays.
func TestLongerArraysAreRead(t *testing.T) {
	value := TaskFact(Task{Clock: 5, Seq: 6, Revision: 7}).Value
	value[1]++ // the head of an array of 7
	if got, err := DecodeTaskFact(append(value, 1)); err != nil || got.Clock != 5 || got.Revision != 7 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestNewerFormatsAreRefused(t *testing.T) {
	for _, f := range []Fact{
		TaskFact(Task{}), SourceFact(Source{}, 1), CounterFact(Counter{}), FreezeFact(Freezing{}),
		RowFact(contact, "c", nil, row.Version{}),
		RefFact(Ref{}), SubscriptionFact(Subscription{}), SubscriberFact(Subscriber{}), WorkFact(Work{}),
		DeferredFact("contact", "c", []byte{}),
		EventFact("contact", "c", opened, &row.Event{}), StatusFact("contact", "c", []Membership{{Segment: 1}}),
	} {
		f.Value[0]++
		s := openMem(t)
		if err := s.NewBatch().Put(1, f); !errors.Is(err, ErrValue) {
			t.Errorf("a batch takes %x: %v", f.Value, err)
		}
	}
}

// FuzzStatus reads hostile bytes: no panic, and what is read comes back when it is written again.
func FuzzStatus(f *testing.F) {
	f.Add(StatusFact("contact", "c-1", []Membership{
		{Segment: 1, Member: true, Spell: 2, Since: 1767225600000000000, Until: row.Never},
		{Segment: 1 << 60, Until: 1767225600000000001},
		{Segment: 1 << 61, Until: row.Never, Chosen: true, Edit: Removed},
	}, Watch{ID: 1, Due: 1767225600000000002, From: 300}, Watch{ID: 2, Due: row.Never, Fired: []row.Instant{1, 5}}).Value)
	f.Fuzz(func(t *testing.T, b []byte) {
		ms, ws, err := DecodeStatusFact(b)
		if err != nil || len(ms)+len(ws) == 0 {
			return
		}
		again, watched, err := DecodeStatusFact(StatusFact("contact", "c-1", ms, ws...).Value)
		if err != nil || !slices.Equal(again, ms) || !slices.EqualFunc(watched, ws, sameWatch) {
			t.Fatalf("got %v, %v, %v; want %v, %v", again, watched, err, ms, ws)
		}
	})
}

// FuzzFact reads hostile values of all kinds, and puts them into a store: nothing panics.
func FuzzFact(f *testing.F) {
	for _, fact := range []Fact{
		TaskFact(Task{Clock: 1}), SourceFact(Source{Name: "a"}, 1),
		CounterFact(Counter{Kind: "segment", Name: "vip", Size: 3}), FreezeFact(Freezing{Segment: 5, At: 9}),
		RowFact(contact, "c-1", row.Row{row.OfString("c-1"), row.OfInt(7)}, row.Version{Known: true, Lo: 5}),
		StatusFact("contact", "c-1", []Membership{{Segment: 5, Member: true, Spell: 1, Since: 9, Until: 90}}),
		EventFact("contact", "c-1", opened, &row.Event{ID: "e", Fields: row.Row{row.OfString("spring")}}),
		RefFact(Ref{1, "a", "b"}), SubscriptionFact(Subscription{"a", "b", 1, 2, true}),
		SubscriberFact(Subscriber{"a", "b", 1, 2, 3}), WorkFact(Work{1, []byte("body")}),
		DeferredFact("contact", "c-1", []byte("body")),
	} {
		f.Add(fact.Key, fact.Value)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		_, _ = DecodeTaskFact(value)
		_, _ = DecodeSourceFact(value)
		_, _ = DecodeCounterFact(value)
		_, _ = DecodeFreezeFact(value)
		_, _, _ = DecodeRowFact(value, contact)
		_, _ = DecodeEventFact(value, opened)
		s, err := OpenMem()
		if err != nil {
			t.Fatal(err)
		}
		b := s.NewBatch()
		if b.Put(1, Fact{key, value}) == nil && b.Commit() == nil {
			_, _ = s.Load(1, layout, "contact", "c-1")
			_, _ = s.Sources(1)
			_, _ = s.Counters(1)
			_, _ = s.Freezings(1)
			_, _, _ = s.Task(1)
			readLinks(s.NewOverlay(1))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// readLinks reads all of the facts in FuzzFact.
func readLinks(o *Overlay) {
	_, _ = o.Indexes()
	_, _ = o.Targets(1, "", 0)
	_, _ = o.Refs(1, "a", "", 0)
	_, _ = o.HasRef(Ref{1, "a", "b"})
	_, _, _ = o.Subscription("a", "b", 1)
	_, _ = o.Subscriptions(nil, 0)
	_, _ = o.Subscribers("a", "b", 1)
	_, _ = o.Work()
	_ = o.Close()
}
