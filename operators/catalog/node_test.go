package catalog

import (
	"strings"
	"testing"
)

// A mark within a scalar of any style is found where it stands in the file: the line and column of '@' in the
// decoded text lead back to the line and column of '@' in the file.
func TestLocate(t *testing.T) {
	tests := map[string]string{
		"plain":                  `where: a == "x" && @`,
		"plain, first":           `where: x@ b`,
		"plain, many lines":      "where: a\n  && b\n   && é @ c",
		"plain, next line":       "where:\n  a\n  && @ c",
		"plain, blank line":      "where: a\n\n  && @ c",
		"single":                 `where: 'a == ''x'' && @'`,
		"single, many lines":     "where: 'a == ''x''\n\n    && @ b'",
		"double":                 `where: "a == \"x\" && @"`,
		"double, escapes":        `where: "\u00e4\x41\U0001F600\t\n \\ \/ \_ @"`,
		"double, joined lines":   "where: \"a \\\n   b \\\n\n  @\"",
		"double, folded":         "where: \"a\n\n   b\n  @ c\"",
		"literal":                "where: |\n  a\n   && @ b\n",
		"literal, stripped":      "where: |-\n  a\n\n  && @ b\n\n\n",
		"literal, kept":          "where: |+\n  a\n  && @ b\n\n\n",
		"literal, indent 2":      "where: |2\n    a\n   && @ b\n",
		"literal, comment":       "where: | # a comment, not @\n  a\n  && @ b\n",
		"literal, leading blank": "where: |\n\n\n  a\n  && @ b\n",
		"folded":                 "where: >\n  a\n  && @ b\n",
		"folded, first":          "where: >\n  @ a\n  && b\n",
		"folded, blank line":     "where: >\n  a\n\n  && @ b\n",
		"folded, more indented":  "where: >-\n  a\n    && b\n      && @ c\n  && d\n",
		"folded, wide letters":   "where: >\n  äöü\n  ßé 日本 @ c\n",
		"flow map":               `x: {where: "a && @"}`,
		"flow map, plain":        `x: {where: a && @ }`,
		"list":                   "x:\n- where: a\n- where: >\n    b\n    @\n",
		"second document":        "x: 1\n---\nx:\n  where: >\n    a\n    @\n",
		"lines end in CR LF":     "where: >\r\n  a\r\n  && @ b\r\n",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			b := &builder{doubtful: map[string]bool{}}
			docs := b.documents(File{Name: "x.yaml", Text: []byte(text)})
			if len(b.faults) > 0 || len(docs) == 0 {
				t.Fatalf("not read: %v", b.faults)
			}
			n := find(docs[len(docs)-1])
			line, column := lineColumn(n.text[:strings.Index(n.text, "@")])
			got := n.locate(line, column)
			want := text[:strings.LastIndex(text, "@")]
			wantLine, wantColumn := lineColumn(want)
			if got.line != wantLine || got.column != wantColumn {
				t.Errorf("@ of %q found at %d:%d, stands at %d:%d", n.text, got.line, got.column, wantLine, wantColumn)
			}
		})
	}
}

// A place that does not exist leads to the end of the scalar, not out of the file.
func TestLocateOutside(t *testing.T) {
	b := &builder{doubtful: map[string]bool{}}
	n := find(b.documents(File{Name: "x.yaml", Text: []byte("where: >\n  a\n  bc\nx: 1\n")})[0])
	for _, p := range [][2]int{{1, 100}, {7, 1}, {1, -3}, {0, 0}} {
		got := n.locate(p[0], p[1])
		if got.line < 2 || got.line > 3 {
			t.Errorf("place %v of the text is said to be at %v", p, got)
		}
	}
}

// find returns the first scalar under a key called where.
func find(n *node) *node {
	if w := n.get("where"); w != nil {
		return w
	}
	for _, p := range n.pairs {
		if w := find(p.value); w != nil {
			return w
		}
	}
	var last *node
	for _, item := range n.items {
		if w := find(item); w != nil {
			last = w
		}
	}
	return last
}

// lineColumn returns the place of what follows a text.
func lineColumn(before string) (line, column int) {
	line = strings.Count(before, "\n") + 1
	return line, len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
}
