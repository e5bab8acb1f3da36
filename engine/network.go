package engine

import (
	"fmt"
	"slices"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// linking brings the links that a changed catalog follows, and that were not followed before, over the rows of a
// partition, a page of them in an epoch, while records go on: it asks all others for their rows that lead here,
// subscribes to what is now needed, and gives up what no condition follows any more. Only when all have sent their rows
// are conditions evaluated that follow the new links. What it does is the same when it is done again, so a crash begins
// it anew.
type linking struct {
	steps  []func(max int) (done bool, err error)
	token  uint64 // of the request to the others
	rows   rowWalk
	places []*catalog.Place // that links lead to, whose rows are still to be looked at
	to     string           // the last such row
	last   *state.Subscription
}

// rowWalk is how far a walk over all rows of a partition is.
type rowWalk struct {
	table int // position in Catalog.Tables
	after string
}

// serving sends rows to the partitions that have asked for those that lead to them.
type serving struct {
	to   map[int32]uint64 // the tokens of their requests
	rows rowWalk
}

// Linking tells whether links are still being brought over the rows.
func (t *Task) Linking() bool { return t.links.linking != nil }

// Serving tells whether other partitions wait for rows of this one.
func (t *Task) Serving() bool { return t.links.serving != nil }

// startLinking begins to bring the catalog's links over the rows, unless that has been done, and to send rows to those
// who have asked.
func (t *Task) startLinking() error {
	t.links.linking, t.links.serving = nil, nil
	if t.fill.Network != t.catalog.Network() {
		l := &linking{}
		l.steps = []func(int) (bool, error){
			t.request, t.linkRows, t.needTargets, t.dropRefs, t.dropSubscriptions, t.allLinked}
		t.links.linking = l
	}
	return t.startServing()
}

// Link goes on with bringing links over the next max rows, and with sending rows to others.
func (t *Task) Link(now row.Instant, max int) error {
	t.born = t.tick(now)
	if err := t.serve(max); err != nil {
		return fmt.Errorf("cannot send rows of partition %d to others: %w", t.partition, err)
	}
	l := t.links.linking
	if l == nil {
		return nil
	}
	for len(l.steps) > 0 {
		done, err := l.steps[0](max)
		if err != nil {
			return fmt.Errorf("cannot bring links over the rows of partition %d: %w", t.partition, err)
		}
		if !done {
			return nil
		}
		l.steps = l.steps[1:]
	}
	t.fill.Network, t.filled, t.epoch.began = t.catalog.Network(), true, true
	t.links.linking = nil
	t.unblock()
	if err := t.dropTold(); err != nil {
		return err
	}
	return t.resumeAll(t.tick(now))
}

// linkNothing says that there are no rows in any partition.
func (t *Task) linkNothing() {
	t.links.linking = nil
	t.fill.Network, t.filled = t.catalog.Network(), true
}

// dropTold takes back what others have told of the rows that they have sent.
func (t *Task) dropTold() error {
	told, err := t.links.overlay.Subscribers("", "", 0)
	if err != nil {
		return err
	}
	for _, s := range told {
		if err := t.putLink(state.SubscriberTombstone("", "", 0, s.Partition)); err != nil {
			return err
		}
	}
	return nil
}

// request asks all other partitions for their rows that lead here.
func (t *Task) request(int) (bool, error) {
	l := t.links.linking
	l.token = t.nextLink()
	for p := range max(t.config.Partitions, 1) {
		if p != t.partition && t.catalog.Network() != 0 {
			t.send(p, &message{kind: requestMessage, stream: t.catalog.Network(), token: l.token, born: t.born})
		}
	}
	return true, nil
}

// takeRequest notes that a partition waits for rows. It is kept as a subscriber to no row, until they are sent: which
// may be only when this partition has the same catalog.
func (t *Task) takeRequest(m *message) error {
	err := t.putLink(state.SubscriberFact(state.Subscriber{Stream: m.stream, Partition: m.from, Token: m.token}))
	if err != nil {
		return err
	}
	return t.startServing()
}

// startServing begins to send rows to those who have asked for them. Who asks while others are being served waits.
func (t *Task) startServing() error {
	if t.catalog.Network() == 0 || t.links.serving != nil {
		return nil
	}
	asked, err := t.links.overlay.Subscribers("", "", t.catalog.Network())
	if err != nil || len(asked) == 0 {
		return err
	}
	t.links.serving = &serving{to: map[int32]uint64{}}
	for _, s := range asked {
		t.links.serving.to[s.Partition] = s.Token
	}
	return nil
}

// serve sends of the next max rows those that lead to who asked for them, and tells when these were all.
func (t *Task) serve(max int) error {
	sv := t.links.serving
	if sv == nil {
		return nil
	}
	done, err := t.walkRows(&sv.rows, max, t.serveRow)
	if err != nil || !done {
		return err
	}
	asked, err := t.links.overlay.Subscribers("", "", t.catalog.Network())
	if err != nil {
		return err
	}
	for _, s := range asked {
		if sv.to[s.Partition] != s.Token {
			continue // asked again meanwhile
		}
		t.send(s.Partition, &message{kind: linkedMessage, token: s.Token, born: t.born})
		if err := t.putLink(state.SubscriberTombstone("", "", s.Stream, s.Partition)); err != nil {
			return err
		}
	}
	t.links.serving = nil
	return t.startServing()
}

func (t *Task) serveRow(g *group, key string) error {
	if len(g.gathered) == 0 || !t.owns(key) {
		return nil
	}
	e, err := t.loadBriefly(g, key)
	if err != nil {
		return err
	}
	defer t.keep(e)
	image := message{kind: imageMessage, table: g.table.Name, key: key, schema: g.table.Schema, row: e.subject.Row,
		leads: true, born: t.born}
	sent := map[int32]bool{}
	for _, l := range g.gathered {
		parent := leadsTo(e.subject.Row, l)
		if parent == "" {
			continue
		}
		p := t.home(parent)
		if _, asked := t.links.serving.to[p]; asked && !sent[p] {
			sent[p] = true
			t.send(p, &image)
		}
	}
	return nil
}

// takeLinked notes that a partition has sent all its rows that lead here.
func (t *Task) takeLinked(m *message) error {
	return t.putLink(state.SubscriberFact(state.Subscriber{Partition: m.from, Token: m.token}))
}

// allLinked tells whether all partitions have sent the rows that the links lead here.
func (t *Task) allLinked(int) (bool, error) {
	missing, err := t.Unlinked()
	return len(missing) == 0, err
}

// Unlinked returns the other partitions that have not yet sent their rows that lead here.
func (t *Task) Unlinked() ([]int32, error) {
	if t.links.linking == nil || t.catalog.Network() == 0 {
		return nil, nil
	}
	told, err := t.links.overlay.Subscribers("", "", 0)
	if err != nil {
		return nil, err
	}
	var missing []int32
	for p := range max(t.config.Partitions, 1) {
		i := slices.IndexFunc(told, func(s state.Subscriber) bool { return s.Partition == p })
		if p != t.partition && (i < 0 || told[i].Token != t.links.linking.token) {
			missing = append(missing, p)
		}
	}
	return missing, nil
}

// walkRows does something to the next max rows that are held here, and tells whether these were the last.
func (t *Task) walkRows(w *rowWalk, max int, do func(*group, string) error) (done bool, err error) {
	for w.table < len(t.catalog.Tables) {
		table := t.catalog.Tables[w.table]
		ids, err := t.store.IDs(t.partition, table.Name, w.after, max)
		if err != nil {
			return false, err
		}
		for _, id := range ids {
			if err := do(t.groups[table.Name], id); err != nil {
				return false, err
			}
			w.after = id
		}
		if len(ids) >= max {
			return false, nil
		}
		max -= len(ids)
		w.table, w.after = w.table+1, ""
	}
	return true, nil
}

// linkRows links the next max rows.
func (t *Task) linkRows(max int) (bool, error) {
	return t.walkRows(&t.links.linking.rows, max, t.linkRow)
}

// linkRow follows the links of a row that is held here, as if it had just come.
func (t *Task) linkRow(g *group, key string) error {
	if key == truncation || !g.linked() && t.owns(key) {
		return nil
	}
	e, err := t.loadBriefly(g, key)
	if err != nil {
		return err
	}
	defer t.keep(e)
	if !t.owns(key) {
		if !t.leadsTo(g, e.subject.Row, t.partition) { // as links are followed now; its home may not send it any more
			if err := t.vouch(g.table.Name, key, 0, "", false); err != nil {
				return err
			}
		}
		if err := t.forget(g, key); err != nil || !e.subject.Known {
			return err
		}
	}
	r := e.subject.Row
	for _, link := range g.gathered {
		to := leadsTo(r, link)
		if to == "" {
			continue
		}
		if err := t.setRef(state.Ref{Index: link.Index, To: to, From: key}, true); err != nil {
			return err
		}
	}
	for _, p := range g.places {
		if p.Single() {
			continue // needTargets
		}
		needed, err := t.needed(p, key, r)
		if err == nil && needed {
			err = t.need(p, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// needTargets brings here what is needed of the next max rows that something leads to: a place may have got others
// below it.
func (t *Task) needTargets(max int) (bool, error) {
	l := t.links.linking
	if l.places == nil {
		l.places = []*catalog.Place{}
		for _, table := range t.catalog.Tables {
			for _, p := range t.groups[table.Name].places {
				if p.Single() {
					l.places = append(l.places, p)
				}
			}
		}
	}
	for len(l.places) > 0 {
		keys, err := t.links.overlay.Targets(l.places[0].Index, l.to, max)
		if err != nil {
			return false, err
		}
		for _, key := range keys {
			if err := t.need(l.places[0], key); err != nil {
				return false, err
			}
			l.to = key
		}
		if len(keys) >= max {
			return false, nil
		}
		max -= len(keys)
		l.places, l.to = l.places[1:], ""
	}
	return true, nil
}

// dropRefs takes back, for up to about max rows, what was kept for links that are not followed any more.
func (t *Task) dropRefs(max int) (bool, error) {
	indexes, err := t.links.overlay.Indexes()
	if err != nil {
		return false, err
	}
	followed := t.followed()
	for _, index := range indexes {
		if followed[index] {
			continue
		}
		targets, err := t.links.overlay.Targets(index, "", max)
		if err != nil {
			return false, err
		}
		for _, to := range targets {
			froms, err := t.links.overlay.Refs(index, to, "", 0)
			if err != nil {
				return false, err
			}
			for _, from := range froms {
				if err := t.putLink(state.RefTombstone(state.Ref{Index: index, To: to, From: from})); err != nil {
					return false, err
				}
			}
		}
		return false, nil
	}
	return true, nil
}

// followed returns the indexes of refs that the catalog has.
func (t *Task) followed() map[uint64]bool {
	followed := map[uint64]bool{waitingIndex: true}
	for _, g := range t.groups {
		followed[vouchersOf(g.table.Name)] = true
		for _, p := range g.places {
			followed[p.Index] = true
		}
		for _, l := range g.gathered {
			followed[l.Index], followed[vouchedBy(l.Index)] = true, true
		}
	}
	return followed
}

// dropSubscriptions gives up, of the next max subscriptions, those that nothing needs any more.
func (t *Task) dropSubscriptions(max int) (bool, error) {
	l := t.links.linking
	page, err := t.links.overlay.Subscriptions(l.last, max)
	if err != nil {
		return false, err
	}
	for i := range page {
		s := page[i]
		l.last = &s
		if g := t.groups[s.Table]; g != nil {
			if err := t.unsubscribe(g.table, s.Key, s.Stream); err != nil {
				return false, err
			}
			continue
		}
		if err := t.endSubscription(s); err != nil {
			return false, err
		}
	}
	return len(page) < max, nil
}
