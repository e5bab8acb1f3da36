package membership

import (
	"io"
)

// Merge folds the values of one chunk, in whatever order Pebble hands them over. It is associative without its
// base: changes alone stay changes, and become a bitmap only when the oldest value is known.
type Merge struct {
	values [][]byte // oldest last, so that MergeOlder, the common call in reading, appends
	newer  [][]byte // oldest first
}

// NewMerge begins with value; key is not used.
func NewMerge(_, value []byte) (*Merge, error) {
	m := &Merge{}
	return m, m.MergeOlder(value)
}

// MergeNewer adds a value that is newer than all before.
func (m *Merge) MergeNewer(value []byte) error {
	own, err := m.own(value)
	if err != nil {
		return err
	}
	m.newer = append(m.newer, own)
	return nil
}

// MergeOlder adds a value that is older than all before.
func (m *Merge) MergeOlder(value []byte) error {
	own, err := m.own(value)
	if err != nil {
		return err
	}
	m.values = append(m.values, own)
	return nil
}

// own copies value, which belongs to the caller, and refuses what is no chunk.
func (m *Merge) own(value []byte) ([]byte, error) {
	if len(value) == 0 || value[0] != tagChanges && value[0] != tagBitmap {
		return nil, ErrDamaged
	}
	if value[0] == tagChanges {
		if err := check(value[1:]); err != nil {
			return nil, err
		}
	}
	return append([]byte(nil), value...), nil
}

// Finish returns the folded value: a bitmap if the oldest value was among them (includesBase), or is a bitmap itself.
func (m *Merge) Finish(includesBase bool) ([]byte, io.Closer, error) {
	ordered := make([][]byte, 0, len(m.values)+len(m.newer))
	for i := len(m.values) - 1; i >= 0; i-- {
		ordered = append(ordered, m.values[i])
	}
	ordered = append(ordered, m.newer...)
	// A bitmap says everything: what is older than it doesn't matter.
	for i := len(ordered) - 1; i >= 0; i-- {
		if ordered[i][0] == tagBitmap {
			ordered, includesBase = ordered[i:], true
			break
		}
	}
	var value []byte
	var err error
	if includesBase {
		value, err = fold(ordered)
	} else {
		value = concat(ordered)
	}
	return value, nil, err
}

// fold applies the values, oldest first, and returns the bitmap's value.
func fold(values [][]byte) ([]byte, error) {
	c, err := Decode(values[0])
	if err != nil {
		return nil, err
	}
	for _, v := range values[1:] {
		if err := c.apply(v[1:]); err != nil {
			return nil, err
		}
	}
	return c.append(nil)
}

// shortenFrom is the number of changes from which overtaken ones are looked for.
const shortenFrom = 1024

// concat puts lists of changes together. A long list keeps only the last change of each ordinal, so that it
// can't grow without end where the base is never met.
func concat(values [][]byte) []byte {
	size := 1
	for _, v := range values {
		size += len(v) - 1
	}
	all := append(make([]byte, 0, size), tagChanges)
	for _, v := range values {
		all = append(all, v[1:]...)
	}
	if (size-1)/changeSize < shortenFrom {
		return all
	}
	return shorten(all)
}

// shorten keeps the last change of each ordinal; their order no longer matters.
func shorten(value []byte) []byte {
	var seen [ChunkSize / 64]uint64
	short := []byte{tagChanges}
	for i := len(value) - changeSize; i > 0; i -= changeSize {
		ordinal := uint16(value[i+1])<<8 | uint16(value[i+2])
		if bit := uint64(1) << (ordinal % 64); seen[ordinal/64]&bit == 0 {
			seen[ordinal/64] |= bit
			short = append(short, value[i:i+changeSize]...)
		}
	}
	return short
}
