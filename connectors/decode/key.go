package decode

import (
	"strconv"
	"unicode/utf8"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state/row"
)

// keyOf returns the text of a key that has been read as a field of a row. It is the same for every notation of the
// same key: 7 and "7" and 7.0 in an int column are all 7.
func keyOf(v row.Value) (string, *fault) {
	switch v.Kind {
	case row.String:
		if v.Str == "" {
			return "", &fault{why: "missing key: it is empty"}
		}
		return v.Str, nil
	case row.Int:
		return strconv.FormatInt(v.Int, 10), nil
	case row.Null:
		return "", &fault{why: "missing key: it is null or absent"}
	}
	return "", &fault{why: "expected a key of type string or int, found " + v.Kind.String()}
}

// name returns the text of a value that names something: a key, the id of a subject or of an event. Numbers are
// decimal text. It is empty if nothing, null or "" stands there.
func (c *cell) name(n int32) (string, *fault) {
	if c.attributes {
		n = c.attribute(n)
	}
	switch f := c.tape.form(n); f {
	case absent, null:
		return "", nil
	case text:
		return c.string(n), nil
	case number:
		raw := c.tape.raw(n)
		if c.tape.nodes[n].flags&inexact == 0 && string(raw) != "-0" {
			return view(raw), nil
		}
		v, ok := whole(raw)
		if !ok {
			return "", &fault{why: "expected a string or a whole number, found a number with a fraction"}
		}
		return strconv.FormatInt(v, 10), nil
	default:
		return "", wrong("a string or a whole number", f)
	}
}

// recordKey returns the key that a record's own key gives for a row of the reader r, "" if it gives none: a JSON
// object with the key's column, a JSON string or number, each also within a schema and payload; or bare text.
func (d *Decoder) recordKey(rec *engine.Record, r *reader) (string, *fault) {
	raw := rec.Key
	if len(raw) == 0 || r.keyType.Kind != row.String && r.keyType.Kind != row.Int {
		return "", nil
	}
	t := &d.keyTape
	binary, problem := d.readKey(rec, r)
	n := int32(0)
	if problem != nil {
		return "", problem
	}
	if !binary && !t.scan(raw, nil) {
		if raw[0] < 0x20 || !utf8.Valid(raw) {
			return "", &fault{why: "the record's key is neither JSON nor text"}
		}
		return canonical(view(raw), r)
	}
	if !binary {
		n, _ = d.unwrap(t, 0)
	}
	c := cell{tape: t, scratch: &d.scratch}
	switch t.form(n) {
	case object:
		key := t.member(n, r.keyColumn, &d.scratch)
		if key < 0 {
			key = t.member(n, r.table.Key, &d.scratch)
		}
		n = key
	case boolean:
		return canonical(view(t.raw(n)), r)
	case number:
		if r.keyType.Kind == row.String && n == 0 && !binary {
			return view(t.raw(n)), nil // bare text that looks like a number: 1e5, 12.0
		}
	}
	s, problem := c.name(n)
	if problem != nil || s == "" {
		return "", problem
	}
	return canonical(s, r)
}

// readKey cuts a record's key that is no JSON into d.keyTape: Avro in the wire format of a registry, or msgpack on a
// topic of it. It tells whether the key is such a one.
func (d *Decoder) readKey(rec *engine.Record, r *reader) (binary bool, problem *fault) {
	switch {
	case r.encoding == avroBinary || r.layout == changeData && d.options.Schemas != nil:
		if k, encoded, ok := framed(rec.Key, rec.Headers, keySchemaHeader); ok {
			if reason := d.avro(&d.keyTape, &k, encoded); reason != "" {
				return true, &fault{why: reason}
			}
			return true, nil
		}
	case r.encoding == msgpackBinary:
		if rec.Key[0] >= 0x80 && !utf8.Valid(rec.Key) {
			return d.keyTape.scanPacked(rec.Key), nil
		}
	}
	return false, nil
}

// canonical returns the one notation of a key of the reader's key type.
func canonical(s string, r *reader) (string, *fault) {
	if r.keyType.Kind != row.Int {
		return s, nil
	}
	v, ok := whole([]byte(s))
	if !ok {
		return "", &fault{why: "expected an int as the record's key, found other text"}
	}
	return strconv.FormatInt(v, 10), nil
}

// unwrap returns the payload of what Kafka Connect's JsonConverter has written at the node n, which holds
// {"schema":…,"payload":…} where schemas are enabled, and the node of the schema; n and noNode where it is not so
// wrapped.
func (d *Decoder) unwrap(t *tape, n int32) (payload, schema int32) {
	if t.form(n) != object || t.count(n) != 2 {
		return n, noNode
	}
	schema, payload = t.member(n, "schema", &d.scratch), t.member(n, "payload", &d.scratch)
	switch t.form(schema) {
	case object, opaque, null, text:
	default:
		return n, noNode
	}
	if t.form(payload) == absent {
		return n, noNode
	}
	return payload, schema
}
