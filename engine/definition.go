package engine

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/operators/segment"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// definition is what the task knows of a segment.
type definition struct {
	state.Definition
	begun bool // its bracket is open
	dirty bool // the open epoch changed it
}

// resetFill takes what is known of segments from the store, and begins or resumes a sweep if the catalog says
// something else. held: the store knows the partition.
func (t *Task) resetFill(held bool) error {
	known, err := t.store.Definitions(t.partition)
	if err != nil {
		return fmt.Errorf("cannot read the definitions of partition %d: %w", t.partition, err)
	}
	fill, filled, err := t.store.Fill(t.partition)
	if err != nil {
		return fmt.Errorf("cannot read the back-fill of partition %d: %w", t.partition, err)
	}
	t.defs = make(map[uint64]*definition, len(known))
	for _, d := range known {
		t.defs[d.Segment] = &definition{Definition: d, begun: d.Filling}
	}
	t.fill, t.filled, t.sweep = fill, false, nil
	for _, g := range t.groups {
		if g.segments != nil {
			g.segments.Hold(nil)
		}
	}
	same := t.fact.Catalog == t.catalog.Hash
	switch {
	case !held, !filled && same: // as the store was written, or by a version that did not know definitions
		t.adopt()
		if !held && t.config.Partitions <= 1 { // there are no rows, nor other partitions to wait for
			t.fill.Network = t.catalog.Network()
		}
		if t.config.Progress {
			t.startSweep(nil, false) // it only tells that there is nothing to do
		}
	case !filled:
		t.adoptCounted()
		t.startSweep(t.planned(), false)
	case !same:
		t.startSweep(t.planned(), false)
	case !fill.Done:
		t.startSweep(t.listed(), true)
	case t.config.Progress && t.catalog.Revision > t.fact.Revision:
		t.startSweep(nil, false) // it means what was in force already, and only that is to be told
	}
	return t.startLinking()
}

// adopt takes the catalog's definitions for those by which the memberships were computed.
func (t *Task) adopt() {
	for _, s := range t.catalog.Segments {
		t.defs[s.ID] = &definition{Definition: definitionOf(s), dirty: true}
	}
	t.fill = state.Fill{Revision: t.fact.Revision, At: row.Earliest, Waits: t.catalog.WaitsHash(), Done: true,
		Network: t.fill.Network, Published: t.catalog.Revision}
	t.filled = true
}

// adoptCounted makes definitions of the segments that ever had a member, all of them changed: a version that knew no
// definitions wrote the store.
func (t *Task) adoptCounted() {
	t.fill.Done = true
	for k := range t.counters {
		if k.kind != "segment" {
			continue
		}
		d := state.Definition{Segment: indexOf(k.name), Name: k.name}
		if len(t.catalog.Audiences) == 1 {
			d.Audience = t.catalog.Audiences[0].Table.Name
		}
		t.defs[d.Segment] = &definition{Definition: d}
	}
}

func definitionOf(s *catalog.Segment) state.Definition {
	return state.Definition{Segment: s.ID, Name: s.Name, Audience: s.Audience.Table.Name, Hash: s.Meaning()}
}

// planned returns the definitions as the catalog has them, those to be brought over the subjects marked. What an
// earlier sweep did not finish is among these, and its bracket stays open.
func (t *Task) planned() []definition {
	var plan []definition
	for _, d := range t.sortedDefinitions() {
		if t.catalog.Segment(d.Name) == nil {
			gone := *d
			gone.Filling, gone.Gone = true, true
			plan = append(plan, gone)
		}
	}
	for _, a := range t.catalog.Audiences {
		for _, s := range a.Segments {
			d := definition{Definition: definitionOf(s)}
			was := t.defs[s.ID]
			d.Filling = was == nil || was.Filling || was.Gone || was.Hash != d.Hash
			if was != nil {
				d.begun, d.Entered, d.Left = was.begun, was.Entered, was.Left
			}
			plan = append(plan, d)
		}
	}
	return plan
}

// listed returns the definitions as they are.
func (t *Task) listed() []definition {
	var all []definition
	for _, d := range t.sortedDefinitions() {
		all = append(all, *d)
	}
	return all
}

// sortedDefinitions returns the definitions in order of name: what is written must not depend on the order of a map.
func (t *Task) sortedDefinitions() []*definition {
	all := make([]*definition, 0, len(t.defs))
	for _, d := range t.defs {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b *definition) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// countFill counts a delta of a segment that is being brought over the subjects.
func (t *Task) countFill(f *segment.Flip, cause emit.Cause) {
	if cause.Kind != "catalog" {
		return
	}
	d := t.defs[f.Segment.ID]
	if d == nil || !d.Filling {
		return
	}
	if d.dirty, t.filled = true, true; f.Enter {
		d.Entered++
		return
	}
	d.Left++
}

// appendFill appends the facts of what the open epoch changed, in order of name.
func (t *Task) appendFill(facts []state.Fact) []state.Fact {
	if !t.filled {
		return facts
	}
	var changed []*definition
	for _, d := range t.defs {
		if d.dirty {
			changed = append(changed, d)
		}
	}
	slices.SortFunc(changed, func(a, b *definition) int { return cmp.Compare(a.Name, b.Name) })
	for _, d := range changed {
		if d.Gone && !d.Filling {
			facts = append(facts, state.DefinitionTombstone(d.Segment))
			continue
		}
		facts = append(facts, state.DefinitionFact(d.Definition))
	}
	return append(facts, state.FillFact(t.fill))
}

// appliedFill says that the facts are in the store.
func (t *Task) appliedFill() {
	if !t.filled {
		return
	}
	for id, d := range t.defs {
		if d.dirty && d.Gone && !d.Filling {
			delete(t.defs, id)
		}
		d.dirty = false
	}
	t.filled = false
}
