package engine

import (
	"fmt"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state"
)

// subscribe asks the home of a row for it (stream 0), or for the rows that lead to it by the link whose Index stream
// is, unless this is the home or has asked before.
func (t *Task) subscribe(table *catalog.Table, key string, stream uint64) error {
	if t.owns(key) {
		return nil
	}
	if _, held, err := t.links.overlay.Subscription(table.Name, key, stream); err != nil || held {
		return err
	}
	token := t.nextLink()
	t.links.asked++
	t.send(t.home(key), &message{kind: subscribeMessage, table: table.Name, key: key, stream: stream, token: token})
	return t.putLink(state.SubscriptionFact(state.Subscription{Table: table.Name, Key: key, Stream: stream, Token: token}))
}

// giveUp gives up what is not needed any more, and the copies that it brought, until no more follows from that.
func (t *Task) giveUp() error {
	if t.links.givingUp {
		return nil // whoever does goes on with what this has added
	}
	t.links.givingUp = true
	defer func() { t.links.givingUp = false }()
	for len(t.links.unneeded) > 0 {
		last := len(t.links.unneeded) - 1
		s := t.links.unneeded[last]
		t.links.unneeded = t.links.unneeded[:last]
		if err := t.unsubscribe(s.table, s.key, s.stream); err != nil {
			return err
		}
	}
	return nil
}

// unsubscribe gives a subscription up if nothing needs it any more, and forgets the copies that it brought.
func (t *Task) unsubscribe(table *catalog.Table, key string, stream uint64) error {
	if t.owns(key) {
		return nil
	}
	s, held, err := t.links.overlay.Subscription(table.Name, key, stream)
	if err != nil || !held {
		return err
	}
	if needed, err := t.streamNeeded(table, key, stream); err != nil || needed {
		return err
	}
	if err := t.endSubscription(s); err != nil {
		return err
	}
	if stream == 0 {
		return t.forget(t.groups[table.Name], key)
	}
	return t.forgetStream(table, key, stream)
}

// endSubscription tells the home of a row that it is followed no more.
func (t *Task) endSubscription(s state.Subscription) error {
	if !s.Complete {
		t.links.asked--
		t.unblock()
	}
	t.send(t.home(s.Key), &message{kind: unsubscribeMessage, table: s.Table, key: s.Key, stream: s.Stream, token: s.Token})
	return t.putLink(state.SubscriptionTombstone(s.Table, s.Key, s.Stream))
}

// streamNeeded tells whether a place needs a row, or the rows that lead to it.
func (t *Task) streamNeeded(table *catalog.Table, key string, stream uint64) (bool, error) {
	for _, p := range t.groups[table.Name].places {
		asks := stream == 0 && p.Single()
		for _, child := range p.Children {
			asks = asks || child.Many && child.Link.Index == stream
		}
		if !asks {
			continue
		}
		if needed, err := t.neededAt(p, key); err != nil || needed {
			return needed, err
		}
	}
	return false, nil
}

// sendSubscribers sends a row to those who subscribed to a stream.
func (t *Task) sendSubscribers(table, key string, stream uint64, image *message) error {
	subscribers, err := t.links.overlay.Subscribers(table, key, stream)
	if err != nil {
		return fmt.Errorf("cannot read the subscribers of a row of %s: %w", table, err)
	}
	for i := range subscribers {
		image.token = subscribers[i].Token
		t.send(subscribers[i].Partition, image)
	}
	return nil
}

// takeSubscribe answers a partition that wants to know a row or those that lead to it.
func (t *Task) takeSubscribe(m *message) error {
	g := t.groups[m.table]
	if !t.owns(m.key) {
		return fmt.Errorf("partition %d was asked for a row of %s whose home is %d: "+
			"was the number of partitions changed?", t.partition, m.table, t.home(m.key))
	}
	s := state.Subscriber{Table: m.table, Key: m.key, Stream: m.stream, Partition: m.from, Token: m.token}
	if err := t.putLink(state.SubscriberFact(s)); err != nil {
		return err
	}
	if m.stream != 0 {
		t.queue(&spread{answer: &s})
		return nil
	}
	e, err := t.load(g, m.key)
	if err != nil {
		return err
	}
	t.send(m.from, &message{kind: imageMessage, table: m.table, key: m.key, schema: g.table.Schema, row: e.subject.Row,
		token: m.token, last: true, born: t.born})
	return nil
}

// answer sends the next of the rows that lead to a row to a new subscriber, at most max, and says when these were all.
func (t *Task) answer(w *spread, max int) (done bool, err error) {
	s := w.answer
	current, err := t.links.overlay.Subscribers(s.Table, s.Key, s.Stream)
	if err != nil {
		return false, err
	}
	still := false
	for i := range current {
		still = still || current[i] == *s
	}
	if !still {
		return true, nil // given up meanwhile, or asked again
	}
	link := t.linkByTarget(s.Table, s.Stream)
	if link == nil || t.Linking() { // the link comes with a catalog, or its rows do, that others have already
		w.blocked = true
		return false, nil
	}
	keys, err := t.links.overlay.Refs(s.Stream, s.Key, w.after, max)
	if err != nil {
		return false, err
	}
	for _, k := range keys {
		e, err := t.load(t.groups[link.From.Name], k)
		if err != nil {
			return false, err
		}
		rev := e.subject.Version.Lo // of a copy; a row of this home gets a new one
		if t.owns(k) {
			rev = 0
		}
		t.send(s.Partition, &message{kind: imageMessage, table: link.From.Name, key: k, schema: link.From.Schema,
			row: e.subject.Row, rev: rev, stream: s.Stream, target: s.Key, token: s.Token, born: t.born})
		w.after = k
	}
	if len(keys) < max {
		t.send(s.Partition, &message{kind: completeMessage, table: s.Table, key: s.Key, stream: s.Stream, token: s.Token})
		return true, nil
	}
	return false, nil
}

// linkByTarget returns the link to a table with the index that a subscriber follows backwards.
func (t *Task) linkByTarget(table string, index uint64) *catalog.Link {
	for _, g := range t.groups {
		for _, l := range g.gathered {
			if l.Index == index && l.Target.Name == table {
				return l
			}
		}
	}
	return nil
}

func (t *Task) takeUnsubscribe(m *message) error {
	held, err := t.links.overlay.Subscribers(m.table, m.key, m.stream)
	if err != nil {
		return err
	}
	for i := range held {
		if held[i].Partition == m.from && held[i].Token == m.token {
			return t.putLink(state.SubscriberTombstone(m.table, m.key, m.stream, m.from))
		}
	}
	return nil
}

// current tells whether a message is about the subscription that is held, not one that was given up before.
func (t *Task) current(m *message) (s state.Subscription, ok bool, err error) {
	table, key := m.table, m.key
	if m.kind == imageMessage && m.stream != 0 {
		link := t.linkFrom(m.table, m.stream)
		if link == nil {
			return s, false, nil
		}
		table, key = link.Target.Name, m.target
	}
	s, ok, err = t.links.overlay.Subscription(table, key, m.stream)
	return s, ok && s.Token == m.token, err
}

// linkFrom returns the link of a table's rows with the index.
func (t *Task) linkFrom(table string, index uint64) *catalog.Link {
	for _, l := range t.groups[table].gathered {
		if l.Index == index {
			return l
		}
	}
	return nil
}

// takeImage takes a row from its home, or from the home of a row that it leads to.
func (t *Task) takeImage(m *message) error {
	s, ok, err := t.current(m)
	if err != nil || m.token != 0 && !ok {
		return err
	}
	if err := t.takeCopy(m); err != nil || !m.last {
		return err
	}
	return t.complete(s)
}

// unblock lets work try again that waits for rows of other partitions.
func (t *Task) unblock() {
	for _, w := range t.links.work {
		w.blocked = false
	}
}

// complete notes that all has come that a subscription is about: what waited for it goes on.
func (t *Task) complete(s state.Subscription) error {
	if s.Complete {
		return nil
	}
	s.Complete = true
	t.links.asked--
	if err := t.putLink(state.SubscriptionFact(s)); err != nil {
		return err
	}
	t.unblock()
	for _, p := range t.groups[s.Table].places {
		if s.Stream == 0 && !p.Single() {
			continue
		}
		t.queue(&spread{place: p, frames: []frame{{place: p, key: s.Key}}, born: t.born})
	}
	return nil
}
