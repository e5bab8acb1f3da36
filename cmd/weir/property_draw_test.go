package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

// drawer draws a world.
type drawer struct {
	t        *rapid.T
	w        *world
	lsn      uint64
	offsets  map[string]int64
	number   int // of the next event
	now      row.Instant
	events   []move // so far, to be repeated by id
	instant  []row.Instant
	audience *tableCase // whose conditions are being drawn
	changed  *tableCase // of before and after
	variable int        // of the last list that is gone through
	focus    map[*tableCase]bool
	used     []*tableCase

	edges []string // the spans that the catalog names; all if it names none
}

func drawWorld(t *rapid.T) *world {
	d := &drawer{t: t, w: &world{}, offsets: map[string]int64{}, now: start, lsn: 100}
	d.w.debezium = d.chance(2)
	d.w.linked = d.chance(2)
	d.drawFocus()
	d.w.retention = [2]string{d.of("", "400d", "13mo"), d.of("", "500d")}
	reversed := d.chance(2)
	segments := 1 + d.pick(4)
	if d.w.linked {
		segments += 2
	}
	for i := range segments {
		name := fmt.Sprintf("s%d", i)
		if reversed {
			name = fmt.Sprintf("s%d", 9-i)
		}
		d.w.segments = append(d.w.segments, d.segment(name))
	}
	for i := range d.pick(5) {
		d.w.triggers = append(d.w.triggers, d.trigger(fmt.Sprintf("t%d", i)))
	}
	d.w.catalog = d.w.text()
	for _, span := range edges {
		if strings.Contains(d.w.catalog, `"`+span+`"`) || strings.Contains(d.w.catalog, "retention: "+span+"\n") ||
			strings.Contains(d.w.catalog, "within: "+span) || strings.Contains(d.w.catalog, "per: "+span) ||
			strings.Contains(d.w.catalog, "offset: "+span) || strings.Contains(d.w.catalog, "every: "+span) {
			d.edges = append(d.edges, span)
		}
	}
	if len(d.edges) == 0 {
		d.edges = edges
	}
	d.used = d.tablesUsed()
	if d.w.linked && !d.chance(4) {
		d.seed()
	}
	moves := 4 + d.pick(26)
	if d.w.linked {
		moves += 8
	}
	for range moves {
		d.move()
	}
	d.w.epoch = []int{1, 2, 3, 7, 1 << 30}[d.pick(5)]
	for range d.w.moves {
		c := noCut
		if d.chance(3) {
			c = cut(1 + d.pick(4))
		}
		d.w.cuts = append(d.w.cuts, c)
	}
	return d.w
}

// move draws the next step of the history; time passes before it, or not.
func (d *drawer) move() {
	if !d.chance(3) {
		d.now = max(d.now, d.later())
	}
	m := move{at: d.now, table: contactTable, subject: subjectIDs[d.pick(len(subjectIDs))]}
	if d.w.linked && !d.chance(3) {
		d.moveLinked(m)
		return
	}
	switch d.pick(12) {
	case 0, 1, 2:
		d.upsert(&m)
	case 3:
		d.remove(m)
		return
	case 4, 5, 6:
		d.occur(&m)
	case 7:
		n := len(d.w.moves)
		if n == 0 || d.w.moves[n-1].record.Topic == "" || d.w.moves[n-1].what == nothing {
			return
		}
		m.what, m.record = repeated, d.w.moves[n-1].record
	case 10, 11:
		if d.chance(6) {
			d.erase(&m)
		} else if !d.edit(&m) {
			return
		}
	default:
		m.what = clockMove
		if at := d.exact(); at >= d.now {
			m.at, d.now = at, at
		}
	}
	d.w.moves = append(d.w.moves, m)
}

// later draws an instant: one at which some window ends or begins, or beside it, or any.
func (d *drawer) later() row.Instant {
	if at, ok := d.edge(); ok && d.chance(4) {
		return at
	}
	if len(d.instant) == 0 || d.chance(3) {
		return d.now + row.Instant(time.Hour)*row.Instant(d.pick(24*40))
	}
	at := d.instant[d.pick(len(d.instant))]
	for _, t := range d.w.triggers {
		if t.kind == onDate && d.chance(4) { // dates come at no other edge if they have no offset, or one that goes back
			if due := moved(row.OfTime(at.Time()), t.wait.offset, 1) + row.Instant(d.pick(3)-1); due >= d.now {
				return due
			}
		}
	}
	edge := edgeOf(at, d.edges[d.pick(len(d.edges))]) + row.Instant(d.pick(3)-1)
	if edge < d.now || edge > d.now+row.Instant(550*24*time.Hour) {
		return d.now + row.Instant(d.pick(3))
	}
	return edge
}

// exact draws an instant at which time alone may change something; row.Earliest if there is none.
func (d *drawer) exact() row.Instant {
	c := &d.w.segments[d.pick(len(d.w.segments))]
	at := row.Earliest
	switch n := d.pick(5); {
	case n == 0:
	case c.frozen:
		at = c.freeze
	case c.refresh != "":
		at = c.lastRefresh(d.now + row.Instant(26*time.Hour))
	case len(d.instant) == 0:
	case n == 1:
		at = d.instant[d.pick(len(d.instant))]
	default:
		at = edgeOf(d.instant[d.pick(len(d.instant))], d.edges[d.pick(len(d.edges))])
	}
	if at > d.now+row.Instant(550*24*time.Hour) {
		return row.Earliest
	}
	return at
}

// edgeOf returns the instant a span after at.
func edgeOf(at row.Instant, span string) row.Instant {
	p, err := expr.ParsePeriod(span)
	if err != nil {
		panic(err) // one of the test's own
	}
	return instantOf(p.After(at))
}

// instantOf returns the instant of a timestamp.
func instantOf(v row.Value) row.Instant { return row.Clamp(v.Int, v.Nanos) }

func (d *drawer) nullOr(v func() row.Value) row.Value {
	if d.chance(5) {
		return row.Value{}
	}
	return v()
}

func (d *drawer) word() row.Value { return row.OfString(d.of("a", "b", "c")) }

func (d *drawer) time() row.Value {
	at := d.now + row.Instant(d.pick(3)-1)
	switch d.pick(4) {
	case 0:
		at += row.Instant(time.Hour) * row.Instant(d.pick(24*20))
	case 1:
		at -= row.Instant(time.Hour) * row.Instant(d.pick(24*100))
	case 2:
		p, _ := expr.ParsePeriod(spans[d.pick(len(spans))])
		at = instantOf(p.Before(d.now)) + row.Instant(d.pick(3)-1)
	}
	d.instant = append(d.instant, at)
	return row.OfTime(at.Time())
}

// image draws a row.
func (d *drawer) image(t *tableCase, id string) row.Row {
	image := row.Row{t.keyOf(id)}
	for _, f := range t.fields[1:] {
		image = append(image, d.field(t, &f))
	}
	return image
}

// field draws the value of a field.
func (d *drawer) field(t *tableCase, f *row.Field) row.Value {
	for _, l := range t.links {
		switch {
		case l.field == f.Name && d.w.linked:
			return d.foreign(tableOf(l.table))
		case l.field == f.Name:
			return row.Value{}
		}
	}
	return d.nullOr(func() row.Value {
		switch f.Type.Kind {
		case row.Int:
			return d.digit()
		case row.Double:
			return row.OfDouble(float64(d.pick(4)) / 2)
		case row.Bool:
			return row.OfBool(d.chance(2))
		case row.Timestamp:
			if f.Type.Date {
				return row.OfTime(d.time().Time().Truncate(24 * time.Hour))
			}
			return d.time()
		case row.List:
			vs := []row.Value{}
			for range d.pick(3) {
				if f.Type.Elem.Kind == row.Int {
					vs = append(vs, d.digit())
				} else {
					vs = append(vs, d.word())
				}
			}
			return row.OfList(vs)
		}
		return d.word()
	})
}

func (d *drawer) digit() row.Value { return row.OfInt(int64(d.pick(4))) }

// position draws the place of an image in the source's log: the next one, or one that has been.
func (d *drawer) position() uint64 {
	if d.chance(3) && d.lsn > 104 {
		return 100 + uint64(d.pick(int(d.lsn-100)))
	}
	d.lsn += uint64(1 + d.pick(3))
	return d.lsn
}

const placeholder = "__debezium_unavailable_value"

func (d *drawer) upsert(m *move) {
	m.what, m.image = upsert, d.image(m.table, m.subject)
	if n := d.lastImage(m.table, m.subject); n != nil && d.chance(2) {
		// The same image again, or all the same but one field.
		if changed := d.pick(len(n)); changed > 0 {
			n[changed] = m.image[changed]
		}
		m.image = n
	}
	d.sendImage(m)
}

// sendImage makes the record of an image.
func (d *drawer) sendImage(m *move) {
	value := valuesOf(m.table.fields, m.image, d.w.debezium)
	if !d.w.debezium {
		d.send(m, m.table.topic, m.subject, value)
		return
	}
	m.keep = d.chance(3)
	if m.keep {
		value["s"] = placeholder
	}
	m.lsn, m.snapshot = d.position(), d.chance(5)
	op := d.of("c", "u")
	if m.snapshot {
		op = "r"
	}
	d.send(m, m.table.topic, m.key(), d.envelope(m, op, "after", value))
}

// key is the key of a row as Debezium sends it.
func (m *move) key() map[string]any {
	return map[string]any{"id": plainValue(m.table.fields[0].Type, m.table.keyOf(m.subject), true)}
}

func (d *drawer) envelope(m *move, op, side string, value any) map[string]any {
	return map[string]any{"op": op, side: value, "source": map[string]any{
		"lsn": m.lsn, "ts_ms": m.lsn, "snapshot": fmt.Sprint(m.snapshot)}}
}

// lastImage is the image sent last of the row.
func (d *drawer) lastImage(t *tableCase, id string) row.Row {
	for _, m := range slices.Backward(d.w.moves) {
		if m.what == upsert && m.table == t && m.subject == id {
			return slices.Clone(m.image)
		}
	}
	return nil
}

func (d *drawer) remove(m move) {
	m.what = removal
	if !d.w.debezium {
		d.send(&m, m.table.topic, m.subject, nil)
		d.w.moves = append(d.w.moves, m)
		return
	}
	m.lsn = d.position()
	key := m.key()
	d.send(&m, m.table.topic, key, d.envelope(&m, "d", "before", key))
	tombstone := move{at: m.at, what: nothing, table: m.table, subject: m.subject}
	d.send(&tombstone, m.table.topic, key, nil)
	d.w.moves = append(d.w.moves, m, tombstone)
}

func (d *drawer) occur(m *move) {
	m.what, m.kind = occurrence, d.pick(2)
	d.number++
	m.event = row.Event{Time: d.time(), ID: fmt.Sprintf("e-%d", d.number),
		Fields: row.Row{d.nullOr(d.word), d.nullOr(func() row.Value { return row.OfInt(int64(d.pick(4))) })}}
	switch d.pick(6) {
	case 0:
		m.event.ID = "" // without an id nothing is a duplicate
	case 1, 2:
		m.event.Time = row.OfTime(m.at.Time())
	}
	if n := len(d.events); n > 0 && d.chance(5) {
		// A duplicate of a recent one: whether an id is known beyond retention is not promised.
		const day = row.Instant(24 * time.Hour)
		if old := d.events[d.pick(n)]; old.at > d.now-20*day && instantOf(old.event.Time) > old.at-day {
			m.subject, m.kind, m.event.ID = old.subject, old.kind, old.event.ID
		}
	}
	value := valuesOf(eventFields, m.event.Fields, false)
	value["type"], value["who"], value["time"] = kindNames[m.kind], m.subject, m.event.Time.Time().Format(time.RFC3339Nano)
	if m.event.ID != "" {
		value["id"] = m.event.ID
	}
	d.events = append(d.events, *m)
	d.send(m, "events", nil, value)
}

// send makes the record of m.
func (d *drawer) send(m *move, topic string, key, value any) {
	m.record = engine.Record{Topic: topic, Offset: d.offsets[topic]}
	d.offsets[topic]++
	if text, ok := key.(string); ok {
		m.record.Key = []byte(text)
	} else if key != nil {
		m.record.Key, _ = json.Marshal(key)
	}
	if value != nil {
		m.record.Value, _ = json.Marshal(value)
	}
}

// valuesOf writes fields as JSON has them; a date in Debezium is days since 1970.
func valuesOf(fields []row.Field, r row.Row, debezium bool) map[string]any {
	out := map[string]any{}
	for i, f := range fields {
		out[f.Name] = plainValue(f.Type, r[i], debezium)
	}
	return out
}

func plainValue(t row.Type, v row.Value, debezium bool) any {
	switch v.Kind {
	case row.Bool:
		return v.Bool()
	case row.Int:
		return v.Int
	case row.Double:
		return v.Double()
	case row.String:
		return v.Str
	case row.Timestamp:
		switch {
		case t.Date && debezium:
			return v.Int / (24 * 60 * 60)
		case t.Date:
			return v.Time().Format(time.DateOnly)
		}
		return v.Time().Format(time.RFC3339Nano)
	case row.List:
		list := []any{}
		for _, e := range v.List {
			list = append(list, plainValue(*t.Elem, e, debezium))
		}
		return list
	}
	return nil
}
