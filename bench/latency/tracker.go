package latency

import (
	"sync"
	"time"
)

// Place is where a source record stands.
type Place struct {
	Topic     string
	Partition int32
	Offset    int64
}

// Tracker brings together when source records were sent and when what they caused could be read. Any goroutine may
// use it.
type Tracker struct {
	mu     sync.Mutex
	sent   map[partition][]time.Time // by offset from the first one on
	first  map[partition]int64
	early  []sighting // seen before the producer knew where its record stands
	effect Histogram
}

type partition struct {
	topic string
	index int32
}

type sighting struct {
	place Place
	at    time.Time
}

// NewTracker returns an empty tracker.
func NewTracker() *Tracker {
	return &Tracker{sent: map[partition][]time.Time{}, first: map[partition]int64{}}
}

// Sent says that the record that now stands at p was sent at the instant at. The records of a partition must come in
// their order.
func (t *Tracker) Sent(p Place, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := partition{p.Topic, p.Partition}
	if len(t.sent[key]) == 0 {
		t.first[key] = p.Offset
	}
	t.sent[key] = append(t.sent[key], at)
}

// Seen says that an effect of the record at p could be read at the instant at. Effects of records that were sent before
// the tracker began are not counted.
func (t *Tracker) Seen(p Place, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.count(sighting{p, at}) {
		t.early = append(t.early, sighting{p, at})
	}
}

// count tells whether the sending of the record is known.
func (t *Tracker) count(s sighting) bool {
	key := partition{s.place.Topic, s.place.Partition}
	list := t.sent[key]
	i := s.place.Offset - t.first[key]
	if len(list) == 0 || i >= int64(len(list)) {
		return false
	}
	if i >= 0 {
		t.effect.Add(s.at.Sub(list[i]))
	}
	return true
}

// Effects returns the latencies of all effects seen so far. Call it when the producer knows where all records stand.
func (t *Tracker) Effects() Histogram {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.early {
		t.count(s)
	}
	t.early = nil
	return t.effect
}
