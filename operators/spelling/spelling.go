// Package spelling tells how far one name is from another, for hints of the kind "did you mean".
package spelling

// lengthMax bounds the names that are compared; longer ones are as far apart as they are long.
const lengthMax = 100

// Distance counts the characters to insert, delete, replace or swap with their neighbour to make a into b: the
// restricted Damerau-Levenshtein distance (optimal string alignment).
func Distance(a, b string) int {
	ra, rb := []rune(a), []rune(b)
	if len(ra) > lengthMax || len(rb) > lengthMax {
		return max(len(ra), len(rb))
	}
	before, prev, row := make([]int, len(rb)+1), make([]int, len(rb)+1), make([]int, len(rb)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(ra); i++ {
		row[0] = i
		for j := 1; j <= len(rb); j++ {
			cost := 1
			if ra[i-1] == rb[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && ra[i-1] == rb[j-2] && ra[i-2] == rb[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(rb)]
}
