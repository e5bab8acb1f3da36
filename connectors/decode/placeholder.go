package decode

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// placeholder knows the notations of Debezium's unavailable.value.placeholder, which stands for the value of a
// large column that an update did not touch: the string itself; base64 of it in a column of bytes; an array of one
// of these; in an array of numbers, its bytes; in an array of UUIDs, the name-based UUID of it; in an hstore, a map of
// it to itself.
type placeholder struct {
	words  [3]string // the string, its base64, its UUID
	hstore string    // a map of it to itself as JSON text within a string
}

func placeholderOf(s string) placeholder {
	sum := md5.Sum([]byte(s))
	sum[6] = sum[6]&0x0f | 0x30
	sum[8] = sum[8]&0x3f | 0x80
	h := hex.EncodeToString(sum[:])
	uuid := strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
	return placeholder{
		words:  [3]string{s, base64.StdEncoding.EncodeToString([]byte(s)), uuid},
		hstore: `{\"` + s + `\":\"` + s + `\"}`,
	}
}

// is tells whether the node n stands for a value that was not sent.
func (p *placeholder) is(t *tape, n int32) bool {
	switch t.form(n) {
	case text:
		return p.word(t, n, 2) || string(t.raw(n)) == p.hstore
	case array:
		first, next := n+1, int32(t.nodes[n].next)
		switch {
		case first >= next:
			return false
		case t.form(first) == text:
			return int32(t.nodes[first].next) == next && p.word(t, first, 3)
		}
		return p.bytes(t, first, next)
	case object:
		return t.count(n) == 1 && p.word(t, n+1, 1) && t.form(n+2) == text && p.word(t, n+2, 1)
	}
	return false
}

// word tells whether the string n is one of the first count words.
func (p *placeholder) word(t *tape, n int32, count int) bool {
	raw := t.raw(n)
	for _, w := range p.words[:count] {
		if string(raw) == w {
			return true
		}
	}
	return false
}

// bytes tells whether the nodes from n up to end are the bytes of the placeholder as numbers.
func (p *placeholder) bytes(t *tape, n, end int32) bool {
	s := p.words[0]
	for i := range len(s) {
		if n >= end || t.form(n) != number {
			return false
		}
		if v, ok := integer(t.raw(n)); !ok || v != int64(int8(s[i])) {
			return false
		}
		n++
	}
	return n == end
}
