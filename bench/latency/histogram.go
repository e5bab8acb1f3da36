// Package latency measures how long source records take until what they caused can be read.
package latency

import (
	"math/bits"
	"time"
)

// Histogram counts durations with a relative error below 1/32, from 1 µs on: each power of two is cut into 32 buckets.
// The zero value is empty. It belongs to one goroutine.
type Histogram struct {
	buckets [32 * 44]uint64
	n       uint64
	max     time.Duration
}

// Add counts d; a negative one, of clocks that differ, counts as 0.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.buckets[bucketOf(uint64(d/time.Microsecond))]++
	h.n++
	h.max = max(h.max, d)
}

// Count returns how many durations were counted.
func (h *Histogram) Count() uint64 { return h.n }

// Max returns the longest duration that was counted.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile returns a duration that the share q (0 to 1) of those counted do not exceed; 0 if none was counted.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(q*float64(h.n) + 0.5)
	for i, n := range h.buckets {
		if rank <= n && n > 0 {
			return min(ceiling(i), h.max)
		}
		rank -= min(rank, n)
	}
	return h.max
}

// bucketOf returns the bucket of a number of microseconds: below 32 the number itself, above that the power of two and
// the five bits that follow its highest.
func bucketOf(us uint64) int {
	if us < 32 {
		return int(us)
	}
	shift := bits.Len64(us) - 6
	return min(32*shift+int(us>>shift), 32*44-1)
}

// ceiling returns the longest duration of a bucket.
func ceiling(bucket int) time.Duration {
	if bucket < 32 {
		return time.Duration(bucket+1)*time.Microsecond - 1
	}
	shift := bucket/32 - 1
	top := uint64(bucket%32+32+1) << shift
	return time.Duration(top)*time.Microsecond - 1
}
