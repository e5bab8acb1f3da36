package front

import (
	"fmt"
	"slices"
	"strings"
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
		far := distance(strings.ToLower(name), strings.ToLower(n))
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

// distance is the number of insertions, deletions and replacements that make b of a.
func distance(a, b string) int {
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		diagonal := last[0]
		last[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, last[j], last[j+1])
			}
			diagonal, last[j+1] = last[j+1], cost
		}
	}
	return last[len(b)]
}
