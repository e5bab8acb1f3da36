package main

import (
	"math/bits"
	"time"
)

// latencies is a histogram of durations with a relative error below 1/16, from 1 µs on: each power of two is cut
// into 16 buckets. The zero value is empty.
type latencies struct {
	buckets [latencyBuckets]uint64
	n       uint64
	max     time.Duration
}

// latencyBuckets is enough for the longest time.Duration: 53 bits of microseconds.
const latencyBuckets = 16 * (53 - 5 + 2)

// add counts d; a negative one, of clocks that differ, counts as 0.
func (l *latencies) add(d time.Duration) {
	d = max(d, 0)
	l.buckets[bucketOf(uint64(d/time.Microsecond))]++
	l.n++
	l.max = max(l.max, d)
}

// bucketOf returns the bucket of a number of microseconds: below 16 the number itself, above that the power of
// two and the four bits that follow its highest.
func bucketOf(us uint64) int {
	if us < 16 {
		return int(us)
	}
	shift := bits.Len64(us) - 5
	return 16*shift + int(us>>shift)
}

// ceiling returns the largest duration of a bucket.
func ceiling(bucket int) time.Duration {
	if bucket < 16 {
		return time.Duration(bucket+1)*time.Microsecond - 1
	}
	shift := bucket/16 - 1
	top := uint64(bucket%16+16+1) << shift
	return time.Duration(top)*time.Microsecond - 1
}

// quantile returns a duration that the share q (0 to 1) of those counted do not exceed; 0 if none was counted.
func (l *latencies) quantile(q float64) time.Duration {
	rank := uint64(q*float64(l.n) + 0.5)
	for i, n := range l.buckets {
		if rank <= n && n > 0 {
			return min(ceiling(i), l.max)
		}
		rank -= min(rank, n)
	}
	return l.max
}
