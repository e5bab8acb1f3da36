package decode

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"

	"github.com/weirstream/weir/state/row"
)

// fault is why a value can't be used. It never holds the value.
type fault struct {
	place string // within the field: "[3]"; empty for the field itself
	why   string
}

func wrong(want string, found form) *fault {
	return &fault{why: "expected " + want + ", found " + found.String()}
}

// cell is where a value comes from: it decides how strictly it is read.
type cell struct {
	tape    *tape
	scratch *[]byte
	cdc     bool   // written by Debezium: a type may have several notations
	column  column // Debezium with schemas: what the schema says

	attributes bool // Dataverse: a value may stand in an object of its type
}

// read returns the value of the node n as the declared type. Nothing and null are null.
func (c *cell) read(n int32, t *row.Type) (row.Value, *fault) {
	if c.attributes {
		n = c.attribute(n)
	}
	f := c.tape.form(n)
	if f <= null {
		return row.Value{}, nil
	}
	switch t.Kind {
	case row.String:
		return c.str(n, f)
	case row.Int:
		return c.int(n, f)
	case row.Double:
		return c.double(n, f)
	case row.Bool:
		return c.bool(n, f)
	case row.Timestamp:
		return c.time(n, f, t.Date)
	case row.List:
		return c.list(n, f, t)
	}
	return row.Value{}, &fault{why: "the declared type is none of a field"}
}

func (c *cell) string(n int32) string { return c.tape.string(n, c.scratch) }

func (c *cell) bool(n int32, f form) (row.Value, *fault) {
	switch {
	case f == boolean:
		return row.OfBool(c.tape.raw(n)[0] == 't'), nil
	case f == number && c.cdc:
		if v, ok := integer(c.tape.raw(n)); ok && (v == 0 || v == 1) {
			return row.OfBool(v == 1), nil
		}
		return row.Value{}, &fault{why: "expected a boolean or 0 or 1, found another number"}
	}
	return row.Value{}, wrong("a boolean", f)
}

func (c *cell) str(n int32, f form) (row.Value, *fault) {
	switch {
	case f == text:
		if c.cdc && c.column.kind == scaled {
			if d, ok := decimalOf(c.string(n), c.column.scale); ok {
				return row.OfString(d.String()), nil
			}
		}
		return row.OfString(c.string(n)), nil
	case !c.cdc:
	case f == number:
		return row.OfString(view(c.tape.raw(n))), nil
	case f == object || f == array:
		if d, ok := c.variable(n); ok {
			return row.OfString(d.String()), nil
		}
		start := len(*c.scratch)
		*c.scratch = c.tape.compact(*c.scratch, n)
		return row.OfString(view((*c.scratch)[start:])), nil
	}
	return row.Value{}, wrong("a string", f)
}

const outOfInt = "expected an int, found a number that has a fraction or needs more than 64 bits"

func (c *cell) int(n int32, f form) (row.Value, *fault) {
	switch {
	case f == number:
		read := integer
		if c.tape.nodes[n].flags&inexact != 0 {
			read = whole
		}
		v, ok := read(c.tape.raw(n))
		if !ok {
			return row.Value{}, &fault{why: outOfInt}
		}
		return row.OfInt(v), nil
	case c.cdc && f == text && (c.column.kind == bitText || c.tape.nodes[n].flags&bitField != 0):
		return c.bits(n)
	case c.cdc && (f == text || f == object):
		d, written, problem := c.decimal(n, f)
		if problem != nil {
			return row.Value{}, problem
		}
		v, ok := d.int()
		if written != "" {
			v, ok = whole([]byte(written))
		}
		if !ok {
			return row.Value{}, &fault{why: outOfInt}
		}
		return row.OfInt(v), nil
	}
	return row.Value{}, wrong("an int", f)
}

func (c *cell) double(n int32, f form) (row.Value, *fault) {
	const tooLarge = "expected a double, found a number beyond its range"
	switch {
	case f == number:
		v, ok := float(c.tape.raw(n))
		if !ok {
			return row.Value{}, &fault{why: tooLarge}
		}
		return row.OfDouble(v), nil
	case c.cdc && (f == text || f == object):
		if f == text {
			if v, ok := special64(c.string(n)); ok {
				return row.OfDouble(v), nil
			}
		}
		d, written, problem := c.decimal(n, f)
		if problem != nil {
			return row.Value{}, problem
		}
		v, ok := d.float()
		if written != "" {
			v, ok = float([]byte(written))
		}
		if !ok {
			return row.Value{}, &fault{why: tooLarge}
		}
		return row.OfDouble(v), nil
	}
	return row.Value{}, wrong("a double", f)
}

// special64 reads the words by which Debezium sends a float64 that JSON has no number for.
func special64(s string) (float64, bool) {
	switch s {
	case "NaN", "NAN":
		return math.NaN(), true
	case "Infinity", "POSITIVE_INFINITY":
		return math.Inf(1), true
	case "-Infinity", "NEGATIVE_INFINITY":
		return math.Inf(-1), true
	}
	return 0, false
}

// decimal reads the notations of Debezium's decimal.handling.mode that are no JSON number: precise with a schema
// or with its own scale; or string, which is returned as written. Base64 without a scale can't be read: only the
// schema tells where the point stands. What can be read as a decimal number is one, for in precise mode a
// message without schema can't be used anyhow.
func (c *cell) decimal(n int32, f form) (d decimal, written string, problem *fault) {
	if f == object {
		d, ok := c.variable(n)
		if !ok {
			return d, "", &fault{why: "expected a number, found an object without a scale and a value"}
		}
		return d, "", nil
	}
	s := c.string(n)
	if c.column.kind == scaled {
		d, ok := decimalOf(s, c.column.scale)
		if !ok {
			return d, "", &fault{why: "expected a number, found a string that is no base64"}
		}
		return d, "", nil
	}
	if isDecimal(s) {
		return decimal{}, s, nil
	}
	if c.attributes {
		return decimal{}, "", &fault{why: "expected a number, found a string that is no decimal number"}
	}
	return decimal{}, "", &fault{why: "expected a number, found a string that is no decimal number; a decimal in " +
		"precise mode has no scale without its schema: set the connector's decimal.handling.mode=string or double, " +
		"or the converter's schemas.enable=true"}
}

// variable reads a decimal with its own scale: {"scale":2,"value":"base64"}.
func (c *cell) variable(n int32) (decimal, bool) {
	scale, value := c.tape.member(n, "scale", c.scratch), c.tape.member(n, "value", c.scratch)
	if c.tape.form(scale) != number || c.tape.form(value) != text || c.tape.count(n) != 2 {
		return decimal{}, false
	}
	v, ok := integer(c.tape.raw(scale))
	if !ok || v > scaleMax || v < -scaleMax {
		return decimal{}, false
	}
	return decimalOf(c.string(value), int(v))
}

func (c *cell) time(n int32, f form, date bool) (row.Value, *fault) {
	want := "a timestamp"
	if date {
		want = "a date"
	}
	switch f {
	case number:
		v, ok := whole(c.tape.raw(n))
		if !ok {
			return row.Value{}, &fault{why: "expected " + want + ", found a number that is not whole"}
		}
		u := epoch
		if c.cdc {
			u = c.column.unit
		}
		if marked := unitOf(c.tape.nodes[n].flags); marked != unknown {
			u = marked
		}
		return timeOf(v, u, date), nil
	case text:
		s := c.string(n)
		if c.cdc && strings.HasSuffix(s, "infinity") {
			switch s {
			case "infinity":
				return clamp(secondsMax+1, 0, date), nil
			case "-infinity":
				return clamp(secondsMin-1, 0, date), nil
			}
		}
		if v, ok := parseTime(s, date); ok {
			return v, nil
		}
		if v, ok := parseMillis(s); ok && c.attributes {
			return timeOf(v, millis, date), nil
		}
		return row.Value{}, &fault{why: "expected " + want + " as RFC 3339, found another string"}
	}
	return row.Value{}, wrong(want, f)
}

func (c *cell) list(n int32, f form, t *row.Type) (row.Value, *fault) {
	if f == text && c.cdc {
		if t.Elem.Kind == row.String && (c.column.kind == words || c.tape.nodes[n].flags&set != 0) {
			return c.wordList(n), nil
		}
		return c.listInText(n, t)
	}
	if f != array {
		return row.Value{}, wrong("a list", f)
	}
	end, count := int32(c.tape.nodes[n].next), 0
	for e := n + 1; e < end; e = int32(c.tape.nodes[e].next) {
		count++
	}
	vs := make([]row.Value, 0, count)
	elem := *c
	elem.column = c.column.element()
	for e := n + 1; e < end; e = int32(c.tape.nodes[e].next) {
		v, problem := elem.read(e, t.Elem)
		if problem != nil {
			problem.place = "[" + strconv.Itoa(len(vs)) + "]" + problem.place
			return row.Value{}, problem
		}
		vs = append(vs, v)
	}
	return row.OfList(vs), nil
}

// listInText reads a list from a column that holds JSON text, as MySQL's JSON columns do.
func (c *cell) listInText(n int32, t *row.Type) (row.Value, *fault) {
	var inner tape
	if !inner.scan([]byte(c.string(n)), nil) || inner.form(0) != array {
		return row.Value{}, &fault{why: "expected a list, found a string that is no JSON array"}
	}
	v := cell{tape: &inner, scratch: c.scratch, cdc: true}
	return v.list(0, array, t)
}

// wordList reads MySQL's SET: words with commas between them.
func (c *cell) wordList(n int32) row.Value {
	s := c.string(n)
	vs := make([]row.Value, 0, strings.Count(s, ",")+1)
	for s != "" {
		word, rest, _ := strings.Cut(s, ",")
		vs, s = append(vs, row.OfString(word)), rest
	}
	return row.OfList(vs)
}

// bits reads a field of bits, base64 of them with those of least value first, as a number.
func (c *cell) bits(n int32) (row.Value, *fault) {
	var stack [64]byte
	raw, err := base64.StdEncoding.AppendDecode(stack[:0], []byte(c.string(n)))
	if err != nil {
		return row.Value{}, &fault{why: "expected an int, found a string that is no base64 of bits"}
	}
	var v uint64
	for i, b := range raw {
		if i >= 8 && b != 0 || i == 7 && b >= 0x80 {
			return row.Value{}, &fault{why: outOfInt}
		}
		v |= uint64(b) << (8 * i)
	}
	return row.OfInt(int64(v)), nil
}
