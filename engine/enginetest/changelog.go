package enginetest

import (
	"bytes"
	"fmt"

	"github.com/weirstream/weir/state"
)

// changelog keeps facts as the compacted topic does: of each key the last one, in the order in which these came.
type changelog struct {
	facts []state.Fact
	last  map[string]int // partition and key -> position in facts
	home  []int32        // by fact: its partition
}

// append adds the facts of an epoch in one partition.
func (l *changelog) append(partition int32, facts []state.Fact) {
	if l.last == nil {
		l.last = map[string]int{}
	}
	for _, f := range facts {
		key := fmt.Sprint(partition, " ", string(f.Key))
		if i, ok := l.last[key]; ok {
			l.facts[i] = state.Fact{}
		}
		l.last[key] = len(l.facts)
		l.home = append(l.home, partition)
		l.facts = append(l.facts, state.Fact{Key: bytes.Clone(f.Key), Value: bytes.Clone(f.Value)})
	}
}

// compact removes what was taken back and has been overtaken.
func (l *changelog) compact() {
	kept, home := l.facts[:0], l.home[:0]
	clear(l.last)
	for i, f := range l.facts {
		if f.Value != nil {
			l.last[fmt.Sprint(l.home[i], " ", string(f.Key))] = len(kept)
			kept, home = append(kept, f), append(home, l.home[i])
		}
	}
	l.facts, l.home = kept, home
}

// restore puts all facts into a store, in their order.
func (l *changelog) restore(s *state.Store) error {
	b := s.NewBatch()
	for i, f := range l.facts {
		if f.Key == nil {
			continue
		}
		if err := b.Put(l.home[i], f); err != nil {
			return err
		}
	}
	return b.Commit()
}
