package catalog

import (
	"fmt"
	"strings"
)

// source is one file, kept to map places within scalars back to the file.
type source struct {
	name  string // as the user knows it
	text  []rune
	lines []int // where each line starts in text
}

func newSource(name, text string) *source {
	s := &source{name: name, text: []rune(text), lines: []int{0}}
	for i, r := range s.text {
		if r == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// offset returns where the character at line and column stands in text, clamped to the text.
func (s *source) offset(line, column int) int {
	if line < 1 || line > len(s.lines) {
		return len(s.text)
	}
	return min(s.lines[line-1]+max(column, 1)-1, len(s.text))
}

// place is a spot of a file. Line and column count from 1.
type place struct {
	source       *source
	line, column int
}

func (p place) String() string { return fmt.Sprintf("%s:%d:%d", p.source.name, p.line, p.column) }

// shape is what a node of a YAML document is.
type shape uint8

const (
	isNull shape = iota
	isText
	isInt
	isFloat
	isBool
	isList
	isMap
)

// String names the shape in messages.
func (s shape) String() string {
	return [...]string{"nothing", "text", "a whole number", "a number", "true or false", "a list", "a map"}[s]
}

// style is how a scalar is written.
type style uint8

const (
	plain style = iota
	single
	double
	block // literal or folded
)

// node is a node of a YAML document: what goccy's AST says, without what a catalog may not hold, and with aliases
// resolved (they share nodes).
type node struct {
	shape  shape
	at     place
	text   string // scalars: as decoded
	value  any    // scalars: string, int64, float64, bool or nil
	style  style
	items  []*node
	pairs  []pair
	weight int // the nodes it stands for, with aliases written out
}

// pair is one key of a map with its value.
type pair struct{ key, value *node }

// get returns the value of a key of a map; nil if there is none.
func (n *node) get(key string) *node {
	for _, p := range n.pairs {
		if p.key.text == key {
			return p.value
		}
	}
	return nil
}

// locate returns where in its file the character at line and column (from 1) of a scalar's decoded text stands.
// Decoding folds lines, takes indentation away and resolves escapes, but every visible character of the text
// stands in the file in the same order: so both are walked in step.
func (n *node) locate(line, column int) place {
	value := []rune(n.text)
	target := targetOffset(value, line, column)
	src := n.at.source.text
	pos := n.start()
	for i := 0; i <= target; i++ {
		if i == len(value) || isBlank(value[i]) {
			continue
		}
		pos = skipBlanks(src, pos, n.style)
		if i == target {
			break
		}
		r, next := decodeRune(src, pos, n.style)
		if r != value[i] {
			return n.at // not the text that was decoded: better a place too early than a wrong one
		}
		pos = next
	}
	return n.at.source.place(pos)
}

// place returns the place of the character at an offset of the text.
func (s *source) place(offset int) place {
	line := 0
	for line+1 < len(s.lines) && s.lines[line+1] <= offset {
		line++
	}
	return place{source: s, line: line + 1, column: offset - s.lines[line] + 1}
}

// start returns the offset at which the content of a scalar begins.
func (n *node) start() int {
	switch n.style {
	case single, double:
		return n.at.source.offset(n.at.line, n.at.column+1)
	case block:
		return n.at.source.offset(n.at.line+1, 1)
	}
	return n.at.source.offset(n.at.line, n.at.column)
}

// targetOffset returns the offset of the character at line and column of a text.
func targetOffset(text []rune, line, column int) int {
	i := 0
	for ; line > 1 && i < len(text); i++ {
		if text[i] == '\n' {
			line--
		}
	}
	return min(i+max(column, 1)-1, len(text))
}

func isBlank(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }

// skipBlanks returns the offset of the first visible character of a scalar at or after pos.
func skipBlanks(src []rune, pos int, s style) int {
	for pos < len(src) {
		if isBlank(src[pos]) {
			pos++
			continue
		}
		if s != double || src[pos] != '\\' {
			return pos
		}
		r, next := decodeRune(src, pos, s)
		if !isBlank(r) {
			return pos
		}
		pos = next
	}
	return pos
}

// escapes are the one-letter escapes of double-quoted scalars. An escaped line break joins lines without a blank.
var escapes = map[rune]rune{
	'0': 0, 'a': 7, 'b': 8, 't': '\t', 'n': '\n', 'v': 11, 'f': 12, 'r': '\r', 'e': 27, ' ': ' ', '"': '"',
	'/': '/', '\\': '\\', 'N': 0x85, '_': 0xA0, 'L': 0x2028, 'P': 0x2029, '\t': '\t', '\n': '\n', '\r': '\r',
}

// decodeRune returns the character that stands at pos of a scalar's source, and the offset after it.
func decodeRune(src []rune, pos int, s style) (rune, int) {
	if pos >= len(src) {
		return -1, pos
	}
	r := src[pos]
	switch {
	case s == single && r == '\'' && pos+1 < len(src) && src[pos+1] == '\'':
		return r, pos + 2
	case s != double || r != '\\' || pos+1 >= len(src):
		return r, pos + 1
	}
	letter := src[pos+1]
	if out, ok := escapes[letter]; ok {
		return out, pos + 2
	}
	digits := map[rune]int{'x': 2, 'u': 4, 'U': 8}[letter]
	end := min(pos+2+digits, len(src))
	out := rune(0)
	for _, d := range src[pos+2 : end] {
		out = out<<4 | rune(max(0, strings.IndexRune("0123456789abcdef", d|0x20)))
	}
	return out, end
}
