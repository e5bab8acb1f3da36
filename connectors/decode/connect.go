package decode

import "slices"

// column is what a Kafka Connect schema says about a column.
type column struct {
	kind  notation
	unit  unit // of a number that stands for a time
	scale int  // scaled: digits behind the point
	elem  *column
}

// notation is how a column's value is written, where its JSON does not tell.
type notation uint8

const (
	plain   notation = iota
	scaled           // base64 of a decimal with a fixed scale
	words            // words with commas between them
	bitText          // base64 of bits, those of least value first
)

func (c column) element() column {
	if c.elem == nil {
		return column{}
	}
	return *c.elem
}

// unitsOf gives the units of the logical types that stand for a time in a number.
var unitsOf = map[string]unit{
	"io.debezium.time.Date":                   days,
	"org.apache.kafka.connect.data.Date":      days,
	"io.debezium.time.Timestamp":              millis,
	"org.apache.kafka.connect.data.Timestamp": millis,
	"io.debezium.time.MicroTimestamp":         micros,
	"io.debezium.time.NanoTimestamp":          nanos,
	"io.debezium.time.Year":                   years,
}

// Logical types whose values JSON and Avro do not tell from others.
const (
	decimalType = "org.apache.kafka.connect.data.Decimal"
	setType     = "io.debezium.data.EnumSet"
	bitsType    = "io.debezium.data.Bits"
)

// schemaOf is a schema that stood at the front of a record, and what it says to each of the route's readers.
type schemaOf struct {
	prefix  []byte // the record up to the schema's end
	columns [][]column
}

// schemasMax is how many schemas of one topic are remembered: one for each table and a few versions.
const schemasMax = 16

// prefixMax bounds what is remembered of a schema.
const prefixMax = 256 << 10

// columns gives the route's readers the columns of the schema of the record at hand.
func (rt *route) columns(d *Decoder, schema int32) {
	var of [][]column
	switch d.tape.form(schema) {
	case opaque:
		of = rt.schemas[rt.known].columns
	case object:
		of = rt.learn(d, schema)
	}
	for i, r := range rt.all {
		r.columns = nil
		if of != nil {
			r.columns = of[i]
		}
	}
}

// learn reads a schema, of an envelope or of a flat row, and remembers it if it is the first member of the record.
func (rt *route) learn(d *Decoder, schema int32) [][]column {
	t := &d.tape
	fields := t.member(schema, "fields", &d.scratch)
	if after := t.member(d.field(fields, "after"), "fields", &d.scratch); after >= 0 {
		fields = after
	}
	of := make([][]column, len(rt.all))
	for at, r := range rt.all {
		columns := make([]column, len(r.fields))
		for i := range columns {
			columns[i] = d.columnOf(d.field(fields, r.names[i]))
		}
		of[at] = columns
	}
	end := int(t.nodes[schema].end)
	if schema != 2 || end > prefixMax {
		return of
	}
	s := schemaOf{prefix: slices.Clone(t.text[:end]), columns: of}
	if len(rt.schemas) < schemasMax {
		rt.schemas = append(rt.schemas, s)
	} else {
		rt.schemas[rt.turn] = s
		rt.turn = (rt.turn + 1) % schemasMax
	}
	return of
}

// field returns the schema of the field called name, of an array of fields, or noNode.
func (d *Decoder) field(fields int32, name string) int32 {
	t := &d.tape
	if t.form(fields) != array {
		return noNode
	}
	for f, end := fields+1, int32(t.nodes[fields].next); f < end; f = int32(t.nodes[f].next) {
		n := t.member(f, "field", &d.scratch)
		if t.form(n) == text && t.string(n, &d.scratch) == name {
			return f
		}
	}
	return noNode
}

// columnOf reads the schema of one field, or of the elements of an array.
func (d *Decoder) columnOf(n int32) column {
	t := &d.tape
	if t.form(n) != object {
		return column{}
	}
	var c column
	if name := t.member(n, "name", &d.scratch); t.form(name) == text {
		s := t.string(name, &d.scratch)
		c.unit = unitsOf[s]
		switch s {
		case decimalType:
			c.kind, c.scale = scaled, d.scaleOf(n)
		case setType:
			c.kind = words
		case bitsType:
			c.kind = bitText
		}
	}
	if items := t.member(n, "items", &d.scratch); t.form(items) == object {
		elem := d.columnOf(items)
		c.elem = &elem
	}
	return c
}

func (d *Decoder) scaleOf(n int32) int {
	scale := d.tape.member(d.tape.member(n, "parameters", &d.scratch), "scale", &d.scratch)
	if f := d.tape.form(scale); f != text && f != number {
		return 0
	}
	v, ok := integer(d.tape.raw(scale))
	if !ok || v > scaleMax || v < -scaleMax {
		return 0
	}
	return int(v)
}
