// Package decode turns source records into changes: rows and events in JSON, msgpack and Avro, the change data of
// Debezium, CloudEvents, the calls of Segment and RudderStack, and the change payloads of Dataverse. It reads each
// record in one pass, checks it against the catalog, and never fails: a record that can't be used becomes a Bad change
// that says why, and where, without saying what stood there.
package decode

import (
	"strconv"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
)

// Defaults of Options.
const (
	DefaultRecordBytesMax   = 1 << 20
	DefaultUnavailableValue = "__debezium_unavailable_value"
)

// Options bound what a Decoder takes. The zero value is the defaults.
type Options struct {
	RecordBytesMax   int    // key and value together; a larger record is Bad. Default 1 MiB
	UnavailableValue string // Debezium's unavailable.value.placeholder
	Commands         string // the topic of weir's own commands; empty: none

	// Schemas gives the schemas of Avro records; nil: such records are Bad. See Decoder.Err.
	Schemas Schemas
}

// Stats count what a Decoder met since it was made.
type Stats struct {
	Records   uint64
	Unmatched uint64 // records of an event topic that are no declared kind
	Ignored   uint64 // heartbeats, transaction and schema markers, messages, tombstones that follow a delete
	Bad       uint64 // Bad changes
}

// Decoder implements engine.InterruptedDecoder. It belongs to one goroutine, which must see all records of a partition
// in order: it remembers for each whether the last one was a delete, so as to know the tombstone that Debezium sends
// after it.
type Decoder struct {
	options  Options
	catalog  *catalog.Catalog
	routes   map[string]*route
	holder   placeholder
	tape     tape
	keyTape  tape
	slots    []int32
	rowSlots []int32
	scratch  []byte
	composed []byte // CloudEvents in binary mode: the same in structured mode
	stats    Stats

	writers     map[schemaKey]*writer // the schemas met
	interrupted error                 // why the record at hand can't be decoded now
}

var _ engine.InterruptedDecoder = (*Decoder)(nil)

// New returns a Decoder for the tables and events of c.
func New(c *catalog.Catalog, o Options) *Decoder {
	if o.RecordBytesMax <= 0 {
		o.RecordBytesMax = DefaultRecordBytesMax
	}
	if o.UnavailableValue == "" {
		o.UnavailableValue = DefaultUnavailableValue
	}
	return &Decoder{options: o, catalog: c, routes: routesOf(c), holder: placeholderOf(o.UnavailableValue)}
}

// Stats returns the counters. The Decoder's own goroutine calls it.
func (d *Decoder) Stats() Stats { return d.stats }

// Err tells why the last record could not be decoded now: the schema registry can't be asked any more. Then Decode has
// appended nothing, which says nothing of the record: it must be read again, by another Decoder. The Decoder's own
// goroutine calls it, after each Decode, if Options.Schemas is set.
func (d *Decoder) Err() error { return d.interrupted }

// Decode appends the changes that rec says to out. Bad changes point into rec; the others do not.
func (d *Decoder) Decode(rec *engine.Record, out []engine.Change) []engine.Change {
	if d.options.Schemas == nil {
		return d.decode(rec, out)
	}
	before := d.stats
	d.interrupted = nil
	decoded := d.decode(rec, out)
	if d.interrupted != nil {
		d.stats = before
		return out
	}
	return decoded
}

func (d *Decoder) decode(rec *engine.Record, out []engine.Change) []engine.Change {
	d.stats.Records++
	d.scratch = d.scratch[:0]
	rt := d.routes[rec.Topic]
	if rt == nil && d.options.Commands != "" && rec.Topic == d.options.Commands {
		return d.command(rec, out)
	}
	if rt == nil {
		return d.bad(rec, out, "", "unknown topic: no table or event of the catalog reads it")
	}
	if rt.refused != "" {
		return d.bad(rec, out, "", rt.refused)
	}
	last := rt.last(rec.Partition)
	deleted := last.deleted
	last.deleted = false
	if size := len(rec.Key) + len(rec.Value); size > d.options.RecordBytesMax {
		return d.bad(rec, out, "", "the record has "+strconv.Itoa(size)+" bytes, more than the allowed "+
			strconv.Itoa(d.options.RecordBytesMax))
	}
	if rec.Value == nil && !rt.withoutData(rec) {
		return d.tombstone(rt, rec, out, deleted && last.key == string(rec.Key))
	}
	binary, reason := d.read(rt, rec)
	if reason != "" {
		return d.bad(rec, out, "", reason)
	}
	payload, schema := int32(0), noNode
	if rt.layout == changeData && !binary {
		payload, schema = d.unwrap(&d.tape, 0)
	}
	if d.tape.form(payload) == null {
		return d.tombstone(rt, rec, out, deleted && last.key == string(rec.Key))
	}
	if d.tape.form(payload) != object {
		return d.bad(rec, out, "", wrong("an object", d.tape.form(payload)).why)
	}
	d.slots = rt.plan.find(&d.tape, payload, d.slots, &d.scratch)
	switch rt.layout {
	case changeData:
		return d.debezium(rt, rec, payload, schema, out)
	case cloudEvents:
		return d.cloudEvent(rt, rec, out)
	case calls:
		return d.call(rt, rec, out)
	case dataverse:
		return d.dataverse(rt, rec, out)
	}
	return d.plain(rt, rec, d.slots, nil, out)
}

// read cuts the value of rec into d.tape, whatever it is written in. binary tells that it is no JSON text. reason is
// why it can't be read, empty if it can.
func (d *Decoder) read(rt *route, rec *engine.Record) (binary bool, reason string) {
	switch {
	case rt.encoding == avroBinary || rt.layout == changeData && d.options.Schemas != nil:
		if k, encoded, ok := framed(rec.Value, rec.Headers, valueSchemaHeader); ok {
			return true, d.avro(&d.tape, &k, encoded)
		}
		if rt.encoding == avroBinary && !isObjectText(rec.Value) {
			return true, "expected Avro in the wire format of a schema registry (0, the schema's id in 4 bytes, the value)," +
				" found other bytes"
		}
	case rt.encoding == msgpackBinary && !isObjectText(rec.Value):
		if !d.tape.scanPacked(rec.Value) {
			return true, "invalid msgpack at byte " + strconv.Itoa(d.tape.at) + ": " + d.tape.fault
		}
		return true, ""
	case rt.layout == cloudEvents:
		return false, d.readCloudEvent(rec)
	}
	if !d.tape.scan(rec.Value, rt.prefixOf(rec.Value)) {
		return false, notJSON(&d.tape, rec.Value)
	}
	return false, ""
}

// isObjectText tells whether b begins as a JSON object. No msgpack map and no framed Avro does, so that replay and
// tests may give the records of such topics as JSON.
func isObjectText(b []byte) bool { return len(b) > 0 && b[0] == '{' }

// notJSON says why a value is no JSON text.
func notJSON(t *tape, value []byte) string {
	if len(value) > 5 && value[0] == 0 {
		return "expected JSON, found the wire format of a schema registry (Avro, Protobuf): " +
			"use the JSON converter on this topic"
	}
	return "invalid JSON at byte " + strconv.Itoa(t.at) + ": " + t.fault
}

// bad appends a Bad change. place names the definition and the field, if there are any.
func (d *Decoder) bad(rec *engine.Record, out []engine.Change, place, reason string) []engine.Change {
	d.stats.Bad++
	if place != "" {
		reason = place + ": " + reason
	}
	return append(out, engine.Change{
		Kind: engine.Bad, Origin: origin(rec), Reason: reason, Key: string(rec.Key),
		RawKey: rec.Key, Raw: rec.Value, Headers: rec.Headers,
	})
}

func origin(rec *engine.Record) engine.Origin {
	return engine.Origin{
		Topic: rec.Topic, TopicID: rec.TopicID, Partition: rec.Partition, Offset: rec.Offset, Time: rec.Time,
	}
}

// tombstone decodes a record without a value: the row of its key is gone. follows tells that it follows the delete
// of that key, which has said so already, and with a position.
func (d *Decoder) tombstone(rt *route, rec *engine.Record, out []engine.Change, follows bool) []engine.Change {
	switch {
	case follows:
		d.stats.Ignored++
		return out
	case len(rt.tables) == 0:
		return d.withoutValue(rt, rec, out)
	case len(rt.tables) > 1:
		return d.bad(rec, out, "", "a record without a value does not tell which of the topic's tables it is about")
	}
	r := rt.tables[0]
	key, problem := d.recordKey(rec, r)
	if problem == nil && key == "" {
		problem = &fault{why: "missing key: a record without a value must have a key"}
	}
	if problem != nil {
		return d.bad(rec, out, r.place+": record key", problem.why)
	}
	c := engine.Change{Kind: engine.Delete, Origin: origin(rec), Table: r.table.Name, Key: key}
	own(&c)
	return append(out, c)
}

// withoutValue decodes a record without a value on a topic of events: nothing that has conditions matches it.
func (d *Decoder) withoutValue(rt *route, rec *engine.Record, out []engine.Change) []engine.Change {
	matched := false
	for _, r := range rt.events {
		if len(r.match) == 0 && rt.layout == plainRecords {
			matched = true
			out = d.bad(rec, out, r.place, "missing key: the record has no value")
		}
	}
	if !matched {
		d.stats.Unmatched++
	}
	return out
}
