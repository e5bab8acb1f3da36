package state

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weirstream/weir/state/row"
)

// awkward draws strings of the bytes that have a meaning in keys, and of others.
var awkward = rapid.Custom(func(t *rapid.T) string {
	b := rapid.OneOf(rapid.SampledFrom([]byte{0x00, 0x01, 0xff, 'a'}), rapid.Byte())
	return string(rapid.SliceOfN(b, 0, 6).Draw(t, "bytes"))
})

// Keys of subjects sort as table and id do, and no subject's range holds another's keys.
func TestSubjectsAreContiguousAndInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := [2]string{awkward.Draw(t, "table"), awkward.Draw(t, "id")}
		b := [2]string{awkward.Draw(t, "other table"), awkward.Draw(t, "other id")}
		keyA, keyB := appendSubject(nil, a[0], a[1]), appendSubject(nil, b[0], b[1])
		want := strings.Compare(a[0], b[0])
		if want == 0 {
			want = strings.Compare(a[1], b[1])
		}
		if got := bytes.Compare(keyA, keyB); got != want {
			t.Fatalf("%x and %x compare as %d, want %d", keyA, keyB, got, want)
		}
		if want < 0 && bytes.Compare(after(keyA), keyB) > 0 {
			t.Fatalf("the range of %x holds %x", keyA, keyB)
		}
		if want != 0 && bytes.HasPrefix(keyA, keyB) {
			t.Fatalf("%x begins with %x", keyA, keyB)
		}
	})
}

// Keys of events sort as row.Event.Before does.
func TestEventsAreInOrder(t *testing.T) {
	event := rapid.Custom(func(t *rapid.T) *row.Event {
		seconds := rapid.OneOf(rapid.SampledFrom([]int64{-62135596800, -1, 0, 1, 253402300799}), rapid.Int64())
		return &row.Event{
			Time: row.Value{
				Kind: row.Timestamp, Int: seconds.Draw(t, "seconds"),
				Nanos: rapid.SampledFrom([]int32{0, 1, 999_999_999}).Draw(t, "nanos"),
			},
			Seq: rapid.OneOf(rapid.Uint64Range(0, 3), rapid.Uint64()).Draw(t, "seq"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		id, kind := awkward.Draw(t, "id"), awkward.Draw(t, "kind")
		a, b := event.Draw(t, "a"), event.Draw(t, "b")
		keyA, keyB := appendEventKey(nil, "contact", id, kind, a), appendEventKey(nil, "contact", id, kind, b)
		if got := bytes.Compare(keyA, keyB) < 0; got != a.Before(b) {
			t.Fatalf("%x before %x: %v", keyA, keyB, got)
		}
	})
}

// Timers sort by due, table and id.
func TestTimersAreInOrder(t *testing.T) {
	timer := rapid.Custom(func(t *rapid.T) Timer {
		due := rapid.OneOf(rapid.SampledFrom([]int64{-1, 0, 1}), rapid.Int64())
		return Timer{row.Instant(due.Draw(t, "due")), awkward.Draw(t, "table"), awkward.Draw(t, "id")}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := timer.Draw(t, "a"), timer.Draw(t, "b")
		want := compareTimers(a, b)
		keyA, keyB := timerKey(3, &a), timerKey(3, &b)
		if got := bytes.Compare(keyA, keyB); got != want {
			t.Fatalf("%x and %x compare as %d, want %d", keyA, keyB, got, want)
		}
		back, err := parseTimer(keyA[partitionSize+1:])
		if err != nil || back != a {
			t.Fatalf("got %v, %v; want %v", back, err, a)
		}
	})
}

func compareTimers(a, b Timer) int {
	switch {
	case a.Due < b.Due:
		return -1
	case a.Due > b.Due:
		return 1
	case a.Table != b.Table:
		return strings.Compare(a.Table, b.Table)
	}
	return strings.Compare(a.ID, b.ID)
}

func TestKeysComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, id, kind := awkward.Draw(t, "table"), awkward.Draw(t, "id"), awkward.Draw(t, "kind")
		s := row.NewSchema(table, nil)
		e := &row.Event{Time: row.Value{Kind: row.Timestamp, Int: rapid.Int64().Draw(t, "time"), Nanos: 9}, Seq: 5}
		source := Source{Topic: [16]byte{1, 2}, Name: kind, Partition: rapid.Int32Min(0).Draw(t, "partition")}
		for _, c := range []struct {
			want Key
			fact Fact
		}{
			{Key{Kind: TaskKind}, TaskFact(Task{})},
			{Key{Kind: SourceKind, Source: source}, SourceFact(source, 1)},
			{Key{Kind: CounterKind, Counter: [2]string{kind, id}}, CounterTombstone(kind, id)},
			{Key{Kind: FreezeKind, Segment: 1 << 63}, FreezeTombstone(1 << 63)},
			{Key{Kind: DefinitionKind, Segment: 1 << 63}, DefinitionTombstone(1 << 63)},
			{Key{Kind: FillKind}, FillFact(Fill{})},
			{Key{Kind: RefKind, Ref: Ref{1 << 63, table, id}}, RefTombstone(Ref{1 << 63, table, id})},
			{Key{Kind: SubscriptionKind, Table: table, ID: id, Stream: 9}, SubscriptionTombstone(table, id, 9)},
			{
				Key{Kind: SubscriberKind, Table: table, ID: id, Stream: 9, Subscriber: source.Partition},
				SubscriberTombstone(table, id, 9, source.Partition),
			},
			{Key{Kind: WorkKind, Work: 1 << 63}, WorkTombstone(1 << 63)},
			{Key{Kind: DeferredKind, Table: table, ID: id}, DeferredFact(table, id, nil)},
			{Key{Kind: RowKind, Table: table, ID: id}, RowFact(s, id, nil, row.Version{})},
			{Key{Kind: StatusKind, Table: table, ID: id}, StatusFact(table, id, nil)},
			{Key{Kind: EventKind, Table: table, ID: id, Event: kind, Seq: 5, Time: e.Time}, EventTombstone(table, id, kind, e)},
		} {
			want, fact := c.want, c.fact
			got, err := ParseKey(fact.Key)
			if err != nil || !sameKey(got, want) {
				t.Fatalf("got %+v, %v; want %+v", got, err, want)
			}
			if _, _, _, err := checkKey(fact.Key); err != nil {
				t.Fatalf("a batch refuses the key of %+v: %v", want, err)
			}
		}
	})
}

func sameKey(a, b Key) bool {
	return a.Kind == b.Kind && a.Source == b.Source && a.Counter == b.Counter && a.Segment == b.Segment &&
		a.Table == b.Table && a.ID == b.ID && a.Event == b.Event && a.Seq == b.Seq && a.Time.Same(b.Time) &&
		a.Ref == b.Ref && a.Stream == b.Stream && a.Subscriber == b.Subscriber && a.Work == b.Work
}

// FuzzKey reads hostile bytes: no panic; what is read is written as it was; a batch takes the same keys.
func FuzzKey(f *testing.F) {
	e := &row.Event{Time: row.OfInt(5), Seq: 7}
	for _, fact := range []Fact{
		TaskFact(Task{}), SourceFact(Source{Name: "a"}, 1), CounterTombstone("segment", "vip"), FreezeTombstone(7),
		RowTombstone("contact", "c\x00-1"), StatusFact("contact", "c-1", nil), EventTombstone("contact", "c-1", "opened", e),
		RefTombstone(Ref{7, "a-\x00", "c-1"}), SubscriptionTombstone("account", "a-1", 7),
		SubscriberTombstone("account", "a-1", 7, 3), WorkTombstone(7),
		DefinitionTombstone(7), FillFact(Fill{}), DeferredFact("contact", "c-1", nil),
	} {
		f.Add(fact.Key)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := ParseKey(b)
		if _, _, _, other := checkKey(b); (other == nil) != (err == nil) {
			t.Fatalf("ParseKey says %v, a batch %v", err, other)
		}
		if err != nil {
			if !errors.Is(err, ErrKey) {
				t.Fatalf("got %v", err)
			}
			return
		}
		if again := rebuild(k); !bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}

func rebuild(k Key) []byte {
	switch k.Kind {
	case TaskKind:
		return []byte{keyTask}
	case DefinitionKind:
		return appendDefinitionKey(nil, k.Segment)
	case FillKind:
		return []byte{keyFill}
	case SourceKind:
		return appendSourceKey(nil, k.Source)
	case CounterKind:
		return appendCounterKey(nil, k.Counter[0], k.Counter[1])
	case FreezeKind:
		return appendFreezeKey(nil, k.Segment)
	case RefKind:
		return appendRefKey(nil, k.Ref)
	case SubscriptionKind:
		return appendSubscriptionKey(nil, k.Table, k.ID, k.Stream)
	case SubscriberKind:
		return appendSubscriberKey(nil, k.Table, k.ID, k.Stream, k.Subscriber)
	case WorkKind:
		return appendWorkKey(nil, k.Work)
	case DeferredKind:
		return DeferredFact(k.Table, k.ID, nil).Key
	case RowKind:
		return RowTombstone(k.Table, k.ID).Key
	case StatusKind:
		return StatusFact(k.Table, k.ID, nil).Key
	}
	return appendEventKey(nil, k.Table, k.ID, k.Event, &row.Event{Time: k.Time, Seq: k.Seq})
}
