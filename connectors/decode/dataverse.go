package decode

import (
	"slices"
	"strings"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state/row"
)

// Dataverse sends what happened to a row as a RemoteExecutionContext, through Service Bus or a webhook: the message's
// name, the entity's, and in lists of keys and values the attributes that were set (the Target) and the whole row as it
// is then (the post image, if one is registered; attributes that are null are left out of it).

// entitySlots is where the parts of an execution context stand in a route's slots.
type entitySlots struct {
	message, id, created, input, images int
}

func entitySlotsOf(p *plan) entitySlots {
	at := func(name string) int { return p.slot([]string{name}) }
	return entitySlots{
		message: at("MessageName"), id: at("PrimaryEntityId"), created: at("OperationCreatedOn"),
		input: at("InputParameters"), images: at("PostEntityImages"),
	}
}

// EntityIDHeader is the header of the dead letter of a message of Dataverse without content: the id of the row that
// must be read again.
const EntityIDHeader = "weir_entity_id"

// noGUID is the id that stands for none.
const noGUID = "00000000-0000-0000-0000-000000000000"

// execution is an execution context taken apart.
type execution struct {
	record  *engine.Record
	message string
	id      int32 // of the entity
	target  int32
	images  int32
	version row.Version
}

// dataverse decodes an execution context whose parts stand in d.slots.
func (d *Decoder) dataverse(rt *route, rec *engine.Record, out []engine.Change) []engine.Change {
	const messages = "expected Create, Update or Delete, found "
	s := &rt.execution
	if f := d.tape.form(d.slots[s.message]); f != text {
		return d.bad(rec, out, "MessageName", messages+f.String())
	}
	e := execution{
		record: rec, message: d.tape.string(d.slots[s.message], &d.scratch), id: d.slots[s.id],
		target: d.parameter(d.slots[s.input], "Target"), images: d.slots[s.images], version: d.created(s),
	}
	switch e.message {
	case "Create", "Update", "Delete":
	default:
		return d.bad(rec, out, "MessageName", messages+"another string")
	}
	if d.tape.missing(e.id) || d.equal(e.id, noGUID) || d.equal(e.id, "") {
		e.id = d.tape.member(e.target, "Id", &d.scratch)
	}
	matched := false
	for _, r := range rt.tables {
		if d.matches(r, false) {
			matched = true
			out = d.entityRow(r, &e, out)
		}
	}
	for _, r := range rt.events {
		if e.message == "Create" && d.matches(r, false) {
			matched = true
			out = d.entityEvent(r, &e, out)
		}
	}
	if !matched {
		out = d.unmatched(rt, rec, out)
	}
	return out
}

// created returns the position of a message: the instant of its operation, which the row's own version refines.
func (d *Decoder) created(s *entitySlots) (v row.Version) {
	n := d.slots[s.created]
	if d.tape.form(n) != text {
		return v
	}
	written := d.tape.string(n, &d.scratch)
	millis, ok := parseMillis(written)
	if at, isTime := parseTime(written, false); !ok && isTime {
		millis, ok = at.Int*1000+int64(at.Nanos)/1_000_000, true
	}
	if ok && millis > 0 {
		v.Known, v.Hi, v.Millis = true, uint64(millis), millis
	}
	return v
}

// entityRow appends what a message says about a row.
func (d *Decoder) entityRow(r *reader, e *execution, out []engine.Change) []engine.Change {
	c := cell{tape: &d.tape, scratch: &d.scratch, cdc: true, attributes: true}
	key, problem := c.name(e.id)
	if problem == nil && key != "" {
		key, problem = canonical(key, r)
	}
	switch {
	case problem != nil:
		return d.bad(e.record, out, r.place+": PrimaryEntityId", problem.why)
	case key == "":
		return d.bad(e.record, out, r.place+": PrimaryEntityId", "missing key: it is null, absent or zero")
	case e.message == "Delete":
		change := engine.Change{
			Kind: engine.Delete, Origin: origin(e.record), Table: r.table.Name, Key: key, Version: e.version,
		}
		own(&change)
		return append(out, change)
	case d.trimmed(e):
		return d.trimmedBad(r, e, key, out)
	}
	version := d.fillEntity(r, e)
	values, place, problem := d.values(r, &c, d.rowSlots, "")
	if problem != nil {
		return d.bad(e.record, out, place, problem.why)
	}
	change := engine.Change{
		Kind: engine.Upsert, Origin: origin(e.record), Schema: r.schema, Table: r.table.Name, Row: values, Key: key,
		Version: version,
	}
	k := r.table.KeyField
	if e.message == "Update" { // what an update does not name has not changed
		change.Keep = make([]bool, len(values))
		for i := range values {
			change.Keep[i] = i != k && d.rowSlots[r.fields[i]] < 0
		}
	}
	values[k] = keyValue(key, &r.keyType)
	own(&change)
	return append(out, change)
}

// entityEvent appends the event that a created row is.
func (d *Decoder) entityEvent(r *reader, e *execution, out []engine.Change) []engine.Change {
	if d.trimmed(e) {
		return d.trimmedBad(r, e, string(d.digits(e.id)), out)
	}
	d.fillEntity(r, e)
	var m moments
	if e.version.Known {
		m.time = timeOf(e.version.Millis, millis, false)
	}
	return d.occur(r, e.record, d.rowSlots, &m, out)
}

// trimmed tells whether a message has lost its content, as those above 192 kB do.
func (d *Decoder) trimmed(e *execution) bool {
	hasImages := d.tape.form(e.images) == array && int32(d.tape.nodes[e.images].next) > e.images+1
	return d.tape.form(e.target) != object && !hasImages
}

func (d *Decoder) trimmedBad(r *reader, e *execution, id string, out []engine.Change) []engine.Change {
	out = d.bad(e.record, out, r.place, "the message holds neither a Target nor a post image, as Dataverse leaves "+
		"them out above 192 kB: read the row again, whose id is in the header "+EntityIDHeader)
	last := &out[len(out)-1]
	last.Headers = append(slices.Clone(last.Headers), engine.Header{Key: EntityIDHeader, Value: []byte(id)})
	return out
}

// fillEntity puts the nodes of the reader's attributes into d.rowSlots, those of the post images before those of the
// Target, and returns the message's version.
func (d *Decoder) fillEntity(r *reader, e *execution) row.Version {
	d.rowSlots = d.rowSlots[:0]
	for range r.plan.slots {
		d.rowSlots = append(d.rowSlots, noNode)
	}
	version := e.version
	d.fill(r, e.target, &version)
	if t := &d.tape; t.form(e.images) == array {
		for n, end := e.images+1, int32(t.nodes[e.images].next); n < end; n = int32(t.nodes[n].next) {
			_, image := d.pair(n)
			d.fill(r, image, &version)
		}
	}
	return version
}

// fill puts the nodes of one entity's attributes into d.rowSlots.
func (d *Decoder) fill(r *reader, entity int32, version *row.Version) {
	t, root := &d.tape, &r.plan.root
	d.eachPair(t.member(entity, "Attributes", &d.scratch), func(name string, value int32) {
		if name == "versionnumber" {
			if v, ok := integer(d.digits(value)); ok && v > 0 {
				version.Lo = uint64(v)
			}
		}
		if w := root.twigs[name]; w != nil {
			d.set(w, value)
		}
	})
	if w := root.twigs["FormattedValues"]; w != nil && w.sub != nil {
		d.eachPair(t.member(entity, "FormattedValues", &d.scratch), func(name string, value int32) {
			if w := w.sub.twigs[name]; w != nil {
				d.set(w, value)
			}
		})
	}
}

// digits returns what a number or a string is written as, nothing for other values.
func (d *Decoder) digits(n int32) []byte {
	if f := d.tape.form(n); f != number && f != text {
		return nil
	}
	return d.tape.raw(n)
}

// set makes value what stands at w, and its members what stands below. Below null, all is null.
func (d *Decoder) set(w *twig, value int32) {
	if w.slot >= 0 {
		d.rowSlots[w.slot] = value
	}
	if w.sub == nil {
		return
	}
	below := noNode
	if d.tape.form(value) == null {
		below = value
	}
	for _, s := range w.sub.all {
		d.rowSlots[s] = below
	}
	if d.tape.form(value) == object {
		w.sub.find(&d.tape, value, d.rowSlots, &d.scratch)
	}
}

// eachPair calls f with each of a list of keys and values.
func (d *Decoder) eachPair(list int32, f func(name string, value int32)) {
	t := &d.tape
	if t.form(list) != array {
		return
	}
	for n, end := list+1, int32(t.nodes[list].next); n < end; n = int32(t.nodes[n].next) {
		if name, value := d.pair(n); t.form(name) == text {
			f(t.string(name, &d.scratch), value)
		}
	}
}

// pair returns the key and the value of one of a list of them.
func (d *Decoder) pair(n int32) (name, value int32) {
	name, value = d.tape.member(n, "key", &d.scratch), d.tape.member(n, "value", &d.scratch)
	if name < 0 {
		name, value = d.tape.member(n, "Key", &d.scratch), d.tape.member(n, "Value", &d.scratch)
	}
	return name, value
}

// parameter returns the value of one of a list of keys and values, or noNode.
func (d *Decoder) parameter(list int32, name string) int32 {
	found := noNode
	d.eachPair(list, func(key string, value int32) {
		if key == name {
			found = value
		}
	})
	return found
}

// wrappings bounds how often a value may be wrapped: an aliased value holds a choice, which holds a number.
const wrappings = 3

// attribute returns the node of what an attribute's value says: a choice, an amount or a managed property is what
// stands at its Value, a reference is its Id.
func (c *cell) attribute(n int32) int32 {
	for range wrappings {
		if c.tape.form(n) != object {
			return n
		}
		inner := c.tape.member(n, "Value", c.scratch)
		if inner < 0 && c.tape.member(n, "LogicalName", c.scratch) >= 0 {
			inner = c.tape.member(n, "Id", c.scratch)
		}
		if inner < 0 {
			return n
		}
		n = inner
	}
	return n
}

// parseMillis reads the notation of time of .NET's JSON serializer, /Date(1767225600000+0100)/: milliseconds since
// 1970 in UTC, whatever the offset. It tells whether s is such a time.
func parseMillis(s string) (int64, bool) {
	s, begins := strings.CutPrefix(s, "/Date(")
	s, ends := strings.CutSuffix(s, ")/")
	if !begins || !ends || s == "" {
		return 0, false
	}
	if at := strings.LastIndexAny(s, "+-"); at > 0 {
		if _, ok := integer([]byte(s[at+1:])); !ok || len(s)-at != 5 {
			return 0, false
		}
		s = s[:at]
	}
	return integer([]byte(s))
}
