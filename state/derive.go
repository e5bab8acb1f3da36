package state

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/weirstream/weir/state/membership"
)

// ordinal is a subject's dense number among the subjects of its table in a partition.
type ordinal struct {
	n     uint32
	given bool
}

// derive brings timer, ordinal and bitmaps in line with a new status (value nil: none) of a subject. It compares it
// with the status that holds: whatever that is, what is derived agrees with it, so facts may be applied again.
func (b *Batch) derive(p int32, table, id string, value []byte) error {
	held, err := b.heldStatus()
	if err != nil {
		return err
	}
	if err := b.old.decode(held); err != nil {
		return damaged("a status is not readable", p, err)
	}
	if err := b.new.decode(value); err != nil {
		return err
	}
	from, to := earliest(b.old.memberships, b.old.watches), earliest(b.new.memberships, b.new.watches)
	if err := b.setTimer(p, table, id, from, to); err != nil {
		return err
	}
	if err := b.setMembers(p, table, id); err != nil {
		return err
	}
	if value == nil {
		if err := b.releaseOrdinal(p, table, id); err != nil {
			return err
		}
		b.status[string(b.key)] = nil
		return nil
	}
	b.status[string(b.key)] = append(b.status[string(b.key)][:0], value...)
	return nil
}

// heldStatus returns the value of the status at b.key, of this batch or of the store; nil if there is none.
func (b *Batch) heldStatus() ([]byte, error) {
	if held, ok := b.status[string(b.key)]; ok {
		return held, nil
	}
	return b.store.get(b.key)
}

// setMembers records each segment of which b.old and b.new say different things; both are ordered by segment.
func (b *Batch) setMembers(p int32, table, id string) error {
	held, next := b.old.memberships, b.new.memberships
	i, j := 0, 0
	var n uint32
	known := false
	for i < len(held) || j < len(next) {
		var segment uint64
		var was, is bool
		switch {
		case j == len(next) || i < len(held) && held[i].Segment < next[j].Segment:
			segment, was = held[i].Segment, held[i].Member
			i++
		case i == len(held) || next[j].Segment < held[i].Segment:
			segment, is = next[j].Segment, next[j].Member
			j++
		default:
			segment, was, is = next[j].Segment, held[i].Member, next[j].Member
			i, j = i+1, j+1
		}
		if was == is {
			continue
		}
		if !known {
			var err error
			if n, err = b.ordinalOf(p, table, id); err != nil {
				return err
			}
			known = true
		}
		b.chunk = appendChunkKey(b.chunk[:0], p, segment, table, uint16(n/membership.ChunkSize))
		changes := b.changes[string(b.chunk)]
		if changes == nil {
			changes = new([]byte)
			b.changes[string(b.chunk)] = changes
		}
		*changes = membership.AppendChange(*changes, uint16(n%membership.ChunkSize), is)
	}
	return nil
}

// heldOrdinal returns the ordinal that a subject has.
func (b *Batch) heldOrdinal(p int32, key []byte) (ordinal, error) {
	if o, ok := b.ordinals[string(key)]; ok {
		return o, nil
	}
	value, err := b.store.get(key)
	if err != nil || value == nil {
		return ordinal{}, err
	}
	n, err := parseOrdinal(value)
	if err != nil || n > ordinalMax {
		return ordinal{}, damaged("an ordinal is not readable", p, err)
	}
	o := ordinal{n: uint32(n), given: true}
	b.ordinals[string(key)] = o
	return o, nil
}

// ordinalOf returns a subject's ordinal and gives it the next one if it has none.
func (b *Batch) ordinalOf(p int32, table, id string) (uint32, error) {
	key := ordinalKey(p, table, id)
	o, err := b.heldOrdinal(p, key)
	if err != nil || o.given {
		return o.n, err
	}
	counter := nextKey(p, table)
	n, ok := b.next[string(counter)]
	if !ok {
		value, err := b.store.get(counter)
		if err != nil {
			return 0, err
		}
		if value != nil {
			if n, err = parseOrdinal(value); err != nil {
				return 0, damaged("the next ordinal is not readable", p, err)
			}
		}
	}
	if n > ordinalMax {
		return 0, fmt.Errorf("table %s has had all of its %d ordinals; remove the state directory: "+
			"they are given anew when it is restored", table, uint64(ordinalMax)+1)
	}
	b.next[string(counter)] = n + 1
	b.ordinals[string(key)] = ordinal{n: uint32(n), given: true}
	return uint32(n), errors.Join(
		b.batch.Set(key, appendOrdinal(nil, n), pebble.NoSync),
		b.batch.Set(idKey(p, table, uint32(n)), []byte(id), pebble.NoSync))
}

// releaseOrdinal takes a subject's ordinal away when nothing is known of its memberships any more, so that nothing
// of an erased subject remains. The ordinal is not given to another.
func (b *Batch) releaseOrdinal(p int32, table, id string) error {
	key := ordinalKey(p, table, id)
	o, err := b.heldOrdinal(p, key)
	if err != nil || !o.given {
		return err
	}
	b.ordinals[string(key)] = ordinal{}
	return errors.Join(
		b.batch.Delete(key, pebble.NoSync),
		b.batch.Delete(idKey(p, table, o.n), pebble.NoSync))
}
