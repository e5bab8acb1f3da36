package catalog

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/weirstream/weir/state/row"
)

// Op is what becomes of a definition from one revision to the next.
type Op uint8

// The ops.
const (
	Added Op = iota
	Changed
	Removed
)

// Change is what becomes of one definition.
type Change struct {
	Kind, Name string // "Table", "Event", "Segment" or "Trigger"
	Op         Op
	Old, New   string   // as they are written; empty where there is none
	Fill       bool     // a segment whose members are found anew, or leave
	Notes      []string // what else follows
}

// Compare returns what becomes of the definitions from one bundle to the next, which may be nil, by kind and then by
// name. How they are laid out does not matter.
func Compare(from, to *Bundle) ([]Change, error) {
	before, after := &side{}, &side{}
	for _, s := range []struct {
		*side
		of *Bundle
	}{{before, from}, {after, to}} {
		if err := s.read(s.of); err != nil {
			return nil, err
		}
	}
	var out []Change
	for _, kind := range []string{"Table", "Event", "Segment", "Trigger"} {
		names := map[string]bool{}
		for _, s := range []*side{before, after} {
			for d := range s.means {
				if d.kind == kind {
					names[d.name] = true
				}
			}
		}
		for name := range names {
			if c, differs := compare(before, after, definitionName{kind, name}); differs {
				out = append(out, c)
			}
		}
	}
	order := map[string]int{"Table": 0, "Event": 1, "Segment": 2, "Trigger": 3}
	slices.SortFunc(out, func(a, b Change) int {
		return cmp.Or(cmp.Compare(order[a.Kind], order[b.Kind]), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}

type definitionName struct{ kind, name string }

// side is one of the two that are compared.
type side struct {
	catalog *Catalog
	means   map[definitionName]string
	texts   map[definitionName]string
}

func (s *side) read(b *Bundle) error {
	s.catalog, s.means, s.texts = &Catalog{}, map[definitionName]string{}, map[definitionName]string{}
	if b == nil {
		s.catalog.Index()
		return nil
	}
	c, err := b.Catalog()
	if err != nil {
		return err
	}
	s.catalog = c
	put := func(kind, name string, write func(io.Writer)) {
		var text strings.Builder
		write(&text)
		s.means[definitionName{kind, name}] = text.String()
	}
	for _, t := range c.Tables {
		put("Table", t.Name, t.write)
	}
	for _, e := range c.Events {
		put("Event", e.Name, e.write)
	}
	for _, g := range c.Segments {
		put("Segment", g.Name, func(w io.Writer) { fmt.Fprintf(w, "%x ", g.Meaning()); g.write(w) })
	}
	for _, t := range c.Triggers {
		put("Trigger", t.Name, t.write)
	}
	for _, f := range b.Files {
		text, err := f.Text.Text()
		if err != nil {
			return err
		}
		s.addTexts(text)
	}
	return nil
}

// addTexts notes how the definitions of a file are written.
func (s *side) addTexts(text []byte) {
	flat := strings.ReplaceAll(strings.ReplaceAll(strings.TrimPrefix(string(text), "\ufeff"), "\r\n", "\n"), "\r", "\n")
	b := &builder{doubtful: map[string]bool{}, open: openers{}}
	for _, d := range split(flat) {
		n := b.document(newSource("", flat), d)
		if n == nil {
			continue
		}
		kind, name := n.get("kind"), n.get("name")
		if kind != nil && name != nil {
			s.texts[definitionName{kind.text, name.text}] = strings.Trim(d.text, "\n") + "\n"
		}
	}
}

func compare(before, after *side, d definitionName) (c Change, differs bool) {
	was, wasThere := before.means[d]
	is, isThere := after.means[d]
	c = Change{Kind: d.kind, Name: d.name, Old: before.texts[d], New: after.texts[d], Fill: d.kind == "Segment"}
	switch {
	case was == is:
		return c, false
	case !wasThere:
		c.Op = Added
	case !isThere:
		c.Op = Removed
	default:
		c.Op = Changed
	}
	switch {
	case d.kind == "Segment" && c.Op == Changed:
		c.segmentNotes(before.catalog.Segment(d.name), after.catalog.Segment(d.name))
	case d.kind == "Table" && c.Op == Changed:
		c.fieldNotes(before.catalog.Table(d.name).Schema, after.catalog.Table(d.name).Schema,
			"is null until a row comes again")
	case d.kind == "Event" && c.Op == Changed:
		c.fieldNotes(before.catalog.Event(d.name).Schema, after.catalog.Event(d.name).Schema,
			"is null in the events that are there")
	case d.kind == "Event" && c.Op == Added:
		c.Notes = append(c.Notes, "only events that come from now on count, unless its topic has not been read so far")
	}
	return c, true
}

func (c *Change) segmentNotes(was, is *Segment) {
	if c.Old == c.New {
		c.Notes = append(c.Notes, "what it reads has changed")
	}
	if f, g := was.Freeze, is.Freeze; g != nil && (f == nil || f.Hash != g.Hash) {
		c.Notes = append(c.Notes, "it is frozen anew")
	}
	if is.Audience.Table.Name != was.Audience.Table.Name {
		return
	}
	for _, i := range is.Audience.Dependants(is.Index) {
		c.Notes = append(c.Notes, "segment "+is.Audience.Segments[i].Name+" follows it")
	}
}

// fieldNotes says what becomes of fields that are new, or of another type.
func (c *Change) fieldNotes(was, is *row.Schema, what string) {
	for i := range is.Fields {
		f := &is.Fields[i]
		switch j, held := was.Field(f.Name); {
		case !held:
			c.Notes = append(c.Notes, "new field "+f.Name+" "+what)
		case was.Fields[j].Type.String() != f.Type.String():
			c.Notes = append(c.Notes, "field "+f.Name+", of another type now, "+what)
		}
	}
}
