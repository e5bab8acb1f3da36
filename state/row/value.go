// Package row holds the vocabulary of everything that weir remembers and computes with: values, rows,
// events, their schemas and the instants of the clock. It imports nothing of weir.
package row

import (
	"math"
	"strconv"
	"time"
)

// Kind is the kind of a Value.
type Kind uint8

// The kinds of values. A date is a Timestamp at 00:00 UTC.
const (
	Null Kind = iota
	Bool
	Int
	Double
	String
	Timestamp
	List
)

// String returns the name that the catalog language gives to the kind.
func (k Kind) String() string {
	return [...]string{"null", "bool", "int", "double", "string", "timestamp", "list"}[k]
}

// Value is one value of a field. The zero Value is null. Values are immutable once built: slices in List are
// shared, never changed.
type Value struct {
	Kind  Kind
	Nanos int32   // Timestamp: nanoseconds within the second, 0 to 999,999,999
	Int   int64   // Bool: 0 or 1. Int: the number. Double: its IEEE bits. Timestamp: seconds since 1970, UTC
	Str   string  // String
	List  []Value // List
}

// OfBool returns the value of b.
func OfBool(b bool) Value {
	if b {
		return Value{Kind: Bool, Int: 1}
	}
	return Value{Kind: Bool}
}

// OfInt returns the value of n.
func OfInt(n int64) Value { return Value{Kind: Int, Int: n} }

// OfDouble returns the value of f.
func OfDouble(f float64) Value { return Value{Kind: Double, Int: int64(math.Float64bits(f))} }

// OfString returns the value of s.
func OfString(s string) Value { return Value{Kind: String, Str: s} }

// OfTime returns the value of t, in UTC.
func OfTime(t time.Time) Value {
	return Value{Kind: Timestamp, Int: t.Unix(), Nanos: int32(t.Nanosecond())}
}

// OfList returns a list of vs, which must not be changed afterwards.
func OfList(vs []Value) Value { return Value{Kind: List, List: vs} }

// Bool returns a Bool's value.
func (v Value) Bool() bool { return v.Int != 0 }

// Double returns a Double's value.
func (v Value) Double() float64 { return math.Float64frombits(uint64(v.Int)) }

// Time returns a Timestamp's value in UTC.
func (v Value) Time() time.Time { return time.Unix(v.Int, int64(v.Nanos)).UTC() }

// Key returns the text by which v names a row: a string as it is, an int in decimal digits; "" names none.
func (v Value) Key() string {
	switch v.Kind {
	case String:
		return v.Str
	case Int:
		return strconv.FormatInt(v.Int, 10)
	}
	return ""
}

// IsNull tells whether v is null.
func (v Value) IsNull() bool { return v.Kind == Null }

// Same tells whether v and w are the same value of the same kind: what "the same image again is no update"
// means. Unlike CEL's ==, null is the same as null and NaN the same as NaN.
func (v Value) Same(w Value) bool {
	if v.Kind != w.Kind || v.Nanos != w.Nanos || v.Int != w.Int || v.Str != w.Str || len(v.List) != len(w.List) {
		return false
	}
	for i := range v.List {
		if !v.List[i].Same(w.List[i]) {
			return false
		}
	}
	return true
}
