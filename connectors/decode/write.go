package decode

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir/state/row"
)

// The writing of a tape. What comes in another notation than JSON is written as the JSON text that says the same,
// and its nodes with it: whatever reads a tape need not know what it came from. Marks of a node keep what JSON has no
// way to say: the unit of a time, a set of words, a field of bits.

// growth bounds the text that a value may become: a few bytes of Avro can stand for any number of names.
const (
	growth     = 16
	growthRoom = 1 << 20
)

// begin makes t ready to be written. size is the length of what it is written from.
func (t *tape) begin(size int) {
	t.built, t.nodes, t.fault, t.at = t.built[:0], t.nodes[:0], "", 0
	t.limit = size*growth + growthRoom
}

// end makes what was written the text of t.
func (t *tape) end() { t.text = t.built }

// full tells whether more has been written than a value may become.
func (t *tape) full() bool { return len(t.built) > t.limit }

func (t *tape) putNull() {
	off := len(t.built)
	t.built = append(t.built, "null"...)
	t.leaf(null, 0, off, len(t.built))
}

func (t *tape) putBool(v bool) {
	off := len(t.built)
	t.built = strconv.AppendBool(t.built, v)
	t.leaf(boolean, 0, off, len(t.built))
}

// putInt writes a whole number with its marks.
func (t *tape) putInt(v int64, marks uint8) {
	off := len(t.built)
	t.built = strconv.AppendInt(t.built, v, 10)
	t.leaf(number, marks, off, len(t.built))
}

func (t *tape) putUint(v uint64) {
	off := len(t.built)
	t.built = strconv.AppendUint(t.built, v, 10)
	t.leaf(number, 0, off, len(t.built))
}

// putDouble writes a float64, or a float32 if bits is 32, as encoding/json does; what JSON has no number for is the
// word that Debezium writes.
func (t *tape) putDouble(v float64, bits int) {
	switch {
	case math.IsNaN(v):
		t.putWord("NaN", 0)
		return
	case math.IsInf(v, 1):
		t.putWord("Infinity", 0)
		return
	case math.IsInf(v, -1):
		t.putWord("-Infinity", 0)
		return
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	off, flags := len(t.built), uint8(0)
	t.built = strconv.AppendFloat(t.built, v, format, -1, bits)
	for _, c := range t.built[off:] {
		if c == '.' || c == 'e' {
			flags = inexact
		}
	}
	t.leaf(number, flags, off, len(t.built))
}

// putDecimal writes a big-endian two's-complement number as a decimal one. It tells whether raw is one of bearable
// size.
func (t *tape) putDecimal(raw []byte, scale int) bool {
	d, ok := decimalFrom(raw, scale)
	if !ok {
		return false
	}
	off, flags := len(t.built), uint8(0)
	t.built = d.append(t.built)
	if scale > 0 {
		flags = inexact
	}
	t.leaf(number, flags, off, len(t.built))
	return true
}

// putWord writes a string that needs no escapes.
func (t *tape) putWord(s string, marks uint8) {
	t.built = append(t.built, '"')
	off := len(t.built)
	t.built = append(t.built, s...)
	t.leaf(text, marks, off, len(t.built))
	t.built = append(t.built, '"')
}

// putString writes a string. Bytes that are no UTF-8 stay: they are replaced where the string is read.
func (t *tape) putString(s []byte, marks uint8) {
	t.built = append(t.built, '"')
	off := len(t.built)
	if clean := plainLength(s); clean == len(s) {
		t.built = append(t.built, s...)
	} else {
		var flags uint8
		t.built, flags = appendEscaped(append(t.built, s[:clean]...), s[clean:])
		marks |= flags
	}
	t.leaf(text, marks, off, len(t.built))
	t.built = append(t.built, '"')
}

// plainLength returns how many bytes at the front of s are ASCII that needs no escape.
func plainLength(s []byte) int {
	i := 0
	for i+8 <= len(s) && special(binary.LittleEndian.Uint64(s[i:])) == 0 {
		i += 8
	}
	for i < len(s) && s[i] >= 0x20 && s[i] < utf8.RuneSelf && s[i] != '"' && s[i] != '\\' {
		i++
	}
	return i
}

// appendEscaped appends s as the body of a JSON string and returns the flags of its node.
func appendEscaped(dst, s []byte) (grown []byte, flags uint8) {
	const hex = "0123456789abcdef"
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst, flags = append(dst, '\\', c), flags|escaped
		case c < 0x20:
			dst, flags = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15]), flags|escaped
		case c >= utf8.RuneSelf:
			dst, flags = append(dst, c), flags|highBits
		default:
			dst = append(dst, c)
		}
	}
	return dst, flags
}

// putBytes writes bytes as base64, as Kafka Connect's JSON converter does.
func (t *tape) putBytes(b []byte, marks uint8) {
	t.built = append(t.built, '"')
	off := len(t.built)
	t.built = base64.StdEncoding.AppendEncode(t.built, b)
	t.leaf(text, marks, off, len(t.built))
	t.built = append(t.built, '"')
}

// putTime writes an instant as RFC 3339, clamped to the years 1 to 9999.
func (t *tape) putTime(sec int64, nanos int32) {
	v := clamp(sec, nanos, false)
	t.built = append(t.built, '"')
	off := len(t.built)
	t.built = time.Unix(v.Int, int64(v.Nanos)).UTC().AppendFormat(t.built, time.RFC3339Nano)
	t.leaf(text, 0, off, len(t.built))
	t.built = append(t.built, '"')
}

// open begins an array or an object. close ends it.
func (t *tape) open(f form) (me int) {
	me = len(t.nodes)
	bracket := byte('[')
	if f == object {
		bracket = '{'
	}
	t.nodes = append(t.nodes, node{off: uint32(len(t.built)), form: f})
	t.built = append(t.built, bracket)
	return me
}

// shut ends the array or object me.
func (t *tape) shut(me int) {
	bracket := byte(']')
	if t.nodes[me].form == object {
		bracket = '}'
	}
	t.built = append(t.built, bracket)
	t.nodes[me].end, t.nodes[me].next = uint32(len(t.built)), uint32(len(t.nodes))
}

// separate writes what stands before the member or element i.
func (t *tape) separate(i int) {
	if i > 0 {
		t.built = append(t.built, ',')
	}
}

// putName writes a member's name; its value is to follow.
func (t *tape) putName(name []byte) {
	t.putString(name, 0)
	t.built = append(t.built, ':')
}

// putWritten writes a member's name that has been written before, with quotes and colon.
func (t *tape) putWritten(name []byte, flags uint8) {
	off := len(t.built) + len(`"`)
	t.built = append(t.built, name...)
	t.leaf(text, flags, off, len(t.built)-len(`":`))
}

// unitMark is the mark by which a number's node keeps its unit; unitOf reads it, unknown where there is none.
func unitMark(u unit) uint8 { return uint8(u) << unitShift }

func unitOf(flags uint8) unit { return unit(flags >> unitShift & unitMask) }

// asYear returns the first instant of a year.
func asYear(year int64) row.Value {
	year = max(0, min(year, 10_000))
	return clamp(civil(year, 1, 1)*daySeconds, 0, true)
}
