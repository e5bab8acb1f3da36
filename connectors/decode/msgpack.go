package decode

import (
	"encoding/binary"
	"math"
	"strconv"
)

// packed reads msgpack into a tape, as the JSON that says the same: bytes become base64, timestamps RFC 3339, whole
// numbers as names of members their decimal text.
type packed struct {
	src   []byte
	pos   int
	tape  *tape
	fault string // what is wrong at pos; empty if nothing
}

// scanPacked makes t the msgpack value that src is, and tells whether it is one.
func (t *tape) scanPacked(src []byte) bool {
	t.begin(len(src))
	p := packed{src: src, tape: t}
	if p.value(0) && p.pos < len(src) {
		p.fail("bytes after the end of the value")
	}
	t.end()
	t.at, t.fault = p.pos, p.fault
	return p.fault == ""
}

func (p *packed) fail(fault string) bool {
	if p.fault == "" {
		p.fault = fault
	}
	return false
}

// take returns the next n bytes, nil after a fault.
func (p *packed) take(n uint64) []byte {
	if p.fault != "" || n > uint64(len(p.src)-p.pos) {
		p.fail("the value ends early")
		return nil
	}
	b := p.src[p.pos : p.pos+int(n) : p.pos+int(n)]
	p.pos += int(n)
	return b
}

// number reads a big-endian number of n bytes, at most 8.
func (p *packed) number(n uint64) uint64 {
	var v uint64
	for _, b := range p.take(n) {
		v = v<<8 | uint64(b)
	}
	return v
}

// value reads one value.
func (p *packed) value(depth int) bool {
	head := p.take(1)
	switch {
	case head == nil:
		return false
	case depth > depthMax:
		return p.fail("nested too deeply")
	case p.tape.full():
		return p.fail("too large")
	}
	switch c := head[0]; {
	case c < 0x80 || c >= 0xe0:
		p.tape.putInt(int64(int8(c)), 0)
	case c < 0x90:
		return p.members(uint64(c&0x0f), depth)
	case c < 0xa0:
		return p.elements(uint64(c&0x0f), depth)
	case c < 0xc0:
		p.tape.putString(p.take(uint64(c&0x1f)), 0)
	case c >= 0xca && c <= 0xd3:
		p.numeric(c)
	default:
		return p.other(c, depth)
	}
	return p.fault == ""
}

// numeric reads a number whose code is c.
func (p *packed) numeric(c byte) {
	size := uint64(1) << (c & 3) // of the whole numbers
	switch {
	case c == 0xca:
		p.tape.putDouble(float64(math.Float32frombits(uint32(p.number(4)))), 32)
	case c == 0xcb:
		p.tape.putDouble(math.Float64frombits(p.number(8)), 64)
	case c <= 0xcf:
		p.tape.putUint(p.number(size))
	default:
		shift := 64 - 8*size
		p.tape.putInt(int64(p.number(size)<<shift)>>shift, 0)
	}
}

// other reads a value with one of the remaining codes.
func (p *packed) other(c byte, depth int) bool {
	switch c {
	case 0xc0:
		p.tape.putNull()
	case 0xc2, 0xc3:
		p.tape.putBool(c == 0xc3)
	case 0xc4, 0xc5, 0xc6:
		p.tape.putBytes(p.take(p.number(1<<(c-0xc4))), 0)
	case 0xd9, 0xda, 0xdb:
		p.tape.putString(p.take(p.number(1<<(c-0xd9))), 0)
	case 0xdc, 0xdd:
		return p.elements(p.number(2<<(c-0xdc)), depth)
	case 0xde, 0xdf:
		return p.members(p.number(2<<(c-0xde)), depth)
	case 0xc7, 0xc8, 0xc9:
		p.extension(p.number(1 << (c - 0xc7)))
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		p.extension(1 << (c - 0xd4))
	default:
		return p.fail("no value begins so")
	}
	return p.fault == ""
}

// extension reads an extension of n bytes: a timestamp, in its three lengths.
func (p *packed) extension(n uint64) {
	kind := p.take(1)
	b := p.take(n)
	switch {
	case p.fault != "":
	case kind[0] != 0xff:
		p.fail("an extension other than a timestamp")
	case n == 4:
		p.tape.putTime(int64(binary.BigEndian.Uint32(b)), 0)
	case n == 8:
		v := binary.BigEndian.Uint64(b)
		p.instant(int64(v&(1<<34-1)), v>>34)
	case n == 12:
		p.instant(int64(binary.BigEndian.Uint64(b[4:])), uint64(binary.BigEndian.Uint32(b)))
	default:
		p.fail("a timestamp of unknown length")
	}
}

func (p *packed) instant(sec int64, nanos uint64) {
	if nanos > nanosMax {
		p.fail("a timestamp with more than a second of nanoseconds")
		return
	}
	p.tape.putTime(sec, int32(nanos))
}

func (p *packed) elements(n uint64, depth int) bool {
	me := p.tape.open(array)
	for i := range n {
		p.tape.separate(int(i))
		if !p.value(depth + 1) {
			return false
		}
	}
	p.tape.shut(me)
	return p.fault == ""
}

func (p *packed) members(n uint64, depth int) bool {
	me := p.tape.open(object)
	for i := range n {
		p.tape.separate(int(i))
		if !p.name() || !p.value(depth+1) {
			return false
		}
	}
	p.tape.shut(me)
	return p.fault == ""
}

// name reads the name of a member: a string or a whole number.
func (p *packed) name() bool {
	head := p.take(1)
	if head == nil {
		return false
	}
	var stack [20]byte
	switch c := head[0]; {
	case c < 0x80 || c >= 0xe0:
		p.tape.putName(strconv.AppendInt(stack[:0], int64(int8(c)), 10))
	case c >= 0xa0 && c < 0xc0:
		p.tape.putName(p.take(uint64(c & 0x1f)))
	case c >= 0xd9 && c <= 0xdb:
		p.tape.putName(p.take(p.number(1 << (c - 0xd9))))
	case c >= 0xcc && c <= 0xcf:
		p.tape.putName(strconv.AppendUint(stack[:0], p.number(1<<(c&3)), 10))
	case c >= 0xd0 && c <= 0xd3:
		shift := 64 - 8*(1<<(c&3))
		p.tape.putName(strconv.AppendInt(stack[:0], int64(p.number(1<<(c&3))<<shift)>>shift, 10))
	default:
		return p.fail("a member's name is neither a string nor a whole number")
	}
	return p.fault == ""
}
