package main

import "strings"

// didYouMean returns ` (did you mean "x"?)` with the nearest of the known names, or nothing if none is near.
func didYouMean(given string, known []string, prefix string) string {
	if n := nearest(given, known); n != "" {
		return " (did you mean " + prefix + n + "?)"
	}
	return ""
}

// nearest returns the known name that the fewest edits make of given, or "" if all are too far: more than a third of
// its letters would have to change.
func nearest(given string, known []string) string {
	given = strings.ToLower(given)
	best, bestEdits := "", 1+max(len(given)/3, 1)
	for _, name := range known {
		if e := edits(given, strings.ToLower(name)); e < bestEdits {
			best, bestEdits = name, e
		}
	}
	return best
}

// edits counts the insertions, deletions, replacements and swaps of neighbours that make b of a.
func edits(a, b string) int {
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}
