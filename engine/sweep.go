package engine

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/operators/segment"
	"github.com/weirstream/weir/operators/trigger"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// sweep brings a changed catalog over the subjects of a partition, a page of them in an epoch, while records go on:
// who belongs to a new or changed segment as it is now defined enters, who does not leaves, the members of segments
// that are gone leave them, and triggers begin to wait. Segments whose meaning is the same are not looked at, but for
// those that name one that changes. Where it stands is a fact (state.Fill): a crash resumes it.
//
// A subject to which something happens before its turn is visited first, and marked, so that what follows from the
// catalog is never taken for a consequence of what happened.
type sweep struct {
	phases   []phase
	plan     []definition     // what begins with it
	segments map[string][]int // by audience: positions of those that are brought over
	held     map[string][]int // by audience: positions of these, and of all that name them: not looked at before it begins
	began    bool             // the brackets have been opened
	linking  bool             // the segments that are brought over wait for the links that they follow
	blocked  bool             // the subject whose turn it is waits for rows of other partitions, or all do for links
	told     row.Instant      // when the progress was last told
}

// phase is a step of a sweep. It works up to max subjects or timers, and tells whether it is over.
type phase func(now row.Instant, max int) (done bool, err error)

// Sweeping tells whether a changed catalog is still being brought over the subjects, and how many are done.
func (t *Task) Sweeping() (done int, sweeping bool) {
	if t.sweep == nil {
		return 0, false
	}
	return int(t.fill.Subjects), true
}

// Preparing tells whether a changed catalog is not in force yet: no record may be applied, only Sweep be called.
func (t *Task) Preparing() bool {
	return t.sweep != nil && !t.sweep.began && !(t.sweep.linking && t.Linking())
}

// Swap puts another catalog in the place of the task's. It must be called between epochs.
func (t *Task) Swap(c *catalog.Catalog) error {
	t.catalog, t.groups = c, groupsOf(c, &t.links.rows, t.config.Observe)
	return t.Reset()
}

// startSweep begins, or goes on with, a sweep. Of defs some are being brought over.
func (t *Task) startSweep(defs []definition, began bool) {
	sw := &sweep{began: began, segments: map[string][]int{}, told: row.Earliest}
	for i := range defs {
		if s := t.catalog.Segment(defs[i].Name); s != nil && defs[i].Filling {
			name := s.Audience.Table.Name
			sw.segments[name] = append(sw.segments[name], s.Index)
		}
	}
	sw.phases = []phase{t.visitAll}
	if t.sweep = sw; began {
		return
	}
	sw.plan, sw.held = defs, map[string][]int{}
	sw.phases = []phase{t.catchUp, t.awaitLinks, t.catchUp, t.beginSweep, t.visitAll}
	for name, changed := range sw.segments {
		sw.held[name] = withDependants(t.groups[name].audience, changed)
		t.groups[name].segments.Hold(sw.held[name])
	}
}

// withDependants returns the positions of segments and of all that name them, through whatever others.
func withDependants(a *catalog.Audience, segments []int) []int {
	all := slices.Clone(segments)
	for i := 0; i < len(all); i++ {
		for _, d := range a.Dependants(all[i]) {
			if !slices.Contains(all, d) {
				all = append(all, d)
			}
		}
	}
	return all
}

// Sweep brings the catalog over the next max subjects, at the instant now, which must not lie before due timers.
func (t *Task) Sweep(now row.Instant, max int) error {
	sw := t.sweep
	for len(sw.phases) > 0 {
		over, err := sw.phases[0](now, max)
		if err != nil || !over {
			return err
		}
		sw.phases = sw.phases[1:]
	}
	t.endSweep(t.tick(now))
	return nil
}

// catchUp fires what came due before the catalog is in force, so that everything that stays as it was changes at its
// own instant. Segments that are to be brought over are held meanwhile.
func (t *Task) catchUp(now row.Instant, max int) (done bool, err error) {
	return t.Advance(now, true, max)
}

// awaitLinks waits until the catalog's links have been brought over the rows of all partitions. Records go on
// meanwhile: but for the segments that are brought over, which are held, the catalog is in force.
func (t *Task) awaitLinks(row.Instant, int) (done bool, err error) {
	sw := t.sweep
	if t.Linking() && !sw.linking { // those that only name what is held go on by its memberships as they are
		sw.held = sw.segments
		for name, held := range sw.held {
			t.groups[name].segments.Hold(held)
		}
		t.timers.reload()
	}
	// The next phase begins with an epoch: subjects that came in this one are not in the store yet, where they are found.
	sw.linking = sw.linking || t.Linking()
	sw.blocked = t.Linking() || sw.linking && t.epoch.began
	return !sw.blocked, nil
}

// beginSweep puts the catalog in force.
func (t *Task) beginSweep(now row.Instant, _ int) (done bool, err error) {
	sw := t.sweep
	now = t.tick(now)
	t.born = now
	for _, g := range t.groups {
		if g.segments != nil {
			g.segments.Hold(nil)
		}
	}
	t.firstSeen(now, false)
	for _, f := range t.freezes {
		if !f.Done && f.At == now {
			now = t.tick(f.At + 1) // what happens from here on is after the freezing
		}
	}
	revision := max(t.catalog.Revision, t.fact.Revision)
	if t.fact.Catalog != t.catalog.Hash { // without a topic of catalogs each is the first
		revision = max(revision, t.fact.Revision+1)
	}
	t.fact.Catalog, t.fact.Revision, t.emitter.Revision = t.catalog.Hash, revision, revision
	waits := t.catalog.WaitsHash()
	look := waits != t.fill.Waits || !t.fill.Done
	t.fill = state.Fill{Revision: revision, At: now, Waits: waits, Network: t.fill.Network,
		Published: t.catalog.Revision}
	t.filled, t.epoch.began = true, true
	for i := range sw.plan {
		d := &sw.plan[i]
		t.defs[d.Segment] = d
		d.dirty = true
		look = look || d.Filling
		if d.Filling && !d.begun {
			d.begun = true
			t.bracket(d, false, now)
		}
	}
	sw.plan, sw.began = nil, true
	if !look { // nothing that concerns subjects has changed
		sw.phases = sw.phases[:1]
	}
	return true, nil
}

// visitAll looks at the next max subjects.
func (t *Task) visitAll(now row.Instant, max int) (done bool, err error) {
	now = t.tick(now)
	t.born = now
	f := &t.fill
	t.sweep.blocked = false
	for _, g := range t.audiences() {
		name := g.table.Name
		if name < f.Audience {
			continue
		}
		if name > f.Audience {
			f.Audience, f.After = name, ""
		}
		ids, err := t.store.IDs(t.partition, name, f.After, max)
		if err != nil {
			return false, fmt.Errorf("cannot read the subjects of audience %s: %w", name, err)
		}
		for _, id := range ids {
			t.filled, t.epoch.began = true, true
			if err := t.visitNext(g, id, now); err != nil || t.sweep.blocked {
				return false, err
			}
		}
		t.filled, t.epoch.began = true, true
		if max -= len(ids); max <= 0 {
			t.report(now, false)
			return false, nil
		}
	}
	return true, nil
}

// audiences returns the groups of all audiences by name, also of those that the catalog has no more and whose members
// are to leave.
func (t *Task) audiences() []*group {
	var all []*group
	known := map[string]bool{}
	for _, a := range t.catalog.Audiences {
		all, known[a.Table.Name] = append(all, t.groups[a.Table.Name]), true
	}
	for _, d := range t.defs {
		if !d.Filling || !d.Gone || d.Audience == "" || known[d.Audience] {
			continue
		}
		known[d.Audience] = true
		g := &group{table: &catalog.Table{Name: d.Audience, Schema: row.NewSchema(d.Audience, nil)}}
		g.layout = &state.Layout{Row: g.table.Schema}
		if held := t.groups[d.Audience]; held != nil { // still a table
			g.table, g.layout = held.table, held.layout
		}
		g.audience = &catalog.Audience{Table: g.table}
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *group) int { return cmp.Compare(a.table.Name, b.table.Name) })
	return all
}

// visitNext looks at the subject whose turn it is. A subject that was not in memory and has not changed is forgotten.
func (t *Task) visitNext(g *group, id string, now row.Instant) error {
	if !t.owns(id) {
		t.fill.After = id // a copy of a row, no subject
		return nil
	}
	e, err := t.loadBriefly(g, id)
	if err != nil {
		return err
	}
	if i := t.marked(e.subject); i >= 0 {
		e.subject.Watches = slices.Delete(e.subject.Watches, i, i+1)
		t.watched(e, true)
	} else if t.catalog.Audience(g.table.Name) == nil {
		t.watched(e, trigger.Resume(g.audience, e.subject, now))
		t.dropRemoved(e, g.audience, now)
	} else {
		if t.sweep.blocked, err = t.waiting(e); err != nil || t.sweep.blocked {
			t.keep(e)
			return err
		}
		if len(e.deferred) > 0 {
			if err := t.resume(e, now); err != nil {
				return err
			}
		}
		t.bring(e, now)
	}
	t.keep(e)
	t.fill.After = id
	t.fill.Subjects++
	return t.links.rows.err
}

// bring brings the catalog over one subject.
func (t *Task) bring(e *entry, now row.Instant) {
	g := e.group
	due := e.subject.Due()
	t.watched(e, trigger.Resume(g.audience, e.subject, now))
	t.dropRemoved(e, g.audience, now)
	g.segments.Touch(t.sweep.segments[g.table.Name])
	g.segments.Visit(true)
	t.settle(e, now, emit.Cause{Kind: "catalog"})
	g.segments.Visit(false)
	if e.subject.Due() != due { // also if it was a dropped membership that was due first
		t.await(e)
	}
}

// visitFirst visits a subject to which something happens before its turn, and marks it. One that waits for rows of
// other partitions is visited when they have come.
func (t *Task) visitFirst(e *entry, now row.Instant) error {
	if t.sweep == nil || !t.sweep.began || t.visited(e) {
		return nil
	}
	if waits, err := t.waiting(e); err != nil || waits {
		return err
	}
	t.bring(e, now)
	e.subject.Watches = slices.Insert(e.subject.Watches, 0,
		state.Watch{ID: state.FillMark, Due: row.Never, From: uint64(t.fill.Revision)})
	t.watched(e, true)
	return t.links.rows.err
}

// visited tells whether the catalog has been brought over the subject.
func (t *Task) visited(e *entry) bool {
	f, name := &t.fill, e.group.table.Name
	return name < f.Audience || name == f.Audience && e.subject.ID <= f.After && f.After != "" || t.marked(e.subject) >= 0
}

// marked returns where the subject's mark is; -1 if it has none.
func (t *Task) marked(s *state.Subject) int {
	if len(s.Watches) > 0 && s.Watches[0].ID == state.FillMark && s.Watches[0].From == uint64(t.fill.Revision) {
		return 0
	}
	return -1
}

// subject returns the subject or row with the key, to which something happens at now.
func (t *Task) subject(g *group, id string, now row.Instant) (*entry, error) {
	e, err := t.load(g, id)
	if err == nil && g.audience != nil {
		err = t.visitFirst(e, now)
	}
	return e, err
}

// dueOf returns when something of the subject may happen by time alone, but for what a sweep that has not begun holds.
func (t *Task) dueOf(e *entry) row.Instant {
	s := e.subject
	if t.sweep == nil || t.sweep.began && t.visited(e) {
		return s.Due()
	}
	due, a, held := row.Never, e.group.audience, t.sweep.held[e.group.table.Name]
	if t.sweep.began {
		held = t.sweep.segments[e.group.table.Name]
	}
	for i := range s.Memberships {
		m := &s.Memberships[i]
		if of, ok := a.SegmentByID(m.Segment); ok && !slices.Contains(held, of.Index) {
			due = min(due, m.Until)
		}
	}
	for i := range s.Watches {
		if a.Watcher(s.Watches[i].ID) {
			due = min(due, s.Watches[i].Due)
		}
	}
	return due
}

// awaitHeld puts the next due instant of a subject into the heap whose timer fired, if its own is an earlier one, of
// what is held.
func (t *Task) awaitHeld(e *entry, fired row.Instant) {
	if t.sweep == nil || e.subject.Due() > fired {
		return
	}
	if due := t.dueOf(e); due > fired && due != row.Never {
		t.awaitAt(e, due)
	}
}

// dropRemoved ends the memberships of segments that the catalog no longer has.
func (t *Task) dropRemoved(e *entry, a *catalog.Audience, now row.Instant) {
	gone := func(m state.Membership) bool {
		_, ok := a.SegmentByID(m.Segment)
		return !ok && (m != state.Membership{Segment: m.Segment, Spell: m.Spell, Until: row.Never} || m.Spell == 0)
	}
	if !slices.ContainsFunc(e.subject.Memberships, gone) {
		return
	}
	t.watched(e, true)
	var kept []state.Membership
	for _, m := range e.subject.Memberships {
		if !gone(m) {
			kept = append(kept, m)
			continue
		}
		if m.Member {
			was := &catalog.Segment{ID: m.Segment, Audience: a}
			if d := t.defs[m.Segment]; d != nil {
				was.Name = d.Name
			}
			t.membership(&segment.Flip{Segment: was, At: now, Since: m.Since, Until: row.Never, Spell: m.Spell},
				e.subject.ID, emit.Cause{Kind: "catalog"})
		}
		if m.Spell > 0 { // the count of stays goes on if the segment comes back
			kept = append(kept, state.Membership{Segment: m.Segment, Spell: m.Spell, Until: row.Never})
		}
	}
	e.subject.Memberships = kept
}

// endSweep closes the brackets: all subjects have the catalog.
func (t *Task) endSweep(now row.Instant) {
	t.born = now
	t.allSeen()
	for _, d := range t.sortedDefinitions() {
		if !d.Filling {
			continue
		}
		t.bracket(d, true, now)
		d.Filling, d.begun, d.Entered, d.Left, d.dirty = false, false, 0, 0, true
	}
	t.fill.Done, t.fill.Audience, t.fill.After, t.filled, t.epoch.began = true, "", "", true, true
	t.report(now, true)
	t.sweep = nil
}

// bracket emits the beginning or the end of what the catalog does to a segment here.
func (t *Task) bracket(d *definition, end bool, now row.Instant) {
	t.fact.Seq++
	t.put(t.emitter.Bracket(&emit.Bracket{Segment: d.Name, Audience: d.Audience, End: end, At: now,
		Partition: t.partition, Entered: d.Entered, Left: d.Left}, t.fact.Seq))
}

// tellEvery is how often the progress is told while a sweep goes on.
const tellEvery = row.Instant(1e9)

// report emits how far the sweep is.
func (t *Task) report(now row.Instant, done bool) {
	sw := t.sweep
	if !t.config.Progress || !done && now < sw.told+tellEvery {
		return
	}
	sw.told = now
	n := 0
	for _, positions := range sw.segments {
		n += len(positions)
	}
	t.put(t.emitter.Progress(&emit.Progress{Revision: t.catalog.Revision, Partition: t.partition, At: now, Segments: n,
		Subjects: t.fill.Subjects, Done: done}))
}
