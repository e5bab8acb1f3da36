package engine

import (
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/state/row"
)

// metrics emits the figures of the present interval if now lies beyond it, and starts the next one. A definition that
// did nothing in an interval has no record for it.
func (t *Task) metrics(now row.Instant) {
	every, clock := t.config.MetricsInterval, t.fact.Clock
	if every <= 0 || clock == row.Earliest {
		return
	}
	from := intervalStart(clock, every)
	if now < from+every || !t.counting {
		return
	}
	for _, k := range t.sortedCounters() {
		held := t.counters[k]
		if held.idle() {
			continue
		}
		c := t.count(k.kind, k.name)
		t.put(t.emitter.Metrics(&emit.Figures{
			Kind: k.kind, Name: k.name, Partition: t.partition, From: from, To: from + every,
			Size: c.Size, Entered: c.Entered, Left: c.Left, Fired: c.Fired,
			Suppressed: c.Suppressed,
		}))
		c.Entered, c.Left, c.Fired, c.Suppressed = 0, 0, 0, 0
	}
	t.counting = false
}

// idle tells whether nothing happened in the present interval.
func (c *counter) idle() bool {
	return c.Entered == 0 && c.Left == 0 && c.Fired == 0 && c.Suppressed == 0
}

// intervalStart returns the last multiple of every that is not after at; instants before 1970 are negative.
func intervalStart(at, every row.Instant) row.Instant {
	rest := at % every
	if rest < 0 {
		rest += every
	}
	return at - rest
}

// nextMetrics returns when the present interval's figures are due; row.Never if there are none.
func (t *Task) nextMetrics() row.Instant {
	every := t.config.MetricsInterval
	if every <= 0 || t.fact.Clock == row.Earliest || !t.counting {
		return row.Never
	}
	return intervalStart(t.fact.Clock, every) + every
}
