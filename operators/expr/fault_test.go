package expr_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

// hasField is a has() of a chain of names.
var hasField = regexp.MustCompile(`has\(([\w.]+)\)`)

// faultyRows finds a row of nulls where there is none, or not the last row of lists.
type faultyRows struct {
	expr.Rows
	nulls bool
}

func (f *faultyRows) One(l *expr.Link, from row.Row) row.Row {
	r := f.Rows.One(l, from)
	if f.nulls && r == nil {
		return make(row.Row, len(l.To.Schema.Fields))
	}
	return r
}

func (f *faultyRows) Many(l *expr.Link, from row.Row) []row.Row {
	rows := f.Rows.Many(l, from)
	if f.nulls {
		return rows
	}
	return rows[:max(0, len(rows)-1)]
}

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
		{name: "a hop less", m: replace(".parent", "")},
		{name: "has() fails through a missing link", m: mutant{source: func(s string) string {
			return hasField.ReplaceAllString(differs.Replace(s), "($1 != null)")
		}}},
		{name: "a missing row is one of nulls", m: mutant{rows: func(r expr.Rows) expr.Rows { return &faultyRows{r, true} }}},
		{name: "a row is left out", m: mutant{rows: func(r expr.Rows) expr.Rows { return &faultyRows{r, false} }}},
		{name: "a path is not said", m: mutant{reads: func(r *expr.Reads) {
			r.Paths = r.Paths[:max(0, len(r.Paths)-1)]
		}}},
		{name: "a field of a path is not said", m: mutant{reads: func(r *expr.Reads) {
			r.Paths = slices.Clone(r.Paths)
			for i, p := range r.Paths {
				r.Paths[i].Fields = p.Fields[:max(0, len(p.Fields)-1)]
			}
		}}},
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
