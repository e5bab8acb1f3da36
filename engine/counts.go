package engine

import (
	"sync"
	"sync/atomic"
)

// Causes are the kinds of causes that Counts tells apart, in the order of its arrays.
var Causes = [...]string{"row", "event", "time", "segment", "catalog", "command", "erasure"}

// Counts is what a worker counts since it started; read by the metrics endpoint while the worker runs.
type Counts struct {
	Entered, Left, Fired [len(Causes)]atomic.Int64 // by cause, see Causes

	Suppressed  atomic.Int64 // firings that a limit held back
	Unchanged   atomic.Int64 // row images equal to the held one
	Unknown     atomic.Int64 // input records about a table, event kind or segment that the catalog no longer has
	Deadletters atomic.Int64
	TimersFired atomic.Int64
	Commits     atomic.Int64
	Aborts      atomic.Int64

	topics sync.Map // source topic -> *TopicCounts
}

// TopicCounts is what came of the records of one source topic.
type TopicCounts struct {
	Records        atomic.Int64 // changes taken by tasks
	Duplicates     atomic.Int64 // dropped: seen already at this source position
	Stale          atomic.Int64 // dropped: an image not newer than the held one
	RepeatedEvents atomic.Int64 // dropped: an event id that the subject has already
	Deadletters    atomic.Int64
}

// Topic returns the counts of a source topic.
func (c *Counts) Topic(name string) *TopicCounts {
	if t, ok := c.topics.Load(name); ok {
		return t.(*TopicCounts)
	}
	t, _ := c.topics.LoadOrStore(name, &TopicCounts{})
	return t.(*TopicCounts)
}

// Topics calls f for each source topic that records came from, in no order.
func (c *Counts) Topics(f func(name string, t *TopicCounts)) {
	c.topics.Range(func(k, v any) bool {
		f(k.(string), v.(*TopicCounts))
		return true
	})
}

// byCause returns the count of the cause kind.
func byCause(counts *[len(Causes)]atomic.Int64, kind string) *atomic.Int64 {
	for i, name := range Causes {
		if name == kind {
			return &counts[i]
		}
	}
	return &counts[0]
}
