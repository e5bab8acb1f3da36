package enginetest

import (
	"bytes"

	"github.com/weirstream/weir/state"
)

// changelog keeps facts as the compacted topic does: of each key the last one, in the order in which these came.
type changelog struct {
	facts []state.Fact
	last  map[string]int // key -> position in facts
}

// append adds the facts of an epoch.
func (l *changelog) append(facts []state.Fact) {
	if l.last == nil {
		l.last = map[string]int{}
	}
	for _, f := range facts {
		if i, ok := l.last[string(f.Key)]; ok {
			l.facts[i] = state.Fact{}
		}
		l.last[string(f.Key)] = len(l.facts)
		l.facts = append(l.facts, state.Fact{Key: bytes.Clone(f.Key), Value: bytes.Clone(f.Value)})
	}
}

// compact removes what was taken back and has been overtaken.
func (l *changelog) compact() {
	kept := l.facts[:0]
	clear(l.last)
	for _, f := range l.facts {
		if f.Value != nil {
			l.last[string(f.Key)] = len(kept)
			kept = append(kept, f)
		}
	}
	l.facts = kept
}

// restore puts all facts into a store, in their order.
func (l *changelog) restore(s *state.Store) error {
	b := s.NewBatch()
	for _, f := range l.facts {
		if f.Key == nil {
			continue
		}
		if err := b.Put(0, f); err != nil {
			return err
		}
	}
	return b.Commit()
}
