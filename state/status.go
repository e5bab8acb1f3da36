package state

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/weirstream/weir/state/row"
)

// A status is all memberships of a subject: their number, then for each the segment (8 bytes), flags, spell, and
// since and until as differences to the instant written before, since most of them are near each other. Its watches,
// if it has any, follow (see watch.go).
const (
	statusMember      = 1 << 0
	statusSince       = 1 << 1 // since is not 0 and follows
	statusUntil       = 1 << 2 // until is not row.Never and follows
	statusSinceMillis = 1 << 3 // the difference is in milliseconds
	statusUntilMillis = 1 << 4
	statusChosen      = 1 << 5
	statusAdded       = 1 << 6
	statusRemoved     = 1 << 7
)

// membershipSizeMin is the fewest bytes that a membership takes.
const membershipSizeMin = 8 + 1 + 1

const nanosPerMilli = 1_000_000

// status is the value of a status fact. Its slices are used again by the next decode.
type status struct {
	memberships []Membership
	watches     []Watch
}

func appendStatus(dst []byte, ms []Membership, ws []Watch) []byte {
	bySegment := func(a, b Membership) int { return cmp.Compare(a.Segment, b.Segment) }
	if !slices.IsSortedFunc(ms, bySegment) {
		ms = slices.Clone(ms)
		slices.SortFunc(ms, bySegment)
	}
	dst = binary.AppendUvarint(dst, uint64(len(ms)))
	var last row.Instant
	for i := range ms {
		dst, last = appendMembership(dst, &ms[i], last)
	}
	return appendWatches(dst, ws, last)
}

func appendMembership(dst []byte, m *Membership, last row.Instant) ([]byte, row.Instant) {
	dst = binary.BigEndian.AppendUint64(dst, m.Segment)
	at := len(dst)
	dst = binary.AppendUvarint(append(dst, 0), uint64(m.Spell))
	var flags byte
	if m.Member {
		flags |= statusMember
	}
	if m.Chosen {
		flags |= statusChosen
	}
	switch m.Edit {
	case Added:
		flags |= statusAdded
	case Removed:
		flags |= statusRemoved
	case NoEdit:
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

// decode reads the value of a status fact; of a nil value there is nothing.
func (s *status) decode(value []byte) error {
	s.memberships, s.watches = s.memberships[:0], s.watches[:0]
	if value == nil {
		return nil
	}
	b, err := open(value)
	if err != nil {
		return err
	}
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size)/membershipSizeMin || n == 0 && len(b) == size {
		return ErrValue
	}
	b = b[size:]
	s.memberships = slices.Grow(s.memberships, int(n))
	var last row.Instant
	for i := range n {
		m, rest, err := readMembership(b, &last)
		if err != nil {
			return err
		}
		if i > 0 && m.Segment <= s.memberships[i-1].Segment {
			return ErrValue
		}
		s.memberships, b = append(s.memberships, m), rest
	}
	if len(b) == 0 {
		return nil
	}
	s.watches, err = readWatches(s.watches, b, last)
	return err
}

func readMembership(b []byte, last *row.Instant) (m Membership, rest []byte, err error) {
	if len(b) < membershipSizeMin {
		return m, nil, ErrValue
	}
	m.Segment = binary.BigEndian.Uint64(b)
	flags := b[8]
	spell, size := binary.Uvarint(b[9:])
	if size <= 0 || spell > 1<<32-1 {
		return m, nil, ErrValue
	}
	switch flags & (statusAdded | statusRemoved) {
	case statusAdded:
		m.Edit = Added
	case statusRemoved:
		m.Edit = Removed
	case statusAdded | statusRemoved:
		return m, nil, ErrValue
	}
	m.Chosen = flags&statusChosen != 0
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

// earliest returns when the first of the memberships may change, or the first trigger must be looked at, if nothing
// else happens.
func earliest(ms []Membership, ws []Watch) row.Instant {
	due := row.Never
	for i := range ms {
		due = min(due, ms[i].Until)
	}
	for i := range ws {
		due = min(due, ws[i].Due)
	}
	return due
}
