package latency

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestQuantiles shows that quantiles are right within the promised error, by comparing with sorted lists.
func TestQuantiles(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 50 {
		var h Histogram
		all := make([]time.Duration, 1+rnd.IntN(2000))
		for i := range all {
			all[i] = time.Duration(rnd.ExpFloat64() * float64(time.Duration(1)<<(10+rnd.IntN(25))))
			h.Add(all[i])
		}
		slices.Sort(all)
		for _, q := range []float64{0, 0.5, 0.9, 0.99, 1} {
			rank := max(int(q*float64(len(all))+0.5), 1)
			want, got := all[rank-1], h.Quantile(q)
			if got < want.Truncate(time.Microsecond) || got > want+want/32+time.Microsecond {
				t.Errorf("quantile %g of %d is %v, not %v", q, len(all), got, want)
			}
		}
		if h.Max() != all[len(all)-1] || h.Count() != uint64(len(all)) {
			t.Errorf("max %v of %d, not %v of %d", h.Max(), h.Count(), all[len(all)-1], len(all))
		}
	}
}

// TestTracker shows that effects find their records, those that are seen before the producer's acknowledgement too, and
// that effects of older records do not count.
func TestTracker(t *testing.T) {
	tr, start := NewTracker(), time.Unix(1000, 0)
	tr.Seen(Place{"a", 1, 101}, start.Add(9*time.Millisecond)) // acknowledged later
	tr.Sent(Place{"a", 1, 100}, start)
	tr.Sent(Place{"a", 1, 101}, start.Add(time.Millisecond))
	tr.Seen(Place{"a", 1, 100}, start.Add(2*time.Millisecond))
	tr.Seen(Place{"a", 1, 99}, start.Add(time.Hour))  // sent before
	tr.Seen(Place{"b", 0, 100}, start.Add(time.Hour)) // never sent
	h := tr.Effects()
	if h.Count() != 2 || h.Max() != 8*time.Millisecond {
		t.Errorf("%d effects, the longest %v; want 2 and 8ms", h.Count(), h.Max())
	}
}
