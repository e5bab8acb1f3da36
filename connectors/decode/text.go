package decode

import (
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state/row"
)

// view returns b as a string without copying it. Views live only while one record is being decoded: own copies
// what a change keeps.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// raw returns the text of a node as it was written, without the quotes of a string.
func (t *tape) raw(n int32) []byte {
	return t.text[t.nodes[n].off:t.nodes[n].end]
}

// form returns the form of the node n, absent where there is none.
func (t *tape) form(n int32) form {
	if n < 0 {
		return absent
	}
	return t.nodes[n].form
}

// missing tells whether n is absent or null.
func (t *tape) missing(n int32) bool { return t.form(n) <= null }

// string returns the value of the string n: a view of the text, or of what is appended to scratch if the string
// has escapes or is no valid UTF-8 (a bad byte or half a surrogate pair becomes U+FFFD, as in encoding/json).
func (t *tape) string(n int32, scratch *[]byte) string {
	src, flags := t.raw(n), t.nodes[n].flags
	if flags&escaped == 0 && (flags&highBits == 0 || utf8.Valid(src)) {
		return view(src)
	}
	start := len(*scratch)
	*scratch = unescape(*scratch, src)
	return view((*scratch)[start:])
}

// unescape appends the value of the body of a JSON string, whose escapes have been checked.
func unescape(dst, src []byte) []byte {
	for i := 0; i < len(src); {
		switch c := src[i]; {
		case c == '\\':
			dst, i = unescapeOne(dst, src, i+1)
		case c < utf8.RuneSelf:
			dst = append(dst, c)
			i++
		default:
			r, size := utf8.DecodeRune(src[i:])
			dst = utf8.AppendRune(dst, r)
			i += size
		}
	}
	return dst
}

// unescapeOne appends what the escape whose letter is at i stands for and returns the place behind it.
func unescapeOne(dst, src []byte, i int) ([]byte, int) {
	switch c := src[i]; c {
	case 'b':
		return append(dst, '\b'), i + 1
	case 'f':
		return append(dst, '\f'), i + 1
	case 'n':
		return append(dst, '\n'), i + 1
	case 'r':
		return append(dst, '\r'), i + 1
	case 't':
		return append(dst, '\t'), i + 1
	case 'u':
		r, _ := hex4(src, i+1)
		i += 5
		if !utf16.IsSurrogate(r) {
			return utf8.AppendRune(dst, r), i
		}
		if i+1 < len(src) && src[i] == '\\' && src[i+1] == 'u' {
			low, _ := hex4(src, i+2)
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return utf8.AppendRune(dst, pair), i + 6
			}
		}
		return utf8.AppendRune(dst, utf8.RuneError), i
	default:
		return append(dst, c), i + 1
	}
}

// compact appends the JSON text of the array or object n without white space between its tokens.
func (t *tape) compact(dst []byte, n int32) []byte {
	quoted := false
	for src := t.raw(n); len(src) > 0; src = src[1:] {
		switch c := src[0]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			dst = append(dst, c)
			src = src[1:]
		case !quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		}
		dst = append(dst, src[0])
	}
	return dst
}

// own makes the strings of a change its own: one copy of all of them.
func own(c *engine.Change) {
	total := len(c.Key) + len(c.Event.ID) + length(c.Row) + length(c.Event.Fields)
	if total == 0 {
		return
	}
	buf := make([]byte, 0, total)
	buf = adopt(buf, c.Row)
	buf = adopt(buf, c.Event.Fields)
	buf, c.Event.ID = take(buf, c.Event.ID)
	_, c.Key = take(buf, c.Key)
}

func length(vs []row.Value) int {
	n := 0
	for i := range vs {
		n += len(vs[i].Str)
		if vs[i].Kind == row.List {
			n += length(vs[i].List)
		}
	}
	return n
}

func adopt(buf []byte, vs []row.Value) []byte {
	for i := range vs {
		if vs[i].Kind == row.List {
			buf = adopt(buf, vs[i].List)
		} else if vs[i].Str != "" {
			buf, vs[i].Str = take(buf, vs[i].Str)
		}
	}
	return buf
}

func take(buf []byte, s string) (grown []byte, copied string) {
	start := len(buf)
	buf = append(buf, s...)
	return buf, view(buf[start:])
}
