package catalog

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// chain returns a catalog of n segments of which the i-th names those of uses[i].
func chain(uses [][]int) string {
	var b strings.Builder
	b.WriteString(leadTable)
	for i, u := range uses {
		fmt.Fprintf(&b, "---\nkind: Segment\nname: s%02d\naudience: lead\nwhere: lead.score > %d", i, i)
		for _, j := range u {
			fmt.Fprintf(&b, " && !in_segment(\"s%02d\")", j)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// numberOf returns the i of a segment of chain.
func numberOf(t *testing.T, s *Segment) int {
	t.Helper()
	i, err := strconv.Atoi(strings.TrimPrefix(s.Name, "s"))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// Whatever the names, segments stand after those that they name, and every position in the catalog means the
// segment that the condition named.
func TestOrderOfRandomSegments(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
		const n = 30
		rank := r.Perm(n) // segments name those of lower rank only: no cycles
		uses := make([][]int, n)
		for i := range uses {
			for j := range n {
				if rank[j] < rank[i] && r.IntN(8) == 0 {
					uses[i] = append(uses[i], j)
				}
			}
		}
		a := parse(t, chain(uses)).Audience("lead")
		for i, s := range a.Segments {
			number := numberOf(t, s)
			var got []int
			for _, u := range s.Uses {
				got = append(got, numberOf(t, a.Segments[u]))
				if u >= i {
					t.Errorf("segment %s at %d uses %s at %d", s.Name, i, a.Segments[u].Name, u)
				}
				if !slices.Contains(a.Dependants(u), i) {
					t.Errorf("%s is no dependant of %s", s.Name, a.Segments[u].Name)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, uses[number]) {
				t.Errorf("segment %s uses %v, want %v", s.Name, got, uses[number])
			}
			if reads := slices.Sorted(slices.Values(s.Where.Reads().Segments)); !slices.Equal(reads, s.Uses) {
				t.Errorf("the program of %s reads %v, the catalog says %v", s.Name, reads, s.Uses)
			}
			if s.Index != i || s.Audience != a || s.ID != definitionID(s.Name) {
				t.Errorf("segment %s: index %d, want %d, or a wrong audience or id", s.Name, s.Index, i)
			}
		}
	}
}

// Segments that do not name each other stand by name.
func TestOrderByName(t *testing.T) {
	a := parse(t, chain([][]int{{2}, nil, nil, nil})).Audience("lead")
	var names []string
	for _, s := range a.Segments {
		names = append(names, s.Name)
	}
	if want := []string{"s02", "s00", "s01", "s03"}; !slices.Equal(names, want) {
		t.Errorf("order %v, want %v", names, want)
	}
}

// A name whose hash is taken is refused: the store could not tell the segments apart.
func TestSegmentsWithOneID(t *testing.T) {
	b := &builder{}
	src := newSource("x.yaml", "")
	for i, name := range []string{"a", "b", "c"} {
		d := draft{name: name, nameAt: place{source: src, line: i + 1, column: 7}}
		b.segments = append(b.segments, &segmentDraft{draft: d, segment: &Segment{Name: name, ID: uint64(i / 2)}})
	}
	b.checkSegmentIDs()
	if len(b.faults) != 1 || b.faults[0].Line != 2 {
		t.Errorf("got %v, want one fault in line 2", b.faults)
	}
}

// Known values: what the store keeps memberships by must never change.
func TestSegmentID(t *testing.T) {
	known := map[string]uint64{"": 0xcbf29ce484222325, "a": 0xaf63dc4c8601ec8c, "foobar": 0x85944171f73967e8}
	for name, want := range known {
		if got := definitionID(name); got != want {
			t.Errorf("definitionID(%q) = %#x, want %#x", name, got, want)
		}
	}
}

// What was not declared is not found, and no position is out of range.
func TestLookupsOfNothing(t *testing.T) {
	c := parse(t, leadTable)
	a := c.Audience("lead")
	for _, i := range []int{-1, 0, 99} {
		if a.SegmentsReadingField(i) != nil || a.SegmentsReadingEvent(i) != nil || a.Dependants(i) != nil ||
			a.TriggersOnEvent(i) != nil || a.TriggersOnSegment(i) != nil {
			t.Errorf("something is found at %d", i)
		}
	}
	if c.Table("x") != nil || c.Event("x") != nil || c.Audience("x") != nil || c.Segment("x") != nil ||
		c.Layout("x") != nil || a.TriggersOnTable("x") != nil {
		t.Error("something is found under a name that is not there")
	}
}

func BenchmarkParse1000Segments(b *testing.B) {
	text := []byte(leadTable + "---\n" + leadEvent)
	for i := range 1000 {
		text = fmt.Appendf(text, "---\nkind: Segment\nname: s%d\naudience: lead\nwhere: >\n  lead.score > %d\n"+
			"  && visit.within(\"90d\").exists(v, v.time > ago(\"%dd\"))\n", i, i, i%80+1)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse([]File{{Name: "x.yaml", Text: text}}); err != nil {
			b.Fatal(err)
		}
	}
}
