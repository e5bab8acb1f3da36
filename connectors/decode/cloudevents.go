package decode

import (
	"strconv"
	"strings"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state/row"
)

// CloudEvents come in structured mode, the record's value being the event with its data, or in binary mode, the
// attributes being headers and the value the data. Paths are those of the data; those of attributes begin with "ce".

// attributesPath is the first part of the paths of attributes.
const attributesPath = "ce"

// What CloudEvents' Kafka binding calls things.
const (
	attributePrefix   = "ce_"
	specVersionHeader = "ce_specversion"
	contentType       = "content-type"
	structuredType    = "application/cloudevents"
	structuredJSON    = "application/cloudevents+json"
)

// eventSlots is where the parts of a CloudEvent stand in a route's slots.
type eventSlots struct {
	specVersion, time, data, base64 int
	op                              int // written by Debezium
}

func eventSlotsOf(p *plan) eventSlots {
	at := func(name string) int { return p.slot([]string{name}) }
	return eventSlots{
		specVersion: at("specversion"), time: at("time"), data: at("data"), base64: at("data_base64"),
		op: at(debeziumAttribute + "op"),
	}
}

// eventPath returns where a path of the catalog stands in an event in structured mode.
func eventPath(path []string) []string {
	if len(path) > 1 && path[0] == attributesPath {
		return path[1:]
	}
	return append([]string{"data"}, path...)
}

// header returns the value of the first header of that name, whatever its case.
func header(headers []engine.Header, name string) ([]byte, bool) {
	for i := range headers {
		if strings.EqualFold(headers[i].Key, name) {
			return headers[i].Value, true
		}
	}
	return nil, false
}

// readCloudEvent cuts an event into d.tape, as in structured mode. It returns why it can't, empty if it could.
func (d *Decoder) readCloudEvent(rec *engine.Record) (reason string) {
	kind, _ := header(rec.Headers, contentType)
	media, _, _ := strings.Cut(strings.ToLower(view(kind)), ";")
	media = strings.TrimSpace(media)
	if strings.HasPrefix(media, structuredType) && media != structuredJSON {
		return "content-type: expected " + structuredJSON + ", found another encoding or a batch of CloudEvents"
	}
	if _, binary := header(rec.Headers, specVersionHeader); binary && media != structuredJSON {
		if media != "" && !strings.HasSuffix(media, "/json") && !strings.HasSuffix(media, "+json") {
			return "content-type: expected JSON as the data of a CloudEvent, found another type"
		}
		return d.compose(rec, kind)
	}
	if !d.tape.scan(rec.Value, nil) {
		return notJSON(&d.tape, rec.Value)
	}
	return ""
}

// withoutData tells whether a record without a value is an event of binary mode that has no data. Where rows are read
// it is the deletion of one.
func (rt *route) withoutData(rec *engine.Record) bool {
	if rt.layout != cloudEvents || len(rt.tables) > 0 {
		return false
	}
	_, binary := header(rec.Headers, specVersionHeader)
	return binary
}

// compose writes an event of binary mode as one of structured mode, and cuts that.
func (d *Decoder) compose(rec *engine.Record, kind []byte) (reason string) {
	b, members := append(d.composed[:0], '{'), 1
	put := func(name string, value []byte) {
		b, _ = appendEscaped(append(b, '"'), []byte(name))
		b, _ = appendEscaped(append(b, `":"`...), value)
		b, members = append(b, `",`...), members+1
	}
	if kind != nil {
		put("datacontenttype", kind)
	}
	for i := range rec.Headers {
		h := &rec.Headers[i]
		if len(h.Key) > len(attributePrefix) && strings.EqualFold(h.Key[:len(attributePrefix)], attributePrefix) {
			put(strings.ToLower(h.Key[len(attributePrefix):]), h.Value)
		}
	}
	b = append(b, `"data":`...)
	front := len(b)
	if len(rec.Value) == 0 {
		b = append(b, "null"...)
	}
	b = append(append(b, rec.Value...), '}')
	d.composed = b
	if !d.tape.scan(b, nil) {
		at := min(max(d.tape.at-front, 0), len(rec.Value))
		return "invalid JSON at byte " + strconv.Itoa(at) + " of the data: " + d.tape.fault
	}
	if d.tape.count(0) != members {
		return "invalid JSON as the data: text after the end of the value"
	}
	return ""
}

// cloudEvent decodes an event whose parts stand in d.slots.
func (d *Decoder) cloudEvent(rt *route, rec *engine.Record, out []engine.Change) []engine.Change {
	s := &rt.event
	switch {
	case d.tape.missing(d.slots[s.specVersion]):
		return d.bad(rec, out, "", "expected a CloudEvent, found neither a header "+specVersionHeader+
			" nor an object with a specversion")
	case !d.tape.missing(d.slots[s.op]):
		d.slots = rt.inner.plan.find(&d.tape, 0, d.slots, &d.scratch)
		return d.debezium(rt.inner, rec, 0, noNode, out)
	case !d.tape.missing(d.slots[s.base64]):
		return d.bad(rec, out, "data_base64", "expected JSON at data, found base64")
	}
	if f := d.tape.form(d.slots[s.data]); f > null && f != object {
		return d.bad(rec, out, "data", wrong("an object", f).why)
	}
	var m moments
	if n := d.slots[s.time]; !d.tape.missing(n) {
		c := cell{tape: &d.tape, scratch: &d.scratch}
		v, problem := c.read(n, &row.Type{Kind: row.Timestamp})
		if problem != nil {
			return d.bad(rec, out, "ce.time", problem.why)
		}
		m.time = v
	}
	return d.plain(rt, rec, d.slots, &m, out)
}

// debeziumAttribute is what Debezium's CloudEvents converter puts before the names of its attributes; it leaves out
// their underscores.
const debeziumAttribute = "iodebezium"

// attributeOf returns the attribute by which a CloudEvent of Debezium's names a field of the source block.
func attributeOf(name string) string { return debeziumAttribute + strings.ReplaceAll(name, "_", "") }

// attributes is where a CloudEvent of Debezium's has what an envelope says beside its images.
type attributes struct {
	plan   plan
	op     int
	origin sourceSlots
}

func attributesOf() *attributes {
	a := &attributes{}
	at := func(name string) int { return a.plan.slot([]string{attributeOf(name)}) }
	a.op = at("op")
	a.origin = sourceSlotsOf(func(name string) []int { return []int{at(name)} })
	return a
}

// attributed takes a message of Debezium's CloudEvents converter apart: the images are the data, the rest are
// attributes. It returns why it can't, and where, empty if it could.
func (d *Decoder) attributed(rt *route, m *message, event int32, schema *int32) (place, why string) {
	e := &rt.envelope
	data, found := d.unwrap(&d.tape, d.slots[e.data])
	wanted := d.slots
	d.rowSlots = e.attributes.plan.find(&d.tape, event, d.rowSlots, &d.scratch)
	d.slots = d.rowSlots
	op := d.slots[e.attributes.op]
	m.op = d.op(op)
	m.version, m.snapshot = d.version(&e.attributes.origin, m.op)
	d.slots = wanted
	if d.tape.missing(op) {
		return "", "expected Debezium's attributes (iodebeziumop and others) in the CloudEvent, found none: set the " +
			"converter's extension.attributes.enable=true"
	}
	if f := d.tape.form(data); f != object {
		return "data", wrong("an object", f).why
	}
	if found >= 0 {
		*schema = found
	}
	m.row, m.before = d.tape.member(data, "after", &d.scratch), d.tape.member(data, "before", &d.scratch)
	m.flat, m.prefix = true, "data.after."
	return "", ""
}
