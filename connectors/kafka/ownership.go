package kafka

import (
	"context"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ownership knows which partitions of the input topic are this worker's, and what the worker has been told.
//
// The client's callbacks run on its own goroutines and only change the lists here; the worker's goroutine takes
// the changes with notes. A partition that is lost and comes back has a new tenure: what the worker still does
// for the old one (resume, commit) is refused, because another worker may have owned the partition in between.
//
// There are three sources because none is enough: the transact session swallows a second revocation before the
// next End, an assignment after a loss need not be preceded by a revocation, and the assignment that a rebalance
// gives (seen by the balancer) does not show a loss.
type ownership struct {
	topic string

	mu      sync.Mutex
	tenures int64           // given so far
	owned   map[int32]int64 // partition -> tenure
	told    map[int32]int64 // the same, as the worker knows it
	wake    context.CancelFunc
}

func newOwnership(topic string) *ownership {
	return &ownership{topic: topic, owned: make(map[int32]int64), told: make(map[int32]int64)}
}

// onAssigned is the client's callback. It pauses the partitions before the first fetch: their state must be
// restored before their records come.
func (o *ownership) onAssigned(_ context.Context, cl *kgo.Client, added map[string][]int32) {
	partitions := added[o.topic]
	if len(partitions) == 0 {
		return
	}
	cl.PauseFetchPartitions(map[string][]int32{o.topic: partitions})
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range partitions {
		o.tenures++
		o.owned[p] = o.tenures
	}
	o.wakeLocked()
}

// onRevoked is the client's callback, for lost partitions too.
func (o *ownership) onRevoked(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range gone[o.topic] {
		delete(o.owned, p)
	}
	o.wakeLocked()
}

// onAssignment is called with all that a rebalance gives this member, before the callbacks.
func (o *ownership) onAssignment(all map[string][]int32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for p := range o.owned {
		if !slices.Contains(all[o.topic], p) {
			delete(o.owned, p)
		}
	}
	o.wakeLocked()
}

func (o *ownership) wakeLocked() {
	if o.wake != nil {
		o.wake()
	}
}

// pollContext returns a context that ends with the first change that the worker must be told of. It has ended
// already if there is one.
func (o *ownership) pollContext(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wake = cancel
	if o.changedLocked() {
		cancel()
	}
	return ctx, cancel
}

func (o *ownership) changedLocked() bool {
	if len(o.owned) != len(o.told) {
		return true
	}
	for p, tenure := range o.owned {
		if o.told[p] != tenure {
			return true
		}
	}
	return false
}

// notes returns what has changed since the last call, in order of partitions. The worker knows it from then on.
func (o *ownership) notes() (revoked, assigned []int32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for p, tenure := range o.told {
		if o.owned[p] != tenure {
			revoked = append(revoked, p)
			delete(o.told, p)
		}
	}
	for p, tenure := range o.owned {
		if o.told[p] != tenure {
			assigned = append(assigned, p)
			o.told[p] = tenure
		}
	}
	slices.Sort(revoked)
	slices.Sort(assigned)
	return revoked, assigned
}

// holds says whether the partition is this worker's in the tenure that the worker knows of.
func (o *ownership) holds(partition int32) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	tenure, ok := o.owned[partition]
	return ok && o.told[partition] == tenure
}

// resume lets the records of those partitions come whose tenure is still the one that the worker knows of, and returns
// them.
func (o *ownership) resume(cl *kgo.Client, partitions []int32) (ready []int32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range partitions {
		if tenure, ok := o.owned[p]; ok && o.told[p] == tenure {
			ready = append(ready, p)
		}
	}
	if len(ready) > 0 {
		cl.ResumeFetchPartitions(map[string][]int32{o.topic: ready})
	}
	return ready
}

// watchedBalancer tells of each assignment that the group gives this member.
type watchedBalancer struct {
	kgo.GroupBalancer
	onAssignment func(map[string][]int32)
}

// ParseSyncAssignment is called by the client with the assignment of every generation.
func (b watchedBalancer) ParseSyncAssignment(assignment []byte) (map[string][]int32, error) {
	all, err := b.GroupBalancer.ParseSyncAssignment(assignment)
	if err == nil {
		b.onAssignment(all)
	}
	return all, err
}
