package engine

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// How links are followed. A partition holds, besides the rows whose home it is, copies of rows whose home is another:
// rows that lead to a row of its own (where a condition follows that link backwards), and rows that it subscribes to,
// because something here leads to them. For every place (catalog.Place) it keeps, as facts, which rows above lead to
// which row there; a row is needed at a place as long as one does. So a change of any row finds the subjects that it is
// about by going up the places, and a row that nothing needs any more is unsubscribed and forgotten.

// links is what a task keeps in memory about links.
type links struct {
	overlay *state.Overlay
	asked   int // subscriptions that are not complete
	work    []*spread
	rows    linkedRows
	linking *linking // nil: the catalog's links have been brought over the rows
	serving *serving // nil: no other partition waits for rows
	gone    goneCopies

	unneeded []streamKey // what may be given up as soon as the change of a row has been followed to its end
	givingUp bool

	truncating bool        // changes of rows are not sent towards subjects before all rows are gone
	departures []departure // meanwhile

	holding bool       // HoldEffects
	held    []cacheKey // the subjects whose changes wait for SettleEffects
}

// streamKey names a stream of a row: 0 is the row itself, otherwise Link.Index of the rows that lead to it.
type streamKey struct {
	table  *catalog.Table
	key    string
	stream uint64
}

// home returns the partition of the row or subject with the key.
func (t *Task) home(key string) int32 {
	if t.config.Partitions <= 1 {
		return t.partition
	}
	return Home(key, t.config.Partitions)
}

// owns tells whether this task is the home of the row or subject with the key.
func (t *Task) owns(key string) bool { return t.home(key) == t.partition }

// leadsTo returns the key to which a row leads by a link of its table; "" if it leads nowhere.
func leadsTo(r row.Row, l *catalog.Link) string {
	if r == nil {
		return ""
	}
	return r[l.KeyField].Key()
}

// putLink makes a fact about links part of the open epoch.
func (t *Task) putLink(f state.Fact) error {
	t.epoch.began = true
	t.epoch.facts = append(t.epoch.facts, f)
	t.epoch.bytes += len(f.Key) + len(f.Value)
	if err := t.links.overlay.Put(f); err != nil {
		return fmt.Errorf("cannot keep a link in partition %d: %w", t.partition, err)
	}
	return nil
}

// setRef makes a reference a fact, or takes it back, unless it is so already.
func (t *Task) setRef(r state.Ref, in bool) error {
	if held, err := t.links.overlay.HasRef(r); err != nil || held == in {
		return err
	}
	if in {
		return t.putLink(state.RefFact(r))
	}
	return t.putLink(state.RefTombstone(r))
}

// nextLink returns the next number of this task's messages, subscriptions and work.
func (t *Task) nextLink() uint64 {
	t.epoch.began = true
	t.fact.LinkSeq++
	return t.fact.LinkSeq
}

// resetLinks takes what is known of links from the store.
func (t *Task) resetLinks() error {
	t.links.held = t.links.held[:0]
	t.links.gone = goneCopies{} // some of it may not have happened
	t.links.rows, t.links.holding = linkedRows{task: t}, false
	t.links.unneeded = t.links.unneeded[:0]
	if t.links.overlay == nil {
		t.links.overlay = t.store.NewOverlay(t.partition)
	}
	t.links.overlay.Reset()
	t.links.asked = 0
	var last *state.Subscription
	for {
		page, err := t.links.overlay.Subscriptions(last, truncatePage)
		if err != nil {
			return fmt.Errorf("cannot read the subscriptions of partition %d: %w", t.partition, err)
		}
		for i := range page {
			if !page[i].Complete {
				t.links.asked++
			}
		}
		if len(page) < truncatePage {
			break
		}
		last = &page[len(page)-1]
	}
	return t.resetWork()
}

// linkedRows finds linked rows for the evaluation of conditions. It keeps the first error.
type linkedRows struct {
	task *Task
	err  error
}

// One implements expr.Rows.
func (r *linkedRows) One(l *expr.Link, from row.Row) row.Row {
	link, _ := r.task.catalog.Way(l)
	key := leadsTo(from, link)
	if key == "" {
		return nil
	}
	return r.load(link.Target, key)
}

// Many implements expr.Rows.
func (r *linkedRows) Many(l *expr.Link, from row.Row) []row.Row {
	link, _ := r.task.catalog.Way(l)
	keys, err := r.task.links.overlay.Refs(link.Index, from[link.Target.KeyField].Key(), "", 0)
	if err != nil {
		r.fail(err)
		return nil
	}
	rows := make([]row.Row, 0, len(keys))
	for _, key := range keys {
		if found := r.load(link.From, key); found != nil {
			rows = append(rows, found)
		}
	}
	if key := link.From.KeyField; link.From.Schema.Fields[key].Type.Kind == row.Int { // refs are in the order of texts
		slices.SortFunc(rows, func(a, b row.Row) int { return cmp.Compare(a[key].Int, b[key].Int) })
	}
	return rows
}

func (r *linkedRows) load(table *catalog.Table, key string) row.Row {
	e, err := r.task.load(r.task.groups[table.Name], key)
	if err != nil {
		r.fail(err)
		return nil
	}
	return e.subject.Row
}

func (r *linkedRows) fail(err error) {
	if r.err == nil {
		r.err = fmt.Errorf("cannot follow a link: %w", err)
	}
}

// neededAt tells whether the row with the key is needed at a place: something leads to it from there up to a subject
// whose home this is.
func (t *Task) neededAt(p *catalog.Place, key string) (bool, error) {
	switch {
	case key == "":
		return false, nil
	case p.Parent == nil:
		return t.owns(key), nil
	case !p.Many:
		return t.links.overlay.HasRefs(p.Index, key)
	}
	e, err := t.load(t.groups[p.Table.Name], key)
	if err != nil {
		return false, err
	}
	return t.childNeeded(p, key, e.subject.Row)
}

// childNeeded tells whether a row is needed at a place that links lead to backwards: if the row that it leads to is
// needed above, and holds it.
func (t *Task) childNeeded(p *catalog.Place, key string, r row.Row) (bool, error) {
	parent := leadsTo(r, p.Link)
	if parent == "" {
		return false, nil
	}
	held, err := t.links.overlay.HasRef(state.Ref{Index: p.Link.Index, To: parent, From: key})
	if err != nil || !held {
		return false, err
	}
	return t.neededAt(p.Parent, parent)
}

// needed is neededAt for a row that is, or is about to be, r.
func (t *Task) needed(p *catalog.Place, key string, r row.Row) (bool, error) {
	if p.Parent != nil && p.Many {
		return t.childNeeded(p, key, r)
	}
	return t.neededAt(p, key)
}

// need brings here what a row leads to that has become needed at a place.
func (t *Task) need(p *catalog.Place, key string) error {
	if p.Single() {
		if err := t.subscribe(p.Table, key, 0); err != nil {
			return err
		}
	}
	e, err := t.load(t.groups[p.Table.Name], key)
	if err != nil {
		return err
	}
	for _, child := range p.Children {
		if !child.Many {
			if err := t.refer(child, leadsTo(e.subject.Row, child.Link), key); err != nil {
				return err
			}
			continue
		}
		if err := t.subscribe(p.Table, key, child.Link.Index); err != nil {
			return err
		}
		keys, err := t.links.overlay.Refs(child.Link.Index, key, "", 0)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := t.need(child, k); err != nil {
				return err
			}
		}
	}
	return nil
}

// unneed notes what a row leads to that is no longer needed at a place. It takes nothing away yet: the rows must stay
// as they are until all that they led to has been found.
func (t *Task) unneed(p *catalog.Place, key string) error {
	e, err := t.load(t.groups[p.Table.Name], key)
	if err != nil {
		return err
	}
	for _, child := range p.Children {
		if !child.Many {
			if err := t.unrefer(child, leadsTo(e.subject.Row, child.Link), key); err != nil {
				return err
			}
			continue
		}
		keys, err := t.links.overlay.Refs(child.Link.Index, key, "", 0)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := t.unneed(child, k); err != nil {
				return err
			}
		}
		t.links.unneeded = append(t.links.unneeded, streamKey{p.Table, key, child.Link.Index})
	}
	if p.Single() {
		t.links.unneeded = append(t.links.unneeded, streamKey{p.Table, key, 0})
	}
	return nil
}

// refer notes that the row from leads to the row to, which stands at p; "": to none.
func (t *Task) refer(p *catalog.Place, to, from string) error {
	if to == "" {
		return nil
	}
	r := state.Ref{Index: p.Index, To: to, From: from}
	if held, err := t.links.overlay.HasRef(r); err != nil || held {
		return err
	}
	others, err := t.links.overlay.HasRefs(p.Index, to)
	if err != nil {
		return err
	}
	if err := t.putLink(state.RefFact(r)); err != nil || others {
		return err
	}
	return t.need(p, to)
}

// unrefer notes that the row from does not lead to the row to at p any more.
func (t *Task) unrefer(p *catalog.Place, to, from string) error {
	if to == "" {
		return nil
	}
	r := state.Ref{Index: p.Index, To: to, From: from}
	if held, err := t.links.overlay.HasRef(r); err != nil || !held {
		return err
	}
	if err := t.putLink(state.RefTombstone(r)); err != nil {
		return err
	}
	if others, err := t.links.overlay.HasRefs(p.Index, to); err != nil || others {
		return err
	}
	return t.unneed(p, to)
}
