package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/weirstream/weir/state/row"
)

// The first byte of a store's key. Keys of a partition go on with its number, 4 bytes, and then with a fact's key or
// one of the derived ones.
const (
	spaceMeta      = 0x00
	spacePartition = 0x01
)

// The derived keys, behind the partition.
const (
	keyPosition = 0x80 // Position
	keyTimer    = 0x81 // due, table, id -> nothing
	keyOrdinal  = 0x82 // table, id -> the subject's ordinal
	keyID       = 0x83 // table, ordinal -> the subject's id
	keyNext     = 0x84 // table -> the ordinal that comes next; ordinals are never given twice
	keyChunk    = 0x85 // segment, table, number of the chunk -> chunk of the segment's members
)

const partitionSize = 1 + 4

// ErrDamaged says that a store contradicts itself. It can always be built anew from the changelog.
var ErrDamaged = errors.New("the state directory is damaged: stop the worker and remove the directory; " +
	"it is restored from the changelog")

// damaged tells what was found where; neither holds an id or a value.
func damaged(what string, p int32, err error) error {
	if err == nil {
		return fmt.Errorf("%s in partition %d: %w", what, p, ErrDamaged)
	}
	return fmt.Errorf("%s in partition %d: %w: %w", what, p, err, ErrDamaged)
}

func appendPartition(dst []byte, p int32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, spacePartition), uint32(p))
}

// derivedKey begins a key of kind in partition p, with room for the rest.
func derivedKey(p int32, kind byte) []byte {
	const room = 64
	return append(appendPartition(make([]byte, 0, room), p), kind)
}

func timerKey(p int32, t *Timer) []byte {
	return appendEscaped(appendEscaped(appendOrdered(derivedKey(p, keyTimer), int64(t.Due)), t.Table), t.ID)
}

// parseTimer reads a timer's key without the partition and the kind.
func parseTimer(b []byte) (t Timer, err error) {
	if len(b) < 8 {
		return t, ErrKey
	}
	t.Due = row.Instant(ordered(b))
	table, b, err := readEscaped(b[8:])
	if err != nil {
		return t, err
	}
	id, b, err := readEscaped(b)
	if err == nil && len(b) > 0 {
		err = ErrKey
	}
	t.Table, t.ID = string(table), string(id)
	return t, err
}

func ordinalKey(p int32, table, id string) []byte {
	return append(appendEscaped(derivedKey(p, keyOrdinal), table), id...)
}

func idKey(p int32, table string, ordinal uint32) []byte {
	return binary.BigEndian.AppendUint32(appendEscaped(derivedKey(p, keyID), table), ordinal)
}

func nextKey(p int32, table string) []byte { return append(derivedKey(p, keyNext), table...) }

func appendChunkKey(dst []byte, p int32, segment uint64, table string, chunk uint16) []byte {
	dst = binary.BigEndian.AppendUint64(append(appendPartition(dst, p), keyChunk), segment)
	return binary.BigEndian.AppendUint16(appendEscaped(dst, table), chunk)
}

// segmentKey is the beginning of the keys of a segment's chunks.
func segmentKey(p int32, segment uint64) []byte {
	return binary.BigEndian.AppendUint64(derivedKey(p, keyChunk), segment)
}

// parseChunk reads what follows the segment in a chunk's key.
func parseChunk(b []byte) (table []byte, chunk uint16, err error) {
	table, b, err = readEscaped(b)
	if err == nil && len(b) != 2 {
		err = ErrKey
	}
	if err != nil {
		return nil, 0, err
	}
	return table, binary.BigEndian.Uint16(b), nil
}

func appendPosition(dst []byte, at Position) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(at.Next))
	return binary.BigEndian.AppendUint64(dst, uint64(at.Applied))
}

func parsePosition(b []byte) (at Position, err error) {
	if len(b) != 16 {
		return at, ErrValue
	}
	at.Next = int64(binary.BigEndian.Uint64(b))
	at.Applied = row.Instant(binary.BigEndian.Uint64(b[8:]))
	if at.Next < 0 {
		return Position{}, ErrValue
	}
	return at, nil
}

// An ordinal, and what comes next, is 8 bytes, so that a partition that has given all of them is noticed.
const ordinalMax = math.MaxUint32

func appendOrdinal(dst []byte, n uint64) []byte { return binary.BigEndian.AppendUint64(dst, n) }

func parseOrdinal(b []byte) (uint64, error) {
	if len(b) != 8 {
		return 0, ErrValue
	}
	n := binary.BigEndian.Uint64(b)
	if n > ordinalMax+1 {
		return 0, ErrValue
	}
	return n, nil
}
