package state

import (
	"sync/atomic"
)

// linkKinds is the number of kinds of facts about links.
const linkKinds = keyWork - keyRef + 1

// presence says, for each kind of facts about links, whether a partition may hold any: most catalogs link few tables,
// and a look for what isn't there must cost next to nothing.
type presence [linkKinds]atomic.Uint32

// What is known of one kind. None is only ever reached from unknown, and any batch with such a fact says some before it
// is committed: so what was read meanwhile can't hide it.
const (
	presenceUnknown = iota
	presenceNone
	presenceSome // there may be some
)

// presenceOf returns the presence of partition p; it stays the same one as long as the store is open.
func (s *Store) presenceOf(p int32) *presence {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.presence[p]
	if known == nil {
		known = new(presence)
		s.presence[p] = known
	}
	return known
}

// noLinks tells whether partition p surely holds no fact of a kind; known is the partition's.
func (s *Store) noLinks(p int32, kind int, known *presence) (bool, error) {
	switch known[kind].Load() {
	case presenceNone:
		return true, nil
	case presenceSome:
		return false, nil
	}
	prefix := append(appendPartition(nil, p), byte(keyRef+kind))
	found := uint32(presenceNone)
	err := s.scan(prefix, after(prefix), len(prefix), func(_, _ []byte) (bool, error) {
		found = presenceSome
		return false, nil
	})
	if err != nil {
		return false, err
	}
	known[kind].CompareAndSwap(presenceUnknown, found)
	return found == presenceNone, nil
}

// markLinks says that there may be some of the kinds in mask, one bit for each.
func (s *Store) markLinks(p int32, mask uint8) {
	known := s.presenceOf(p)
	for kind := range linkKinds {
		if mask&(1<<kind) != 0 {
			known[kind].Store(presenceSome)
		}
	}
}

// forgetLinks follows the dropping of a partition.
func (s *Store) forgetLinks(p int32) {
	known := s.presenceOf(p)
	for kind := range linkKinds {
		known[kind].Store(presenceUnknown)
	}
}
