package state

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/weirstream/weir/state/row"
)

// TestDefinitionsComeBack shows that definitions and the back-fill are read as they were written, from a store too.
func TestDefinitionsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Definition{
			Segment: rapid.Uint64().Draw(t, "segment"), Name: awkward.Draw(t, "name"), Audience: awkward.Draw(t, "audience"),
			Hash: rapid.Uint64().Draw(t, "hash"), Filling: rapid.Bool().Draw(t, "filling"), Gone: rapid.Bool().Draw(t, "gone"),
			Entered: rapid.Uint64().Draw(t, "entered"), Left: rapid.Uint64().Draw(t, "left"),
		}
		f := Fill{
			Revision: rapid.Int64().Draw(t, "revision"), At: row.Instant(rapid.Int64().Draw(t, "at")),
			Waits: rapid.Uint64().Draw(t, "waits"), Done: rapid.Bool().Draw(t, "done"),
			Audience: awkward.Draw(t, "of"), After: awkward.Draw(t, "after"), Subjects: rapid.Uint64().Draw(t, "subjects"),
			Network: rapid.Uint64().Draw(t, "network"), Published: rapid.Int64().Draw(t, "published"),
		}
		s, err := OpenMem()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		b := s.NewBatch()
		if err := b.PutAll(3, []Fact{DefinitionFact(d), FillFact(f)}); err != nil {
			t.Fatal(err)
		}
		if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
		all, err := s.Definitions(3)
		if err != nil || len(all) != 1 || all[0] != d {
			t.Fatalf("got %+v, %v; want %+v", all, err, d)
		}
		got, ok, err := s.Fill(3)
		if err != nil || !ok || got != f {
			t.Fatalf("got %+v, %v, %v; want %+v", got, ok, err, f)
		}
		if _, ok, err := s.Fill(2); ok || err != nil {
			t.Fatalf("another partition has one, too: %v, %v", ok, err)
		}
	})
}

// FuzzDefinition reads hostile bytes: no panic, and errors say that they are no fact.
func FuzzDefinition(f *testing.F) {
	f.Add(DefinitionFact(Definition{Name: "nd", Audience: "contact", Filling: true}).Value)
	f.Add(FillFact(Fill{Audience: "contact", After: "c-1"}).Value)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 || b[0] != valueFormat {
			if _, err := DecodeDefinitionFact(b); !errors.Is(err, ErrValue) {
				t.Fatalf("got %v", err)
			}
		}
		_, _ = DecodeDefinitionFact(b)
		_, _ = DecodeFillFact(b)
	})
}
