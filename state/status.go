package state

import (
	"encoding/binary"
	"slices"

	"github.com/weirstream/weir/state/row"
)

// A status is all memberships of a subject: their number, then for each the segment (8 bytes), flags, spell, and
// since and until as differences to the instant written before, since most of them are near each other.
const (
	statusMember      = 1 << 0
	statusSince       = 1 << 1 // since is not 0 and follows
	statusUntil       = 1 << 2 // until is not row.Never and follows
	statusSinceMillis = 1 << 3 // the difference is in milliseconds
	statusUntilMillis = 1 << 4
	statusFlags       = 1<<5 - 1
)

// membershipSizeMin is the fewest bytes that a membership takes.
const membershipSizeMin = 8 + 1 + 1

const nanosPerMilli = 1_000_000

func appendStatus(dst []byte, ms []Membership) []byte {
	bySegment := func(a, b Membership) int {
		switch {
		case a.Segment < b.Segment:
			return -1
		case a.Segment > b.Segment:
			return 1
		}
		return 0
	}
	if !slices.IsSortedFunc(ms, bySegment) {
		ms = slices.Clone(ms)
		slices.SortFunc(ms, bySegment)
	}
	dst = binary.AppendUvarint(dst, uint64(len(ms)))
	var last row.Instant
	for i := range ms {
		dst, last = appendMembership(dst, &ms[i], last)
	}
	return dst
}

func appendMembership(dst []byte, m *Membership, last row.Instant) ([]byte, row.Instant) {
	dst = binary.BigEndian.AppendUint64(dst, m.Segment)
	at := len(dst)
	dst = binary.AppendUvarint(append(dst, 0), uint64(m.Spell))
	var flags byte
	if m.Member {
		flags |= statusMember
	}
	if m.Since != 0 {
		var millis bool
		dst, millis = appendDifference(dst, m.Since-last)
		flags |= statusSince
		if millis {
			flags |= statusSinceMillis
		}
		last = m.Since
	}
	if m.Until != row.Never {
		var millis bool
		dst, millis = appendDifference(dst, m.Until-last)
		flags |= statusUntil
		if millis {
			flags |= statusUntilMillis
		}
		last = m.Until
	}
	dst[at] = flags
	return dst, last
}

// appendDifference appends the difference of two instants, which may have overflowed: adding it overflows back.
func appendDifference(dst []byte, d row.Instant) (_ []byte, millis bool) {
	if d%nanosPerMilli == 0 {
		return binary.AppendVarint(dst, int64(d)/nanosPerMilli), true
	}
	return binary.AppendVarint(dst, int64(d)), false
}

func decodeStatus(ms []Membership, b []byte) ([]Membership, error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n == 0 || n > uint64(len(b)-size)/membershipSizeMin {
		return ms, ErrValue
	}
	b = b[size:]
	ms = slices.Grow(ms, int(n))
	var last row.Instant
	for i := range n {
		m, rest, err := readMembership(b, &last)
		if err != nil {
			return ms, err
		}
		if i > 0 && m.Segment <= ms[len(ms)-1].Segment {
			return ms, ErrValue
		}
		ms, b = append(ms, m), rest
	}
	if len(b) > 0 {
		return ms, ErrValue
	}
	return ms, nil
}

func readMembership(b []byte, last *row.Instant) (m Membership, rest []byte, err error) {
	if len(b) < membershipSizeMin {
		return m, nil, ErrValue
	}
	m.Segment = binary.BigEndian.Uint64(b)
	flags := b[8]
	spell, size := binary.Uvarint(b[9:])
	if size <= 0 || spell > 1<<32-1 || flags&^statusFlags != 0 {
		return m, nil, ErrValue
	}
	m.Member, m.Spell, m.Until = flags&statusMember != 0, uint32(spell), row.Never
	b = b[9+size:]
	if flags&statusSince != 0 {
		if b, err = readInstant(b, flags&statusSinceMillis != 0, last); err != nil {
			return m, nil, err
		}
		m.Since = *last
	}
	if flags&statusUntil != 0 {
		if b, err = readInstant(b, flags&statusUntilMillis != 0, last); err != nil {
			return m, nil, err
		}
		m.Until = *last
	}
	return m, b, nil
}

// readInstant reads a difference and moves last by it.
func readInstant(b []byte, millis bool, last *row.Instant) ([]byte, error) {
	d, size := binary.Varint(b)
	if size <= 0 {
		return nil, ErrValue
	}
	if millis {
		d *= nanosPerMilli
	}
	*last += row.Instant(d)
	return b[size:], nil
}

// earliest returns when the first of the memberships may change if nothing else happens.
func earliest(ms []Membership) row.Instant {
	due := row.Never
	for i := range ms {
		due = min(due, ms[i].Until)
	}
	return due
}
