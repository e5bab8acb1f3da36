package row

import (
	"fmt"

	"github.com/weirstream/weir/state/wire"
)

// The codec of rows, events and versions. A row is a msgpack map from field names to values, without the fields
// that are null, in the order of the schema. It names its fields so that it can be read under a later catalog:
//
//   - a field that the schema no longer has is passed over;
//   - a field that is new is null;
//   - a value whose type no longer fits the field's is null, until the source sends the row again. Nothing is
//     converted: an int is no double, a timestamp that is not at 00:00 UTC is no date. A list with one element
//     that does not fit is null as a whole.
//
// A timestamp is msgpack's timestamp extension; a date is one, too.

// AppendRow appends r, a row by s, to dst. A missing row (nil) is msgpack's nil.
func AppendRow(dst []byte, s *Schema, r Row) []byte {
	if r == nil {
		return wire.AppendNil(dst)
	}
	n := 0
	for i := range r {
		if r[i].Kind != Null {
			n++
		}
	}
	dst = wire.AppendMap(dst, n)
	for i := range r {
		if r[i].Kind != Null {
			dst = appendValue(wire.AppendString(dst, s.Fields[i].Name), &r[i])
		}
	}
	return dst
}

func appendValue(dst []byte, v *Value) []byte {
	switch v.Kind {
	case Bool:
		return wire.AppendBool(dst, v.Int != 0)
	case Int:
		return wire.AppendInt(dst, v.Int)
	case Double:
		return wire.AppendDouble(dst, v.Double())
	case String:
		return wire.AppendString(dst, v.Str)
	case Timestamp:
		return wire.AppendTime(dst, v.Int, v.Nanos)
	case List:
		dst = wire.AppendArray(dst, len(v.List))
		for i := range v.List {
			dst = appendValue(dst, &v.List[i])
		}
		return dst
	}
	return wire.AppendNil(dst)
}

// DecodeRow reads a row that AppendRow wrote, as s declares its fields now, from the front of b, and returns what
// is left of b. Nothing of the row points into b. An error means that the bytes are damaged.
func DecodeRow(b []byte, s *Schema) (r Row, rest []byte, err error) {
	if wire.KindOf(b) == wire.Nil {
		return nil, b[1:], nil
	}
	n, b, err := wire.ReadMap(b)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read a row of %s: %w", s.Name, err)
	}
	var d decoder
	r = make(Row, len(s.Fields))
	next := 0 // the field that comes next if the row was written by this schema and nothing is null
	for range n {
		var name []byte
		if name, b, err = wire.ReadString(b); err != nil {
			return nil, nil, fmt.Errorf("cannot read the name of a field of %s: %w", s.Name, err)
		}
		i, ok := next, next < len(s.Fields) && s.Fields[next].Name == string(name)
		if !ok {
			i, ok = s.index[string(name)]
		}
		if !ok {
			b, err = wire.Skip(b)
		} else {
			r[i], b, err = d.value(b, &s.Fields[i].Type)
			next = i + 1
		}
		if err != nil {
			return nil, nil, fmt.Errorf("cannot read a field of %s: %w", s.Name, err)
		}
	}
	return r, b, nil
}

// decoder makes the strings of a row share one allocation: the copy of its bytes from the first string on.
type decoder struct {
	text string // copy of what followed the head of the first string
	size int    // of the bytes that were left where text begins
}

// string returns a copy of the first n bytes of tail, which reaches to the end of what is decoded.
func (d *decoder) string(tail []byte, n int) string {
	if n == 0 {
		return ""
	}
	if d.text == "" {
		d.text, d.size = string(tail), len(tail)
	}
	at := d.size - len(tail)
	return d.text[at : at+n]
}

// value reads one value of type t; null if the stored one is of another type.
func (d *decoder) value(b []byte, t *Type) (v Value, rest []byte, err error) {
	kind := wire.KindOf(b)
	switch {
	case kind == wire.Bool && t.Kind == Bool:
		var on bool
		on, rest, err = wire.ReadBool(b)
		return OfBool(on), rest, err
	case kind == wire.Int && t.Kind == Int:
		v.Int, rest, err = wire.ReadInt(b)
	case kind == wire.Double && t.Kind == Double:
		var f float64
		f, rest, err = wire.ReadDouble(b)
		return OfDouble(f), rest, err
	case kind == wire.String && t.Kind == String:
		var s []byte
		if s, rest, err = wire.ReadString(b); err == nil {
			v.Str = d.string(b[len(b)-len(rest)-len(s):], len(s))
		}
	case kind == wire.Time && t.Kind == Timestamp:
		v.Int, v.Nanos, rest, err = wire.ReadTime(b)
		if t.Date && (v.Nanos != 0 || v.Int%secondsPerDay != 0) {
			return Value{}, rest, err
		}
	case kind == wire.Array && t.Kind == List:
		return d.list(b, t)
	default:
		rest, err = wire.Skip(b)
		return Value{}, rest, err
	}
	v.Kind = t.Kind
	return v, rest, err
}

const secondsPerDay = 24 * 60 * 60

func (d *decoder) list(b []byte, t *Type) (Value, []byte, error) {
	n, rest, err := wire.ReadArray(b)
	if err != nil {
		return Value{}, nil, err
	}
	const roomMax = 1024 // elements to make room for on the word of the bytes alone
	vs := make([]Value, 0, min(n, roomMax))
	fits := true
	for range n {
		var v Value
		null := wire.KindOf(rest) == wire.Nil
		if v, rest, err = d.value(rest, t.Elem); err != nil {
			return Value{}, nil, err
		}
		fits = fits && (null || v.Kind != Null)
		vs = append(vs, v)
	}
	if !fits {
		return Value{}, rest, nil
	}
	return OfList(vs), rest, nil
}

// AppendEvent appends e, an event of the kind s, to dst: an array of id, time, seq and fields.
func AppendEvent(dst []byte, s *Schema, e *Event) []byte {
	dst = wire.AppendString(wire.AppendArray(dst, 4), e.ID)
	dst = wire.AppendUint(wire.AppendTime(dst, e.Time.Int, e.Time.Nanos), e.Seq)
	return AppendRow(dst, s, e.Fields)
}

// DecodeEvent reads an event that AppendEvent wrote from the front of b; for its fields, see DecodeRow.
func DecodeEvent(b []byte, s *Schema) (e Event, rest []byte, err error) {
	fail := func(err error) (Event, []byte, error) {
		return Event{}, nil, fmt.Errorf("cannot read an event of kind %s: %w", s.Name, err)
	}
	n, b, err := wire.ReadArray(b)
	if err != nil || n != 4 {
		return fail(orKind(err))
	}
	id, b, err := wire.ReadString(b)
	if err != nil {
		return fail(err)
	}
	e.ID = string(id)
	e.Time.Kind = Timestamp
	if e.Time.Int, e.Time.Nanos, b, err = wire.ReadTime(b); err != nil {
		return fail(err)
	}
	if e.Seq, b, err = wire.ReadUint(b); err != nil {
		return fail(err)
	}
	if e.Fields, b, err = DecodeRow(b, s); err != nil {
		return Event{}, nil, err
	}
	return e, b, nil
}

// AppendVersion appends v to dst: nil if it is unknown, else an array of snapshot, hi, lo and milliseconds.
func AppendVersion(dst []byte, v Version) []byte {
	if !v.Known {
		return wire.AppendNil(dst)
	}
	dst = wire.AppendBool(wire.AppendArray(dst, 4), v.Snapshot)
	return wire.AppendInt(wire.AppendUint(wire.AppendUint(dst, v.Hi), v.Lo), v.Millis)
}

// DecodeVersion reads a version that AppendVersion wrote from the front of b.
func DecodeVersion(b []byte) (v Version, rest []byte, err error) {
	fail := func(err error) (Version, []byte, error) {
		return Version{}, nil, fmt.Errorf("cannot read the version of a row: %w", err)
	}
	if wire.KindOf(b) == wire.Nil {
		return Version{}, b[1:], nil
	}
	n, b, err := wire.ReadArray(b)
	if err != nil || n != 4 {
		return fail(orKind(err))
	}
	v.Known = true
	if v.Snapshot, b, err = wire.ReadBool(b); err != nil {
		return fail(err)
	}
	if v.Hi, b, err = wire.ReadUint(b); err != nil {
		return fail(err)
	}
	if v.Lo, b, err = wire.ReadUint(b); err != nil {
		return fail(err)
	}
	if v.Millis, b, err = wire.ReadInt(b); err != nil {
		return fail(err)
	}
	return v, b, nil
}

// orKind returns err, or where there is none the error that an array has another length than expected.
func orKind(err error) error {
	if err != nil {
		return err
	}
	return wire.ErrKind
}
