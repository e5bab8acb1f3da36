package state

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/weirstream/weir/state/row"
)

// Load returns the row or subject id of a table in partition p, read as l says; nil if nothing is stored of it. Events
// of kinds that l does not name are passed over.
func (s *Store) Load(p int32, l *Layout, table, id string) (*Subject, error) {
	prefix := appendSubject(appendPartition(make([]byte, 0, factSize), p), table, id)
	var subject *Subject
	kind := 0 // where in l.Events the last event was
	err := s.scan(prefix, after(prefix), len(prefix), func(key, value []byte) (bool, error) {
		if subject == nil {
			subject = &Subject{Table: table, ID: id, Events: make([][]row.Event, len(l.Events))}
		}
		var err error
		switch {
		case len(key) == 1 && key[0] == partRow:
			subject.Known = true
			subject.Row, subject.Version, err = DecodeRowFact(value, l.Row)
		case len(key) == 1 && key[0] == partStatus:
			subject.Memberships, subject.Watches, err = DecodeStatusFact(value)
		case len(key) > 1 && key[0] == partEvent:
			kind, err = subject.addEvent(l, kind, key[1:], value)
		case len(key) == 1 && key[0] == partDeferred:
			subject.Deferred, err = DecodeDeferredFact(value)
			subject.Deferred = bytes.Clone(subject.Deferred)
		default:
			err = ErrKey
		}
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot load a row of %s in partition %d: %w", table, p, err)
	}
	return subject, nil
}

// addEvent adds an event whose key is, without the subject, key. Events come in their order, by kind, time and seq.
// It returns the kind's place in l.Events, which likely is the next one's, too.
func (s *Subject) addEvent(l *Layout, guess int, key, value []byte) (int, error) {
	name, tail, err := readEscaped(key)
	if err != nil {
		return guess, err
	}
	if guess >= len(l.Events) || l.Events[guess].Name != string(name) {
		if guess = l.kind(name); guess < 0 {
			return 0, nil
		}
	}
	e, err := DecodeEventFact(value, l.Events[guess])
	if err != nil {
		return guess, err
	}
	if e.Time, e.Seq, err = readEventTail(tail); err != nil {
		return guess, err
	}
	s.Events[guess] = append(s.Events[guess], e)
	return guess, nil
}

// kind returns where in l.Events a kind of event is; -1 if it isn't.
func (l *Layout) kind(name []byte) int {
	for i, e := range l.Events {
		if e.Name == string(name) {
			return i
		}
	}
	return -1
}

// Keys returns the keys of all facts of a subject or row, also of events of kinds that no catalog declares any more:
// with nil values they forget it everywhere.
func (s *Store) Keys(p int32, table, id string) ([][]byte, error) {
	prefix := appendSubject(appendPartition(make([]byte, 0, factSize), p), table, id)
	var keys [][]byte
	err := s.scan(prefix, after(prefix), partitionSize, func(key, _ []byte) (bool, error) {
		keys = append(keys, bytes.Clone(key))
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot list the facts of a row of %s in partition %d: %w", table, p, err)
	}
	return keys, nil
}

// stepsMax is how many keys of a subject are stepped over before a seek is cheaper.
const stepsMax = 8

// IDs returns the ids of a table's rows or subjects in partition p of which anything is stored (also: that the row was
// deleted, or that events came before it), ordered by their bytes: those after the id last (the empty one: from the
// first), limit of them at most.
func (s *Store) IDs(p int32, table, last string, limit int) ([]string, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	prefix := appendEscaped(append(appendPartition(nil, p), keySubject), table)
	lower := prefix
	if last != "" {
		lower = after(appendEscaped(bytes.Clone(prefix), last))
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: after(prefix)})
	if err != nil {
		return nil, fmt.Errorf("cannot list the rows of %s in partition %d: %w", table, p, err)
	}
	var ids []string
	var next []byte // the first key after the subject
	for ok := it.First(); ok && len(ids) < limit; {
		key := it.Key()
		id, rest, err := readEscaped(key[len(prefix):])
		if err != nil {
			return nil, errors.Join(damaged("a fact's key is not readable", p, err), it.Close())
		}
		ids = append(ids, string(id))
		next = append(next[:0], key[:len(key)-len(rest)]...)
		next[len(next)-1]++
		ok = skipTo(it, next)
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return nil, fmt.Errorf("cannot list the rows of %s in partition %d: %w", table, p, err)
	}
	return ids, nil
}

// skipTo moves it forward to the first key at or after key.
func skipTo(it *pebble.Iterator, key []byte) bool {
	for range stepsMax {
		if !it.Next() {
			return false
		}
		if bytes.Compare(it.Key(), key) >= 0 {
			return true
		}
	}
	return it.SeekGE(key)
}

// Position returns how far the changelog of partition p is applied; ok is false if nothing of it is.
func (s *Store) Position(p int32) (at Position, ok bool, err error) {
	value, err := s.get(derivedKey(p, keyPosition))
	if err == nil && value != nil {
		at, err = parsePosition(value)
	}
	if err != nil {
		return Position{}, false, fmt.Errorf("cannot read the position of partition %d: %w", p, err)
	}
	return at, value != nil, nil
}

// Task returns the fact about the task of partition p; ok is false if there is none.
func (s *Store) Task(p int32) (t Task, ok bool, err error) {
	value, err := s.get(append(appendPartition(nil, p), keyTask))
	if err == nil && value != nil {
		t, err = DecodeTaskFact(value)
	}
	if err != nil {
		return Task{}, false, fmt.Errorf("cannot read the task of partition %d: %w", p, err)
	}
	return t, value != nil, nil
}

// Sources returns the highest offset that was worked off, by source partition.
func (s *Store) Sources(p int32) (map[Source]int64, error) {
	prefix := append(appendPartition(nil, p), keySource)
	all := make(map[Source]int64)
	err := s.scan(prefix, after(prefix), len(prefix), func(key, value []byte) (bool, error) {
		source, err := readSource(key)
		if err != nil {
			return false, err
		}
		all[source], err = DecodeSourceFact(value)
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the offsets of the sources in partition %d: %w", p, err)
	}
	return all, nil
}

// Counters returns the figures of all definitions in partition p, ordered by kind and name.
func (s *Store) Counters(p int32) ([]Counter, error) {
	prefix := append(appendPartition(nil, p), keyCounter)
	var all []Counter
	err := s.scan(prefix, after(prefix), len(prefix), func(key, value []byte) (bool, error) {
		names, err := readCounterKey(key)
		if err != nil {
			return false, err
		}
		c, err := DecodeCounterFact(value)
		c.Kind, c.Name = names[0], names[1]
		all = append(all, c)
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the counters of partition %d: %w", p, err)
	}
	return all, nil
}

// Freezings returns what is known of frozen segments in partition p, ordered by segment.
func (s *Store) Freezings(p int32) ([]Freezing, error) {
	prefix := append(appendPartition(nil, p), keyFreeze)
	var all []Freezing
	err := s.scan(prefix, after(prefix), len(prefix), func(key, value []byte) (bool, error) {
		f, err := DecodeFreezeFact(value)
		if err == nil {
			f.Segment, err = readNumber(key)
		}
		all = append(all, f)
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the frozen segments of partition %d: %w", p, err)
	}
	return all, nil
}
