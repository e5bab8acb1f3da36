package state

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/weirstream/weir/state/membership"
	"github.com/weirstream/weir/state/row"
)

func openMem(t testing.TB) *Store {
	t.Helper()
	s, err := OpenMem()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// apply puts facts into partition p in one batch.
func apply(t testing.TB, s *Store, p int32, facts ...Fact) {
	t.Helper()
	b := s.NewBatch()
	for _, f := range facts {
		if err := b.Put(p, f); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
}

func member(segment uint64, until row.Instant) Membership {
	return Membership{Segment: segment, Member: true, Spell: 1, Since: 10, Until: until}
}

func openedAt(sec int64, seq uint64, email string) *row.Event {
	return &row.Event{
		ID: email, Time: row.OfTime(time.Unix(sec, 0)), Seq: seq, Fields: row.Row{row.OfString(email)},
	}
}

func TestLoad(t *testing.T) {
	s := openMem(t)
	version := row.Version{Known: true, Lo: 7}
	purchase := row.Event{Time: row.OfTime(time.Unix(20, 0)), Seq: 4, Fields: row.Row{row.OfDouble(9.5)}}
	gone := row.NewSchema("a_kind_of_old", opened.Fields)
	apply(t, s, 3,
		RowFact(contact, "c-1", row.Row{row.OfString("c-1"), row.OfInt(5)}, version),
		RowFact(contact, "c-1\x00", nil, version),
		EventFact("contact", "c-1", opened, openedAt(30, 1, "late")),
		EventFact("contact", "c-1", paid, &purchase),
		EventFact("contact", "c-1", opened, openedAt(-5, 2, "early")),
		EventFact("contact", "c-1", opened, openedAt(-5, 3, "early, too")),
		EventFact("contact", "c-1", gone, openedAt(1, 9, "not declared")),
		EventFact("contact", "c-10", opened, openedAt(1, 1, "another's")),
		StatusFact("contact", "c-1", []Membership{member(9, 50), {Segment: 3, Until: 40}}))
	c, err := s.Load(3, layout, "contact", "c-1")
	if err != nil {
		t.Fatal(err)
	}
	if !c.Known || c.Version != version || !c.Row.Same(row.Row{row.OfString("c-1"), row.OfInt(5)}) {
		t.Errorf("got %+v", c)
	}
	var emails []string
	for _, e := range c.Events[0] {
		emails = append(emails, e.ID)
	}
	if want := []string{"early", "early, too", "late"}; !slices.Equal(emails, want) {
		t.Errorf("got events %q, want %q", emails, want)
	}
	if len(c.Events[1]) != 1 || !c.Events[1][0].Time.Same(purchase.Time) || c.Events[1][0].Seq != 4 {
		t.Errorf("got purchases %+v", c.Events[1])
	}
	if want := []Membership{{Segment: 3, Until: 40}, member(9, 50)}; !slices.Equal(c.Memberships, want) {
		t.Errorf("got memberships %+v", c.Memberships)
	}
	deleted, err := s.Load(3, layout, "contact", "c-1\x00")
	if err != nil || !deleted.Known || deleted.Row != nil || deleted.Version != version {
		t.Errorf("deleted: got %+v, %v", deleted, err)
	}
	early, err := s.Load(3, layout, "contact", "c-10")
	if err != nil || early.Known || len(early.Events[0]) != 1 {
		t.Errorf("events before the row: got %+v, %v", early, err)
	}
	for _, at := range []struct {
		p  int32
		id string
	}{{3, "c-2"}, {3, "c"}, {2, "c-1"}, {4, "c-1"}} {
		if c, err := s.Load(at.p, layout, "contact", at.id); c != nil || err != nil {
			t.Errorf("%v: got %+v, %v", at, c, err)
		}
	}
}

func TestForgetByKeys(t *testing.T) {
	s := openMem(t)
	apply(t, s, 3,
		RowFact(contact, "c-1", row.Row{row.OfString("c-1"), {}}, row.Version{}),
		EventFact("contact", "c-1", opened, openedAt(30, 1, "x")),
		EventFact("contact", "c-1", row.NewSchema("old", opened.Fields), openedAt(30, 1, "x")),
		StatusFact("contact", "c-1", []Membership{member(9, 50)}))
	keys, err := s.Keys(3, "contact", "c-1")
	if err != nil || len(keys) != 4 {
		t.Fatalf("got %d keys, %v", len(keys), err)
	}
	var facts []Fact
	for _, k := range keys {
		facts = append(facts, Fact{Key: k})
	}
	apply(t, s, 3, facts...)
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{spacePartition}})
	if err != nil {
		t.Fatal(err)
	}
	for it.First(); it.Valid(); it.Next() {
		if strings.Contains(string(it.Key()), "c-1") || strings.Contains(string(it.Value()), "c-1") {
			t.Errorf("%x still names the subject", it.Key())
		}
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestIDs(t *testing.T) {
	s := openMem(t)
	want := []string{"a", "a\x00", "a\x00b", "a\x01", "ab", "b\xff"}
	for i, id := range want {
		apply(t, s, 3, RowFact(contact, id, nil, row.Version{}))
		apply(t, s, 3, RowFact(row.NewSchema("lead", nil), id+"x", nil, row.Version{}))
		for seq := range uint64(7 * i) { // few and many events: both ways to the next subject
			apply(t, s, 3, EventFact("contact", id, opened, openedAt(5, seq, "e")))
		}
	}
	for limit := 1; limit < 8; limit++ {
		var got []string
		for last := ""; ; {
			page, err := s.IDs(3, "contact", last, limit)
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, page...); len(page) < limit {
				break
			}
			last = page[len(page)-1]
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: got %q, want %q", limit, got, want)
		}
	}
}

func TestTaskFactsOfStore(t *testing.T) {
	s := openMem(t)
	if _, ok, err := s.Task(3); ok || err != nil {
		t.Errorf("no task: got %v, %v", ok, err)
	}
	if _, ok, err := s.Position(3); ok || err != nil {
		t.Errorf("no position: got %v, %v", ok, err)
	}
	task := Task{Clock: 1, Seq: 2, EventSeq: 3, Catalog: 1 << 63, Revision: 5}
	a, b := Source{Topic: [16]byte{1}, Name: "crm", Partition: 7}, Source{Name: "crm", Partition: 7}
	vip, won := Counter{"segment", "vip", 5, 7, 2, 0, 0}, Counter{"trigger", "won", 0, 0, 0, 9, 4}
	apply(t, s, 3,
		TaskFact(Task{}), CounterFact(won), SourceFact(a, 1), TaskFact(task), SourceFact(a, 5), SourceFact(b, 6),
		FreezeFact(Freezing{Segment: 9, Hash: 1, At: 5}), FreezeFact(Freezing{Segment: 8}), FreezeTombstone(8),
		CounterFact(vip), SourceFact(Source{Name: "gone"}, 3), SourceTombstone(Source{Name: "gone"}))
	if got, ok, err := s.Task(3); got != task || !ok || err != nil {
		t.Errorf("got %+v, %v, %v", got, ok, err)
	}
	sources, err := s.Sources(3)
	if err != nil || len(sources) != 2 || sources[a] != 5 || sources[b] != 6 {
		t.Errorf("got %v, %v", sources, err)
	}
	freezings, err := s.Freezings(3)
	if err != nil || !slices.Equal(freezings, []Freezing{{Segment: 9, Hash: 1, At: 5}}) {
		t.Errorf("got %+v, %v", freezings, err)
	}
	counters, err := s.Counters(3)
	if err != nil || !slices.Equal(counters, []Counter{vip, won}) {
		t.Errorf("got %v, %v", counters, err)
	}
}

func TestDropTakesOnePartition(t *testing.T) {
	s := openMem(t)
	for _, p := range []int32{0, 5, 6, 300} {
		apply(t, s, p, StatusFact("contact", "c-1", []Membership{member(9, 50)}), TaskFact(Task{}))
	}
	if due, err := s.NextDue(5); due != 50 || err != nil { // known from now on
		t.Errorf("got due %v, %v", due, err)
	}
	if err := s.Drop(5); err != nil {
		t.Fatal(err)
	}
	got, err := s.Partitions()
	if err != nil || !slices.Equal(got, []int32{0, 6, 300}) {
		t.Errorf("got partitions %v, %v", got, err)
	}
	expectTimers(t, s, 5)
	if due, err := s.NextDue(5); due != row.Never || err != nil {
		t.Errorf("got due %v, %v", due, err)
	}
	if n, err := s.Size(5, 9); n != 0 || err != nil {
		t.Errorf("got size %d, %v", n, err)
	}
	expectTimers(t, s, 6, Timer{50, "contact", "c-1"})
	// What comes afterwards begins anew.
	apply(t, s, 5, StatusFact("contact", "c-2", []Membership{member(9, 60)}))
	expectTimers(t, s, 5, Timer{60, "contact", "c-2"})
	expectIDs(t, s, 5, 9, "c-2")
}

func expectTimers(t testing.TB, s *Store, p int32, want ...Timer) {
	t.Helper()
	got, err := s.Timers(p, nil, row.Never, 1000)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got timers %v, %v; want %v", got, err, want)
	}
}

func expectIDs(t testing.TB, s *Store, p int32, segment uint64, want ...string) {
	t.Helper()
	var got []string
	err := s.Members(p, segment, func(id string) bool {
		got = append(got, id)
		return true
	})
	slices.Sort(got)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got members %q, %v; want %q", got, err, want)
	}
	if n, err := s.Size(p, segment); n != int64(len(want)) || err != nil {
		t.Errorf("got size %d, %v; want %d", n, err, len(want))
	}
}

func TestMembersStopsWhenAsked(t *testing.T) {
	s := openMem(t)
	for _, id := range []string{"a", "b", "c"} {
		apply(t, s, 1, StatusFact("contact", id, []Membership{member(9, 50)}))
	}
	calls := 0
	if err := s.Members(1, 9, func(string) bool { calls++; return calls < 2 }); err != nil || calls != 2 {
		t.Errorf("got %d calls, %v", calls, err)
	}
}

func TestTimersByCursor(t *testing.T) {
	s := openMem(t)
	want := []Timer{
		{-7, "lead", "x"}, {5, "contact", "a"}, {5, "contact", "a\x00"}, {5, "contact", "b"}, {5, "lead", "a"},
		{6, "contact", "c"},
	}
	for _, i := range []int{3, 0, 5, 2, 1, 4} {
		apply(t, s, 1, StatusFact(want[i].Table, want[i].ID, []Membership{member(9, want[i].Due), member(7, 100)}))
	}
	var got []Timer
	for last := (*Timer)(nil); ; last = &got[len(got)-1] {
		page, err := s.Timers(1, last, 5, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
	}
	if !slices.Equal(got, want[:5]) {
		t.Errorf("got %v, want %v", got, want[:5])
	}
}

// The first timer is known without a look at the store, whatever was worked off before it.
func TestNextDueFollowsBatches(t *testing.T) {
	s := openMem(t)
	expect := func(want row.Instant) {
		t.Helper()
		for range 2 { // from the store, then from memory
			if due, err := s.NextDue(1); due != want || err != nil {
				t.Errorf("got %v, %v; want %v", due, err, want)
			}
		}
	}
	until := func(id string, at row.Instant) Fact { return StatusFact("contact", id, []Membership{member(9, at)}) }
	expect(row.Never)
	apply(t, s, 1, until("a", 50))
	expect(50)
	apply(t, s, 1, until("b", 50), until("c", 70))
	expect(50)
	apply(t, s, 1, until("a", row.Never)) // b is still due then
	expect(50)
	apply(t, s, 1, until("b", 30), until("b", 80)) // 30 was there within the batch only
	expect(70)
	apply(t, s, 1, StatusFact("contact", "c", nil))
	expect(80)
	apply(t, s, 1, until("d", 5))
	expect(5)
	apply(t, s, 1, until("d", row.Never), until("b", row.Never))
	expect(row.Never)
	b := s.NewBatch()
	if err := b.Put(1, until("e", 1)); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	expect(row.Never)
}

// A slow reader of the first timer must not overwrite what a commit has told meanwhile.
func TestNextDueBesideCommits(t *testing.T) {
	s := openMem(t)
	until := func(id string, at row.Instant) Fact { return StatusFact("contact", id, []Membership{member(9, at)}) }
	for i := range 500 {
		apply(t, s, 1, until("a", 50), until("b", 90), until("c", 70))
		apply(t, s, 1, until("a", row.Never)) // from here on the first timer must be looked for
		read := make(chan error)
		go func() {
			_, err := s.NextDue(1)
			read <- err
		}()
		apply(t, s, 1, until("c", 60))
		if err := <-read; err != nil {
			t.Fatal(err)
		}
		if due, err := s.NextDue(1); due != 60 || err != nil {
			t.Fatalf("round %d: got %v, %v; want 60", i, due, err)
		}
	}
}

func TestDirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	apply(t, s, 1, TaskFact(Task{Seq: 5}))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(dir, Options{CacheBytes: 1, MemTableBytes: 1}); err != nil {
		t.Fatal(err)
	}
	// Closing has written what was in memory, although there is no write-ahead log.
	if task, _, err := s.Task(1); task.Seq != 5 || err != nil {
		t.Errorf("got %+v, %v", task, err)
	}
	if m := s.Metrics(); m.DiskBytes == 0 || m.MemTableBytes == 0 {
		t.Errorf("got %+v", m)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestUnwritableDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "state"), Options{}); err == nil || errors.Is(err, ErrInUse) {
		t.Errorf("got %v", err)
	}
}

func TestOtherFormatsAreRefused(t *testing.T) {
	for name, write := range map[string]func(*pebble.DB) error{
		"has format 2": func(db *pebble.DB) error { return db.Set(formatKey, []byte{2}, pebble.NoSync) },
		"not a state of weir": func(db *pebble.DB) error {
			return errors.Join(db.Delete(formatKey, pebble.NoSync), db.Set([]byte("x"), nil, pebble.NoSync))
		},
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			s, err := Open("state", Options{fs: fs})
			if err != nil {
				t.Fatal(err)
			}
			apply(t, s, 1, TaskFact(Task{Seq: 1}))
			if err := errors.Join(write(s.db), s.Close()); err != nil {
				t.Fatal(err)
			}
			for range 2 { // it stays refused, and as it is
				if _, err := Open("state", Options{fs: fs}); err == nil || !strings.Contains(err.Error(), name) ||
					!strings.Contains(err.Error(), "--state") {
					t.Errorf("got %v", err)
				}
			}
			db, err := pebble.Open("state", &pebble.Options{FS: fs, Merger: &pebble.Merger{Name: membership.MergerName}})
			if err != nil {
				t.Fatal(err)
			}
			value, closer, err := db.Get(append(appendPartition(nil, 1), keyTask))
			if err != nil || len(value) == 0 {
				t.Errorf("what was there is gone: %v", err)
			}
			if err := errors.Join(closer.Close(), db.Close()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// The merger's name is part of the format: Pebble refuses another one.
func TestAnotherMergerIsRefused(t *testing.T) {
	fs := vfs.NewMem()
	db, err := pebble.Open("state", &pebble.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open("state", Options{fs: fs}); err == nil || !strings.Contains(err.Error(), "--state") {
		t.Errorf("got %v", err)
	}
}

func TestClosedStore(t *testing.T) {
	s := openMem(t)
	if _, err := s.NextDue(1); err != nil { // known from now on
		t.Fatal(err)
	}
	b := s.NewBatch()
	if err := errors.Join(b.Put(1, TaskFact(Task{})), s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	_, errLoad := s.Load(1, layout, "contact", "c-1")
	_, errIDs := s.IDs(1, "contact", "", 5)
	_, _, errTask := s.Task(1)
	_, errTimers := s.Timers(1, nil, 5, 5)
	_, errDue := s.NextDue(1)
	_, errPartitions := s.Partitions()
	for i, err := range []error{
		errLoad, errIDs, errTask, errTimers, errDue, errPartitions,
		b.Commit(), b.Put(1, TaskFact(Task{})), s.Flush(), s.Drop(1),
		s.Members(1, 1, func(string) bool { return true }),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("call %d: got %v", i, err)
		}
	}
	if s.Metrics() != (Metrics{}) {
		t.Error("a closed store has metrics")
	}
}

// A batch of which a fact was refused can't be committed in part.
func TestRefusedFactSpoilsTheBatch(t *testing.T) {
	s := openMem(t)
	b := s.NewBatch()
	for _, f := range []Fact{
		{}, {Key: []byte{0x77}, Value: []byte{1}}, {Key: TaskFact(Task{}).Key, Value: []byte{}},
		{Key: StatusFact("contact", "c", nil).Key, Value: []byte{1, 1, 0}},
		{Key: append(RowTombstone("contact", "c").Key, 0), Value: []byte{1}},
	} {
		good := b.Put(1, TaskFact(Task{Seq: 9}))
		bad := b.Put(1, f)
		if good != nil || bad == nil {
			t.Errorf("%x: got %v, %v", f.Key, good, bad)
		}
		if err := b.Commit(); err == nil {
			t.Errorf("%x: committed", f.Key)
		}
	}
	if _, ok, err := s.Task(1); ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
	if err := errors.Join(b.Put(1, TaskFact(Task{Seq: 9})), b.Commit()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if err := b.Put(-1, TaskFact(Task{})); err == nil {
		t.Error("a negative partition was taken")
	}
}
