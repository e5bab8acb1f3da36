package expr_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

// TestPropertyCatchesFaults plants faults in the plan and sees that the property finds each of them.
func TestPropertyCatchesFaults(t *testing.T) {
	replace := func(old, with string) mutant {
		return mutant{source: func(s string) string { return differs.Replace(strings.ReplaceAll(s, old, with)) }}
	}
	shift := func(by row.Instant) mutant {
		return mutant{result: func(r expr.Truth, u row.Instant) (expr.Truth, row.Instant) {
			if u == row.Never {
				return r, u
			}
			return r, u + by
		}}
	}
	faults := []struct {
		name  string
		m     mutant
		plant func() func()
	}{
		{name: "until a nanosecond late", m: shift(1)},
		{name: "until never", m: mutant{result: func(r expr.Truth, _ row.Instant) (expr.Truth, row.Instant) {
			return r, row.Never
		}}},
		{name: "window keeps its edge", plant: expr.PlantWindowFault},
		{name: "null is not different", m: mutant{source: differsNull.Replace}},
		{name: ">= for >", m: replace(" > ", " >= ")},
		{name: "< for <=", m: replace(" <= ", " < ")},
		{name: "all for exists", m: replace(".exists(", ".all(")},
		{name: "last for first", m: replace(".first()", ".last()")},
		{name: "30d for 1mo", m: replace(`"1mo"`, `"30d"`)},
		{name: "365d for 1y", m: replace(`"1y"`, `"365d"`)},
		{name: "|| for &&", m: replace(" && ", " || ")},
		{name: "error is false", m: mutant{result: func(r expr.Truth, u row.Instant) (expr.Truth, row.Instant) {
			if r == expr.Error {
				r = expr.False
			}
			return r, u
		}}},
	}
	ps := pairs(t)
	refused := 0
	sound := rapid.Custom(func(t *rapid.T) string { return property(t, ps, mutant{}, &refused) })
	for seed := range 300 {
		if found := sound.Example(seed); found != "" {
			t.Fatalf("without a fault, try %d: %s", seed, found)
		}
	}
	for _, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			if fault.plant != nil {
				defer fault.plant()()
			}
			refused := 0
			gen := rapid.Custom(func(t *rapid.T) string { return property(t, ps, fault.m, &refused) })
			const tries = 5000
			for seed := range tries {
				if found := gen.Example(seed); found != "" {
					if strings.Contains(found, "not CEL") {
						t.Fatal(found)
					}
					t.Logf("caught at try %d", seed)
					return
				}
			}
			t.Errorf("not caught in %d tries", tries)
		})
	}
}
