package wire

import (
	"encoding/binary"
	"errors"
	"math"
)

// The first bytes of msgpack objects.
const (
	fixMap      = 0x80
	fixArray    = 0x90
	fixStr      = 0xa0
	codeNil     = 0xc0
	codeFalse   = 0xc2
	codeTrue    = 0xc3
	codeBin8    = 0xc4
	codeBin16   = 0xc5
	codeBin32   = 0xc6
	codeExt8    = 0xc7
	codeExt16   = 0xc8
	codeExt32   = 0xc9
	codeFloat32 = 0xca
	codeFloat64 = 0xcb
	codeUint8   = 0xcc
	codeUint16  = 0xcd
	codeUint32  = 0xce
	codeUint64  = 0xcf
	codeInt8    = 0xd0
	codeInt16   = 0xd1
	codeInt32   = 0xd2
	codeInt64   = 0xd3
	codeFixExt1 = 0xd4
	codeFixExt4 = 0xd6
	codeFixExt8 = 0xd7
	codeFixEx16 = 0xd8
	codeStr8    = 0xd9
	codeStr16   = 0xda
	codeStr32   = 0xdb
	codeArray16 = 0xdc
	codeArray32 = 0xdd
	codeMap16   = 0xde
	codeMap32   = 0xdf
	fixNegative = 0xe0
	extTime     = 0xff // type -1
)

// Errors of the Read functions: the bytes are not what was written.
var (
	ErrShort     = errors.New("the bytes end within a value")
	ErrKind      = errors.New("a value of another kind than expected")
	ErrMalformed = errors.New("not valid msgpack")
)

// Kind is the kind of a msgpack object.
type Kind uint8

// The kinds of objects. Other stands for extensions that are no timestamps and for what is no msgpack.
const (
	Nil Kind = iota
	Bool
	Int
	Double
	String
	Bytes
	Array
	Map
	Time
	Other
)

// KindOf returns the kind of the object at the front of b; Other if b is empty.
func KindOf(b []byte) Kind {
	if len(b) == 0 {
		return Other
	}
	switch c := b[0]; {
	case c < fixMap || c >= fixNegative || c >= codeUint8 && c <= codeInt64:
		return Int
	case c < fixArray || c == codeMap16 || c == codeMap32:
		return Map
	case c < fixStr || c == codeArray16 || c == codeArray32:
		return Array
	case c < codeNil || c >= codeStr8 && c <= codeStr32:
		return String
	case c == codeNil:
		return Nil
	case c == codeFalse || c == codeTrue:
		return Bool
	case c >= codeBin8 && c <= codeBin32:
		return Bytes
	case c == codeFloat32 || c == codeFloat64:
		return Double
	case (c == codeFixExt4 || c == codeFixExt8) && len(b) > 1 && b[1] == extTime,
		c == codeExt8 && len(b) > 2 && b[1] == 12 && b[2] == extTime:
		return Time
	}
	return Other
}

// take cuts n bytes from the front of b.
func take(b []byte, n uint64) (head, rest []byte, err error) {
	if uint64(len(b)) < n {
		return nil, nil, ErrShort
	}
	return b[:n:n], b[n:], nil
}

// number reads a big-endian number of n bytes after the first byte of b.
func number(b []byte, n int) (uint64, []byte, error) {
	if len(b) < 1+n {
		return 0, nil, ErrShort
	}
	var v uint64
	for _, c := range b[1 : 1+n] {
		v = v<<8 | uint64(c)
	}
	return v, b[1+n:], nil
}

// ReadNil takes a nil.
func ReadNil(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, ErrShort
	}
	if b[0] != codeNil {
		return nil, ErrKind
	}
	return b[1:], nil
}

// ReadBool takes a boolean.
func ReadBool(b []byte) (bool, []byte, error) {
	if len(b) == 0 {
		return false, nil, ErrShort
	}
	if b[0] != codeTrue && b[0] != codeFalse {
		return false, nil, ErrKind
	}
	return b[0] == codeTrue, b[1:], nil
}

// readNumber takes a whole number: its 64 bits and whether they are a negative one's.
func readNumber(b []byte) (v uint64, negative bool, rest []byte, err error) {
	if len(b) == 0 {
		return 0, false, nil, ErrShort
	}
	switch c := b[0]; {
	case c < fixMap:
		return uint64(c), false, b[1:], nil
	case c >= fixNegative:
		return uint64(int64(int8(c))), true, b[1:], nil
	case c >= codeUint8 && c <= codeUint64:
		v, rest, err = number(b, 1<<(c-codeUint8))
		return v, false, rest, err
	case c >= codeInt8 && c <= codeInt64:
		size := 1 << (c - codeInt8)
		v, rest, err = number(b, size)
		shift := 64 - 8*size
		v = uint64(int64(v<<shift) >> shift)
		return v, int64(v) < 0, rest, err
	}
	return 0, false, nil, ErrKind
}

// ReadInt takes a whole number within the span of an int64.
func ReadInt(b []byte) (int64, []byte, error) {
	v, negative, rest, err := readNumber(b)
	if err != nil {
		return 0, nil, err
	}
	if !negative && v > math.MaxInt64 {
		return 0, nil, ErrKind
	}
	return int64(v), rest, nil
}

// ReadUint takes a whole number that is not negative.
func ReadUint(b []byte) (uint64, []byte, error) {
	v, negative, rest, err := readNumber(b)
	if err != nil {
		return 0, nil, err
	}
	if negative {
		return 0, nil, ErrKind
	}
	return v, rest, nil
}

// ReadDouble takes a number of 32 or 64 bits.
func ReadDouble(b []byte) (float64, []byte, error) {
	if len(b) == 0 {
		return 0, nil, ErrShort
	}
	switch b[0] {
	case codeFloat64:
		v, rest, err := number(b, 8)
		return math.Float64frombits(v), rest, err
	case codeFloat32:
		v, rest, err := number(b, 4)
		return float64(math.Float32frombits(uint32(v))), rest, err
	}
	return 0, nil, ErrKind
}

// ReadString takes a string. The result points into b.
func ReadString(b []byte) (s, rest []byte, err error) {
	if len(b) == 0 {
		return nil, nil, ErrShort
	}
	var n uint64
	switch c := b[0]; {
	case c&0xe0 == fixStr:
		n, rest = uint64(c&0x1f), b[1:]
	case c >= codeStr8 && c <= codeStr32:
		n, rest, err = number(b, 1<<(c-codeStr8))
	default:
		err = ErrKind
	}
	if err != nil {
		return nil, nil, err
	}
	return take(rest, n)
}

// ReadBytes takes a byte string. The result points into b.
func ReadBytes(b []byte) (s, rest []byte, err error) {
	if len(b) == 0 {
		return nil, nil, ErrShort
	}
	if b[0] < codeBin8 || b[0] > codeBin32 {
		return nil, nil, ErrKind
	}
	n, rest, err := number(b, 1<<(b[0]-codeBin8))
	if err != nil {
		return nil, nil, err
	}
	return take(rest, n)
}

// ReadArray takes the head of an array. There are at least n bytes behind it, so that room may be made for n
// elements before they are read.
func ReadArray(b []byte) (n int, rest []byte, err error) {
	return readHead(b, fixArray, codeArray16, 1)
}

// ReadMap takes the head of a map of n pairs. There are at least 2n bytes behind it.
func ReadMap(b []byte) (n int, rest []byte, err error) {
	return readHead(b, fixMap, codeMap16, 2)
}

func readHead(b []byte, fix, code16 byte, each uint64) (int, []byte, error) {
	if len(b) == 0 {
		return 0, nil, ErrShort
	}
	var n uint64
	var rest []byte
	var err error
	switch c := b[0]; {
	case c&0xf0 == fix:
		n, rest = uint64(c&0x0f), b[1:]
	case c == code16 || c == code16+1:
		n, rest, err = number(b, 2<<(c-code16))
	default:
		err = ErrKind
	}
	if err != nil {
		return 0, nil, err
	}
	if uint64(len(rest)) < n*each {
		return 0, nil, ErrShort
	}
	return int(n), rest, nil
}

// ReadTime takes a timestamp: seconds since 1970 UTC, and nanoseconds from 0 to 999,999,999.
func ReadTime(b []byte) (sec int64, nanos int32, rest []byte, err error) {
	if KindOf(b) != Time {
		if len(b) < 3 {
			return 0, 0, nil, ErrShort
		}
		return 0, 0, nil, ErrKind
	}
	var n uint64
	switch b[0] {
	case codeFixExt4:
		var v uint64
		v, rest, err = number(b[1:], 4)
		sec = int64(v)
	case codeFixExt8:
		var v uint64
		v, rest, err = number(b[1:], 8)
		sec, n = int64(v&(1<<34-1)), v>>34
	default:
		var body []byte
		if body, rest, err = take(b[3:], 12); err == nil {
			n, sec = uint64(binary.BigEndian.Uint32(body)), int64(binary.BigEndian.Uint64(body[4:]))
		}
	}
	if err == nil && n > 999_999_999 {
		err = ErrMalformed
	}
	if err != nil {
		return 0, 0, nil, err
	}
	return sec, int32(n), rest, nil
}

// Skip takes one object of any kind, with all that is in it.
func Skip(b []byte) ([]byte, error) {
	// Counted, not nested: hostile bytes can't exhaust the stack. Each object has a byte, so it ends.
	for pending := uint64(1); pending > 0; pending-- {
		inner, rest, err := skipHead(b)
		if err != nil {
			return nil, err
		}
		b = rest
		pending += inner
	}
	return b, nil
}

// skipHead takes one object, of an array or map only its head, and returns how many objects are in it.
func skipHead(b []byte) (inner uint64, rest []byte, err error) {
	var n int
	switch KindOf(b) {
	case Nil, Bool:
		return 0, b[1:], nil
	case Int:
		_, _, rest, err = readNumber(b)
	case Double:
		_, rest, err = ReadDouble(b)
	case String:
		_, rest, err = ReadString(b)
	case Bytes:
		_, rest, err = ReadBytes(b)
	case Array:
		n, rest, err = ReadArray(b)
		inner = uint64(n)
	case Map:
		n, rest, err = ReadMap(b)
		inner = 2 * uint64(n)
	default:
		rest, err = skipExt(b)
	}
	return inner, rest, err
}

func skipExt(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, ErrShort
	}
	var n uint64
	var rest []byte
	var err error
	switch c := b[0]; {
	case c >= codeFixExt1 && c <= codeFixEx16:
		n, rest = 1<<(c-codeFixExt1), b[1:]
	case c >= codeExt8 && c <= codeExt32:
		n, rest, err = number(b, 1<<(c-codeExt8))
	default:
		err = ErrMalformed
	}
	if err != nil {
		return nil, err
	}
	_, rest, err = take(rest, n+1) // the type's byte, too
	return rest, err
}
