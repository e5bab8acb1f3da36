package engine

import (
	"fmt"

	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/operators/segment"
	"github.com/weirstream/weir/operators/trigger"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// Apply takes one change at the instant now, after all timers due before it: the way of a record through a task.
// What the task has seen already is dropped. The change's strings and rows become the task's own.
func (t *Task) Apply(c *Change, now row.Instant) error {
	if !t.take(&c.Origin) {
		t.topic.Duplicates.Add(1)
		return nil
	}
	t.topic.Records.Add(1)
	t.metrics(now)
	now, t.born = t.tick(now), c.Origin.Time
	switch c.Kind {
	case Upsert, Delete:
		return t.applyRow(c, now)
	case Truncate:
		return t.applyTruncate(c, now)
	case Occur:
		return t.applyEvent(c, now)
	case Erase:
		return t.applyErase(c, now)
	case Add, Remove:
		return t.applyEdit(c, now)
	case Bad:
		t.config.Counts.Deadletters.Add(1)
		t.topic.Deadletters.Add(1)
		t.put(emit.Deadletter(now, c.Origin.Topic, c.Origin.Partition, c.Origin.Offset, c.Reason, c.RawKey, c.Raw, c.Headers))
		return nil
	}
	return fmt.Errorf("cannot apply a change of unknown kind %d", c.Kind)
}

// take moves the position of the change's source partition, and tells whether the change is after it.
func (t *Task) take(o *Origin) bool {
	s := state.Source{Topic: o.TopicID, Name: o.Topic, Partition: o.Partition}
	at := o.Offset<<16 | int64(o.Index)
	m := t.sources[s]
	if m == nil {
		m = &mark{offset: -1, topic: t.config.Counts.Topic(s.Name)}
		t.sources[s] = m
	}
	t.topic = m.topic
	if at <= m.offset {
		return false
	}
	m.offset = at
	if !m.dirty {
		m.dirty = true
		t.epoch.sources = append(t.epoch.sources, s)
	}
	t.epoch.began = true
	return true
}

func (t *Task) applyRow(c *Change, now row.Instant) error {
	g := t.groups[c.Table]
	if g == nil {
		return nil // a table that the catalog no longer has
	}
	if truncated, err := t.truncated(g, c.Version); err != nil || truncated {
		return err
	}
	e, err := t.subject(g, c.Key, now)
	if err != nil {
		return err
	}
	s := e.subject
	if s.Known && c.Version.Against(s.Version) != row.Newer {
		t.topic.Stale.Add(1)
		return nil
	}
	before, after := s.Row, c.Row
	if c.Kind == Delete {
		after = nil
	}
	for i, keep := range c.Keep {
		if keep && before != nil && after != nil {
			after[i] = before[i]
		}
	}
	if before.Same(after) && s.Known {
		t.config.Counts.Unchanged.Add(1)
		t.moveVersion(e, c.Version)
		return nil
	}
	cause := emit.Cause{Kind: "row", Topic: c.Origin.Topic, Partition: c.Origin.Partition, Offset: c.Origin.Offset,
		Table: c.Table, Key: c.Key}
	return t.changeRow(e, after, c, cause, now)
}

// changeRow makes after the row, of which c tells, and brings the change to all that it is about: the subject, if the
// row is one's own, those that lead to it by links, and those that it leads to of which triggers may fire.
func (t *Task) changeRow(e *entry, after row.Row, c *Change, cause emit.Cause, now row.Instant) error {
	g, before, queued := e.group, e.subject.Row, len(t.links.work)
	m := move{entry: e, before: before, after: after, cause: cause}
	if err := t.relink(&m, func() { t.setRow(e, after, c) }); err != nil {
		return err
	}
	change := &trigger.Change{Before: before, After: after, Snapshot: c.Snapshot}
	if g.audience != nil {
		t.touchRow(g, before, after)
		if err := t.affect(e, &deferral{cause: cause, change: change, table: g.table}, now); err != nil {
			return err
		}
	}
	if err := t.workInline(now, queued); err != nil {
		return err
	}
	if t.links.truncating {
		t.links.departures = append(t.links.departures, departure{g, c.Key, change, cause})
		return nil
	}
	return t.sendOff(g, c.Key, change, cause, now)
}

// setRow makes r the subject's row. An image without a position does not make the held position forgotten, so that
// older images still lose; a deletion without one does, since the row may come again by a repeated image.
func (t *Task) setRow(e *entry, r row.Row, c *Change) {
	s := e.subject
	s.Row = r
	if c.Version.Known || r == nil {
		s.Version = c.Version
	}
	s.Known, e.rowChanged = true, true
	t.mark(e)
}

// moveVersion takes the position of an image that is the same as the held one: what is older than it is stale from
// now on.
func (t *Task) moveVersion(e *entry, v row.Version) {
	if v.Known && v != e.subject.Version {
		e.subject.Version, e.rowChanged = v, true
		t.mark(e)
	}
}

// touchRow marks the segments that a change of the subject's own row is about, those that lead back to it by links
// among them.
func (t *Task) touchRow(g *group, before, after row.Row) {
	if before == nil || after == nil {
		g.segments.TouchAll()
		return
	}
	fields := changedFields(before, after)
	for _, f := range fields {
		g.segments.TouchField(f)
	}
	for _, p := range g.places {
		if p.Parent != nil && p.Audience == g.audience {
			g.segments.Touch(touchedAt(p, false, fields))
		}
	}
}

func (t *Task) applyEvent(c *Change, now row.Instant) error {
	g := t.groups[c.Audience]
	if g == nil || g.audience == nil {
		return nil
	}
	kind, ok := g.kinds[c.EventKind]
	if !ok {
		return nil
	}
	e, err := t.subject(g, c.Key, now)
	if err != nil {
		return err
	}
	if c.Event.ID != "" && e.holds(kind, c.Event.ID) {
		t.topic.RepeatedEvents.Add(1)
		return nil
	}
	t.fact.EventSeq++
	ev := c.Event
	ev.Seq = t.fact.EventSeq
	def := g.audience.Events[kind]
	t.expire(e, kind, def, now)
	e.insert(kind, ev)
	t.epoch.facts = append(t.epoch.facts, state.EventFact(g.table.Name, c.Key, def.Schema, &ev))
	t.mark(e)
	g.segments.TouchEvent(kind)
	cause := emit.Cause{Kind: "event", Topic: c.Origin.Topic, Partition: c.Origin.Partition, Offset: c.Origin.Offset,
		Event: def.Name, Key: ev.ID}
	return t.affect(e, &deferral{cause: cause, kind: kind, event: &ev}, now)
}

// applyEdit makes a command's edit of a static or frozen segment a fact. An id may be added before its row comes.
func (t *Task) applyEdit(c *Change, now row.Instant) error {
	g, s := t.groups[c.Audience], t.catalog.Segment(c.Segment)
	if g == nil || s == nil || s.Audience != g.audience || !s.Editable() {
		t.config.Counts.Unknown.Add(1) // of a catalog that was
		return nil
	}
	e, err := t.subject(g, c.Key, now)
	if err != nil {
		return err
	}
	edit := state.Added
	if c.Kind == Remove {
		edit = state.Removed
	}
	if !g.segments.Edit(e.subject, s, edit) {
		return nil
	}
	e.statusChanged = true
	t.mark(e)
	return t.affect(e, &deferral{cause: emit.Cause{Kind: "command", Topic: c.Origin.Topic,
		Partition: c.Origin.Partition, Offset: c.Origin.Offset}}, now)
}

// applyErase forgets a subject: its memberships end with cause erasure, no trigger fires, and every fact about it is
// taken back, so that it leaves the changelog too when that is compacted.
func (t *Task) applyErase(c *Change, now row.Instant) error {
	g := t.groups[c.Audience]
	if g == nil || g.audience == nil {
		return nil
	}
	e, err := t.subject(g, c.Key, now)
	if err != nil {
		return err
	}
	t.mark(e)
	if t.sweep != nil { // also of a subject that waits, and so is not visited
		t.dropRemoved(e, g.audience, now)
	}
	s, queued := e.subject, len(t.links.work)
	cause := emit.Cause{Kind: "erasure"}
	m := move{entry: e, before: s.Row, cause: cause}
	if err := t.relink(&m, func() { s.Row = nil }); err != nil {
		return err
	}
	g.segments.TouchAll()
	flips, _ := g.segments.Settle(s, now, t.epoch.flips[:0])
	for i := range flips {
		t.membership(&flips[i], s.ID, cause)
	}
	t.epoch.flips = flips
	t.epoch.facts = append(t.epoch.facts, state.RowTombstone(s.Table, s.ID), state.StatusFact(s.Table, s.ID, nil))
	keys, err := t.store.Keys(t.partition, s.Table, s.ID)
	if err != nil {
		return err
	}
	for _, key := range keys { // also events of kinds that the catalog no longer has
		t.epoch.facts = append(t.epoch.facts, state.Fact{Key: key})
	}
	for kind, list := range s.Events {
		for i := range list {
			t.epoch.facts = append(t.epoch.facts,
				state.EventTombstone(s.Table, s.ID, g.audience.Events[kind].Name, &list[i]))
		}
	}
	e.subject = &state.Subject{Table: s.Table, ID: s.ID, Events: make([][]row.Event, len(g.layout.Events))}
	e.ids, e.rowChanged, e.statusChanged = nil, false, false
	if len(e.deferred) > 0 {
		if err := t.putLink(state.RefTombstone(waitingRef(s))); err != nil {
			return err
		}
	}
	e.deferred, e.deferredChanged = nil, false
	return t.workInline(now, queued)
}

// settle brings the subject's memberships up to date at now and emits what changed.
func (t *Task) settle(e *entry, now row.Instant, cause emit.Cause) {
	t.settleAnd(e, now, &deferral{cause: cause})
}

// settleAnd settles, then fires the triggers of the change itself and of the flips: memberships before firings. Of a
// change that came by links, the triggers of the flips are the first.
func (t *Task) settleAnd(e *entry, now row.Instant, d *deferral) {
	cause := d.cause
	g, ep := e.group, &t.epoch
	due := e.subject.Due()
	flips, changed := g.segments.Settle(e.subject, now, ep.flips[:0])
	ep.flips = flips
	if changed {
		e.statusChanged = true
		t.mark(e)
	}
	for i := range flips {
		t.membership(&flips[i], e.subject.ID, cause)
	}
	in := g.segments.Input(e.subject, now)
	if d.via != nil { // what the row changed here may have come before it: in one order then, whichever it is
		t.fireFlips(e, flips, in, now, cause)
	}
	firings := t.match(e, d, in, now, ep.firings[:0])
	for i := range firings {
		t.firing(&firings[i], e, now, cause)
	}
	ep.firings = firings
	if d.via == nil {
		t.fireFlips(e, flips, in, now, cause)
	}
	if e.subject.Due() != due {
		t.await(e)
	}
}

// fireFlips fires the triggers on segments that the subject has entered or left.
func (t *Task) fireFlips(e *entry, flips []segment.Flip, in *expr.Input, now row.Instant, cause emit.Cause) {
	firings := t.epoch.firings[:0]
	for i := range flips {
		firings = trigger.Segment(e.group.audience, &flips[i], in, firings[:0])
		by := emit.Cause{Kind: "segment", Segment: flips[i].Segment.Name}
		if cause.Kind == "catalog" && flips[i].Why != segment.ByTime { // an edit, not something that happened to the subject
			by = cause
		}
		for j := range firings {
			t.firing(&firings[j], e, now, by)
		}
	}
	t.epoch.firings = firings
}

// comeDue fires what the subject's triggers waited for up to now, each at its own instant.
func (t *Task) comeDue(e *entry, now row.Instant) {
	due := e.subject.Due()
	firings, changed := trigger.Due(e.group.audience, e.subject, now, e.group.segments.Input(e.subject, now),
		t.epoch.firings[:0])
	t.watched(e, changed)
	for i := range firings {
		t.firing(&firings[i], e, firings[i].Due, causeOfTime())
	}
	t.epoch.firings = firings
	if e.subject.Due() != due {
		t.await(e)
	}
}

// watched makes the subject's status part of the epoch if what its triggers wait for has changed.
func (t *Task) watched(e *entry, changed bool) {
	if changed {
		e.statusChanged = true
		t.mark(e)
	}
}

func causeOfTime() emit.Cause { return emit.Cause{Kind: "time"} }

// membership emits one delta.
func (t *Task) membership(f *segment.Flip, id string, cause emit.Cause) {
	switch f.Why {
	case segment.ByTime:
		cause = causeOfTime()
	case segment.BySegment:
		kind := "segment"
		if cause.Kind == "catalog" { // it follows an edit
			kind = cause.Kind
		}
		cause = emit.Cause{Kind: kind, Segment: f.By.Name}
	case segment.ByTouch:
	}
	t.countFill(f, cause)
	c := t.count("segment", f.Segment.Name)
	if f.Enter {
		c.Size++
		c.Entered++
		byCause(&t.config.Counts.Entered, cause.Kind).Add(1)
	} else {
		c.Size--
		c.Left++
		byCause(&t.config.Counts.Left, cause.Kind).Add(1)
	}
	t.fact.Seq++
	t.put(t.emitter.Membership(f, id, cause, t.fact.Seq))
}

// firing emits one firing, unless the trigger's limit holds it back.
func (t *Task) firing(f *trigger.Firing, e *entry, at row.Instant, cause emit.Cause) {
	c := t.count("trigger", f.Trigger.Name)
	if !trigger.Allow(f.Trigger, e.subject, at) {
		t.epoch.began = true
		c.Suppressed++
		t.config.Counts.Suppressed.Add(1)
		return
	}
	t.watched(e, f.Trigger.Limit != nil)
	c.Fired++
	byCause(&t.config.Counts.Fired, cause.Kind).Add(1)
	t.fact.Seq++
	t.put(t.emitter.Firing(f, e.subject.ID, at, cause, t.fact.Seq))
}

// outputOverhead is about what an output takes besides its key and value: its headers.
const outputOverhead = 256

// put adds an output to the open epoch, with the instant of what caused it.
func (t *Task) put(o Output) {
	t.epoch.began = true
	t.epoch.outputs = append(t.epoch.outputs, o)
	t.epoch.bytes += len(o.Key) + len(o.Value) + outputOverhead
	t.epoch.born = append(t.epoch.born, t.born)
}
