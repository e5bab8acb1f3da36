package expr

import (
	"math"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/weirstream/weir/state/row"
)

// kind is the kind of a val: CEL's types as far as the language has them, and error.
type kind uint8

const (
	kErr kind = iota
	kNull
	kBool
	kInt
	kDouble
	kString
	kTime
	kDur
	kList
	kObj
)

// val is a value within an evaluation, as a function of the time: it is what it says from now up to, not
// including, until. Kinds are dynamic, as in CEL's interpreter.
//
// Times and durations may move: then n and nanos are the value now, and at a later instant t before until it is
//
//	value + slope*(t - now)                            months == 0
//	value + slope*(addMonths(t) - addMonths(now))      months != 0; slope is 1 or -1
type val struct {
	until  row.Instant
	n      int64  // kBool: 0, 1; kInt; kDouble: IEEE bits; kTime: seconds since 1970; kDur: nanoseconds
	s      string // kString
	ref    any    // kList: *row.Value or *list; kObj: *row.Row or *row.Event
	nanos  int32  // kTime: within the second
	slope  int32
	months int32
	k      kind
}

// list is a list built during an evaluation.
type list struct{ elems []val }

var never = row.Never

func errUntil(u row.Instant) val { return val{k: kErr, until: u} }

func boolVal(b bool, u row.Instant) val {
	if b {
		return val{k: kBool, n: 1, until: u}
	}
	return val{k: kBool, until: u}
}

func intVal(n int64, u row.Instant) val { return val{k: kInt, n: n, until: u} }

func doubleVal(f float64, u row.Instant) val {
	return val{k: kDouble, n: int64(math.Float64bits(f)), until: u}
}

func (v *val) double() float64 { return math.Float64frombits(uint64(v.n)) }

// truth is v as an operand of CEL's logic: what is no bool is an error.
func (v *val) truth() Truth {
	if v.k != kBool {
		return Error
	}
	return Truth(v.n)
}

// truthVal is the inverse of truth.
func truthVal(t Truth, u row.Instant) val {
	if t == Error {
		return errUntil(u)
	}
	return val{k: kBool, n: int64(t), until: u}
}

// ofField returns the value of a field, which is its row's for ever: until is that of the row.
func ofField(f *row.Value, until row.Instant) val {
	switch f.Kind {
	case row.Bool:
		return val{k: kBool, n: f.Int, until: until}
	case row.Int:
		return val{k: kInt, n: f.Int, until: until}
	case row.Double:
		return val{k: kDouble, n: f.Int, until: until}
	case row.String:
		return val{k: kString, s: f.Str, until: until}
	case row.Timestamp:
		return val{k: kTime, n: f.Int, nanos: f.Nanos, until: until}
	case row.List:
		return val{k: kList, ref: f, until: until}
	}
	return val{k: kNull, until: until}
}

// size is the number of elements of a kList.
func (v *val) size() int {
	switch l := v.ref.(type) {
	case *row.Value:
		return len(l.List)
	case *list:
		return len(l.elems)
	}
	return 0
}

// at returns the element i of a kList.
func (v *val) at(i int) val {
	switch l := v.ref.(type) {
	case *row.Value:
		return ofField(&l.List[i], v.until)
	case *list:
		return l.elems[i]
	}
	return errUntil(v.until)
}

// toCEL returns v as a value of cel-go's and until when it holds; v must not move.
func (v *val) toCEL() (ref.Val, row.Instant) {
	switch v.k {
	case kNull:
		return types.NullValue, v.until
	case kBool:
		return types.Bool(v.n != 0), v.until
	case kInt:
		return types.Int(v.n), v.until
	case kDouble:
		return types.Double(v.double()), v.until
	case kString:
		return types.String(v.s), v.until
	case kTime:
		return types.Timestamp{Time: time.Unix(v.n, int64(v.nanos)).UTC()}, v.until
	case kDur:
		return types.Duration{Duration: time.Duration(v.n)}, v.until
	case kList:
		until, elems := v.until, make([]ref.Val, v.size())
		for i := range elems {
			e := v.at(i)
			var u row.Instant
			elems[i], u = e.toCEL()
			until = min(until, u)
		}
		return types.NewRefValList(types.DefaultTypeAdapter, elems), until
	}
	return types.NewErr("not a value of CEL's"), v.until
}

// fromCEL returns a value of cel-go's that holds until u. What the language has no kind for is an error.
func fromCEL(c ref.Val, u row.Instant) val {
	switch c := c.(type) {
	case types.Null:
		return val{k: kNull, until: u}
	case types.Bool:
		return boolVal(bool(c), u)
	case types.Int:
		return intVal(int64(c), u)
	case types.Double:
		return doubleVal(float64(c), u)
	case types.String:
		return val{k: kString, s: string(c), until: u}
	case types.Timestamp:
		return val{k: kTime, n: c.Unix(), nanos: int32(c.Nanosecond()), until: u}
	case types.Duration:
		return val{k: kDur, n: int64(c.Duration), until: u}
	case traits.Lister:
		l := &list{}
		for it := c.Iterator(); it.HasNext() == types.True; {
			l.elems = append(l.elems, fromCEL(it.Next(), u))
		}
		return val{k: kList, ref: l, until: u}
	}
	return errUntil(u)
}
