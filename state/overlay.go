package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"
)

// Overlay is a partition's facts about links as a task sees them that has facts which are not in the store yet: what
// was Put, and below it what the store holds at the moment of each read. It belongs to one goroutine.
type Overlay struct {
	store    *Store
	p        int32
	batch    *pebble.Batch
	put      [linkKinds]bool // by kind: something was
	presence *presence

	key, upper []byte // scratch
	options    pebble.IterOptions
}

// NewOverlay returns an empty overlay over partition p. Whoever made it must Close it, before the store.
func (s *Store) NewOverlay(p int32) *Overlay {
	return &Overlay{store: s, p: p, batch: s.db.NewIndexedBatch(), presence: s.presenceOf(p)}
}

// Put lays a fact about links, of a reference, a subscription, a subscriber or work, over the store; one with a nil
// Value hides what the store holds. Other facts are refused (ErrKey).
func (o *Overlay) Put(f Fact) error {
	err := o.store.alive()
	switch {
	case err != nil:
	case !isLink(f.Key):
		err = ErrKey
	default:
		err = checkLink(f.Key)
	}
	if err == nil && f.Value != nil {
		_, err = open(f.Value)
	}
	if err != nil {
		return fmt.Errorf("cannot lay a fact about links over partition %d: %w", o.p, err)
	}
	o.put[f.Key[0]-keyRef] = true
	o.key = append(appendPartition(o.key[:0], o.p), f.Key...)
	if f.Value == nil {
		err = o.batch.Delete(o.key, pebble.NoSync)
	} else {
		err = o.batch.Set(o.key, f.Value, pebble.NoSync)
	}
	if err != nil {
		return fmt.Errorf("cannot lay a fact about links over partition %d: %w", o.p, err)
	}
	return nil
}

// Reset forgets what was Put: it is in the store now, or given up. The overlay may be used again.
func (o *Overlay) Reset() {
	if !o.batch.Empty() {
		o.batch.Reset()
	}
	clear(o.put[:])
}

// Close frees the overlay, which is of no use any more; a second Close does nothing.
func (o *Overlay) Close() error {
	if o.batch == nil {
		return nil
	}
	err := o.batch.Close()
	o.batch = nil
	if err != nil {
		return fmt.Errorf("cannot close the links of partition %d: %w", o.p, err)
	}
	return nil
}

// Refs returns the ids of the rows that point to the row to in an index, ordered by their bytes: those after the id
// after (the empty one: from the first), limit of them at most (0 or less: all).
func (o *Overlay) Refs(index uint64, to, after string, limit int) ([]string, error) {
	size := o.bound(index, to)
	if after != "" {
		o.key = append(append(o.key, after...), 0)
	}
	var ids []string
	err := o.scan(size, func(key, _ []byte) (bool, error) {
		ids = append(ids, string(key))
		return len(ids) != limit, nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot list the references to a row in partition %d: %w", o.p, err)
	}
	return ids, nil
}

// HasRefs tells whether any row points to the row to in an index.
func (o *Overlay) HasRefs(index uint64, to string) (bool, error) {
	size, found := o.bound(index, to), false
	err := o.scan(size, func(_, _ []byte) (bool, error) {
		found = true
		return false, nil
	})
	if err != nil {
		return false, fmt.Errorf("cannot look for references to a row in partition %d: %w", o.p, err)
	}
	return found, nil
}

// bound bounds the next scan by the references to a row, and returns what their keys have in common.
func (o *Overlay) bound(index uint64, to string) (size int) {
	o.key = appendTarget(appendPartition(o.key[:0], o.p), index, to)
	o.upper = append(o.upper[:0], o.key...)
	o.upper[len(o.upper)-1]++ // the end of an escaped string is below 0xff
	return len(o.key)
}

// HasRef tells whether r.From points to r.To.
func (o *Overlay) HasRef(r Ref) (bool, error) {
	o.key = appendRefKey(appendPartition(o.key[:0], o.p), r)
	found := false
	err := o.get(func(value []byte) error {
		found = true
		return DecodeRefFact(value)
	})
	if err != nil {
		return false, fmt.Errorf("cannot look for a reference in partition %d: %w", o.p, err)
	}
	return found, nil
}

// Targets returns the ids of the rows to which any row points in an index, ordered by their bytes: those after the id
// after (the empty one: from the first), limit of them at most (0 or less: all).
func (o *Overlay) Targets(index uint64, after string, limit int) ([]string, error) {
	o.key = binary.BigEndian.AppendUint64(append(appendPartition(o.key[:0], o.p), keyRef), index)
	size := len(o.key)
	o.upper = append(o.upper[:0], o.key...)
	if index == math.MaxUint64 {
		o.upper = append(appendPartition(o.upper[:0], o.p), keyRef+1)
	} else {
		binary.BigEndian.PutUint64(o.upper[size-8:], index+1)
	}
	if after != "" {
		o.key = appendEscaped(o.key, after)
		o.key[len(o.key)-1]++
	}
	var ids []string
	err := o.skip(func(key []byte) ([]byte, error) {
		id, from, err := readEscaped(key[size:])
		if err != nil {
			return nil, err
		}
		ids = append(ids, string(id))
		if len(ids) == limit {
			return nil, nil
		}
		o.key = append(o.key[:0], key[:len(key)-len(from)]...)
		o.key[len(o.key)-1]++
		return o.key, nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot list the rows that are pointed to in partition %d: %w", o.p, err)
	}
	return ids, nil
}

// Indexes returns the indexes that have any reference, in rising order.
func (o *Overlay) Indexes() ([]uint64, error) {
	size := o.boundKind(keyRef)
	var all []uint64
	err := o.skip(func(key []byte) ([]byte, error) {
		if len(key) < size+8 {
			return nil, ErrKey
		}
		index := binary.BigEndian.Uint64(key[size:])
		all = append(all, index)
		if index == math.MaxUint64 {
			return nil, nil
		}
		o.key = binary.BigEndian.AppendUint64(append(o.key[:0], key[:size]...), index+1)
		return o.key, nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot list the indexes of references in partition %d: %w", o.p, err)
	}
	return all, nil
}

// boundKind bounds the next scan by the facts of a kind, and returns what their keys have in common.
func (o *Overlay) boundKind(kind byte) (size int) {
	o.key = append(appendPartition(o.key[:0], o.p), kind)
	o.upper = append(appendPartition(o.upper[:0], o.p), kind+1)
	return len(o.key)
}

// Subscription returns what is known of the partition's subscription to a stream of a row; ok is false if there is
// none.
func (o *Overlay) Subscription(table, key string, stream uint64) (s Subscription, ok bool, err error) {
	o.key = appendSubscriptionKey(appendPartition(o.key[:0], o.p), table, key, stream)
	err = o.get(func(value []byte) error {
		ok = true
		s, err = DecodeSubscriptionFact(value)
		return err
	})
	if err != nil {
		return Subscription{}, false, fmt.Errorf("cannot read a subscription of partition %d: %w", o.p, err)
	}
	if ok {
		s.Table, s.Key, s.Stream = table, key, stream
	}
	return s, ok, nil
}

// Subscriptions returns the partition's subscriptions, ordered by table, key and stream: those after the one named
// (nil: from the first; its other fields don't matter), limit of them at most (0 or less: all).
func (o *Overlay) Subscriptions(after *Subscription, limit int) ([]Subscription, error) {
	size := o.boundKind(keySubscription)
	if after != nil {
		o.key = appendSubscriptionKey(o.key[:size-1], after.Table, after.Key, after.Stream)
		o.key = append(o.key, 0)
	}
	var all []Subscription
	err := o.scan(size, func(key, value []byte) (bool, error) {
		table, id, stream, err := readSubscription(key)
		if err != nil {
			return false, err
		}
		s, err := DecodeSubscriptionFact(value)
		s.Table, s.Key, s.Stream = string(table), string(id), stream
		all = append(all, s)
		return len(all) != limit, err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot list the subscriptions of partition %d: %w", o.p, err)
	}
	return all, nil
}

// Subscribers returns the partitions that follow a stream of a row, ordered by their numbers.
func (o *Overlay) Subscribers(table, key string, stream uint64) ([]Subscriber, error) {
	o.key = appendStream(append(appendPartition(o.key[:0], o.p), keySubscriber), table, key, stream)
	o.upper = append(append(o.upper[:0], o.key...), 0x80) // numbers of partitions begin below it
	var all []Subscriber
	err := o.scan(len(o.key), func(rest, value []byte) (bool, error) {
		partition, err := readPartition(rest)
		if err != nil {
			return false, err
		}
		s, err := DecodeSubscriberFact(value)
		s.Table, s.Key, s.Stream, s.Partition = table, key, stream, partition
		all = append(all, s)
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot list the subscribers of a row in partition %d: %w", o.p, err)
	}
	return all, nil
}

// Work returns all work that was begun, ordered by ID.
func (o *Overlay) Work() ([]Work, error) {
	size := o.boundKind(keyWork)
	var all []Work
	err := o.scan(size, func(key, value []byte) (bool, error) {
		w, err := DecodeWorkFact(value)
		if err == nil {
			w.ID, err = readNumber(key)
		}
		w.Body = bytes.Clone(w.Body)
		all = append(all, w)
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the work of partition %d: %w", o.p, err)
	}
	return all, nil
}

// get calls fn with the value of o.key if there is one. The value is only valid during the call.
func (o *Overlay) get(fn func(value []byte) error) error {
	kind, none, err := o.none()
	if none || err != nil {
		return err
	}
	var reader pebble.Reader = o.store.db
	if o.put[kind] {
		reader = o.batch
	}
	value, closer, err := reader.Get(o.key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(fn(value), closer.Close())
}

// scan calls fn with each key from o.key up to, not including, o.upper, without the first skip bytes, until it returns
// false. Key and value are only valid during the call.
func (o *Overlay) scan(skip int, fn func(key, value []byte) (more bool, err error)) error {
	it, err := o.iterate()
	if it == nil {
		return err
	}
	return walk(it, skip, fn)
}

// skip calls fn with the first key from o.key up to, not including, o.upper, and then with the first from the key on
// that it returns, until that is nil. The key is only valid during the call.
func (o *Overlay) skip(fn func(key []byte) (next []byte, err error)) error {
	it, err := o.iterate()
	if it == nil {
		return err
	}
	for ok := it.First(); ok; {
		next, err := fn(it.Key())
		if err != nil {
			return errors.Join(err, it.Close())
		}
		ok = next != nil && skipTo(it, next)
	}
	return errors.Join(it.Error(), it.Close())
}

// iterate returns an iterator from o.key up to, not including, o.upper; nil if there surely is nothing.
func (o *Overlay) iterate() (*pebble.Iterator, error) {
	kind, none, err := o.none()
	if none || err != nil {
		return nil, err
	}
	o.options.LowerBound, o.options.UpperBound = o.key, o.upper
	if o.put[kind] {
		return o.batch.NewIter(&o.options)
	}
	return o.store.db.NewIter(&o.options)
}

// none tells which kind o.key is of, and whether there is nothing at all of it.
func (o *Overlay) none() (kind int, none bool, err error) {
	if err := o.store.alive(); err != nil {
		return 0, false, err
	}
	kind = int(o.key[partitionSize] - keyRef)
	if o.put[kind] {
		return kind, false, nil
	}
	none, err = o.store.noLinks(o.p, kind, o.presence)
	return kind, none, err
}
