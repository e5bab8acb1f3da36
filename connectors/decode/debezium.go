package decode

import (
	"slices"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state/row"
)

// envelope is where the parts of a Debezium message stand in a route's slots.
type envelope struct {
	op, before, after, source int
	origin, flatOrigin        sourceSlots // of source.*, and of __source_* and __* in a row without envelope
	flatOp, flatDeleted       []int

	// Shapes that are no rows.
	specVersion, data           int // CloudEvents
	attributes                  *attributes
	status, collections         int // transaction marker
	heartbeat                   int // heartbeat, if there is nothing else
	ddl, tableChanges, database int // schema change
}

func envelopeOf(p *plan) envelope {
	at := func(path ...string) int { return p.slot(path) }
	e := envelope{
		op: at("op"), before: at("before"), after: at("after"), source: at("source"),
		flatOp: []int{at("__op")}, flatDeleted: []int{at("__deleted")},
		specVersion: at("specversion"), data: at("data"),
		status: at("status"), collections: at("data_collections"), heartbeat: at("ts_ms"),
		ddl: at("ddl"), tableChanges: at("tableChanges"), database: at("databaseName"),
	}
	e.origin = sourceSlotsOf(func(name string) []int { return []int{at("source", name)} })
	e.attributes = attributesOf()
	e.flatOrigin = sourceSlotsOf(func(name string) []int { return flatSlots(p, []string{"source", name}) })
	return e
}

// flatSlots returns the slots at which a row without envelope may hold what stands at path in an envelope: source.lsn
// becomes __source_lsn or __lsn, as the connector's add.fields says; in a CloudEvent, iodebeziumlsn.
func flatSlots(p *plan, path []string) []int {
	switch {
	case len(path) == 2 && path[0] == attributesPath:
		return []int{p.slot(path[1:])}
	case len(path) != 2 || path[0] != "source":
		return nil
	}
	return []int{
		p.slot([]string{"__source_" + path[1]}), p.slot([]string{"__" + path[1]}), p.slot([]string{attributeOf(path[1])}),
	}
}

// shape is what a message on a Debezium topic is.
type shape uint8

const (
	enveloped shape = iota
	flat            // a row without envelope (ExtractNewRecordState)
	marker          // says nothing of rows: heartbeat, transaction, schema change
	cloudEvent
	halfEnvelope // before and after without op
)

// shape tells what the message in payload is.
func (d *Decoder) shape(rt *route, payload int32) shape {
	e := &rt.envelope
	has := func(slot int) bool { return d.slots[slot] >= 0 }
	source := d.tape.form(d.slots[e.source]) == object
	switch {
	case d.tape.form(d.slots[e.op]) == text && (has(e.before) || has(e.after) || source):
		return enveloped
	case has(e.specVersion) && has(e.data):
		return cloudEvent
	case has(e.collections) && (d.equal(d.slots[e.status], "BEGIN") || d.equal(d.slots[e.status], "END")),
		has(e.heartbeat) && d.tape.count(payload) == 1,
		has(e.ddl) && source && (has(e.tableChanges) || has(e.database)):
		return marker
	case d.tape.form(d.slots[e.after]) == object && (source || has(e.before)):
		return halfEnvelope
	}
	return flat
}

// debezium decodes a message of a Debezium topic, whose envelope stands in d.slots.
func (d *Decoder) debezium(rt *route, rec *engine.Record, payload, schema int32, out []engine.Change) []engine.Change {
	m := message{record: rec, row: payload}
	switch d.shape(rt, payload) {
	case marker:
		d.stats.Ignored++
		return out
	case cloudEvent:
		place, why := d.attributed(rt, &m, payload, &schema)
		if why != "" {
			return d.bad(rec, out, place, why)
		}
	case halfEnvelope:
		return d.bad(rec, out, "op", "expected a string, found "+d.tape.form(d.slots[rt.envelope.op]).String())
	case enveloped:
		m.op = d.enveloped(rt, &m)
	case flat:
		m.op = d.flat(rt, &m)
		if rt.encoding == avroBinary && m.plain {
			m.op = 'c' // a row or an event as it is: no connector says what happened to it
		}
	}
	switch m.op {
	case 'c', 'u', 'r', 'd', 't':
	case 'm':
		d.stats.Ignored++
		return out
	default:
		return d.bad(rec, out, "op", "expected one of c, u, r, d, t and m, found another string")
	}
	rt.columns(d, schema)
	return d.dispatch(rt, &m, out)
}

// message is a Debezium message taken apart.
type message struct {
	record      *engine.Record
	op          byte
	flat        bool  // conditions may hold elsewhere
	plain       bool  // a row without envelope and without marks of the connector
	row, before int32 // row: the image after the change, or the flat row
	prefix      string
	version     row.Version
	snapshot    bool
}

// op returns the one letter that the node n is, or 0.
func (d *Decoder) op(n int32) byte {
	if d.tape.form(n) != text || len(d.tape.raw(n)) != 1 {
		return 0
	}
	return d.tape.raw(n)[0]
}

func (d *Decoder) enveloped(rt *route, m *message) byte {
	e := &rt.envelope
	m.row, m.before, m.prefix = d.slots[e.after], d.slots[e.before], "after."
	op := d.op(d.slots[e.op])
	m.version, m.snapshot = d.version(&e.origin, op)
	return op
}

func (d *Decoder) flat(rt *route, m *message) byte {
	e := &rt.envelope
	m.flat, m.before = true, m.row
	op := byte('u')
	m.plain = true
	if n := d.first(e.flatOp); !d.tape.missing(n) {
		op, m.plain = d.op(n), false
	}
	n := d.first(e.flatDeleted)
	m.plain = m.plain && d.tape.missing(n)
	if d.tape.form(n) >= boolean && string(d.tape.raw(n)) == "true" {
		op = 'd'
	}
	m.version, m.snapshot = d.version(&e.flatOrigin, op)
	return op
}

// dispatch hands a message to the definitions whose conditions it meets.
func (d *Decoder) dispatch(rt *route, m *message, out []engine.Change) []engine.Change {
	matched := false
	for _, r := range rt.tables {
		if d.matches(r, m.flat) {
			matched = true
			out = d.change(rt, r, m, out)
		}
	}
	for _, r := range rt.events {
		if d.matches(r, m.flat) && (m.op == 'c' || m.op == 'r') {
			matched = true
			out = d.eventRow(r, m, out)
		}
	}
	if !matched {
		out = d.unmatched(rt, m.record, out)
	}
	return out
}

// change appends what a message says about a row of the table of r.
func (d *Decoder) change(rt *route, r *reader, m *message, out []engine.Change) []engine.Change {
	c := engine.Change{
		Origin: origin(m.record), Table: r.table.Name, Version: m.version, Snapshot: m.snapshot,
	}
	if m.op == 't' {
		c.Kind = engine.Truncate
		return append(out, c)
	}
	image := m.row
	if m.op == 'd' {
		image = m.before
	}
	key, problem := d.rowKey(r, m, image)
	if problem != nil {
		return d.bad(m.record, out, r.place+": "+r.keyColumn, problem.why)
	}
	c.Key = key
	if m.op == 'd' {
		c.Kind = engine.Delete
		l := rt.last(m.record.Partition)
		l.deleted, l.key = true, string(m.record.Key)
		own(&c)
		return append(out, c)
	}
	if f := d.tape.form(image); f != object {
		return d.bad(m.record, out, r.place+": after", wrong("an object", f).why)
	}
	c.Kind, c.Schema = engine.Upsert, r.schema
	place, problem := d.image(r, m, &c)
	if problem != nil {
		return d.bad(m.record, out, place, problem.why)
	}
	own(&c)
	return append(out, c)
}

// rowKey returns the key of a message's row: from the record's key, or else from the row's image.
func (d *Decoder) rowKey(r *reader, m *message, image int32) (string, *fault) {
	var key string
	var problem *fault
	bare := r.encoding == avroBinary && m.plain // by no connector: the record's key may be something else
	if !bare {
		if key, problem = d.recordKey(m.record, r); key != "" && problem == nil {
			return key, nil
		}
	}
	c := cell{tape: &d.tape, scratch: &d.scratch, cdc: true}
	n := d.tape.member(image, r.keyColumn, &d.scratch)
	v, wrongImage := c.read(n, &r.keyType)
	if wrongImage == nil && !v.IsNull() {
		return keyOf(v)
	}
	if bare {
		if key, problem = d.recordKey(m.record, r); key != "" && problem == nil {
			return key, nil
		}
	}
	if problem == nil {
		problem = &fault{why: "missing key: neither the record's key nor the row has this column"}
	}
	return "", problem
}

// image reads the row of a message. Fields for which the source sent a placeholder keep their held value.
func (d *Decoder) image(r *reader, m *message, c *engine.Change) (place string, problem *fault) {
	d.rowSlots = r.plan.find(&d.tape, m.row, d.rowSlots, &d.scratch)
	if slices.Max(d.rowSlots) < 0 {
		return r.place, &fault{why: "expected a Debezium envelope or a row, found an object with none of the declared fields"}
	}
	for i, slot := range r.fields {
		if n := d.rowSlots[slot]; n >= 0 && d.holder.is(&d.tape, n) {
			if c.Keep == nil {
				c.Keep = make([]bool, len(r.fields))
			}
			c.Keep[i] = true
			d.rowSlots[slot] = noNode
		}
	}
	values := cell{tape: &d.tape, scratch: &d.scratch, cdc: true}
	c.Row, place, problem = d.values(r, &values, d.rowSlots, m.prefix)
	if problem != nil {
		return place, problem
	}
	if k := r.table.KeyField; c.Row[k].IsNull() {
		c.Row[k] = keyValue(c.Key, &r.keyType)
		if c.Keep != nil {
			c.Keep[k] = false
		}
	}
	return "", nil
}

// keyValue returns the value of a key column that the image lacks.
func keyValue(key string, t *row.Type) row.Value {
	if t.Kind == row.Int {
		v, _ := integer([]byte(key))
		return row.OfInt(v)
	}
	return row.OfString(key)
}

// eventRow appends the event that an inserted row is: a table of events that is captured as one is inserted into only.
func (d *Decoder) eventRow(r *reader, m *message, out []engine.Change) []engine.Change {
	if f := d.tape.form(m.row); f != object {
		return d.bad(m.record, out, r.place+": after", wrong("an object", f).why)
	}
	d.rowSlots = r.plan.find(&d.tape, m.row, d.rowSlots, &d.scratch)
	return d.occur(r, m.record, d.rowSlots, nil, out)
}
