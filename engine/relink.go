package engine

import (
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// move is a change of a row that is held here, while links follow it.
type move struct {
	entry         *entry
	before, after row.Row
	cause         emit.Cause
	copied        *message // of a copy: the image that it comes from; nil: this is its home, or it is forgotten
	was           []bool   // by place of the table: the row was needed there
}

// linked tells whether links lead to or from rows of the table.
func (g *group) linked() bool { return len(g.places)+len(g.gathered) > 0 }

// relink makes m.after the row and follows the change to all that links lead to and from: what the row now leads to is
// brought here, what it no longer does is given up, and whoever holds a copy gets it anew. set makes the row what it is
// to be.
func (t *Task) relink(m *move, set func()) error {
	if !m.entry.group.linked() || m.before == nil && m.after == nil {
		set()
		return t.tell(m) // others may have a catalog that follows links to it already
	}
	if err := t.follow(m, set); err != nil {
		return err
	}
	return t.giveUp()
}

// follow is relink, but for giving up what is not needed any more.
func (t *Task) follow(m *move, set func()) error {
	g, key := m.entry.group, m.entry.subject.ID
	m.was = make([]bool, len(g.places))
	for i, p := range g.places {
		var err error
		if m.was[i], err = t.needed(p, key, m.before); err != nil {
			return err
		}
	}
	if err := t.moveChild(g, key, m.before, m.after); err != nil {
		return err
	}
	// First the row loses links, as it was, then it gains others, as it is: so that what is found through it on the
	// way is the same from beginning to end.
	for i, p := range g.places {
		if m.was[i] {
			if err := t.loseLinks(p, m); err != nil {
				return err
			}
		}
	}
	set()
	is := make([]bool, len(g.places))
	for i, p := range g.places {
		var err error
		if is[i], err = t.needed(p, key, m.after); err != nil {
			return err
		}
		if !is[i] {
			continue
		}
		if err := t.gainLinks(p, m, m.was[i]); err != nil {
			return err
		}
	}
	if err := t.tell(m); err != nil {
		return err
	}
	for i, p := range g.places {
		if m.was[i] || is[i] {
			t.spreadChange(p, m)
		}
	}
	return nil
}

// moveChild keeps, for links that are followed backwards, which rows lead to which.
func (t *Task) moveChild(g *group, key string, before, after row.Row) error {
	for _, l := range g.gathered {
		from, to := leadsTo(before, l), leadsTo(after, l)
		if from == to {
			continue
		}
		if from != "" {
			if err := t.putLink(state.RefTombstone(state.Ref{Index: l.Index, To: from, From: key})); err != nil {
				return err
			}
		}
		if to != "" {
			if err := t.putLink(state.RefFact(state.Ref{Index: l.Index, To: to, From: key})); err != nil {
				return err
			}
		}
	}
	return nil
}

// loseLinks gives up what the row led to at a place and does not lead to any more.
func (t *Task) loseLinks(p *catalog.Place, m *move) error {
	key := m.entry.subject.ID
	if p.Many {
		still, err := t.childNeeded(p, key, m.after)
		if err != nil {
			return err
		}
		if !still {
			return t.unneed(p, key)
		}
	}
	for _, child := range p.Children {
		if child.Many {
			continue
		}
		if from := leadsTo(m.before, child.Link); from != leadsTo(m.after, child.Link) {
			if err := t.unrefer(child, from, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// gainLinks brings here what the row now leads to at a place where it is needed, and was before or was not.
func (t *Task) gainLinks(p *catalog.Place, m *move, was bool) error {
	key := m.entry.subject.ID
	if p.Many && !was {
		return t.need(p, key)
	}
	for _, child := range p.Children {
		if child.Many {
			continue
		}
		if err := t.refer(child, leadsTo(m.after, child.Link), key); err != nil {
			return err
		}
	}
	return nil
}

// tell sends the row to those who hold a copy of it, or are to: the homes of the rows that it leads to backwards, and
// who subscribed to it or to the rows that lead where it does.
func (t *Task) tell(m *move) error {
	if t.config.Partitions <= 1 {
		return nil
	}
	g, s := m.entry.group, m.entry.subject
	image := message{kind: imageMessage, table: g.table.Name, key: s.ID, schema: g.table.Schema, row: m.after,
		cause: m.cause, born: t.born}
	switch {
	case m.copied != nil: // passed on as it came, though it may not be held
		image.row, image.rev = m.copied.row, m.copied.rev
	case !t.owns(s.ID):
		return nil
	default:
		t.sendParents(g, m, &image)
		if err := t.sendSubscribers(g.table.Name, s.ID, 0, &image); err != nil {
			return err
		}
	}
	for _, l := range g.gathered {
		from, to := leadsTo(m.before, l), leadsTo(m.after, l)
		image.stream = l.Index
		for _, parent := range distinct(from, to) {
			if !t.owns(parent) {
				continue
			}
			image.target = parent
			if err := t.sendSubscribers(l.Target.Name, parent, l.Index, &image); err != nil {
				return err
			}
		}
	}
	return nil
}

// distinct returns the keys of the two that name a row, each once.
func distinct(a, b string) []string {
	switch {
	case a == b && a == "":
		return nil
	case a == "" || a == b:
		return []string{b}
	case b == "":
		return []string{a}
	}
	return []string{a, b}
}

// sendParents sends a row to the homes of the rows that it leads or led to by links that are followed backwards.
func (t *Task) sendParents(g *group, m *move, image *message) {
	if len(g.gathered) == 0 {
		return
	}
	sent := map[int32]bool{t.partition: true}
	for _, l := range g.gathered {
		for _, parent := range distinct(leadsTo(m.before, l), leadsTo(m.after, l)) {
			if p := t.home(parent); !sent[p] {
				sent[p] = true
				image.leads = t.leadsTo(g, m.after, p)
				t.send(p, image)
			}
		}
	}
}

// send adds a message to the open epoch.
func (t *Task) send(to int32, m *message) {
	t.epoch.began = true
	if m.rev == 0 && (m.kind == imageMessage || m.kind == hopMessage) {
		m.rev = t.nextLink() // one for all to whom this image goes
	}
	m.from = t.partition
	value := appendMessage(nil, m)
	t.epoch.messages = append(t.epoch.messages, Message{To: to, Value: value})
	t.epoch.bytes += len(value) + outputOverhead
}
