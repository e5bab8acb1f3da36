package decode

import (
	"strings"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state/row"
)

// moments are what an event has where its kind declares no id or time, or the record has none there. Without a time,
// it is the record's.
type moments struct {
	id   string
	time row.Value
}

// plain decodes a record of a topic of plain records, whose wanted values stand in slots. m may be nil.
func (d *Decoder) plain(rt *route, rec *engine.Record, slots []int32, m *moments, out []engine.Change) []engine.Change {
	matched := false
	for _, r := range rt.tables {
		if d.matches(r, false) {
			matched = true
			out = d.plainRow(r, rec, slots, out)
		}
	}
	for _, r := range rt.events {
		if d.matches(r, false) {
			matched = true
			out = d.occur(r, rec, slots, m, out)
		}
	}
	if !matched {
		out = d.unmatched(rt, rec, out)
	}
	return out
}

// unmatched decodes a record that no definition of its topic asks for.
func (d *Decoder) unmatched(rt *route, rec *engine.Record, out []engine.Change) []engine.Change {
	if len(rt.events) == 0 {
		return d.bad(rec, out, "", "unknown table: the record meets the conditions of no table that reads this topic")
	}
	d.stats.Unmatched++
	return out
}

// plainRow appends the row that a plain record is.
func (d *Decoder) plainRow(r *reader, rec *engine.Record, slots []int32, out []engine.Change) []engine.Change {
	c := cell{tape: &d.tape, scratch: &d.scratch}
	values, field, problem := d.values(r, &c, slots, "")
	if problem != nil {
		return d.bad(rec, out, field, problem.why)
	}
	key, problem := keyOf(values[r.table.KeyField])
	if problem != nil {
		return d.bad(rec, out, r.place+": "+r.names[r.table.KeyField], problem.why)
	}
	change := engine.Change{
		Kind: engine.Upsert, Origin: origin(rec), Schema: r.schema, Table: r.table.Name, Row: values, Key: key,
	}
	own(&change)
	return append(out, change)
}

// values reads the fields of a row or an event from slots. If one can't be used, it is named in place.
func (d *Decoder) values(r *reader, c *cell, slots []int32, prefix string) (row.Row, string, *fault) {
	values := make(row.Row, len(r.fields))
	for i, slot := range r.fields {
		n := slots[slot]
		if n < 0 {
			continue
		}
		if c.cdc && r.columns != nil {
			c.column = r.columns[i]
		}
		t := &r.schema.Fields[i].Type
		if t.Kind == row.String && c.tape.nodes[n].form == text && c.column.kind != scaled {
			values[i].Kind, values[i].Str = row.String, c.string(n) // most values: in place
			continue
		}
		v, problem := c.read(n, t)
		if problem != nil {
			return nil, r.place + ": " + prefix + r.names[i] + problem.place, problem
		}
		values[i] = v
	}
	c.column = column{}
	return values, "", nil
}

// occur appends the event that a record is: once for each audience of which it names a subject. m may be nil.
func (d *Decoder) occur(r *reader, rec *engine.Record, slots []int32, m *moments, out []engine.Change) []engine.Change {
	c := cell{tape: &d.tape, scratch: &d.scratch, cdc: r.plan != nil, attributes: r.layout == dataverse}
	values, field, problem := d.values(r, &c, slots, "")
	if problem != nil {
		return d.bad(rec, out, field, problem.why)
	}
	event := row.Event{Fields: values}
	if m != nil {
		event.ID, event.Time = m.id, m.time
	}
	if r.id >= 0 {
		if event.ID, problem = c.name(slots[r.id]); problem != nil {
			return d.bad(rec, out, r.place+": "+dotted(r.event.ID), problem.why)
		}
	}
	if r.time >= 0 && !d.tape.missing(slots[r.time]) {
		at := row.Type{Kind: row.Timestamp}
		if event.Time, problem = c.read(slots[r.time], &at); problem != nil {
			return d.bad(rec, out, r.place+": "+dotted(r.event.Time), problem.why)
		}
	}
	if event.Time.IsNull() {
		event.Time = arrival(rec.Time)
	}
	first := len(out)
	for i, s := range r.event.Subjects {
		key, problem := c.name(slots[r.subjects[i]])
		if problem != nil {
			out = d.bad(rec, out, r.place+": "+dotted(s.Path), problem.why)
			continue
		}
		if key == "" {
			continue
		}
		out = append(out, engine.Change{
			Kind: engine.Occur, Origin: origin(rec), Schema: r.schema,
			Audience: s.Audience, EventKind: r.event.Name, Event: event, Key: key,
		})
	}
	if len(out) == first {
		return d.bad(rec, out, r.place, "missing key: nothing at "+subjectPaths(r.event.Subjects))
	}
	d.ownAll(out[first:])
	return out
}

func (d *Decoder) ownAll(changes []engine.Change) {
	for i := range changes {
		own(&changes[i])
	}
}

func dotted(path []string) string { return strings.Join(path, ".") }

// subjectPaths names the places where an event names its subjects.
func subjectPaths(subjects []catalog.SubjectPath) string {
	names := make([]string, 0, len(subjects))
	for _, s := range subjects {
		names = append(names, dotted(s.Path))
	}
	return strings.Join(names, " or ")
}
