package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/operators/spelling"
)

// didYouMean returns a hint that names the one of known that is nearest to word; if none is near, the hint lists
// what there is, as long as that is short.
func didYouMean(word string, known []string) string {
	best, distance := "", 1+max(1, len(word)/3)
	for _, k := range known {
		if d := spelling.Distance(strings.ToLower(word), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	if len(known) == 0 || len(known) > 16 {
		return ""
	}
	return "known are " + listed(known)
}

// listed returns words sorted, with commas.
func listed(words []string) string {
	words = slices.Clone(words)
	slices.Sort(words)
	return strings.Join(words, ", ")
}
