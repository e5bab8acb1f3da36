package emit

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir/state/row"
)

// Format is how the values of output records are written. Both formats have the same fields in the same order.
type Format uint8

// The formats.
const (
	JSON Format = iota
	Msgpack
)

// ContentType returns the media type of values in the format.
func (f Format) ContentType() string {
	if f == Msgpack {
		return "application/msgpack"
	}
	return "application/json"
}

// writer appends one object at a time to buf. Objects nest; in msgpack a map's count is patched when it ends.
type writer struct {
	format Format
	buf    []byte
	open   []level
}

type level struct {
	start int // msgpack: where the header stands
	count int // fields so far
}

func (w *writer) begin() {
	w.open = append(w.open, level{start: len(w.buf)})
	if w.format == Msgpack {
		w.buf = append(w.buf, 0xde, 0, 0) // map 16
		return
	}
	w.buf = append(w.buf, '{')
}

func (w *writer) end() {
	l := w.open[len(w.open)-1]
	w.open = w.open[:len(w.open)-1]
	if w.format == Msgpack {
		binary.BigEndian.PutUint16(w.buf[l.start+1:], uint16(l.count))
		return
	}
	w.buf = append(w.buf, '}')
}

func (w *writer) key(name string) {
	l := &w.open[len(w.open)-1]
	if w.format == JSON && l.count > 0 {
		w.buf = append(w.buf, ',')
	}
	l.count++
	w.string(name)
	if w.format == JSON {
		w.buf = append(w.buf, ':')
	}
}

func (w *writer) text(name, v string) {
	w.key(name)
	w.string(v)
}

func (w *writer) number(name string, v int64) {
	w.key(name)
	w.int(v)
}

func (w *writer) instant(name string, v row.Instant) {
	w.key(name)
	w.string(v.String())
}

func (w *writer) null() {
	if w.format == Msgpack {
		w.buf = append(w.buf, 0xc0)
		return
	}
	w.buf = append(w.buf, "null"...)
}

func (w *writer) bool(b bool) {
	switch {
	case w.format == JSON:
		w.buf = strconv.AppendBool(w.buf, b)
	case b:
		w.buf = append(w.buf, 0xc3)
	default:
		w.buf = append(w.buf, 0xc2)
	}
}

func (w *writer) int(n int64) {
	switch {
	case w.format == JSON:
		w.buf = strconv.AppendInt(w.buf, n, 10)
	case n >= 0 && n < 128:
		w.buf = append(w.buf, byte(n))
	default:
		w.buf = binary.BigEndian.AppendUint64(append(w.buf, 0xd3), uint64(n))
	}
}

// double writes f; JSON has no NaN and no infinities: they are written as strings there.
func (w *writer) double(f float64) {
	switch {
	case w.format == Msgpack:
		w.buf = binary.BigEndian.AppendUint64(append(w.buf, 0xcb), math.Float64bits(f))
	case math.IsNaN(f) || math.IsInf(f, 0):
		w.string(strconv.FormatFloat(f, 'g', -1, 64))
	default:
		form := byte('f')
		if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
			form = 'e'
		}
		w.buf = strconv.AppendFloat(w.buf, f, form, -1, 64)
	}
}

func (w *writer) string(s string) {
	if w.format == Msgpack {
		w.msgpackString(s)
		return
	}
	w.buf = AppendString(w.buf, s)
}

func (w *writer) msgpackString(s string) {
	switch n := len(s); {
	case n < 32:
		w.buf = append(w.buf, 0xa0|byte(n))
	case n < 1<<16:
		w.buf = binary.BigEndian.AppendUint16(append(w.buf, 0xda), uint16(n))
	default:
		w.buf = binary.BigEndian.AppendUint32(append(w.buf, 0xdb), uint32(n))
	}
	w.buf = append(w.buf, s...)
}

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string; what is not UTF-8 becomes U+FFFD, as in encoding/json.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[start:i]...), "\ufffd"...)
				start = i + size
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}

// row writes a row as an object of its fields, null ones included; a missing row is null.
func (w *writer) row(s *row.Schema, r row.Row) {
	if r == nil {
		w.null()
		return
	}
	w.begin()
	for i, f := range s.Fields {
		w.key(f.Name)
		w.value(f.Type, r[i])
	}
	w.end()
}

func (w *writer) value(t row.Type, v row.Value) {
	switch v.Kind {
	case row.Null:
		w.null()
	case row.Bool:
		w.bool(v.Bool())
	case row.Int:
		w.int(v.Int)
	case row.Double:
		w.double(v.Double())
	case row.String:
		w.string(v.Str)
	case row.Timestamp:
		layout := time.RFC3339Nano
		if t.Date {
			layout = time.DateOnly
		}
		w.string(v.Time().Format(layout))
	case row.List:
		w.list(*t.Elem, v.List)
	}
}

// AppendValue appends a value of the type t as output records have it in JSON.
func AppendValue(b []byte, t row.Type, v row.Value) []byte {
	w := writer{format: JSON, buf: b}
	w.value(t, v)
	return w.buf
}

func (w *writer) list(elem row.Type, vs []row.Value) {
	if w.format == Msgpack {
		w.buf = binary.BigEndian.AppendUint32(append(w.buf, 0xdd), uint32(len(vs)))
		for _, v := range vs {
			w.value(elem, v)
		}
		return
	}
	w.buf = append(w.buf, '[')
	for i, v := range vs {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.value(elem, v)
	}
	w.buf = append(w.buf, ']')
}
