package engine

import (
	"fmt"
	"hash/fnv"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/operators/segment"
	"github.com/weirstream/weir/operators/trigger"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// sweep brings a changed catalog over the subjects of a partition: who belongs to a segment as it is now defined
// enters, who does not leaves, and the members of segments that are gone leave them. It is done in pages, each part
// of an epoch; a crash in between starts it again, and what was done already changes nothing.
type sweep struct {
	audience int    // position in Catalog.Audiences
	after    string // the last subject done
	done     int
	began    bool
}

// Sweeping tells whether a changed catalog is still being brought over the subjects, and how many are done.
func (t *Task) Sweeping() (done int, sweeping bool) {
	if t.sweep == nil {
		return 0, false
	}
	return t.sweep.done, true
}

// Sweep looks at the next max subjects, at the instant now.
func (t *Task) Sweep(now row.Instant, max int) error {
	sw := t.sweep
	if sw.audience == len(t.catalog.Audiences) {
		t.allSeen()
		t.fact.Catalog, t.fact.Revision = t.catalog.Hash, t.emitter.Revision
		t.epoch.began = true
		t.sweep = nil
		return nil
	}
	now = t.tick(now)
	t.born = now
	if !sw.began {
		sw.began = true
		t.firstSeen(now, false)
	}
	a := t.catalog.Audiences[sw.audience]
	ids, err := t.store.IDs(t.partition, a.Table.Name, sw.after, max)
	if err != nil {
		return fmt.Errorf("cannot read the subjects of audience %s: %w", a.Table.Name, err)
	}
	names := t.segmentNames()
	for _, id := range ids {
		e, err := t.load(t.groups[a.Table.Name], id)
		if err != nil {
			return err
		}
		due := e.subject.Due()
		t.comeDue(e, now) // while no worker was there: of triggers that are as they were
		t.watched(e, trigger.Resume(a, e.subject, now))
		t.dropRemoved(e, now, names)
		e.group.segments.TouchAll()
		t.settle(e, now, emit.Cause{Kind: "catalog"})
		if e.subject.Due() != due { // also if it was a dropped membership that was due first
			t.await(e)
		}
		sw.after = id
		sw.done++
	}
	if len(ids) < max {
		sw.audience, sw.after = sw.audience+1, ""
	}
	return nil
}

// segmentNames returns the names of all segments that ever had a member here, by the id that memberships bear.
func (t *Task) segmentNames() map[uint64]string {
	names := map[uint64]string{}
	for k := range t.counters {
		if k.kind == "segment" {
			h := fnv.New64a()
			h.Write([]byte(k.name))
			names[h.Sum64()] = k.name
		}
	}
	return names
}

// dropRemoved ends the memberships of segments that the catalog no longer has.
func (t *Task) dropRemoved(e *entry, now row.Instant, names map[uint64]string) {
	var kept []state.Membership
	for _, m := range e.subject.Memberships {
		if _, ok := e.group.audience.SegmentByID(m.Segment); ok {
			kept = append(kept, m)
			continue
		}
		e.statusChanged = true
		t.mark(e)
		if m.Member {
			gone := &catalog.Segment{Name: names[m.Segment], ID: m.Segment, Audience: e.group.audience}
			t.membership(&segment.Flip{Segment: gone, At: now, Since: m.Since, Until: row.Never, Spell: m.Spell},
				e.subject.ID, emit.Cause{Kind: "catalog"})
		}
		if m.Spell > 0 { // the count of stays goes on if the segment comes back
			kept = append(kept, state.Membership{Segment: m.Segment, Spell: m.Spell, Until: row.Never})
		}
	}
	e.subject.Memberships = kept
}
