package catalog

import (
	"slices"
	"strings"
)

// Reference names a definition.
type Reference struct {
	Kind string // "Table", "Event", "Segment" or "Trigger"
	Name string
}

// Written is a definition as it stands in a file.
type Written struct {
	Reference
	File string // as File.Name
	Line int    // of its name, from 1
	Text string // the whole document with the comments before it, ending in a line break
	root *node
}

// Same tells whether two definitions say the same: comments, layout and the order of keys do not matter.
func (w *Written) Same(other *Written) bool { return sameNode(w.root, other.root) }

// About returns the comment that the definition begins with, as one line; empty if there is none.
func (w *Written) About() string {
	var words []string
	for line := range strings.Lines(w.Text) {
		comment, found := strings.CutPrefix(line, "#")
		if !found {
			break
		}
		words = append(words, strings.Fields(comment)...)
	}
	return strings.Join(words, " ")
}

// ReadFiles returns the files that Load reads in a folder, ordered by name. The error is Faults: those that can't be
// read.
func ReadFiles(dir string) ([]File, error) {
	files, faults := read(dir)
	if len(faults) > 0 {
		return nil, faults.sorted()
	}
	return files, nil
}

// Definitions returns the definitions of files in the order in which they stand there. They need not be right: what has
// no kind or name, or can't be parsed, is left out; Parse says what is wrong with it.
func Definitions(files []File) []Written {
	var out []Written
	for _, f := range files {
		b := &builder{doubtful: map[string]bool{}, open: openers{}}
		text := strings.TrimPrefix(string(f.Text), "\ufeff")
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
		if len(text) > fileBytesMax || invalidUTF8(text) >= 0 {
			continue
		}
		src := newSource(f.Name, text)
		for _, d := range split(text) {
			if !b.bounded(src, d) {
				continue
			}
			n := b.document(src, d)
			if n == nil || n.shape != isMap {
				continue
			}
			kind, name := n.get("kind"), n.get("name")
			if kind == nil || name == nil {
				continue
			}
			out = append(out, Written{Reference: Reference{kind.text, name.text}, File: f.Name, Line: name.at.line,
				Text: strings.TrimSpace(d.text) + "\n", root: n})
		}
	}
	return out
}

// sameNode tells whether two nodes say the same, the order of keys left aside.
func sameNode(a, b *node) bool {
	if a.shape != b.shape || a.text != b.text && !bothAre(a, b, isNull) {
		return false
	}
	return slices.EqualFunc(a.items, b.items, sameNode) && len(a.pairs) == len(b.pairs) &&
		!slices.ContainsFunc(a.pairs, func(p pair) bool {
			other := b.get(p.key.text)
			return other == nil || !sameNode(p.value, other)
		})
}

func bothAre(a, b *node, s shape) bool { return a.shape == s && b.shape == s }
