package decode

import (
	"encoding/binary"
	"math"
)

// avroReader reads Avro's binary encoding into a tape, as the JSON that Kafka Connect's converter would have written:
// a union is its branch, bytes are base64, decimals numbers.
type avroReader struct {
	src   []byte
	pos   int
	tape  *tape
	fault string // what is wrong at pos; empty if nothing
}

// scanAvro makes t the value of type of that src is, and tells whether it is one.
func (t *tape) scanAvro(src []byte, of *avroType) bool {
	t.begin(len(src))
	r := avroReader{src: src, tape: t}
	if r.value(of, 0) && r.pos < len(src) {
		r.fail("bytes after the end of the value")
	}
	t.end()
	t.at, t.fault = r.pos, r.fault
	return r.fault == ""
}

func (r *avroReader) fail(fault string) bool {
	if r.fault == "" {
		r.fault = fault
	}
	return false
}

// long reads a zig-zag number; 0 after a fault.
func (r *avroReader) long() int64 {
	if r.pos < len(r.src) && r.src[r.pos] < 0x80 {
		v := uint64(r.src[r.pos])
		r.pos++
		return int64(v>>1) ^ -int64(v&1)
	}
	v, n := binary.Uvarint(r.src[r.pos:])
	if n <= 0 {
		r.fail("the value ends early or holds a number of more than 64 bits")
		return 0
	}
	r.pos += n
	return int64(v>>1) ^ -int64(v&1)
}

// take returns the next n bytes; nothing after a fault.
func (r *avroReader) take(n int64) []byte {
	if r.fault != "" || n < 0 || n > int64(len(r.src)-r.pos) {
		r.fail("the value ends early")
		return nil
	}
	b := r.src[r.pos : r.pos+int(n)]
	r.pos += int(n)
	return b
}

// value reads one value of type t.
func (r *avroReader) value(t *avroType, depth int) bool {
	switch t.kind {
	case avroNull:
		r.tape.putNull()
	case avroBoolean:
		b := r.take(1)
		r.tape.putBool(len(b) == 1 && b[0] != 0)
	case avroInt:
		r.tape.putInt(r.long(), t.mark)
	case avroFloat:
		if b := r.take(4); b != nil {
			r.tape.putDouble(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), 32)
		}
	case avroDouble:
		if b := r.take(8); b != nil {
			r.tape.putDouble(math.Float64frombits(binary.LittleEndian.Uint64(b)), 64)
		}
	case avroString:
		r.tape.putString(r.take(r.long()), t.mark)
	case avroBytes:
		r.tape.putBytes(r.take(r.long()), t.mark)
	case avroFixed:
		r.tape.putBytes(r.take(int64(t.size)), t.mark)
	case avroUUID:
		if b := r.take(guidBytes); b != nil {
			var stack [36]byte
			r.tape.putString(appendUUID(stack[:0], b), 0)
		}
	case avroDecimal:
		r.decimal(r.take(r.long()), t.scale)
	case avroFixedDecimal:
		r.decimal(r.take(int64(t.size)), t.scale)
	case avroEnum:
		if at := r.long(); at >= 0 && at < int64(len(t.symbols)) {
			r.tape.putString(t.symbols[at], 0)
		} else {
			r.fail("a symbol that its enum does not have")
		}
	default:
		return r.composed(t, depth+1)
	}
	return r.fault == ""
}

func (r *avroReader) decimal(raw []byte, scale int) {
	if r.fault == "" && !r.tape.putDecimal(raw, scale) {
		r.fail("a decimal of no digits or of too many")
	}
}

// composed reads a value that holds others.
func (r *avroReader) composed(t *avroType, depth int) bool {
	switch {
	case depth > depthMax:
		return r.fail("nested too deeply")
	case r.tape.full():
		return r.fail("too large")
	}
	switch t.kind {
	case avroUnion:
		at := r.long()
		if r.fault != "" || at < 0 || at >= int64(len(t.branches)) {
			return r.fail("a branch that its union does not have")
		}
		return r.value(t.branches[at], depth)
	case avroRecord:
		me := r.tape.open(object)
		for i := range t.fields {
			r.tape.separate(i)
			r.tape.putWritten(t.fields[i].name, t.fields[i].flags)
			if !r.value(t.fields[i].of, depth) {
				return false
			}
		}
		r.tape.shut(me)
		return true
	}
	return r.blocks(t, depth)
}

// blocks reads an array or a map, which come in blocks with the number of their items in front.
func (r *avroReader) blocks(t *avroType, depth int) bool {
	form := array
	if t.kind == avroMap {
		form = object
	}
	me, items := r.tape.open(form), 0
	for {
		n := r.long()
		if n < 0 {
			n = -n
			r.long() // the size of the block
		}
		if n == 0 || r.fault != "" {
			break
		}
		for ; n != 0; n-- {
			r.tape.separate(items)
			items++
			if t.kind == avroMap {
				r.tape.putName(r.take(r.long()))
			}
			if r.fault != "" || !r.value(t.elem, depth) {
				return false
			}
			if r.tape.full() {
				return r.fail("too large")
			}
		}
	}
	if r.fault != "" {
		return false
	}
	r.tape.shut(me)
	return true
}
