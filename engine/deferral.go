package engine

import (
	"fmt"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/operators/trigger"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
	"github.com/weirstream/weir/state/wire"
)

// deferral is what a change means to a subject: its segments are settled, and triggers may fire. It is carried out at
// once, or, as long as the subject leads to rows of other partitions that have not come yet, kept as a fact: evaluated
// without them, the subject would leave segments for no reason, and enter them again.
type deferral struct {
	cause emit.Cause
	born  row.Instant

	change *trigger.Change // a row changed: of table
	table  *catalog.Table
	via    *catalog.Via // the way from the row to the subject; nil: it is the subject's own

	kind  int // an event arrived: of this kind of the audience
	event *row.Event
}

// affect makes a change count for a subject, now or as soon as all is there that the subject leads to.
func (t *Task) affect(e *entry, d *deferral, now row.Instant) error {
	d.born = t.born
	waits, err := t.waiting(e)
	switch {
	case err != nil:
		return err
	case waits:
		e.group.segments.Untouch()
		e.deferred, e.deferredChanged = append(e.deferred, *d), true
		t.mark(e)
		if t.links.holding {
			t.links.held = append(t.links.held, cacheKey{e.subject.Table, e.subject.ID})
			return nil
		}
		return t.putLink(state.RefFact(waitingRef(e.subject)))
	case len(e.deferred) > 0:
		e.deferred, e.deferredChanged = append(e.deferred, *d), true
		return t.resume(e, now)
	}
	t.settleAnd(e, now, d)
	return t.links.rows.err
}

// waitingRef says that changes of a subject wait.
func waitingRef(s *state.Subject) state.Ref {
	return state.Ref{Index: waitingIndex, To: s.Table, From: s.ID}
}

var waitingIndex = indexOf("waiting")

// resumeAll carries out the changes of all subjects that wait for nothing any more: it may have been given up with a
// catalog.
func (t *Task) resumeAll(now row.Instant) error {
	for _, a := range t.catalog.Audiences {
		ids, err := t.links.overlay.Refs(waitingIndex, a.Table.Name, "", 0)
		if err != nil {
			return err
		}
		for _, id := range ids {
			e, err := t.load(t.groups[a.Table.Name], id)
			if err != nil {
				return err
			}
			waits, err := t.waiting(e)
			if err == nil && !waits {
				err = t.resume(e, now)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// resume carries out the changes that waited, in their order.
func (t *Task) resume(e *entry, now row.Instant) error {
	born := t.born
	defer func() { t.born = born }()
	waited := e.deferred
	e.deferred, e.deferredChanged = nil, true
	t.mark(e)
	if err := t.setRef(waitingRef(e.subject), false); err != nil {
		return err
	}
	if err := t.visitFirst(e, now); err != nil {
		return err
	}
	e.group.segments.TouchAll()
	for i := range waited {
		t.born = waited[i].born
		t.settleAnd(e, now, &waited[i])
	}
	if e.subject.Due() < now {
		t.comeDue(e, now-1)
	}
	if e.subject.Due() == now {
		t.await(e) // as ever, what comes due now comes after what else happens now
	}
	return t.links.rows.err
}

// waiting tells whether a subject leads to rows that have not come yet.
func (t *Task) waiting(e *entry) (bool, error) {
	root := e.group.root
	switch {
	case root == nil:
		return false, nil
	case t.links.holding:
		return true, nil
	case t.links.asked == 0:
		return false, nil
	}
	return t.awaits(root, e.subject.ID, e.subject.Row)
}

// awaits tells whether something that a row leads to from a place has not come yet.
func (t *Task) awaits(p *catalog.Place, key string, r row.Row) (bool, error) {
	for _, child := range p.Children {
		var keys []string
		var err error
		if child.Many {
			keys, err = t.awaitedMany(child, key)
		} else {
			keys, err = t.awaitedOne(child, leadsTo(r, child.Link))
		}
		if err != nil || keys == nil {
			return err == nil && keys == nil, err
		}
		if len(child.Children) == 0 {
			continue
		}
		for _, k := range keys {
			e, err := t.load(t.groups[child.Table.Name], k)
			if err != nil {
				return false, err
			}
			if waits, err := t.awaits(child, k, e.subject.Row); err != nil || waits {
				return waits, err
			}
		}
	}
	return false, nil
}

var nothing = []string{}

// awaitedOne returns the key of the row at a place, if there is one; nil if it has not come yet.
func (t *Task) awaitedOne(p *catalog.Place, key string) ([]string, error) {
	if key == "" {
		return nothing, nil
	}
	if come, err := t.come(p.Table, key, 0); err != nil || !come {
		return nil, err
	}
	return []string{key}, nil
}

// awaitedMany returns the keys of the rows at a place that lead to the row above; nil if they have not come yet.
func (t *Task) awaitedMany(p *catalog.Place, above string) ([]string, error) {
	if come, err := t.come(p.Link.Target, above, p.Link.Index); err != nil || !come {
		return nil, err
	}
	if len(p.Children) == 0 {
		return nothing, nil
	}
	keys, err := t.links.overlay.Refs(p.Link.Index, above, "", 0)
	return append(nothing, keys...), err
}

// come tells whether all has come of a stream of a row.
func (t *Task) come(table *catalog.Table, key string, stream uint64) (bool, error) {
	if t.owns(key) {
		return true, nil
	}
	s, held, err := t.links.overlay.Subscription(table.Name, key, stream)
	return !held || s.Complete, err
}

// match appends the firings that the change itself makes.
func (t *Task) match(e *entry, d *deferral, in *expr.Input, now row.Instant, out []trigger.Firing) []trigger.Firing {
	a, s := e.group.audience, e.subject
	switch {
	case d.via != nil:
		return trigger.Row(d.via.Triggers, d.change, in, out)
	case d.change != nil:
		t.watched(e, trigger.AwaitDates(a, s, d.change.Before, now))
		return trigger.Row(a.TriggersOnTable(d.table.Name), d.change, in, out)
	case d.event != nil:
		t.watched(e, trigger.AwaitAbsences(a, s, d.kind, d.event, now))
		return trigger.Event(a, d.kind, d.event, in, out)
	}
	return out
}

// appendDeferrals appends the value of the fact about a subject's deferred changes. It names tables, paths, kinds and
// fields, so that it can be read under a later catalog.
func appendDeferrals(dst []byte, g *group, ds []deferral) []byte {
	dst = wire.AppendArray(dst, len(ds))
	for i := range ds {
		d := &ds[i]
		dst = appendCause(wire.AppendArray(dst, 4), &d.cause, d.born)
		switch {
		case d.change != nil:
			via := ""
			if d.via != nil {
				via = d.via.Name
			}
			dst = wire.AppendString(wire.AppendString(dst, d.table.Name), via)
			dst = wire.AppendBool(wire.AppendArray(dst, 3), d.change.Snapshot)
			dst = row.AppendRow(dst, d.table.Schema, d.change.Before)
			dst = row.AppendRow(dst, d.table.Schema, d.change.After)
		case d.event != nil:
			kind := g.audience.Events[d.kind]
			dst = wire.AppendString(wire.AppendString(dst, ""), kind.Name)
			dst = wire.AppendUint(wire.AppendArray(dst, 2), d.event.Seq)
			dst = row.AppendEvent(dst, kind.Schema, d.event)
		default:
			dst = wire.AppendArray(wire.AppendString(wire.AppendString(dst, ""), ""), 0)
		}
	}
	return dst
}

// decodeDeferrals reads what appendDeferrals wrote. Of what the catalog no longer has, the cause is left.
func (t *Task) decodeDeferrals(g *group, body []byte) ([]deferral, error) {
	r := reader{b: body}
	var out []deferral
	for range read(&r, wire.ReadArray) {
		var d deferral
		r.array(4)
		d.cause, d.born = r.cause()
		first, second := r.string(), r.string()
		switch n := read(&r, wire.ReadArray); {
		case r.err != nil:
		case n == 3:
			t.decodeChange(&r, &d, first, second)
		case n == 2:
			decodeArrival(&r, &d, g, second)
		}
		if r.err != nil {
			return nil, fmt.Errorf("cannot read the changes that wait: %w", r.err)
		}
		out = append(out, d)
	}
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("cannot read the changes that wait: %w", err)
	}
	return out, nil
}

func (t *Task) decodeChange(r *reader, d *deferral, table, via string) {
	snapshot := r.bool()
	d.table = t.catalog.Table(table)
	if d.table == nil {
		for range 2 {
			r.skip()
		}
		return
	}
	d.change = &trigger.Change{Snapshot: snapshot, Before: r.image(d.table.Schema), After: r.image(d.table.Schema)}
	if via == "" {
		return
	}
	if d.via = t.catalog.Via(table, via); d.via == nil {
		d.change = nil
	}
}

func decodeArrival(r *reader, d *deferral, g *group, kind string) {
	seq := r.uint()
	i, ok := g.kinds[kind]
	if !ok {
		r.skip()
		return
	}
	ev := read(r, func(b []byte) (row.Event, []byte, error) { return row.DecodeEvent(b, g.audience.Events[i].Schema) })
	ev.Seq = seq
	d.kind, d.event = i, &ev
}

func (r *reader) skip() {
	if r.err == nil {
		r.b, r.err = wire.Skip(r.b)
	}
}

// deferredFact is the fact about the changes of a subject that wait.
func deferredFact(e *entry) state.Fact {
	var body []byte
	if len(e.deferred) > 0 {
		body = appendDeferrals(nil, e.group, e.deferred)
	}
	return state.DeferredFact(e.subject.Table, e.subject.ID, body)
}
