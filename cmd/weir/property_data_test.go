package main

import (
	"maps"
	"slices"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/operators/expr/oracle"
	"github.com/weirstream/weir/state/row"
)

// rowKey names a row.
type rowKey struct {
	table *tableCase
	id    string
}

// rowModel is what is known of a row.
type rowModel struct {
	row   row.Row
	lsn   uint64
	known bool
}

// rowChange is a change of a row; nil: it is not there.
type rowChange struct {
	rowKey
	before, after row.Row
	snapshot      bool
}

// moveEffect is what a move changes.
type moveEffect struct {
	rows   []rowChange
	event  *row.Event // that arrived
	edited bool       // by a command
	erased bool       // likewise: no trigger fires
}

func (e *moveEffect) none() bool { return len(e.rows) == 0 && e.event == nil && !e.edited && !e.erased }

// effect tells what a move changes, without changing it; positions are taken note of.
func (m *model) effect(mv *move) (e moveEffect) {
	switch mv.what {
	case upsert, removal:
		if c, changed := m.image(mv); changed {
			e.rows = append(e.rows, c)
		}
	case truncation:
		e.rows = m.truncate(mv)
	case occurrence:
		s := m.subject(mv.table, mv.subject)
		same := func(e row.Event) bool { return e.ID == mv.event.ID }
		if mv.event.ID == "" || !slices.ContainsFunc(s.events[mv.kind], same) {
			ev := mv.event
			ev.Seq = s.seq + 1
			e.event = &ev
		}
	case erasure:
		e.erased = true
		if r := m.subject(mv.table, mv.subject).row; r != nil {
			e.rows = append(e.rows, rowChange{rowKey: rowKey{mv.table, mv.subject}, before: r})
		}
	case command:
		e.edited = m.subject(mv.table, mv.subject).edits(mv)
	}
	return e
}

// image tells what an image, or a deletion, of a row changes.
func (m *model) image(mv *move) (c rowChange, changed bool) {
	key := rowKey{mv.table, mv.subject}
	held := m.rows[key]
	if held == nil {
		held = &rowModel{}
		m.rows[key] = held
	}
	if mv.lsn > 0 && (mv.lsn < m.truncated[mv.table] || held.known && held.lsn > 0 && mv.lsn <= held.lsn) {
		return c, false
	}
	image := mv.image
	if mv.keep {
		image = slices.Clone(image)
		image[1] = row.Value{}
		if held.row != nil {
			image[1] = held.row[1]
		}
	}
	held.lsn, held.known = mv.lsn, true
	return rowChange{rowKey: key, before: held.row, after: image, snapshot: mv.snapshot}, !held.row.Same(image)
}

// truncate tells which rows are deleted with all others of their table: those that are not newer.
func (m *model) truncate(mv *move) (cs []rowChange) {
	if mv.lsn < m.truncated[mv.table] {
		return nil
	}
	m.truncated[mv.table] = mv.lsn
	for _, id := range slices.Sorted(slices.Values(mv.table.ids)) {
		key := rowKey{mv.table, id}
		if held := m.rows[key]; held != nil && held.row != nil && mv.lsn > held.lsn {
			held.lsn = mv.lsn
			cs = append(cs, rowChange{rowKey: key, before: held.row})
		}
	}
	return cs
}

// apply makes the effect of a move part of the data.
func (m *model) apply(mv *move, e *moveEffect) {
	for i := range e.rows {
		c := &e.rows[i]
		m.rows[c.rowKey].row = c.after
		if s := m.subject(c.table, c.id); s != nil {
			if s.row = c.after; s.row == nil {
				s.states = slices.Clone(s.states)
				for i := range s.states {
					s.states[i].daily = false
				}
			}
			m.await(s, mv.at, c.before, c.after, 0, nil)
		}
	}
	if len(e.rows) > 0 {
		m.link()
	}
	if e.event == nil && !e.edited && !e.erased {
		return
	}
	s := m.subject(mv.table, mv.subject)
	switch {
	case e.erased:
		delete(m.rows, rowKey{mv.table, mv.subject})
		s.forget()
		return
	case e.edited:
		s.command(mv)
		return
	}
	s.seq = e.event.Seq
	list := append(slices.Clone(s.events[mv.kind]), *e.event)
	slices.SortStableFunc(list, func(a, b row.Event) int { return row.CompareTimes(a.Time, b.Time) })
	s.events[mv.kind] = list
	m.await(s, mv.at, nil, nil, mv.kind, e.event)
}

// forget forgets all that is known of a subject but its memberships, which the leaves still end.
func (s *subjectModel) forget() {
	s.events, s.pending, s.fired = [2][]row.Event{}, nil, map[int][]row.Instant{}
	s.states = slices.Clone(s.states)
	for i := range s.states {
		s.states[i] = segmentState{decided: s.states[i].decided}
	}
}

// link brings up to date by what the interpreter follows links.
func (m *model) link() {
	m.linked = nil
	for i, t := range tables {
		rows := oracle.Table{Table: linkedTables[i]}
		for _, id := range t.ids {
			if held := m.rows[rowKey{t, id}]; held != nil && held.row != nil {
				rows.Rows = append(rows.Rows, held.row)
			}
		}
		m.linked = append(m.linked, rows)
	}
}

// leads follows a way from a row to the id of a subject; false if it ends before.
func (m *model) leads(v *viaCase, r row.Row) (id string, ok bool) {
	at := tableOf(v.table)
	for i, name := range v.links {
		l := at.link(name)
		if r == nil {
			return "", false
		}
		id = r[at.field(l.field)].Key()
		at = tableOf(l.table)
		if r = nil; i < len(v.links)-1 {
			if held := m.rows[rowKey{at, id}]; held != nil {
				r = held.row
			}
		}
	}
	return id, id != ""
}

// arriving returns the triggers that must fire for a subject because rows changed that lead to it.
func (m *model) arriving(s *subjectModel, in *expr.Input, e *moveEffect) (names []string) {
	for i := range e.rows {
		c := &e.rows[i]
		from := c.after
		if (from == nil || m.viaBefore && c.before != nil) && !m.viaAfter {
			from = c.before
		}
		for i := range m.w.triggers {
			t := &m.w.triggers[i]
			if t.via == nil || t.subject != s.table || t.table() != c.table || s.row == nil && !m.viaNobody || !rowMeets(t, c) {
				continue
			}
			if id, ok := m.leads(t.via, from); !ok || id != s.id {
				continue
			}
			in.Before, in.After, in.Event = c.before, c.after, nil
			if w := m.triggers[i]; w == nil || w.Eval(in) == expr.True {
				names = append(names, t.name)
			}
		}
	}
	return names
}

// about returns the subjects that a move may concern, in order.
func (m *model) about(mv *move, e *moveEffect) []*subjectModel {
	if len(e.rows) > 0 && (m.w.linked || mv.what == truncation) {
		return m.all
	}
	if s := m.subject(mv.table, mv.subject); s != nil {
		return []*subjectModel{s}
	}
	return nil
}

// before keeps what the subjects are like before a move, for a planted fault.
func (m *model) before(ss []*subjectModel) map[*subjectModel]*subjectModel {
	old := map[*subjectModel]*subjectModel{}
	for _, s := range ss {
		was := *s
		was.fired = maps.Clone(s.fired)
		old[s] = &was
	}
	return old
}
