package kafka

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state"
)

// BenchmarkCommit runs epochs back to back: outputs and facts over four partitions, in one transaction. It reports
// the middle and the worst hundredth of the rounds, with the pause between transactions adapted, fixed, or none.
func BenchmarkCommit(b *testing.B) {
	pacers := []struct {
		name string
		make func() pacer
	}{
		{"adaptive", newPacer},
		{"fixed3ms", func() pacer { return fixed(pauseStart) }},
		{"none", func() pacer { return pacer{} }},
	}
	for _, p := range pacers {
		for _, n := range []int{1, 100, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", p.name, n), func(b *testing.B) { benchCommit(b, p.make(), n) })
		}
	}
}

// fixed is a pacer that never tries anything else.
func fixed(arm int) pacer { return pacer{enabled: true, chosen: arm, rounds: -1 << 40} }

func benchCommit(b *testing.B, p pacer, n int) {
	w := newWorld(b, 4)
	a := w.open("a")
	a.own(4)
	a.Session.pace = p
	parts := make([]engine.Part, 4)
	value := make([]byte, 300)
	for i := range n {
		part := &parts[i%4]
		part.Partition, part.Next = int32(i%4), -1
		part.Outputs = append(part.Outputs, engine.Output{Topic: TopicFirings, Key: value[:20], Value: value})
		part.Facts = append(part.Facts, state.Fact{Key: value[:20], Value: value})
	}
	parts = parts[:min(n, 4)]
	for range 20 { // the first transactions of a coordinator are slow
		a.commit(parts...)
	}
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		a.commit(parts...)
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(pauses[a.Session.pace.chosen].Microseconds())/1000, "pause-ms")
}
