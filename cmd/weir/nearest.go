package main

import (
	"strings"

	"github.com/weirstream/weir/operators/spelling"
)

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
		if e := spelling.Distance(given, strings.ToLower(name)); e < bestEdits {
			best, bestEdits = name, e
		}
	}
	return best
}
