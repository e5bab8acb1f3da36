package state

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/weirstream/weir/state/row"
)

// crashRun applies random epochs to a store whose disk may lose all that was not synced.
type crashRun struct {
	t       *testing.T
	rng     *rand.Rand
	epochs  [][]entry
	flushed int // epochs that had been applied at the last flush
}

// After a crash a store is as it was after one of its commits, not before the last flush; positions and data
// agree; and with the rest of the changelog it becomes what it was.
func TestCrash(t *testing.T) {
	for range 12 {
		seed := uint64(time.Now().UnixNano())
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			r := &crashRun{t: t, rng: rand.New(rand.NewPCG(seed, 1))}
			r.run()
		})
	}
}

func (r *crashRun) run() {
	disk := vfs.NewCrashableMem()
	s, err := Open("state", Options{fs: disk, MemTableBytes: memTableMin})
	if err != nil {
		r.t.Fatal(err)
	}
	for range 40 + r.rng.IntN(60) {
		r.epochs = append(r.epochs, r.epoch())
		r.apply(s, len(r.epochs)-1)
		if r.rng.IntN(15) == 0 {
			if err := s.Flush(); err != nil {
				r.t.Fatal(err)
			}
			r.flushed = len(r.epochs)
		}
	}
	crashed := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.rng.IntN(101), RNG: r.rng})
	if err := s.Close(); err != nil {
		r.t.Fatal(err)
	}
	if s, err = Open("state", Options{fs: crashed, MemTableBytes: memTableMin}); err != nil {
		r.t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			r.t.Error(err)
		}
	}()
	applied := r.applied(s)
	if applied < r.flushed {
		r.t.Fatalf("%d epochs are there, %d were flushed", applied, r.flushed)
	}
	r.expect(s, applied)
	for i := applied; i < len(r.epochs); i++ {
		r.apply(s, i)
	}
	r.expect(s, len(r.epochs))
}

// epoch makes what an epoch writes; some are larger than a memtable.
func (r *crashRun) epoch() []entry {
	n, size := 1+r.rng.IntN(50), 10
	if r.rng.IntN(10) == 0 {
		n, size = 400, 4000
	}
	all := make([]entry, n)
	for i := range all {
		id := fmt.Sprint("c-", r.rng.IntN(50))
		var f Fact
		switch r.rng.IntN(4) {
		case 0:
			e := openedAt(r.rng.Int64N(100), r.rng.Uint64N(3), strings.Repeat("x", r.rng.IntN(2*size)))
			f = EventFact("contact", id, opened, e)
		case 1:
			f = StatusFact("contact", id, nil)
		default:
			var ms []Membership
			for segment := range modelSegments {
				if r.rng.IntN(2) == 0 {
					ms = append(ms, member(modelSegment(segment), row.Instant(r.rng.Int64N(1000))))
				}
			}
			f = StatusFact("contact", id, ms)
		}
		all[i] = entry{int32(r.rng.IntN(modelPartitions)), f}
	}
	return all
}

func (r *crashRun) apply(s *Store, i int) {
	if err := r.tryApply(s, r.epochs[i], i); err != nil {
		r.t.Fatal(err)
	}
}

// tryApply applies the epoch of number n, from 0, in one batch.
func (r *crashRun) tryApply(s *Store, epoch []entry, n int) error {
	b := s.NewBatch()
	for _, e := range epoch {
		if err := b.Put(e.p, e.fact); err != nil {
			return err
		}
	}
	for p := range int32(modelPartitions) {
		if err := b.SetPosition(p, Position{Next: int64(n + 1)}); err != nil {
			return err
		}
	}
	return b.Commit()
}

// applied returns how many epochs the positions, which must agree, say were applied.
func (r *crashRun) applied(s *Store) int {
	first, _, err := s.Position(0)
	if err != nil {
		r.t.Fatal(err)
	}
	for p := range int32(modelPartitions) {
		if at, _, err := s.Position(p); at != first || err != nil {
			r.t.Fatalf("position %v, %v differs from %v", at, err, first)
		}
	}
	return int(first.Next)
}

func (r *crashRun) expect(s *Store, epochs int) {
	r.t.Helper()
	var all []entry
	for _, e := range r.epochs[:epochs] {
		all = append(all, e...)
	}
	expectModel(r.t, s, all)
}
