package state

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"pgregory.net/rapid"

	"github.com/weirstream/weir/state/row"
)

// entry is a record of the changelog of one of a few partitions.
type entry struct {
	p    int32
	fact Fact
}

const (
	modelPartitions = 2
	modelSegments   = 4
)

func modelSegment(i int) uint64 { return uint64(i) * 0x9e3779b97f4a7c15 }

// history draws what is written to the changelog: few subjects, so that they change often.
func history(t *rapid.T, most int) []entry {
	ids := []string{"a", "a\x00", "b", "\xff", "c"}
	all := make([]entry, rapid.IntRange(1, most).Draw(t, "facts"))
	for i := range all {
		e := &all[i]
		e.p = rapid.Int32Range(0, modelPartitions-1).Draw(t, "partition")
		id := rapid.SampledFrom(ids).Draw(t, "id")
		table := rapid.SampledFrom([]*row.Schema{contact, row.NewSchema("lead", contact.Fields)}).Draw(t, "table")
		switch rapid.IntRange(0, 11).Draw(t, "what") {
		case 0:
			e.fact = RowFact(table, id, row.Row{row.OfString(id), row.OfInt(int64(i))}, row.Version{})
		case 1:
			e.fact = RowTombstone(table.Name, id)
		case 2:
			e.fact = EventFact(table.Name, id, opened, openedAt(int64(i%5), uint64(i%3), "x"))
		case 3:
			e.fact = TaskFact(Task{Seq: uint64(i)})
		case 4:
			e.fact = DeferredFact(table.Name, id, []byte{byte(i)})
		case 5:
			e.fact = RefFact(Ref{uint64(i % 3), id, "x"})
		default:
			e.fact = StatusFact(table.Name, id, memberships(t, modelSegments), watches(t, 2)...)
		}
	}
	return all
}

// facts is what is left of a changelog when it is compacted, by partition and key.
func facts(all []entry) map[int32]map[string][]byte {
	left := make(map[int32]map[string][]byte)
	for p := range int32(modelPartitions) {
		left[p] = make(map[string][]byte)
	}
	for _, e := range all {
		if e.fact.Value == nil {
			delete(left[e.p], string(e.fact.Key))
		} else {
			left[e.p][string(e.fact.Key)] = e.fact.Value
		}
	}
	return left
}

// answers is all that a store tells about a partition apart from subjects.
type answers struct {
	timers  []Timer
	members map[uint64][]string // sorted
	ids     map[string][]string
}

func (a answers) String() string {
	return fmt.Sprintf("timers %#v members %#v ids %#v", a.timers, a.members, a.ids)
}

// expected computes the answers from the facts alone.
func expected(t interface{ Fatalf(string, ...any) }, facts map[string][]byte) answers {
	a := answers{members: map[uint64][]string{}, ids: map[string][]string{}}
	for key, value := range facts {
		k, err := ParseKey([]byte(key))
		if err != nil {
			t.Fatalf("%v", err)
		}
		if k.Table != "" && !slices.Contains(a.ids[k.Table], k.ID) {
			a.ids[k.Table] = append(a.ids[k.Table], k.ID)
		}
		if k.Kind != StatusKind {
			continue
		}
		ms, ws, err := DecodeStatusFact(value)
		if err != nil {
			t.Fatalf("%v", err)
		}
		due := row.Never
		for _, w := range ws {
			due = min(due, w.Due)
		}
		for _, m := range ms {
			due = min(due, m.Until)
			if m.Member {
				a.members[m.Segment] = append(a.members[m.Segment], k.ID)
			}
		}
		if due != row.Never {
			a.timers = append(a.timers, Timer{due, k.Table, k.ID})
		}
	}
	slices.SortFunc(a.timers, compareTimers)
	for _, ids := range a.members {
		slices.Sort(ids)
	}
	for _, ids := range a.ids {
		slices.Sort(ids)
	}
	return a
}

// given asks a store for the answers.
func given(t interface{ Fatalf(string, ...any) }, s *Store, p int32) answers {
	a := answers{members: map[uint64][]string{}, ids: map[string][]string{}}
	must := func(err error) {
		if err != nil {
			t.Fatalf("%v", err)
		}
	}
	var err error
	a.timers, err = s.Timers(p, nil, row.Never, 1000)
	must(err)
	due, err := s.NextDue(p)
	must(err)
	if len(a.timers) == 0 && due != row.Never || len(a.timers) > 0 && due != a.timers[0].Due {
		t.Fatalf("next due is %v of timers %v", due, a.timers)
	}
	for i := range modelSegments {
		var ids []string
		must(s.Members(p, modelSegment(i), func(id string) bool { ids = append(ids, id); return true }))
		size, err := s.Size(p, modelSegment(i))
		must(err)
		if size != int64(len(ids)) {
			t.Fatalf("size is %d of members %q", size, ids)
		}
		if len(ids) > 0 {
			slices.Sort(ids)
			a.members[modelSegment(i)] = ids
		}
	}
	for _, table := range []string{"contact", "lead"} {
		ids, err := s.IDs(p, table, "", 1000)
		must(err)
		if len(ids) > 0 {
			a.ids[table] = ids
		}
	}
	return a
}

func expectModel(t interface{ Fatalf(string, ...any) }, s *Store, all []entry) {
	for p, left := range facts(all) {
		if got, want := given(t, s, p), expected(t, left); got.String() != want.String() {
			t.Fatalf("partition %d:\n got %v\nwant %v", p, got, want)
		}
		if got := raw(t, s, p); !maps.EqualFunc(got, left, bytes.Equal) {
			t.Fatalf("partition %d: the store holds %d facts, want %d", p, len(got), len(left))
		}
	}
}

// raw returns the facts as they lie in a store, and checks that each ordinal belongs to one subject.
func raw(t interface{ Fatalf(string, ...any) }, s *Store, p int32) map[string][]byte {
	got := make(map[string][]byte)
	ordinals, ids := map[string]string{}, map[string]string{}
	prefix := appendPartition(nil, p)
	err := s.scan(prefix, after(prefix), partitionSize, func(key, value []byte) (bool, error) {
		switch kind, rest := key[0], key[1:]; {
		case kind < 0x80:
			got[string(key)] = bytes.Clone(value)
		case kind == keyOrdinal:
			table, id, err := readEscaped(rest)
			if err != nil {
				return false, err
			}
			ordinals[string(table)+"/"+string(value[4:])] = string(id)
		case kind == keyID:
			table, n, err := readEscaped(rest)
			if err != nil {
				return false, err
			}
			ids[string(table)+"/"+string(n)] = string(value)
		}
		return true, nil
	})
	if err != nil || !maps.Equal(ordinals, ids) {
		t.Fatalf("ordinals %q and ids %q don't fit; %v", ordinals, ids, err)
	}
	return got
}

// feed applies entries in batches cut at random; flushes and compactions come in between, and some of what was
// applied is applied again.
func feed(t *rapid.T, s *Store, all []entry) {
	b := s.NewBatch()
	check := func(err error) {
		if err != nil {
			t.Fatalf("%v", err)
		}
	}
	for i := 0; i < len(all); i++ {
		check(b.Put(all[i].p, all[i].fact))
		if rapid.IntRange(0, 4).Draw(t, "commit") > 0 {
			continue
		}
		check(b.Commit())
		switch rapid.IntRange(0, 5).Draw(t, "between") {
		case 0:
			check(s.Flush())
		case 1:
			check(s.Flush())
			check(s.db.Compact(t.Context(), []byte{spacePartition}, []byte{spacePartition + 1}, false))
		case 2:
			i -= rapid.IntRange(0, i).Draw(t, "again")
		case 3:
			_, err := s.NextDue(all[i].p)
			check(err)
		}
	}
	check(b.Commit())
}

// Whatever the batches, flushes, compactions and repetitions: what is derived is what the facts say. So two stores that
// were fed the same changelog give the same answers.
func TestDerivedFollowsFacts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := history(t, 60)
		s, err := OpenMem()
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}()
		feed(t, s, all)
		expectModel(t, s, all)
	})
}

// A compacted changelog restores the same state as the whole.
func TestRestoreFromCompactedChangelog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := history(t, 60)
		var compacted []entry
		for i, e := range all {
			later := func(o entry) bool { return o.p == e.p && bytes.Equal(o.fact.Key, e.fact.Key) }
			if !slices.ContainsFunc(all[i+1:], later) {
				compacted = append(compacted, e)
			}
		}
		s, err := OpenMem()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		feed(t, s, compacted)
		expectModel(t, s, all)
	})
}

// The last of several facts with one key counts, within a batch as across batches.
func TestSameKeyTwiceInABatch(t *testing.T) {
	s := openMem(t)
	status := func(ms ...Membership) Fact { return StatusFact("contact", "c-1", ms) }
	apply(t, s, 1,
		status(member(1, 50)), status(member(1, 60), member(2, 55)), status(member(2, 40)), status(),
		status(member(3, 70)), RowTombstone("contact", "c-1"),
		RowFact(contact, "c-1", row.Row{row.OfString("c-1"), row.OfInt(2)}, row.Version{}))
	expectTimers(t, s, 1, Timer{70, "contact", "c-1"})
	expectIDs(t, s, 1, 1)
	expectIDs(t, s, 1, 2)
	expectIDs(t, s, 1, 3, "c-1")
	c, err := s.Load(1, layout, "contact", "c-1")
	if err != nil || c.Row[1].Int != 2 || !slices.Equal(c.Memberships, []Membership{member(3, 70)}) {
		t.Errorf("got %+v, %v", c, err)
	}
}

// Ordinals are dense, one row of numbers for each table, and that of a subject which is forgotten is not given again.
func TestOrdinals(t *testing.T) {
	s := openMem(t)
	status := func(table, id string) Fact { return StatusFact(table, id, []Membership{member(1, 50)}) }
	apply(t, s, 1, status("contact", "a"), status("contact", "b"), status("lead", "a"))
	apply(t, s, 1, StatusFact("contact", "b", nil))
	apply(t, s, 1, status("contact", "c"), status("contact", "b"), status("contact", "a"))
	for i, id := range []string{"a", "", "c", "b"} {
		got, err := s.get(idKey(1, "contact", uint32(i)))
		if err != nil || string(got) != id {
			t.Errorf("ordinal %d: got %q, %v; want %q", i, got, err, id)
		}
	}
	if got, err := s.get(idKey(1, "lead", 0)); err != nil || string(got) != "a" {
		t.Errorf("got %q, %v", got, err)
	}
}

// The last ordinal is given, the one after it isn't.
func TestOrdinalsRunOut(t *testing.T) {
	s := openMem(t)
	if err := s.db.Set(nextKey(1, "contact"), appendOrdinal(nil, ordinalMax), pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	apply(t, s, 1, StatusFact("contact", "a", []Membership{member(1, 50)}))
	expectIDs(t, s, 1, 1, "a")
	if err := s.NewBatch().Put(1, StatusFact("contact", "b", []Membership{member(1, 50)})); err == nil {
		t.Error("more ordinals than there are")
	}
}

// Memberships of more than one chunk.
func TestManyMembers(t *testing.T) {
	const many = 70_000
	s := openMem(t)
	b := s.NewBatch()
	for i := range many {
		if err := b.Put(1, StatusFact("contact", fmt.Sprint(i), []Membership{member(1, 50)})); err != nil {
			t.Fatal(err)
		}
		if b.Bytes() > 1<<20 {
			if err := b.Commit(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	if err := s.Members(1, 1, func(id string) bool { seen[id] = true; return true }); err != nil || len(seen) != many {
		t.Errorf("got %d members, %v", len(seen), err)
	}
	if n, err := s.Size(1, 1); n != many || err != nil {
		t.Errorf("got size %d, %v", n, err)
	}
}
