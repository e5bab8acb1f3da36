package load

import (
	"fmt"
	"testing"

	"github.com/weirstream/weir/operators/catalog"
)

// TestCatalogIsSound shows that drawn catalogs are accepted whole, by loading some of different seeds and sizes, and
// that a spec always gives the same text.
func TestCatalogIsSound(t *testing.T) {
	for seed := range uint64(5) {
		s := Spec{Seed: seed, Segments: 40 << seed, Triggers: 20, Prefix: "p"}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			text := s.Catalog()
			c, err := catalog.Parse([]catalog.File{{Name: "bench.yaml", Text: []byte(text)}})
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Segments) != s.Segments || len(c.Triggers) != s.Triggers {
				t.Errorf("%d segments and %d triggers, not %d and %d", len(c.Segments), len(c.Triggers), s.Segments, s.Triggers)
			}
			if s.Catalog() != text {
				t.Error("a second call gives another text")
			}
		})
	}
}
