package engine

import (
	"fmt"
	"slices"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
	"github.com/weirstream/weir/state/wire"
)

// spread is a piece of work that may be too large for one epoch: to bring a change of a row to all subjects that links
// lead from to it, or to send a new subscriber what it asked for. What is left at the end of an epoch is a fact.
type spread struct {
	place  *catalog.Place // where the row stands
	all    bool           // the row came or went, or moved from one row above to another
	fields []int          // of the row, otherwise: those that changed
	touch  []int          // the segments of the audience that this is about
	frames []frame        // the way up: the last one is where it goes on
	cause  emit.Cause
	born   row.Instant

	answer *state.Subscriber // to a subscriber, instead of all of the above
	after  string            // the last row sent

	id      uint64 // under which it is stored; 0: it is not
	dirty   bool   // not as it is stored
	blocked bool   // a subject waits for rows of other partitions
}

// frame is a row on the way up from a place to the subjects.
type frame struct {
	place *catalog.Place
	key   string
	after string // the last row above that is done
}

// inlineVisits is how many subjects a record's own change is brought to at once; what is left goes on between records.
const inlineVisits = 64

// spreadChange queues the work that a change of a row makes at a place other than the root.
func (t *Task) spreadChange(p *catalog.Place, m *move) {
	if p.Parent == nil {
		return
	}
	w := &spread{place: p, cause: m.cause, born: t.born}
	w.all = m.before == nil || m.after == nil || p.Many && leadsTo(m.before, p.Link) != leadsTo(m.after, p.Link)
	if !w.all {
		w.fields = changedFields(m.before, m.after)
	}
	if w.aim(t.catalog); len(w.touch) == 0 {
		return
	}
	if !p.Many {
		w.frames = []frame{{place: p, key: m.entry.subject.ID}}
		t.queue(w)
		return
	}
	for _, parent := range distinct(leadsTo(m.before, p.Link), leadsTo(m.after, p.Link)) {
		one := *w
		one.frames = []frame{{place: p.Parent, key: parent}}
		t.queue(&one)
	}
}

// changedFields returns the positions of the fields in which two rows differ.
func changedFields(before, after row.Row) (fields []int) {
	for i := range after {
		if !before[i].Same(after[i]) {
			fields = append(fields, i)
		}
	}
	return fields
}

// aim finds the segments that the change is about, wherever rows of the table stand: a subject to which it comes by
// several ways is settled as a whole when it first does.
func (w *spread) aim(c *catalog.Catalog) {
	w.touch = touchedAt(w.place, w.all, w.fields)
	if len(w.touch) == 0 {
		return
	}
	w.touch = slices.Clone(w.touch)
	for _, p := range c.Places(w.place.Table.Name) {
		if p != w.place && p.Parent != nil && p.Audience == w.place.Audience {
			w.touch = append(w.touch, touchedAt(p, w.all, w.fields)...)
		}
	}
}

// touchedAt returns the segments that a change of a row at a place is about; all: it came, went or moved.
func touchedAt(p *catalog.Place, all bool, fields []int) (touch []int) {
	if all || p.Many && slices.Contains(fields, p.Link.KeyField) {
		return p.Segments()
	}
	for _, f := range fields {
		touch = append(touch, p.SegmentsReading(f)...)
	}
	return touch
}

// queue adds work, or makes it part of work that has not begun and starts at the same row.
func (t *Task) queue(w *spread) {
	t.epoch.began = true
	for _, other := range t.links.work {
		if w.answer != nil || other.answer != nil || other.place != w.place || len(other.frames) != 1 ||
			other.frames[0] != w.frames[0] {
			continue
		}
		other.all, other.dirty = other.all || w.all, true
		other.fields = append(other.fields, w.fields...)
		other.cause, other.born = w.cause, w.born
		other.aim(t.catalog)
		return
	}
	w.dirty = true
	t.links.work = append(t.links.work, w)
}

// Working tells whether work is left that does not wait for other partitions.
func (t *Task) Working() bool {
	for _, w := range t.links.work {
		if !w.blocked {
			return true
		}
	}
	return false
}

// answerAll sends new subscribers all that they asked for.
func (t *Task) answerAll() error {
	for i := 0; i < len(t.links.work); {
		w := t.links.work[i]
		if w.answer == nil {
			i++
			continue
		}
		done, err := t.answer(w, workAll)
		if err != nil {
			return err
		}
		if !done {
			i++
			continue
		}
		if err := t.dropWork(i); err != nil {
			return err
		}
	}
	return nil
}

// dropWork takes away a piece of work that is done.
func (t *Task) dropWork(i int) error {
	id := t.links.work[i].id
	t.links.work = append(t.links.work[:i], t.links.work[i+1:]...)
	if id == 0 {
		return nil
	}
	return t.putLink(state.WorkTombstone(id))
}

// Work goes on with the work that is queued: every piece of it gets its share of about max subjects in all.
func (t *Task) Work(now row.Instant, max int) error {
	now = t.tick(now)
	ready := 0
	for _, w := range t.links.work {
		if !w.blocked {
			ready++
		}
	}
	if ready == 0 {
		return nil
	}
	return t.work(now, 0, (max+ready-1)/ready)
}

// work goes on with each piece of work from the one at first on, for about max subjects each.
func (t *Task) work(now row.Instant, first, max int) error {
	born := t.born
	defer func() { t.born = born }()
	for i := first; i < len(t.links.work); { // it may grow meanwhile
		w := t.links.work[i]
		if w.blocked {
			i++
			continue
		}
		done, err := t.workOff(w, now, max)
		if err != nil {
			return err
		}
		w.dirty, t.epoch.began = true, true
		if !done {
			i++
			continue
		}
		if err := t.dropWork(i); err != nil {
			return err
		}
	}
	return nil
}

// workOff goes on with a piece of work for at most max subjects or rows.
func (t *Task) workOff(w *spread, now row.Instant, max int) (done bool, err error) {
	if w.answer != nil {
		return t.answer(w, max)
	}
	t.born = w.born
	for steps := 0; len(w.frames) > 0; steps++ {
		if steps >= max {
			return false, nil
		}
		f := &w.frames[len(w.frames)-1]
		switch {
		case f.place.Parent == nil:
			ready, err := t.visit(w, f.key, now)
			if err != nil || !ready {
				return false, err
			}
			w.pop()
		case f.place.Many:
			err = t.climb(w)
		default:
			steps, err = t.climbAll(w, now, steps, max)
		}
		if err != nil || w.blocked {
			return false, err
		}
	}
	return true, nil
}

func (w *spread) pop() { w.frames = w.frames[:len(w.frames)-1] }

// climb goes up from a row to the one that it leads to.
func (t *Task) climb(w *spread) error {
	f := w.frames[len(w.frames)-1]
	w.pop()
	e, err := t.load(t.groups[f.place.Table.Name], f.key)
	if err != nil {
		return err
	}
	if parent := leadsTo(e.subject.Row, f.place.Link); parent != "" {
		w.frames = append(w.frames, frame{place: f.place.Parent, key: parent})
	}
	return nil
}

// climbAll goes up from a row to those that lead to it: to subjects at once, to others one by one. It returns the
// steps that are done now.
func (t *Task) climbAll(w *spread, now row.Instant, steps, max int) (int, error) {
	f := &w.frames[len(w.frames)-1]
	limit := max - steps
	if f.place.Parent.Parent != nil {
		limit = 1
	}
	keys, err := t.links.overlay.Refs(f.place.Index, f.key, f.after, limit)
	if err != nil {
		return steps, fmt.Errorf("cannot read what leads to a row of %s: %w", f.place.Table.Name, err)
	}
	for _, key := range keys {
		if f.place.Parent.Parent != nil {
			f.after = key
			w.frames = append(w.frames, frame{place: f.place.Parent, key: key})
			return steps, nil
		}
		ready, err := t.visit(w, key, now)
		if err != nil || !ready {
			return steps, err
		}
		f.after = key
		steps++
	}
	if len(keys) < limit {
		w.pop()
	}
	return steps, nil
}

// visit brings the change to one subject. A subject that waits for rows of other partitions makes the work wait too,
// unless it has changes of its own that wait: these will bring everything.
func (t *Task) visit(w *spread, id string, now row.Instant) (ready bool, err error) {
	if !t.owns(id) {
		return true, nil
	}
	e, err := t.load(t.groups[w.place.Audience.Table.Name], id)
	if err != nil {
		return false, err
	}
	waits, err := t.waiting(e)
	switch {
	case err != nil:
		return false, err
	case waits && len(e.deferred) == 0:
		w.blocked = true
		return false, nil
	case waits:
		return true, nil
	case len(e.deferred) > 0:
		return true, t.resume(e, now)
	}
	if err := t.visitFirst(e, now); err != nil {
		return false, err
	}
	e.group.segments.Touch(w.touch)
	t.settle(e, now, w.cause)
	return true, t.links.rows.err
}

// resetWork takes the work that is left from the store.
func (t *Task) resetWork() error {
	held, err := t.links.overlay.Work()
	if err != nil {
		return fmt.Errorf("cannot read the work that is left in partition %d: %w", t.partition, err)
	}
	t.links.work = nil
	for i := range held {
		w, err := decodeSpread(t.catalog, held[i].Body)
		if err != nil {
			return fmt.Errorf("cannot read the work that is left in partition %d: %w", t.partition, err)
		}
		if w.id = held[i].ID; w.answer == nil && w.place == nil { // of a catalog that was: the sweep does it
			if err := t.putLink(state.WorkTombstone(w.id)); err != nil {
				return err
			}
			continue
		}
		t.links.work = append(t.links.work, w)
	}
	return nil
}

// appendWork appends the facts of the work that is left.
func (t *Task) appendWork(facts []state.Fact) []state.Fact {
	for _, w := range t.links.work {
		if !w.dirty {
			continue
		}
		if w.id == 0 {
			w.id = t.nextLink()
		}
		facts = append(facts, state.WorkFact(state.Work{ID: w.id, Body: appendSpread(nil, w)}))
	}
	return facts
}

// appendSpread appends the body of the fact about a piece of work. It names places and fields, so that it can be read
// under a later catalog.
func appendSpread(dst []byte, w *spread) []byte {
	if s := w.answer; s != nil {
		dst = wire.AppendString(wire.AppendString(wire.AppendArray(dst, 6), s.Table), s.Key)
		dst = wire.AppendInt(wire.AppendUint(dst, s.Stream), int64(s.Partition))
		return wire.AppendString(wire.AppendUint(dst, s.Token), w.after)
	}
	dst = wire.AppendBool(wire.AppendString(wire.AppendArray(dst, 5), w.place.Name), w.all)
	dst = wire.AppendArray(dst, len(w.fields))
	for _, f := range w.fields {
		dst = wire.AppendString(dst, w.place.Table.Schema.Fields[f].Name)
	}
	dst = wire.AppendArray(dst, 3*len(w.frames))
	for _, f := range w.frames {
		dst = wire.AppendString(wire.AppendString(wire.AppendString(dst, f.place.Name), f.key), f.after)
	}
	return appendCause(dst, &w.cause, w.born)
}

// decodeSpread reads what appendSpread wrote. Its place is nil if the catalog no longer has all places that it names.
func decodeSpread(cat *catalog.Catalog, body []byte) (*spread, error) {
	r := reader{b: body}
	n := read(&r, wire.ReadArray)
	if n == 6 {
		s := &state.Subscriber{Table: r.string(), Key: r.string()}
		s.Stream, s.Partition = r.uint(), int32(r.int())
		s.Token = r.uint()
		return &spread{answer: s, after: r.string()}, r.end()
	}
	w := &spread{place: cat.Place(r.string()), all: r.bool()}
	for range read(&r, wire.ReadArray) {
		if name := r.string(); r.err == nil && w.place != nil {
			if i, ok := w.place.Table.Schema.Field(name); ok {
				w.fields = append(w.fields, i)
			}
		}
	}
	for range read(&r, wire.ReadArray) / 3 {
		f := frame{place: cat.Place(r.string()), key: r.string(), after: r.string()}
		if r.err != nil {
			break
		}
		if f.place == nil {
			w.place = nil
		}
		w.frames = append(w.frames, f)
	}
	w.cause, w.born = r.cause()
	if r.err == nil && n != 5 {
		r.err = wire.ErrKind
	}
	if w.place != nil {
		w.aim(cat)
	}
	return w, r.end()
}
