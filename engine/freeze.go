package engine

import (
	"fmt"
	"slices"

	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// freezing is what the task knows of a frozen segment.
type freezing struct {
	state.Freezing
	gone  bool // the catalog has it no more: to be taken back
	dirty bool // the open epoch changed it
}

// resetFreezes takes what is known of frozen segments from the store.
func (t *Task) resetFreezes() error {
	held, err := t.store.Freezings(t.partition)
	if err != nil {
		return fmt.Errorf("cannot read the frozen segments of partition %d: %w", t.partition, err)
	}
	t.freezes = make(map[uint64]*freezing, len(held))
	for _, f := range held {
		t.freezes[f.Segment] = &freezing{Freezing: f}
	}
	t.showFreezes()
	return nil
}

// firstSeen notes the instant now for the frozen segments that the partition has not seen before, or not as they are
// defined now: they are evaluated at now, or when their instant comes. What is left of others is taken back. empty
// tells that there are no subjects yet. Each subject is visited before it changes, so that all are evaluated on the
// data of that instant, whatever is started again in between. A freezing that was not finished when another catalog
// came begins anew: part of the subjects have changed since.
func (t *Task) firstSeen(now row.Instant, empty bool) {
	for _, f := range t.freezes {
		f.gone = true
	}
	for _, s := range t.catalog.Segments {
		if s.Freeze == nil {
			continue
		}
		if f := t.freezes[s.ID]; f != nil && f.Hash == s.Freeze.Hash && f.Done {
			f.gone = false
			continue
		}
		t.freezes[s.ID] = &freezing{dirty: true, Freezing: state.Freezing{
			Segment: s.ID, Hash: s.Freeze.Hash, At: max(s.Freeze.At, now), Done: empty}}
	}
	for _, f := range t.freezes {
		f.dirty = f.dirty || f.gone
	}
	t.showFreezes()
}

// allSeen says that all subjects have been looked at that were there when segments were first seen.
func (t *Task) allSeen() {
	for _, f := range t.freezes {
		if !f.Done {
			f.Done, f.dirty = true, true
		}
	}
	t.showFreezes()
}

// showFreezes tells the evaluators when segments are frozen.
func (t *Task) showFreezes() {
	for _, a := range t.catalog.Audiences {
		for i, s := range a.Segments {
			if f := t.freezes[s.ID]; f != nil && s.Freeze != nil {
				t.groups[a.Table.Name].segments.Freeze(i, f.At, !f.Done)
			}
		}
	}
}

// appendFreezes appends the facts of what the open epoch changed, in the order of segments.
func (t *Task) appendFreezes(facts []state.Fact) []state.Fact {
	var changed []*freezing
	for _, f := range t.freezes {
		if f.dirty {
			changed = append(changed, f)
		}
	}
	slices.SortFunc(changed, func(a, b *freezing) int {
		if a.Segment < b.Segment {
			return -1
		}
		return 1
	})
	for _, f := range changed {
		if f.gone {
			facts = append(facts, state.FreezeTombstone(f.Segment))
			continue
		}
		facts = append(facts, state.FreezeFact(f.Freezing))
	}
	return facts
}

// appliedFreezes says that the facts are in the store.
func (t *Task) appliedFreezes() {
	for id, f := range t.freezes {
		if f.dirty && f.gone {
			delete(t.freezes, id)
		}
		f.dirty = false
	}
}
