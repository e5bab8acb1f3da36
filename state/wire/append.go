// Package wire writes and reads msgpack by hand, without reflection: the bytes of everything that weir remembers and
// of the records between its own parts. Any msgpack library can read what it writes (https://msgpack.org).
//
// Append functions append one msgpack object and return the longer slice. Read functions take one object from
// the front and return what is left; on an error the rest is nil. Numbers take the shortest form.
package wire

import (
	"encoding/binary"
	"math"
)

// AppendNil appends nil.
func AppendNil(dst []byte) []byte { return append(dst, codeNil) }

// AppendBool appends a boolean.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, codeTrue)
	}
	return append(dst, codeFalse)
}

// AppendUint appends a whole number.
func AppendUint(dst []byte, v uint64) []byte {
	switch {
	case v <= 0x7f:
		return append(dst, byte(v))
	case v <= math.MaxUint8:
		return append(dst, codeUint8, byte(v))
	case v <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, codeUint16), uint16(v))
	case v <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, codeUint32), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(dst, codeUint64), v)
}

// AppendInt appends a whole number; one that is not negative is written as AppendUint writes it.
func AppendInt(dst []byte, v int64) []byte {
	switch {
	case v >= 0:
		return AppendUint(dst, uint64(v))
	case v >= -32:
		return append(dst, byte(v))
	case v >= math.MinInt8:
		return append(dst, codeInt8, byte(v))
	case v >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(dst, codeInt16), uint16(v))
	case v >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(dst, codeInt32), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(dst, codeInt64), uint64(v))
}

// AppendDouble appends a number of 64 bits, whatever its value; NaNs keep their bits.
func AppendDouble(dst []byte, v float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, codeFloat64), math.Float64bits(v))
}

// AppendString appends a string. Its bytes are kept as they are, also if they are no valid UTF-8.
func AppendString(dst []byte, v string) []byte {
	n := len(v)
	switch {
	case n <= 31:
		dst = append(dst, fixStr|byte(n))
	case n <= math.MaxUint8:
		dst = append(dst, codeStr8, byte(n))
	case n <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, codeStr16), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, codeStr32), uint32(n))
	}
	return append(dst, v...)
}

// AppendBytes appends a byte string (msgpack bin).
func AppendBytes(dst, v []byte) []byte {
	n := len(v)
	switch {
	case n <= math.MaxUint8:
		dst = append(dst, codeBin8, byte(n))
	case n <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, codeBin16), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, codeBin32), uint32(n))
	}
	return append(dst, v...)
}

// AppendArray appends the head of an array of n elements, which must follow.
func AppendArray(dst []byte, n int) []byte {
	switch {
	case n <= 15:
		return append(dst, fixArray|byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, codeArray16), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, codeArray32), uint32(n))
}

// AppendMap appends the head of a map of n pairs, which must follow: key, value, key, value.
func AppendMap(dst []byte, n int) []byte {
	switch {
	case n <= 15:
		return append(dst, fixMap|byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, codeMap16), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, codeMap32), uint32(n))
}

// AppendTime appends a point in time as msgpack's timestamp (extension -1): sec seconds since 1970 UTC and nanos,
// 0 to 999,999,999, nanoseconds.
func AppendTime(dst []byte, sec int64, nanos int32) []byte {
	switch {
	case sec>>34 != 0:
		dst = append(dst, codeExt8, 12, extTime)
		dst = binary.BigEndian.AppendUint32(dst, uint32(nanos))
		return binary.BigEndian.AppendUint64(dst, uint64(sec))
	case nanos != 0 || sec > math.MaxUint32:
		return binary.BigEndian.AppendUint64(append(dst, codeFixExt8, extTime), uint64(nanos)<<34|uint64(sec))
	}
	return binary.BigEndian.AppendUint32(append(dst, codeFixExt4, extTime), uint32(sec))
}
