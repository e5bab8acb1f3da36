package engine

import (
	"encoding/binary"
	"hash/fnv"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// Copies of rows whose home is another partition. Several may send one row here: its home, because it leads to a row of
// this partition or because of a subscription to it, and the homes of rows that it leads to, because of subscriptions
// to the rows that lead there. What each of them sends comes in order, but one may be behind another. So a copy is held
// as long as one of them says, by the last that it sent, that the row is of its stream: who does is a fact. Its content
// is the newest that any has sent.

// byHome is who vouches for a copy that leads to a row of this partition: the home of the copied row.
const byHome = "home"

// byStream is who vouches for a copy that is of a stream of the row with the key target.
func byStream(stream uint64, target string) string {
	return string(binary.BigEndian.AppendUint64(nil, stream)) + target
}

// vouchersOf is the index of who vouches for the copies of a table's rows, by their keys.
func vouchersOf(table string) uint64 { return indexOf("copy " + table) }

// vouchedBy is the index of the copies for which a link's streams vouch, by the keys of the rows that are led to.
func vouchedBy(stream uint64) uint64 { return stream ^ streamIndex }

var streamIndex = indexOf("stream")

// indexOf is the FNV-1a hash of a name, by which facts name it.
func indexOf(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// vouch notes whether somebody says that the row with the key is of his stream; stream 0 is its home.
func (t *Task) vouch(table, key string, stream uint64, target string, in bool) error {
	by := byHome
	if stream != 0 {
		by = byStream(stream, target)
	}
	refs := []state.Ref{{Index: vouchersOf(table), To: key, From: by}}
	if stream != 0 {
		refs = append(refs, state.Ref{Index: vouchedBy(stream), To: target, From: key})
	}
	if held, err := t.links.overlay.HasRef(refs[0]); err != nil || held == in {
		return err
	}
	for _, r := range refs {
		f := state.RefTombstone(r)
		if in {
			f = state.RefFact(r)
		}
		if err := t.putLink(f); err != nil {
			return err
		}
	}
	return nil
}

// keeps tells whether there is a reason to hold a copy of the row with the key.
func (t *Task) keeps(table, key string) (bool, error) {
	if _, held, err := t.links.overlay.Subscription(table, key, 0); err != nil || held {
		return held, err
	}
	return t.links.overlay.HasRefs(vouchersOf(table), key)
}

// takeCopy takes the image of a row from who sends it here, and brings the copy up to date if there is reason to hold
// one.
func (t *Task) takeCopy(m *message) error {
	if t.owns(m.key) {
		return nil
	}
	g := t.groups[m.table]
	if err := t.vouchAsSaid(m); err != nil {
		return err
	}
	e, err := t.load(g, m.key)
	if err != nil {
		return err
	}
	kept, err := t.keeps(m.table, m.key)
	s := e.subject
	switch {
	case err != nil:
		return err
	case !kept && !s.Known, kept && s.Known && m.rev < s.Version.Lo:
		return nil
	case !kept:
		if m.kind == imageMessage { // a hop has a number of its own
			t.links.gone.put(cacheKey{m.table, m.key}, m.rev)
		}
		return t.copyRow(e, nil, row.Version{}, false, m)
	}
	version := row.Version{Known: true, Lo: m.rev}
	if rev := t.links.gone.rev(cacheKey{m.table, m.key}); !s.Known && m.rev < rev {
		version.Lo = rev // what it was then is not of interest here; whoever sends m says so later, too
		return t.copyRow(e, nil, version, true, m)
	}
	if s.Row.Same(m.row) {
		if s.Version != version || !s.Known {
			s.Version, s.Known, e.rowChanged = version, true, true
			t.mark(e)
		}
		return nil
	}
	return t.copyRow(e, m.row, version, true, m)
}

// vouchAsSaid notes what an image says of the stream that it is of. A hop says nothing: the image came before it.
func (t *Task) vouchAsSaid(m *message) error {
	switch {
	case m.kind != imageMessage, m.token != 0 && m.stream == 0: // the subscription itself is the reason
		return nil
	case m.stream == 0:
		return t.vouch(m.table, m.key, 0, "", m.leads)
	}
	link := t.linkFrom(m.table, m.stream)
	return t.vouch(m.table, m.key, m.stream, m.target, link != nil && leadsTo(m.row, link) == m.target)
}

// leadsTo tells whether a row leads, by links that are followed backwards, to a row of the partition p.
func (t *Task) leadsTo(g *group, r row.Row, p int32) bool {
	for _, l := range g.gathered {
		if parent := leadsTo(r, l); parent != "" && t.home(parent) == p {
			return true
		}
	}
	return false
}

// forget drops the copy of a row if there is no reason to hold it any more.
func (t *Task) forget(g *group, key string) error {
	if t.owns(key) {
		return nil
	}
	e, err := t.load(g, key)
	if err != nil || !e.subject.Known {
		return err
	}
	if kept, err := t.keeps(g.table.Name, key); err != nil || kept {
		return err
	}
	return t.copyRow(e, nil, row.Version{}, false, nil)
}

// forgetStream drops the copies for which a stream vouched that is given up.
func (t *Task) forgetStream(table *catalog.Table, target string, stream uint64) error {
	link := t.linkByTarget(table.Name, stream)
	if link == nil {
		return nil
	}
	keys, err := t.links.overlay.Refs(vouchedBy(stream), target, "", 0)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := t.vouch(link.From.Name, k, stream, target, false); err != nil {
			return err
		}
		if err := t.forget(t.groups[link.From.Name], k); err != nil {
			return err
		}
	}
	return nil
}

// goneCopies are the revisions of rows of which copies were dropped lately: an image that is older, and comes later
// since who sends it is behind, must not bring back what was. It is a memory of what happened just now and no fact;
// without it, after a restart, subjects may be taken for a moment to what they were.
type goneCopies struct{ young, old map[cacheKey]uint64 }

// goneMost is how many revisions each of the two generations holds.
const goneMost = 4096

func (g *goneCopies) put(k cacheKey, rev uint64) {
	if g.young == nil || len(g.young) >= goneMost {
		g.old, g.young = g.young, map[cacheKey]uint64{}
	}
	g.young[k] = max(rev, g.young[k])
}

// rev returns the revision at which the copy was dropped; 0 if it was not.
func (g *goneCopies) rev(k cacheKey) uint64 { return max(g.young[k], g.old[k]) }

// copyRow makes r the copy of a row whose home is elsewhere, as m says; known false: nothing is known of it any more. m
// is nil if the copy is forgotten.
func (t *Task) copyRow(e *entry, r row.Row, v row.Version, known bool, m *message) error {
	s := e.subject
	moved := move{entry: e, before: s.Row, after: r, copied: m}
	if m != nil {
		moved.cause = m.cause
	}
	return t.relink(&moved, func() {
		s.Row, s.Version, s.Known, e.rowChanged = r, v, known, true
		t.mark(e)
	})
}
