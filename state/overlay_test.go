package state

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func overlay(t testing.TB, s *Store, p int32) *Overlay {
	t.Helper()
	o := s.NewOverlay(p)
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

func lay(t testing.TB, o *Overlay, facts ...Fact) {
	t.Helper()
	for _, f := range facts {
		if err := o.Put(f); err != nil {
			t.Fatal(err)
		}
	}
}

// linkAnswers is all that an overlay tells of the links in linkWorld, printed.
func linkAnswers(t interface{ Fatalf(string, ...any) }, o *Overlay) string {
	var out bytes.Buffer
	say := func(what string, answer any, err error) {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		fmt.Fprintf(&out, "%s: %#v\n", what, answer)
	}
	indexes, err := o.Indexes()
	say("indexes", indexes, err)
	for _, index := range linkNumbers {
		targets, err := o.Targets(index, "", 0)
		say("targets", targets, err)
		for _, to := range linkIDs {
			refs, err := o.Refs(index, to, "", 0)
			say("refs", refs, err)
			has, err := o.HasRefs(index, to)
			say("has refs", has, err)
			for _, from := range linkIDs {
				has, err := o.HasRef(Ref{index, to, from})
				say("has ref", has, err)
			}
			s, ok, err := o.Subscription("account", to, index)
			say("subscription", []any{s, ok}, err)
			followers, err := o.Subscribers("account", to, index)
			say("subscribers", followers, err)
		}
	}
	all, err := o.Subscriptions(nil, 0)
	say("subscriptions", all, err)
	work, err := o.Work()
	say("work", work, err)
	return out.String()
}

var (
	linkIDs     = []string{"a", "a\x00", "a\x00b", "a\x01", "b", "\xff", "\xff\xff"}
	linkNumbers = []uint64{0, 1, 255, 256, math.MaxUint64}
)

// linkModel is what linkAnswers must be: by kind, the facts that are there.
type linkModel struct {
	refs          map[Ref]bool
	subscriptions map[Subscription]Subscription // by the fields of the key
	subscribers   map[Subscriber]Subscriber
	work          map[uint64][]byte
}

func newLinkModel() *linkModel {
	return &linkModel{
		map[Ref]bool{}, map[Subscription]Subscription{}, map[Subscriber]Subscriber{}, map[uint64][]byte{},
	}
}

func (m *linkModel) clone() *linkModel {
	return &linkModel{maps.Clone(m.refs), maps.Clone(m.subscriptions), maps.Clone(m.subscribers), maps.Clone(m.work)}
}

// draw draws a fact and does to the model what it says.
func (m *linkModel) draw(t *rapid.T) Fact {
	id, number := rapid.SampledFrom(linkIDs).Draw(t, "id"), rapid.SampledFrom(linkNumbers).Draw(t, "number")
	gone, token := rapid.IntRange(0, 2).Draw(t, "gone") == 0, rapid.Uint64().Draw(t, "token")
	switch rapid.IntRange(0, 5).Draw(t, "what") {
	case 0:
		s := Subscription{Table: "account", Key: id, Stream: number}
		if gone {
			delete(m.subscriptions, s)
			return SubscriptionTombstone(s.Table, s.Key, s.Stream)
		}
		full := Subscription{s.Table, s.Key, s.Stream, token, token%2 == 0}
		m.subscriptions[s] = full
		return SubscriptionFact(full)
	case 1:
		s := Subscriber{Table: "account", Key: id, Stream: number}
		s.Partition = rapid.SampledFrom([]int32{0, 1, 255, 256, math.MaxInt32 - 1}).Draw(t, "partition")
		if gone {
			delete(m.subscribers, s)
			return SubscriberTombstone(s.Table, s.Key, s.Stream, s.Partition)
		}
		full := Subscriber{s.Table, s.Key, s.Stream, s.Partition, token}
		m.subscribers[s] = full
		return SubscriberFact(full)
	case 2:
		if gone {
			delete(m.work, number)
			return WorkTombstone(number)
		}
		m.work[number] = []byte(id)
		return WorkFact(Work{number, m.work[number]})
	}
	r := Ref{number, id, rapid.SampledFrom(linkIDs).Draw(t, "from")}
	if gone {
		delete(m.refs, r)
		return RefTombstone(r)
	}
	m.refs[r] = true
	return RefFact(r)
}

func (m *linkModel) indexes() (all []uint64) {
	for r := range m.refs {
		all = append(all, r.Index)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (m *linkModel) targets(index uint64) (all []string) {
	for r := range m.refs {
		if r.Index == index {
			all = append(all, r.To)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (m *linkModel) sources(index uint64, to string) (all []string) {
	for r := range m.refs {
		if r.Index == index && r.To == to {
			all = append(all, r.From)
		}
	}
	slices.Sort(all)
	return all
}

func (m *linkModel) followers(key string, stream uint64) (all []Subscriber) {
	for _, s := range m.subscribers {
		if s.Key == key && s.Stream == stream {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b Subscriber) int { return cmp.Compare(a.Partition, b.Partition) })
	return all
}

func (m *linkModel) followed() []Subscription {
	return slices.SortedFunc(maps.Values(m.subscriptions), func(a, b Subscription) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Stream, b.Stream))
	})
}

func (m *linkModel) answers() string {
	var out bytes.Buffer
	say := func(what string, answer any) { fmt.Fprintf(&out, "%s: %#v\n", what, answer) }
	say("indexes", m.indexes())
	for _, index := range linkNumbers {
		say("targets", m.targets(index))
		for _, to := range linkIDs {
			refs := m.sources(index, to)
			say("refs", refs)
			say("has refs", len(refs) > 0)
			for _, from := range linkIDs {
				say("has ref", m.refs[Ref{index, to, from}])
			}
			s, ok := m.subscriptions[Subscription{Table: "account", Key: to, Stream: index}]
			say("subscription", []any{s, ok})
			say("subscribers", m.followers(to, index))
		}
	}
	say("subscriptions", m.followed())
	var work []Work
	for _, id := range slices.Sorted(maps.Keys(m.work)) {
		work = append(work, Work{id, m.work[id]})
	}
	say("work", work)
	return out.String()
}

// Whatever was put into the store and laid over it, taken back or applied, in whatever order: an overlay tells what the
// facts say, those of the store first and its own over them. Another partition's facts don't matter.
func TestOverlayTellsWhatTheFactsSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, err := OpenMem()
		if err != nil {
			t.Fatal(err)
		}
		o := s.NewOverlay(1)
		defer func() {
			if err := errors.Join(o.Close(), s.Close()); err != nil {
				t.Fatal(err)
			}
		}()
		check := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		b := s.NewBatch()
		check(b.PutAll(2, []Fact{RefFact(Ref{1, "a", "z"}), WorkFact(Work{ID: 1})}))
		stored := newLinkModel()
		seen := stored.clone()
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0: // the epoch is committed
				check(b.Commit())
				stored = seen.clone()
				o.Reset()
			case 1: // it is given up
				b.Reset()
				seen = stored.clone()
				o.Reset()
			case 2:
				check(s.Flush())
			case 3:
				if got, want := linkAnswers(t, o), seen.answers(); got != want {
					t.Fatalf("got\n%s\nwant\n%s", got, want)
				}
			default:
				f := seen.draw(t)
				check(o.Put(f))
				check(b.Put(1, f))
			}
		}
		if got, want := linkAnswers(t, o), seen.answers(); got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// Pages of any size make up the whole.
func TestLinksByPages(t *testing.T) {
	s := openMem(t)
	o := overlay(t, s, 1)
	var all []string
	for i := range 40 {
		all = append(all, fmt.Sprint("id\x00", i))
		r := RefFact(Ref{math.MaxUint64, fmt.Sprint("id\x00", i), fmt.Sprint("id\x00", i)})
		other := RefFact(Ref{math.MaxUint64, "id", fmt.Sprint("id\x00", i)})
		follows := SubscriptionFact(Subscription{Table: "account", Key: fmt.Sprint("id\x00", i), Stream: math.MaxUint64})
		if i%2 == 0 {
			apply(t, s, 1, r, other, follows)
		} else {
			lay(t, o, r, other, follows)
		}
	}
	slices.Sort(all)
	for _, size := range []int{1, 7, 40, 41} {
		var refs, targets, followed []string
		for last := ""; ; last = refs[len(refs)-1] {
			page, err := o.Refs(math.MaxUint64, "id", last, size)
			if err != nil || len(page) > size {
				t.Fatalf("a page of %d: %v", len(page), err)
			}
			if refs = append(refs, page...); len(page) == 0 {
				break
			}
		}
		for last := ""; ; last = targets[len(targets)-1] {
			page, err := o.Targets(math.MaxUint64, last, size)
			if err != nil || len(page) > size {
				t.Fatalf("a page of %d: %v", len(page), err)
			}
			if targets = append(targets, page...); len(page) == 0 {
				break
			}
		}
		var last *Subscription
		for {
			page, err := o.Subscriptions(last, size)
			if err != nil || len(page) > size {
				t.Fatalf("a page of %d: %v", len(page), err)
			}
			if len(page) == 0 {
				break
			}
			for i := range page {
				followed = append(followed, page[i].Key)
			}
			last = &page[len(page)-1]
		}
		if want := append([]string{"id"}, all...); !slices.Equal(targets, want) {
			t.Errorf("by %d: got targets %q", size, targets)
		}
		if !slices.Equal(refs, all) || !slices.Equal(followed, all) {
			t.Errorf("by %d: got references %q, subscriptions %q", size, refs, followed)
		}
	}
}

// Links outlive the store that wrote them, and go with the partition.
func TestLinksInAStoreReopened(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, facts := newLinkModel(), []Fact(nil)
	for _, id := range linkIDs {
		m.refs[Ref{256, id, "c"}], m.work[256] = true, []byte(id)
		facts = append(facts, RefFact(Ref{256, id, "c"}), WorkFact(Work{256, []byte(id)}))
	}
	apply(t, s, 1, facts...)
	apply(t, s, 2, facts...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(dir, Options{}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	one, two := s.NewOverlay(1), s.NewOverlay(2)
	if got, want := linkAnswers(t, one), m.answers(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := s.Drop(1); err != nil {
		t.Fatal(err)
	}
	if got, want := linkAnswers(t, one), newLinkModel().answers(); got != want {
		t.Errorf("dropped, got\n%s", got)
	}
	apply(t, s, 1, facts...)
	for _, o := range []*Overlay{one, two} {
		if got, want := linkAnswers(t, o), m.answers(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if err := errors.Join(o.Close(), o.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestOverlayRefuses(t *testing.T) {
	s := openMem(t)
	o := overlay(t, s, 1)
	newer := RefFact(Ref{})
	newer.Value[0]++
	for name, c := range map[string]struct {
		fact Fact
		want error
	}{
		"a row":                       {RowTombstone("contact", "c-1"), ErrKey},
		"no key":                      {Fact{}, ErrKey},
		"a reference without a row":   {Fact{Key: []byte{keyRef, 1}}, ErrKey},
		"a subscriber, partition -1":  {SubscriberTombstone("account", "a", 1, -1), ErrKey},
		"a format that is not known":  {newer, ErrValue},
		"a value without its format":  {Fact{Key: WorkTombstone(1).Key, Value: []byte{}}, ErrValue},
		"a subscription, bytes after": {Fact{Key: append(SubscriptionTombstone("account", "a", 1).Key, 1)}, ErrKey},
	} {
		if err := o.Put(c.fact); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if got, want := linkAnswers(t, o), newLinkModel().answers(); got != want {
		t.Errorf("what was refused is there:\n%s", got)
	}
}
