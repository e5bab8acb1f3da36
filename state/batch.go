package state

import (
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"
)

// Batch is a set of facts, of one or more partitions, that go into the store all at once, with all that is derived
// from them. It belongs to one goroutine, and until it is committed no other batch may hold facts of the same
// partitions. After Commit or Reset it is empty and may be used again.
//
// A batch holds what was put in memory: whoever restores millions of facts commits every few thousand (see Bytes).
type Batch struct {
	store *Store
	batch *pebble.Batch
	err   error // of the first Put that failed

	// What the facts of this batch have changed and later ones must see, by keys of the store.
	status   map[string][]byte  // nil: taken back
	ordinals map[string]ordinal // of subjects
	next     map[string]uint64  // ordinals
	changes  map[string]*[]byte // of chunks
	timers   map[int32]timerMove
	links    map[int32]uint8 // kinds of facts about links, one bit for each

	key      []byte // scratch: the key of the fact
	chunk    []byte // scratch
	old, new status // scratch
}

// NewBatch returns an empty batch.
func (s *Store) NewBatch() *Batch {
	b := &Batch{store: s, batch: s.db.NewBatch()}
	b.makeMaps()
	return b
}

// PutAll applies facts in their order, as Put does each, up to the first that fails.
func (b *Batch) PutAll(p int32, facts []Fact) error {
	for _, f := range facts {
		if err := b.Put(p, f); err != nil {
			return err
		}
	}
	return nil
}

// Put applies a fact, and everything derived from it, to partition p. The same key may come several times; the
// last one counts. Facts that are put again, in their order, change nothing in the end. The fact's bytes are not
// kept. It fails on bytes that are no fact or of a format that this version does not know (ErrKey, ErrValue); the
// batch is then of no more use than to be Reset.
func (b *Batch) Put(p int32, f Fact) error {
	if b.err != nil {
		return b.err
	}
	if err := b.put(p, f); err != nil {
		b.err = fmt.Errorf("cannot apply a fact to partition %d: %w", p, err)
	}
	return b.err
}

func (b *Batch) put(p int32, f Fact) error {
	if err := b.store.alive(); err != nil {
		return err
	}
	if err := checkPartition(p); err != nil {
		return err
	}
	if f.Value != nil {
		if _, err := open(f.Value); err != nil {
			return err
		}
	}
	b.key = append(appendPartition(b.key[:0], p), f.Key...)
	table, id, isStatus, err := checkKey(f.Key)
	if err != nil {
		return err
	}
	if isStatus {
		if err := b.derive(p, string(table), string(id), f.Value); err != nil {
			return err
		}
	}
	if f.Value == nil {
		return b.batch.Delete(b.key, pebble.NoSync)
	}
	if isLink(f.Key) {
		b.links[p] |= 1 << (f.Key[0] - keyRef)
	}
	return b.batch.Set(b.key, f.Value, pebble.NoSync)
}

func checkPartition(p int32) error {
	if p < 0 || p == math.MaxInt32 {
		return fmt.Errorf("%d is not the number of a partition", p)
	}
	return nil
}

// checkKey refuses what is not a fact's key, as ParseKey does, without building strings. Of a status it returns
// whose it is.
func checkKey(key []byte) (table, id []byte, isStatus bool, err error) {
	if isLink(key) {
		return nil, nil, false, checkLink(key)
	}
	if len(key) == 0 || key[0] != keySubject {
		_, err := ParseKey(key)
		return nil, nil, false, err
	}
	table, rest, err := readEscaped(key[1:])
	if err != nil {
		return nil, nil, false, err
	}
	if id, rest, err = readEscaped(rest); err != nil {
		return nil, nil, false, err
	}
	switch {
	case len(rest) == 1 && rest[0] == partStatus:
		return table, id, true, nil
	case len(rest) == 1 && (rest[0] == partRow || rest[0] == partDeferred):
		return table, id, false, nil
	case len(rest) > eventTailSize && rest[0] == partEvent:
		var tail []byte
		if _, tail, err = readEscaped(rest[1:]); err == nil {
			_, _, err = readEventTail(tail)
		}
		return table, id, false, err
	}
	return nil, nil, false, ErrKey
}

// SetPosition says how far the changelog of partition p is applied once the batch is committed.
func (b *Batch) SetPosition(p int32, at Position) error {
	if b.err != nil {
		return b.err
	}
	err := checkPartition(p)
	if err == nil && at.Next < 0 {
		err = errors.New("an offset can't be negative")
	}
	if err == nil {
		err = b.batch.Set(derivedKey(p, keyPosition), appendPosition(nil, at), pebble.NoSync)
	}
	if err != nil {
		b.err = fmt.Errorf("cannot set the position of partition %d: %w", p, err)
	}
	return b.err
}

// Bytes returns about how many bytes the batch holds.
func (b *Batch) Bytes() int { return b.batch.Len() }

// Commit applies the batch, all or nothing, and empties it. After an error nothing was applied.
func (b *Batch) Commit() error {
	err := b.err
	if err == nil {
		err = b.store.alive()
	}
	if err == nil {
		err = b.finish()
	}
	if err == nil {
		for p, mask := range b.links {
			b.store.markLinks(p, mask)
		}
		err = b.batch.Commit(pebble.NoSync)
	}
	if err != nil {
		b.Reset()
		return fmt.Errorf("cannot apply a batch to the state: %w", err)
	}
	for p, m := range b.timers {
		b.store.moveTimers(p, m)
	}
	b.Reset()
	return nil
}

// finish writes what was gathered over the whole batch.
func (b *Batch) finish() error {
	var errs []error
	for key, n := range b.next {
		errs = append(errs, b.batch.Set([]byte(key), appendOrdinal(nil, n), pebble.NoSync))
	}
	for key, changes := range b.changes {
		errs = append(errs, b.batch.Merge([]byte(key), *changes, pebble.NoSync))
	}
	return errors.Join(errs...)
}

// Reset empties the batch without applying it.
func (b *Batch) Reset() {
	// A batch that was never applied can't fail to close, and one that was has told its error.
	_ = b.batch.Close()
	b.batch, b.err = b.store.db.NewBatch(), nil
	if len(b.status)+len(b.ordinals)+len(b.changes) > keepMax {
		// Clearing takes time by the largest size that a map ever had.
		b.makeMaps()
		return
	}
	clear(b.status)
	clear(b.ordinals)
	clear(b.next)
	clear(b.changes)
	clear(b.timers)
	clear(b.links)
}

// keepMax is the number of entries up to which maps are cleared to be used again.
const keepMax = 20_000

func (b *Batch) makeMaps() {
	b.status, b.ordinals, b.next = make(map[string][]byte), make(map[string]ordinal), make(map[string]uint64)
	b.changes, b.timers = make(map[string]*[]byte), make(map[int32]timerMove)
	b.links = make(map[int32]uint8)
}
