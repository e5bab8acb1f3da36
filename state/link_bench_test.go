package state

import (
	"fmt"
	"testing"
)

// linkStore holds 100,000 references to 10,000 rows, flushed.
func linkStore(b *testing.B) *Store {
	s := benchStore(b, 0)
	batch := s.NewBatch()
	for i := range 10 * benchSubjects {
		put(b, batch, RefFact(Ref{7, fmt.Sprint("a-", i%benchSubjects), fmt.Sprint("c-", i)}))
	}
	commit(b, batch)
	if err := s.Flush(); err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkLinks is the cost of one look at references: in a partition without any, in one that has many, and there
// with others laid over it.
func BenchmarkLinks(b *testing.B) {
	expect := func(b *testing.B, got, want bool, err error) {
		if got != want || err != nil {
			b.Fatalf("got %v, %v", got, err)
		}
	}
	for name, look := range map[string]func(b *testing.B, o *Overlay, id string, there bool){
		"HasRefs": func(b *testing.B, o *Overlay, id string, there bool) {
			got, err := o.HasRefs(7, id)
			expect(b, got, there, err)
		},
		"Refs": func(b *testing.B, o *Overlay, id string, there bool) {
			got, err := o.Refs(7, id, "", 0)
			expect(b, len(got) == 10, there, err)
		},
		"HasRef": func(b *testing.B, o *Overlay, id string, there bool) {
			got, err := o.HasRef(Ref{7, "a-" + id[2:], "c-" + id[2:]})
			expect(b, got, there, err)
		},
	} {
		for _, c := range []struct {
			name      string
			partition int32
			id        string
			laid      int
		}{{"none", 2, "a-77", 0}, {"absent", 1, "a-77x", 0}, {"present", 1, "a-77", 0}, {"laid", 1, "a-77", 1000}} {
			b.Run(name+"/"+c.name, func(b *testing.B) {
				o := overlay(b, linkStore(b), c.partition)
				for i := range c.laid {
					lay(b, o, RefFact(Ref{8, "a-77", fmt.Sprint("c-", i)}))
				}
				b.ReportAllocs()
				for b.Loop() {
					look(b, o, c.id, c.partition == 1 && c.name != "absent")
				}
			})
		}
	}
}
