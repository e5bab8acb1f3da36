// Package membership keeps which subjects are members of a segment as bitmaps of dense ordinals, cut into chunks of
// 2^16 ordinals so that a change never rewrites a large bitmap. It alone touches the roaring library.
//
// A chunk's value in the store is either a bitmap or a list of changes on top of what an older value says. Merge
// folds them; it has the shape of a Pebble ValueMerger.
package membership

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"
)

// ChunkSize is the number of ordinals in a chunk.
const ChunkSize = 1 << 16

// MergerName names the values' format in the store; a store with another one can't be opened.
const MergerName = "weir.membership.1"

// The first byte of a chunk's value.
const (
	tagChanges = 1 // changes, oldest first
	tagBitmap  = 2 // a bitmap in roaring's portable format, no value of which reaches ChunkSize
)

// A change is 3 bytes: 1 (enters) or 0 (leaves), and the ordinal within the chunk, big-endian.
const changeSize = 3

// ErrDamaged says that bytes are not the value of a chunk.
var ErrDamaged = errors.New("the bitmap of a segment's members is damaged")

// AppendChange appends to dst, a value of changes or empty, that the ordinal enters (member) or leaves.
func AppendChange(dst []byte, ordinal uint16, member bool) []byte {
	if len(dst) == 0 {
		dst = append(dst, tagChanges)
	}
	var enters byte
	if member {
		enters = 1
	}
	return binary.BigEndian.AppendUint16(append(dst, enters), ordinal)
}

// Chunk is the members among the ordinals of one chunk.
type Chunk struct{ bits *roaring.Bitmap }

// Decode reads a chunk's value. Nothing of the chunk points into value.
func Decode(value []byte) (Chunk, error) {
	c := Chunk{roaring.New()}
	if len(value) == 0 {
		return c, ErrDamaged
	}
	switch value[0] {
	case tagChanges:
		return c, c.apply(value[1:])
	case tagBitmap:
		return c, c.read(value[1:])
	}
	return c, ErrDamaged
}

// read takes over a bitmap. Bytes that come from outside roaring must be validated, or later calls may panic.
func (c Chunk) read(b []byte) error {
	n, err := c.bits.ReadFrom(bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if n != int64(len(b)) {
		return fmt.Errorf("%w: %d bytes too many", ErrDamaged, int64(len(b))-n)
	}
	if err := c.bits.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if !c.bits.IsEmpty() && c.bits.Maximum() >= ChunkSize {
		return fmt.Errorf("%w: an ordinal is beyond the chunk", ErrDamaged)
	}
	return nil
}

// apply makes the changes, oldest first.
func (c Chunk) apply(changes []byte) error {
	if err := check(changes); err != nil {
		return err
	}
	for ; len(changes) > 0; changes = changes[changeSize:] {
		ordinal := uint32(binary.BigEndian.Uint16(changes[1:]))
		if changes[0] == 1 {
			c.bits.Add(ordinal)
		} else {
			c.bits.Remove(ordinal)
		}
	}
	return nil
}

func check(changes []byte) error {
	if len(changes)%changeSize != 0 {
		return ErrDamaged
	}
	for i := 0; i < len(changes); i += changeSize {
		if changes[i] > 1 {
			return ErrDamaged
		}
	}
	return nil
}

// append appends the chunk's value to dst.
func (c Chunk) append(dst []byte) ([]byte, error) {
	c.bits.RunOptimize()
	w := bytes.NewBuffer(append(dst, tagBitmap))
	if _, err := c.bits.WriteTo(w); err != nil {
		return nil, fmt.Errorf("cannot write the bitmap of a segment's members: %w", err)
	}
	return w.Bytes(), nil
}

// Count returns the number of members.
func (c Chunk) Count() int64 { return int64(c.bits.GetCardinality()) }

// Has tells whether the ordinal is a member.
func (c Chunk) Has(ordinal uint16) bool { return c.bits.Contains(uint32(ordinal)) }

// Each calls fn with each member, in rising order, until it returns false.
func (c Chunk) Each(fn func(ordinal uint16) bool) {
	c.bits.Iterate(func(x uint32) bool { return fn(uint16(x)) })
}
