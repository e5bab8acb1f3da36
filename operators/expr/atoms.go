package expr

import (
	"github.com/weirstream/weir/state/row"
)

// The conditions that most segments are made of, on fields read in place.

// fieldTruth is a field of type bool as a condition.
func fieldTruth(field fieldRef) condFn {
	return func(in *Input, f *frame) (Truth, row.Instant) {
		v := field(in, f)
		if v == nil || v.Kind != row.Bool {
			return Error, never
		}
		return Truth(v.Int), never
	}
}

// fieldEquals is field == k, or field != k, for a constant k; nil if there is no direct way.
func fieldEquals(field fieldRef, k val, negated bool) condFn {
	var kind row.Kind
	switch k.k {
	case kString:
		s := k.s
		return func(in *Input, f *frame) (Truth, row.Instant) {
			v := field(in, f)
			if v == nil {
				return Error, never
			}
			return truthOf((v.Kind == row.String && v.Str == s) != negated), never
		}
	case kNull:
		kind = row.Null
	case kBool:
		kind = row.Bool
	case kInt:
		kind = row.Int
	default:
		return nil
	}
	n := k.n
	return func(in *Input, f *frame) (Truth, row.Instant) {
		v := field(in, f)
		if v == nil {
			return Error, never
		}
		return truthOf((v.Kind == kind && (v.Int == n || kind == row.Null)) != negated), never
	}
}

// fieldOrder is the order of a field and a constant number; general decides where the kinds differ.
func fieldOrder(field fieldRef, k val, rels relations, general condFn) condFn {
	switch {
	case k.k == kInt:
		n := k.n
		return func(in *Input, f *frame) (Truth, row.Instant) {
			v := field(in, f)
			if v == nil || v.Kind != row.Int {
				return general(in, f)
			}
			return truthOf(rels.has(cmp(v.Int, n))), never
		}
	case k.k == kDouble && !k.isNaN():
		d := k.double()
		return func(in *Input, f *frame) (Truth, row.Instant) {
			v := field(in, f)
			if v == nil || v.Kind != row.Double {
				return general(in, f)
			}
			x := v.Double()
			return truthOf(x == x && rels.has(cmp(x, d))), never
		}
	}
	return general
}

// timeOrder is the order of two times that are fields; general decides where one is null.
func timeOrder(a, b fieldRef, rels relations, general condFn) condFn {
	return func(in *Input, f *frame) (Truth, row.Instant) {
		v, w := a(in, f), b(in, f)
		if v == nil || w == nil || v.Kind != row.Timestamp || w.Kind != row.Timestamp {
			return general(in, f)
		}
		rel := 0
		if d := row.CompareTimes(*v, *w); d < 0 {
			rel = -1
		} else if d > 0 {
			rel = 1
		}
		return truthOf(rels.has(rel)), never
	}
}
