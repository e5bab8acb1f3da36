package front

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/operators/spelling"
)

// Near returns " (did you mean ...?)" with those of names that are written much like name; "" if none is.
func Near(name string, names []string) string {
	if near := Nearest(name, names); near != "" {
		return fmt.Sprintf(" (did you mean %s?)", near)
	}
	return ""
}

// Nearest returns the quoted names, at most three, that are written much like name.
func Nearest(name string, names []string) string {
	type candidate struct {
		name string
		far  int
	}
	var near []candidate
	for _, n := range names {
		far := spelling.Distance(strings.ToLower(name), strings.ToLower(n))
		limit := (min(len(name), len(n)) + 1) / 3
		if far <= limit || len(name) > 2 && strings.Contains(n, name) {
			near = append(near, candidate{n, far})
		}
	}
	slices.SortFunc(near, func(a, b candidate) int {
		if a.far != b.far {
			return a.far - b.far
		}
		return strings.Compare(a.name, b.name)
	})
	var quoted []string
	for _, c := range near[:min(3, len(near))] {
		quoted = append(quoted, fmt.Sprintf("%q", c.name))
	}
	return strings.Join(quoted, ", ")
}
