package state

import (
	"fmt"
	"testing"
	"time"

	"github.com/weirstream/weir/state/row"
)

const benchSubjects = 10_000

// benchStore holds subjects with a row, 5 memberships and events, on disk.
func benchStore(b *testing.B, events int) *Store {
	s, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	batch := s.NewBatch()
	for i := range benchSubjects {
		id := fmt.Sprint("c-", i)
		put(b, batch, RowFact(contact, id, row.Row{row.OfString(id), row.OfInt(int64(i))}, row.Version{Known: true, Lo: 5}))
		put(b, batch, benchStatus(i, 0))
		for e := range events {
			put(b, batch, EventFact("contact", id, opened, openedAt(int64(1700000000+e), uint64(e), "spring")))
		}
		if i%100 == 0 {
			commit(b, batch)
		}
	}
	commit(b, batch)
	if err := s.Flush(); err != nil {
		b.Fatal(err)
	}
	return s
}

func benchStatus(i, round int) Fact {
	ms := make([]Membership, 5)
	at := row.At(time.Unix(int64(1700000000+i), 0))
	for k := range ms {
		ms[k] = Membership{
			Segment: uint64(k), Member: (i+k+round)%2 == 0, Spell: 1, Since: at,
			Until: at + row.Instant(round+1)*1e9,
		}
	}
	return StatusFact("contact", fmt.Sprint("c-", i), ms)
}

func put(b *testing.B, batch *Batch, f Fact) {
	if err := batch.Put(1, f); err != nil {
		b.Fatal(err)
	}
}

func commit(b *testing.B, batch *Batch) {
	if err := batch.Commit(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, events := range []int{0, 50} {
		b.Run(fmt.Sprintf("events=%d", events), func(b *testing.B) {
			s := benchStore(b, events)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i = (i + 7919) % benchSubjects
				c, err := s.Load(1, layout, "contact", fmt.Sprint("c-", i))
				if err != nil || len(c.Events[0]) != events {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("absent", func(b *testing.B) {
		s := benchStore(b, 5)
		b.ReportAllocs()
		for b.Loop() {
			if c, err := s.Load(1, layout, "contact", "nobody"); c != nil || err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkPut is the cost of one fact in batches of 1000; each status changes 5 memberships and the timer.
func BenchmarkPut(b *testing.B) {
	s := benchStore(b, 0)
	for name, fact := range map[string]func(i int) Fact{
		"row": func(i int) Fact {
			r := row.Row{row.OfString("c"), row.OfInt(int64(i))}
			return RowFact(contact, fmt.Sprint("c-", i%benchSubjects), r, row.Version{})
		},
		"event": func(i int) Fact {
			return EventFact("contact", fmt.Sprint("c-", i%benchSubjects), opened, openedAt(int64(i), uint64(i), "spring"))
		},
		"status": func(i int) Fact { return benchStatus(i%benchSubjects, i/benchSubjects) },
	} {
		b.Run(name, func(b *testing.B) {
			batch := s.NewBatch()
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				put(b, batch, fact(i))
				if i++; i%1000 == 0 {
					commit(b, batch)
				}
			}
			commit(b, batch)
		})
	}
}

func BenchmarkNextDue(b *testing.B) {
	s := benchStore(b, 0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.NextDue(1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSize(b *testing.B) {
	s := benchStore(b, 0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Size(1, 3); err != nil {
			b.Fatal(err)
		}
	}
}
