package state

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/weirstream/weir/state/row"
)

// nextTimer remembers where a partition's first timer is. The timers before it have been worked off, and their
// deletions still lie in the store for a while: without it each look at the first timer would step over them all.
type nextTimer struct {
	due     row.Instant // no timer is due earlier
	exact   bool        // the first timer is due then; with row.Never: there is none
	changes uint64      // grows with each commit, so that a slow reader does not overwrite what is newer
}

// nextOf returns the place of partition p; s.mu must be held.
func (s *Store) nextOf(p int32) *nextTimer {
	n := s.next[p]
	if n == nil {
		n = &nextTimer{due: row.Earliest}
		s.next[p] = n
	}
	return n
}

// timerMove is what a batch does to the timers of a partition.
type timerMove struct{ put, deleted row.Instant } // the earliest; row.Never if none

// moveTimers follows a batch that was committed.
func (s *Store) moveTimers(p int32, m timerMove) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nextOf(p)
	n.changes++
	if m.put <= n.due {
		n.due, n.exact = m.put, true
	}
	if m.deleted <= n.due && m.deleted != row.Never {
		n.exact = false // perhaps it was the first, perhaps another one is due at the same instant
	}
}

// forgetTimers follows the dropping of a partition.
func (s *Store) forgetTimers(p int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nextOf(p)
	n.due, n.exact = row.Never, true
	n.changes++
}

// NextDue returns when the first timer of partition p is due; row.Never if there is none.
func (s *Store) NextDue(p int32) (row.Instant, error) {
	if err := s.alive(); err != nil {
		return row.Never, err
	}
	s.mu.Lock()
	known := *s.nextOf(p)
	s.mu.Unlock()
	if known.exact {
		return known.due, nil
	}
	first, err := s.Timers(p, nil, row.Never, 1)
	if err != nil {
		return row.Never, err
	}
	due := row.Never
	if len(first) > 0 {
		due = first[0].Due
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.nextOf(p); n.changes == known.changes {
		n.due, n.exact = due, true
	}
	return due, nil
}

// Timers returns the timers of partition p that are due at upTo or earlier, in the order of due, table and id: those
// that come after the timer last (nil: from the first), limit of them at most.
func (s *Store) Timers(p int32, last *Timer, upTo row.Instant, limit int) ([]Timer, error) {
	if limit <= 0 {
		return nil, nil
	}
	prefix := derivedKey(p, keyTimer)
	skip := len(prefix)
	upper := after(prefix)
	if upTo != row.Never {
		upper = appendOrdered(prefix, int64(upTo)+1)
	}
	s.mu.Lock()
	lower := appendOrdered(derivedKey(p, keyTimer), int64(s.nextOf(p).due))
	known := s.nextOf(p).due
	s.mu.Unlock()
	if last != nil && last.Due >= known {
		// The escaped id ends in a byte below 0xff: nothing lies between it and the next timer.
		lower = after(timerKey(p, last))
	}
	if string(lower) >= string(upper) {
		return nil, s.alive()
	}
	var timers []Timer
	err := s.scan(lower, upper, skip, func(key, _ []byte) (bool, error) {
		t, err := parseTimer(key)
		if err != nil {
			return false, damaged("a timer is not readable", p, err)
		}
		timers = append(timers, t)
		return len(timers) < limit, nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the timers of partition %d: %w", p, err)
	}
	return timers, nil
}

// alive returns ErrClosed of a closed store.
func (s *Store) alive() error {
	if s.closed.Load() {
		return ErrClosed
	}
	return nil
}

// setTimer moves a subject's one timer. Instants at which nothing is due are row.Never.
func (b *Batch) setTimer(p int32, table, id string, from, to row.Instant) error {
	if from == to {
		return nil
	}
	m, ok := b.timers[p]
	if !ok {
		m = timerMove{put: row.Never, deleted: row.Never}
	}
	var err error
	if from != row.Never {
		m.deleted = min(m.deleted, from)
		err = b.batch.Delete(timerKey(p, &Timer{Due: from, Table: table, ID: id}), pebble.NoSync)
	}
	if to != row.Never {
		m.put = min(m.put, to)
		err = errors.Join(err, b.batch.Set(timerKey(p, &Timer{Due: to, Table: table, ID: id}), nil, pebble.NoSync))
	}
	b.timers[p] = m
	return err
}
