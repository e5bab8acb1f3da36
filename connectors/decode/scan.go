package decode

import (
	"encoding/binary"
	"math/bits"
)

// form is the form of a JSON value.
type form uint8

const (
	absent form = iota // no value at all; node 0 of a tape is never looked up by accident
	null
	boolean
	number
	text
	array
	object
	opaque // a member that is known from an earlier record and was not read again
)

// String returns the word for f in reasons.
func (f form) String() string {
	return [...]string{"nothing", "null", "a boolean", "a number", "a string", "an array", "an object", "an object"}[f]
}

// Flags of a node.
const (
	escaped  = 1 << iota // text: holds a backslash
	highBits             // text: holds bytes beyond ASCII, perhaps no valid UTF-8
	inexact              // number: written with a fraction or an exponent
	set                  // text: words with commas between them
	bitField             // text: base64 of bits, those of least value first

	unitShift = iota // number: from this bit on stands its unit, if it is known
	unitMask  = 7
)

// node is one JSON value, or the name of a member, in the order of the text. off and end bound its text,
// without the quotes of a string. next is the node after it and all that it contains.
type node struct {
	off, end, next uint32
	form           form
	flags          uint8
}

// depthMax is how deeply arrays and objects may be nested.
const depthMax = 100

// noNode stands for a value that is not there.
const noNode = int32(-1)

// tape is a JSON text, checked against the grammar and cut into nodes in one pass. It accepts what
// encoding/json.Valid accepts, but for nesting deeper than depthMax. It is used again for the next text.
type tape struct {
	text  []byte
	nodes []node
	built []byte // what text was written to, if it was
	limit int    // of built
	at    int    // where a fault was found
	fault string // what is wrong there; empty if nothing
}

// scan cuts src into nodes. If src begins with prefix, an object up to and with its first member as an earlier
// scan found it, that member is not read again: its node is opaque. It tells whether src is one JSON text.
func (t *tape) scan(src, prefix []byte) bool {
	t.text, t.nodes, t.fault = src, t.nodes[:0], ""
	var pos int
	if len(prefix) > 0 {
		pos = t.resume(prefix)
	} else {
		pos = t.value(t.space(0), 0)
	}
	if pos < 0 {
		return false
	}
	if pos = t.space(pos); pos < len(src) {
		t.fail(pos, "text after the end of the value")
		return false
	}
	return true
}

// resume goes on after prefix, which is an object's opening and its first member.
func (t *tape) resume(prefix []byte) int {
	t.nodes = append(t.nodes, node{form: object})
	open := t.space(0)
	quote := t.space(open + 1)
	pos := t.str(quote)
	t.nodes = append(t.nodes, node{off: uint32(pos), end: uint32(len(prefix)), form: opaque})
	t.nodes[2].next = uint32(len(t.nodes))
	t.nodes[0].off = uint32(open)
	return t.members(0, t.space(len(prefix)), 0)
}

func (t *tape) fail(pos int, fault string) int {
	t.at, t.fault = pos, fault
	return -1
}

// space returns the place of the first byte from pos on that is no white space.
func (t *tape) space(pos int) int {
	for pos < len(t.text) {
		switch t.text[pos] {
		case ' ', '\t', '\n', '\r':
			pos++
		default:
			return pos
		}
	}
	return pos
}

// value reads the value at pos and returns the place behind it, or a negative number.
func (t *tape) value(pos, depth int) int {
	if pos >= len(t.text) {
		return t.fail(pos, "the text ends early")
	}
	switch c := t.text[pos]; c {
	case '"':
		return t.str(pos)
	case '{':
		if depth >= depthMax {
			return t.fail(pos, "nested too deeply")
		}
		return t.object(pos, depth+1)
	case '[':
		if depth >= depthMax {
			return t.fail(pos, "nested too deeply")
		}
		return t.array(pos, depth+1)
	case 't':
		return t.literal(pos, "true", boolean)
	case 'f':
		return t.literal(pos, "false", boolean)
	case 'n':
		return t.literal(pos, "null", null)
	default:
		if c == '-' || c >= '0' && c <= '9' {
			return t.number(pos)
		}
	}
	return t.fail(pos, "no value begins so")
}

func (t *tape) leaf(f form, flags uint8, off, end int) {
	t.nodes = append(t.nodes, node{
		off: uint32(off), end: uint32(end), next: uint32(len(t.nodes) + 1), form: f, flags: flags,
	})
}

func (t *tape) literal(pos int, word string, f form) int {
	end := pos + len(word)
	if end > len(t.text) || string(t.text[pos:end]) != word {
		return t.fail(pos, "unknown word")
	}
	t.leaf(f, 0, pos, end)
	return end
}

func (t *tape) number(off int) int {
	pos, flags := off, uint8(0)
	if t.text[pos] == '-' {
		pos++
	}
	if pos < len(t.text) && t.text[pos] == '0' {
		pos++
	} else if pos = t.digits(pos); pos < 0 {
		return pos
	}
	if pos < len(t.text) && t.text[pos] == '.' {
		flags = inexact
		if pos = t.digits(pos + 1); pos < 0 {
			return pos
		}
	}
	if pos < len(t.text) && t.text[pos]|0x20 == 'e' {
		flags = inexact
		pos++
		if pos < len(t.text) && (t.text[pos] == '+' || t.text[pos] == '-') {
			pos++
		}
		if pos = t.digits(pos); pos < 0 {
			return pos
		}
	}
	t.leaf(number, flags, off, pos)
	return pos
}

// digits reads one digit or more.
func (t *tape) digits(pos int) int {
	start := pos
	for pos < len(t.text) && t.text[pos]-'0' <= 9 {
		pos++
	}
	if pos == start {
		return t.fail(pos, "a digit is missing")
	}
	return pos
}

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// special marks, by its top bit, each byte of w that a string can't pass over blindly: quote, backslash,
// control characters and what is beyond ASCII. Bytes above a marked one may be marked wrongly.
func special(w uint64) uint64 {
	quote := w ^ ones*'"'
	slash := w ^ ones*'\\'
	return ((w - ones*0x20) | (quote - ones) | (slash - ones) | w) & tops
}

// str reads the string whose opening quote is at pos.
func (t *tape) str(pos int) int {
	src, flags := t.text, uint8(0)
	off := pos + 1
	for pos = off; ; {
		for pos+8 <= len(src) {
			m := special(binary.LittleEndian.Uint64(src[pos:]))
			if m != 0 {
				pos += bits.TrailingZeros64(m) >> 3
				break
			}
			pos += 8
		}
		if pos >= len(src) {
			return t.fail(pos, "a string has no end")
		}
		switch c := src[pos]; {
		case c == '"':
			t.leaf(text, flags, off, pos)
			return pos + 1
		case c == '\\':
			flags |= escaped
			if pos = t.escape(pos + 1); pos < 0 {
				return pos
			}
		case c < 0x20:
			return t.fail(pos, "a control character in a string")
		case c >= 0x80:
			flags |= highBits
			pos++
		default:
			pos++
		}
	}
}

// escape checks what follows a backslash and returns the place behind it.
func (t *tape) escape(pos int) int {
	if pos >= len(t.text) {
		return t.fail(pos, "a string has no end")
	}
	switch t.text[pos] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return pos + 1
	case 'u':
		if _, ok := hex4(t.text, pos+1); ok {
			return pos + 5
		}
	}
	return t.fail(pos, "an unknown escape in a string")
}

// hex4 reads four hexadecimal digits.
func hex4(src []byte, pos int) (rune, bool) {
	if pos+4 > len(src) {
		return 0, false
	}
	var r rune
	for _, c := range src[pos : pos+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

func (t *tape) array(off, depth int) int {
	me := len(t.nodes)
	t.nodes = append(t.nodes, node{off: uint32(off), form: array})
	pos := t.space(off + 1)
	if pos < len(t.text) && t.text[pos] == ']' {
		return t.close(me, pos)
	}
	for {
		if pos = t.value(pos, depth); pos < 0 {
			return pos
		}
		pos = t.space(pos)
		switch {
		case pos >= len(t.text):
			return t.fail(pos, "an array has no end")
		case t.text[pos] == ']':
			return t.close(me, pos)
		case t.text[pos] != ',':
			return t.fail(pos, "a comma is missing")
		}
		pos = t.space(pos + 1)
	}
}

func (t *tape) close(me, pos int) int {
	t.nodes[me].end, t.nodes[me].next = uint32(pos+1), uint32(len(t.nodes))
	return pos + 1
}

func (t *tape) object(off, depth int) int {
	me := len(t.nodes)
	t.nodes = append(t.nodes, node{off: uint32(off), form: object})
	pos := t.space(off + 1)
	if pos < len(t.text) && t.text[pos] == '}' {
		return t.close(me, pos)
	}
	if pos = t.pair(pos, depth); pos < 0 {
		return pos
	}
	return t.members(me, t.space(pos), depth)
}

// members reads what follows the first member of the object me.
func (t *tape) members(me, pos, depth int) int {
	for {
		switch {
		case pos >= len(t.text):
			return t.fail(pos, "an object has no end")
		case t.text[pos] == '}':
			return t.close(me, pos)
		case t.text[pos] != ',':
			return t.fail(pos, "a comma is missing")
		}
		if pos = t.pair(t.space(pos+1), depth); pos < 0 {
			return pos
		}
		pos = t.space(pos)
	}
}

// pair reads a name, a colon and a value.
func (t *tape) pair(pos, depth int) int {
	if pos >= len(t.text) || t.text[pos] != '"' {
		return t.fail(pos, "a member's name is missing")
	}
	if pos = t.str(pos); pos < 0 {
		return pos
	}
	pos = t.space(pos)
	if pos >= len(t.text) || t.text[pos] != ':' {
		return t.fail(pos, "a colon is missing")
	}
	return t.value(t.space(pos+1), depth)
}
