package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// What a file may hold: bounds that no honest catalog reaches and that keep a hostile one from eating the worker.
const (
	fileBytesMax   = 16 << 20
	documentMax    = 256 << 10 // bytes: the parser's time grows with the square of some documents' size
	emptyLinesMax  = 1000      // in a row, for the same reason
	nestingMax     = 64
	aliasesMax     = 1000
	expandedMax    = 200_000 // nodes of a document with its aliases written out
	faultsMax      = 1000    // reported at once
	documentMarker = "---"
)

// document is one YAML document of a file: its text and how many lines stand before it.
type document struct {
	text string
	skip int
}

// split cuts a file into documents. It is done here, not by goccy, because that loses what follows an empty document.
// Cutting at lines is right: YAML allows no marker at the start of a line within any scalar.
func split(text string) []document {
	var docs []document
	var body strings.Builder
	start := 0
	bare := true // no marker and no content yet: directives may stand here
	for i, line := range strings.SplitAfter(text, "\n") {
		rest, isMarker := strings.CutPrefix(line, documentMarker)
		isEnd := strings.TrimRight(line, " \t\r\n") == "..."
		isMarker = isMarker && (rest == "" || isBlank(rune(rest[0])))
		if !isMarker && !isEnd {
			if bare && strings.HasPrefix(line, "%") {
				line = "\n" // says which YAML this is: always 1.2 here
			}
			bare = bare && (strings.TrimSpace(line) == "" || strings.HasPrefix(strings.TrimSpace(line), "#"))
			body.WriteString(line)
			continue
		}
		bare = isEnd
		docs = append(docs, document{text: body.String(), skip: start})
		body.Reset()
		start = i
		if isMarker {
			body.WriteString("   " + rest) // keeps the columns
		} else {
			body.WriteString("\n")
		}
	}
	return append(docs, document{text: body.String(), skip: start})
}

// documents parses a file. What cannot be parsed is a fault; the other documents of the file are returned.
func (b *builder) documents(f File) []*node {
	src := newSource(f.Name, "")
	if len(f.Text) > fileBytesMax {
		b.fault(place{source: src}, fmt.Sprintf("the file has %d bytes; at most %d are read", len(f.Text), fileBytesMax),
			"divide the catalog into several files")
		return nil
	}
	text := strings.TrimPrefix(string(f.Text), "\ufeff")
	if at := invalidUTF8(text); at >= 0 {
		src = newSource(f.Name, text[:at])
		b.fault(src.place(len(src.text)), "this is not UTF-8", "save the file as UTF-8")
		return nil
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	src = newSource(f.Name, text)
	var out []*node
	for _, d := range split(text) {
		if !b.bounded(src, d) {
			continue
		}
		if n := b.document(src, d); n != nil {
			out = append(out, n)
		}
	}
	return out
}

// bounded tells whether a document is small enough for the parser.
func (b *builder) bounded(src *source, d document) bool {
	at := place{source: src, line: d.skip + 1, column: 1}
	if len(d.text) > documentMax {
		b.fault(at, fmt.Sprintf("the document has %d bytes; at most %d are read", len(d.text), documentMax), "")
		b.doubtNames(d.text)
		return false
	}
	empty := 0
	for i, line := range strings.Split(d.text, "\n") {
		if empty++; strings.TrimSpace(line) != "" {
			empty = 0
		}
		if empty > emptyLinesMax {
			at.line += i
			b.fault(at, fmt.Sprintf("more than %d empty lines in a row", emptyLinesMax), "take them out")
			b.doubtNames(d.text)
			return false
		}
	}
	return true
}

// invalidUTF8 returns the offset of the first byte that is no UTF-8 or a NUL; -1 if there is none.
func invalidUTF8(text string) int {
	for i, r := range text {
		if r == 0 {
			return i
		}
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return i
			}
		}
	}
	return -1
}

// document parses one document; nil if it is empty or faulty. A panic of the parser becomes a fault: its input is
// whatever people write, and a worker must survive it.
func (b *builder) document(src *source, d document) (n *node) {
	reader := &documentReader{b: b, src: src, skip: d.skip, anchors: map[string]*node{}, seen: map[*token.Token]bool{}}
	defer func() {
		if r := recover(); r != nil {
			b.fault(place{source: src, line: d.skip + 1, column: 1}, fmt.Sprintf("cannot read this YAML document: %v", r),
				"write it in a simpler form")
			n = nil
		}
	}()
	return reader.read(d.text)
}

// documentReader turns goccy's AST of one document into nodes.
type documentReader struct {
	b       *builder
	src     *source
	skip    int
	anchors map[string]*node
	aliases int
	seen    map[*token.Token]bool // tokens that reached a node
	failed  bool
}

func (r *documentReader) at(t *token.Token) place {
	p := place{source: r.src, line: r.skip + 1, column: 1}
	if t != nil && t.Position != nil {
		p.line, p.column = r.skip+max(1, t.Position.Line), max(1, t.Position.Column)
	}
	return p
}

func (r *documentReader) fault(t *token.Token, message, hint string) {
	r.failed = true
	r.b.fault(r.at(t), message, hint)
}

func (r *documentReader) read(text string) *node {
	tokens := lexer.Tokenize(text)
	if t, message := tooDeep(tokens); t != nil {
		r.fault(t, message, "write it in a simpler form")
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err, text)
		return nil
	}
	var root *node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.DirectiveType || root != nil {
			continue
		}
		root = r.node(doc.Body)
	}
	if !r.failed {
		r.unread(tokens)
	}
	if r.failed {
		r.b.doubtNames(text)
		return nil
	}
	if root == nil || root.shape == isNull {
		return nil
	}
	return root
}

// syntax reports what goccy could not parse, and remembers the name of the lost definition, so that what refers to
// it is not reported as well.
func (r *documentReader) syntax(err error, text string) {
	r.b.doubtNames(text)
	var e *yaml.SyntaxError
	if !errors.As(err, &e) {
		r.fault(nil, "cannot read this YAML document: "+err.Error(), "")
		return
	}
	message, hint := e.Message, ""
	for _, k := range knownFaults {
		if strings.Contains(message, k.goccy) {
			message, hint = cmp.Or(k.message, message), k.hint
			break
		}
	}
	message = strings.ReplaceAll(message, "\t", "tab")
	r.fault(e.Token, "this is not valid YAML: "+message, hint)
}

// knownFaults says what goccy's messages mean to who writes a catalog. Without a message of its own, goccy's is shown.
var knownFaults = []struct{ goccy, message, hint string }{
	{"mapping value is not allowed", "a second ':' or a key that is indented otherwise than its neighbours",
		"indent the keys of a map alike; text that holds ': ', such as a condition with ?:, goes into quotes or below a '>'"},
	{"cannot start any token", "", "indent with spaces, not with tabs; text that starts so goes into quotes"},
	{"non-map value is specified", "text where a key is expected",
		"write 'key: value', or indent it below the line before"},
	{"value is not allowed in this context", "something stands here that belongs to nothing before it",
		"check the indentation, and the quotes of the text before"},
	{"unexpected key name", "a key stands below something that is no map", "check the indentation"},
	{"is a reserved character", "", "text that starts so goes into quotes"},
	{"could not find end character", "", "close the quotes"},
	{"sequence end token", "a '[' is not closed", "close it with ']'"},
	{"',' or ']' must be specified", "a ',' or the closing ']' is missing", ""},
	{"',' or '}' must be specified", "a ',' or the closing '}' is missing", ""},
	{"could not find flow map", "a '{' is not closed", "close it with '}'"},
}

// unread reports the first token that the parser left out, lest anything that a user wrote is silently dropped.
func (r *documentReader) unread(tokens token.Tokens) {
	for _, t := range tokens {
		switch t.Type {
		case token.StringType, token.IntegerType, token.FloatType, token.BoolType, token.NullType,
			token.SingleQuoteType, token.DoubleQuoteType, token.LiteralType, token.FoldedType:
			if !r.seen[t] {
				r.fault(t, fmt.Sprintf("%s stands where YAML allows nothing", quoted(t.Value)), "check the indentation")
				return
			}
		}
	}
}

// tooDeep returns the token at which a document is nested deeper than is allowed or has too many anchors; nil if it
// nowhere has, with the message. It looks at tokens because the parser is recursive and would exhaust the stack.
func tooDeep(tokens token.Tokens) (*token.Token, string) {
	var columns []int // of the open block maps and lists
	flow, prefixes := 0, 0
	for _, t := range tokens {
		column := t.Position.Column
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow = max(0, flow-1)
		case token.TagType, token.AnchorType:
			prefixes++
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType:
			if flow > 0 {
				continue
			}
			if t.Type == token.MappingValueType && t.Prev != nil {
				column = t.Prev.Position.Column // a map stands where its keys stand
			}
			for len(columns) > 0 && columns[len(columns)-1] >= column {
				columns = columns[:len(columns)-1]
			}
			columns = append(columns, column)
		}
		if flow+len(columns) > nestingMax {
			return t, fmt.Sprintf("nested deeper than %d levels", nestingMax)
		}
		if prefixes > aliasesMax {
			return t, fmt.Sprintf("more than %d anchors in one document", aliasesMax)
		}
	}
	return nil, ""
}
