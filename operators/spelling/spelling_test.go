package spelling

import (
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"where", "wehre", 1}, {"where", "were", 1}, {"state", "stat", 1},
		{"kind", "name", 4}, {"größe", "grösse", 2}, {"topic", "topics", 1}, {"ca", "abc", 3},
		{strings.Repeat("a", 200), "a", 200},
	} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := Distance(c.b, c.a); got != c.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}
