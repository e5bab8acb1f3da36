package engine

import (
	"sync"
	"sync/atomic"
	"time"
)

// Phase is where a task stands.
type Phase string

// The phases of a task.
const (
	Restoring Phase = "restoring"
	Running   Phase = "running"
)

// Status is what a worker is doing, as others may see it.
type Status struct {
	Phases    map[int32]Phase
	Remaining map[int32]int64 // changelog records still to restore, by partition
	Joined    bool            // the group has told the worker its partitions
	// TimerLateness is by how much the longest overdue timer is late; 0 if none is due.
	TimerLateness time.Duration
}

// statusBoard is the only thing that the loop shares with others.
type statusBoard struct {
	mu        sync.Mutex
	phases    map[int32]Phase
	remaining map[int32]int64
	joined    bool
	lateness  atomic.Int64
}

func (b *statusBoard) restoring(p int32, remaining int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.remaining == nil {
		b.remaining = map[int32]int64{}
	}
	if remaining == 0 {
		delete(b.remaining, p)
		return
	}
	b.remaining[p] = remaining
}

func (w *Worker) publish() {
	phases := make(map[int32]Phase, len(w.tasks))
	for p, t := range w.tasks {
		phases[p] = Running
		if t.task == nil {
			phases[p] = Restoring
		}
	}
	w.status.mu.Lock()
	defer w.status.mu.Unlock()
	w.status.phases, w.status.joined = phases, true
}

// Status returns what the worker is doing. Any goroutine may call it.
func (w *Worker) Status() Status {
	b := &w.status
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Status{Phases: b.phases, Joined: b.joined, TimerLateness: time.Duration(b.lateness.Load()),
		Remaining: make(map[int32]int64, len(b.remaining))}
	for p, n := range b.remaining {
		s.Remaining[p] = n
	}
	return s
}
