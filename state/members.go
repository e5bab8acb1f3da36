package state

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/weirstream/weir/state/membership"
)

// Size returns how many subjects of partition p are members of a segment, as the bitmaps have it: some microseconds for
// each 65,536 subjects. A running figure is in the segment's Counter.
func (s *Store) Size(p int32, segment uint64) (int64, error) {
	prefix := segmentKey(p, segment)
	var size int64
	err := s.scan(prefix, afterSegment(p, segment), len(prefix), func(_, value []byte) (bool, error) {
		c, err := membership.Decode(value)
		if err != nil {
			return false, damaged("members of a segment are not readable", p, err)
		}
		size += c.Count()
		return true, nil
	})
	if err != nil {
		return 0, fmt.Errorf("cannot read the size of a segment in partition %d: %w", p, err)
	}
	return size, nil
}

// afterSegment is the first key after those of a segment's chunks.
func afterSegment(p int32, segment uint64) []byte {
	if segment+1 == 0 {
		return after(derivedKey(p, keyChunk))
	}
	return segmentKey(p, segment+1)
}

// Members calls fn with the id of each subject of partition p that is a member of a segment, in no particular
// order, as of one moment, until fn returns false.
func (s *Store) Members(p int32, segment uint64, fn func(id string) (more bool)) error {
	if err := s.alive(); err != nil {
		return err
	}
	snapshot := s.db.NewSnapshot()
	m := members{p: p, snapshot: snapshot, fn: fn, more: true}
	err := errors.Join(m.chunks(segment), snapshot.Close())
	if err != nil {
		return fmt.Errorf("cannot read the members of a segment in partition %d: %w", p, err)
	}
	return nil
}

// members is one call of Members.
type members struct {
	p        int32
	snapshot *pebble.Snapshot
	fn       func(id string) bool
	more     bool
}

func (m *members) chunks(segment uint64) error {
	prefix := segmentKey(m.p, segment)
	it, err := m.snapshot.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: afterSegment(m.p, segment)})
	if err != nil {
		return err
	}
	for it.First(); it.Valid() && m.more; it.Next() {
		err := m.chunk(it, len(prefix))
		if err != nil {
			return errors.Join(err, it.Close())
		}
	}
	return errors.Join(it.Error(), it.Close())
}

// chunk calls fn for the members of the chunk at which it stands.
func (m *members) chunk(it *pebble.Iterator, skip int) error {
	table, number, err := parseChunk(it.Key()[skip:])
	if err != nil {
		return damaged("the key of a chunk is not readable", m.p, err)
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return err
	}
	c, err := membership.Decode(value)
	if err != nil {
		return damaged("members of a segment are not readable", m.p, err)
	}
	if c.Count() == 0 {
		return nil
	}
	first := uint32(number) * membership.ChunkSize
	ids, err := m.snapshot.NewIter(&pebble.IterOptions{
		LowerBound: idKey(m.p, string(table), first),
		UpperBound: append(idKey(m.p, string(table), first+membership.ChunkSize-1), 0),
	})
	if err != nil {
		return err
	}
	c.Each(func(low uint16) bool {
		m.more, err = m.member(ids, idKey(m.p, string(table), first+uint32(low)))
		return m.more && err == nil
	})
	return errors.Join(err, ids.Error(), ids.Close())
}

// member calls fn for the subject whose ordinal has the key.
func (m *members) member(ids *pebble.Iterator, key []byte) (more bool, err error) {
	if !ids.SeekGE(key) || string(ids.Key()) != string(key) {
		return false, damaged("a member has no id", m.p, ids.Error())
	}
	id, err := ids.ValueAndErr()
	if err != nil {
		return false, err
	}
	return m.fn(string(id)), nil
}
