package catalog

import (
	"fmt"
	"hash/fnv"
	"io"
	"regexp"
	"strings"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

// hash returns the hash of what the definitions mean: FNV-1a of a text that holds them in a fixed order. Tables,
// events, segments, triggers, fields and links are ordered already when it is called.
func (c *Catalog) hash() uint64 {
	h := fnv.New64a()
	c.write(h)
	return h.Sum64()
}

// write writes the canonical text of the catalog. Everything is quoted, so that no two catalogs have one text.
func (c *Catalog) write(w io.Writer) {
	for _, t := range c.Tables {
		t.write(w)
	}
	for _, e := range c.Events {
		e.write(w)
	}
	for _, a := range c.Audiences {
		for _, s := range a.Segments {
			s.write(w)
		}
	}
	for _, t := range c.Triggers {
		t.write(w)
	}
}

func (t *Table) write(w io.Writer) {
	fmt.Fprintf(w, "Table %q audience=%t key=%q", t.Name, t.Audience, t.Key)
	writeSource(w, t.Source)
	writeFields(w, t.Schema, t.Paths)
	for _, l := range t.Links {
		fmt.Fprintf(w, " link %q %q %q %q", l.Name, l.Table, l.Field, l.Reverse)
	}
	fmt.Fprintln(w)
}

func (e *Event) write(w io.Writer) {
	fmt.Fprintf(w, "Event %q id=%q time=%q", e.Name, e.ID, e.Time)
	writeSource(w, e.Source)
	for _, s := range e.Subjects {
		fmt.Fprintf(w, " subject %q %q", s.Audience, s.Path)
	}
	writeFields(w, e.Schema, e.Paths)
	if e.Retention != nil {
		fmt.Fprintf(w, " retention %d %d", e.Retention.Months, e.Retention.Duration)
	}
	fmt.Fprintln(w)
}

func (s *Segment) write(w io.Writer) {
	fmt.Fprintf(w, "Segment %q %q where %q", s.Name, s.Audience.Table.Name, condition(s.Where))
	for _, list := range []struct {
		name string
		ids  *Roster
	}{{"members", s.Members}, {"include", s.Include}, {"exclude", s.Exclude}} {
		if list.ids != nil {
			fmt.Fprintf(w, " %s %s", list.name, list.ids.fingerprint())
		}
	}
	if s.Zone != "" {
		fmt.Fprintf(w, " timezone %q", s.Zone)
	}
	if s.Freeze != nil {
		fmt.Fprintf(w, " freeze %d", s.Freeze.At)
	}
	if s.Refresh != nil {
		fmt.Fprintf(w, " refresh %d %q", s.Refresh.Minute, s.Refresh.Zone)
	}
	fmt.Fprintln(w)
}

// freezing returns the hash of what a frozen segment evaluates, and when.
func (s *Segment) freezing() uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%q %q %d", condition(s.Where), s.Zone, s.Freeze.At)
	return h.Sum64()
}

func (t *Trigger) write(w io.Writer) {
	fmt.Fprintf(w, "Trigger %q %q", t.Name, t.Audience.Table.Name)
	switch {
	case t.Table != nil:
		fmt.Fprintf(w, " table %q", t.Table.Name)
		for _, f := range t.Fields {
			fmt.Fprintf(w, " field %q", t.Table.Schema.Fields[f].Name)
		}
		for _, l := range t.Via {
			fmt.Fprintf(w, " via %q", l.Name)
		}
	case t.Event != nil:
		fmt.Fprintf(w, " event %q", t.Event.Name)
	case t.Segment != nil:
		fmt.Fprintf(w, " segment %q", t.Segment.Name)
	}
	t.writeWait(w)
	fmt.Fprintf(w, " actions %d when %q", t.Actions, condition(t.When))
	if t.Limit != nil {
		fmt.Fprintf(w, " limit %d %d %d", t.Limit.Per.Months, t.Limit.Per.Duration, t.Limit.Count)
	}
	fmt.Fprintln(w)
}

// writeWait writes what a trigger waits for; nothing of one that does not wait.
func (t *Trigger) writeWait(w io.Writer) {
	period := func(name string, p *expr.Period) {
		if p != nil {
			fmt.Fprintf(w, " %s %d %d", name, p.Months, p.Duration)
		}
	}
	if d := t.Date; d != nil {
		fmt.Fprintf(w, " date %q back=%t", t.Audience.Table.Schema.Fields[d.Field].Name, d.Before)
		period("offset", d.Offset)
		period("every", d.Every)
	}
	if a := t.Absence; a != nil {
		period("absence", &a.Within)
		for _, p := range []Part{a.After, a.Of} {
			fmt.Fprintf(w, " event %q when %q", p.Event.Name, condition(p.When))
			if p.By >= 0 {
				fmt.Fprintf(w, " by %q", p.Event.Schema.Fields[p.By].Name)
			}
		}
	}
}

// waitID returns the hash of what a trigger waits for: whoever edits that waits anew. It is 0 if it waits for nothing.
func (t *Trigger) waitID() uint64 {
	if t.Date == nil && t.Absence == nil {
		return 0
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%q", t.Name)
	t.writeWait(h)
	return h.Sum64()
}

func writeSource(w io.Writer, s Source) {
	fmt.Fprintf(w, " source %q %q", s.Topic, s.Format)
	for _, m := range s.Match {
		fmt.Fprintf(w, " match %q %T %q", m.Path, m.Value, fmt.Sprint(m.Value))
	}
}

func writeFields(w io.Writer, s *row.Schema, paths [][]string) {
	for i, f := range s.Fields {
		fmt.Fprintf(w, " field %q %s %q", f.Name, f.Type, paths[i])
	}
}

// condition returns the text of a condition without what only lays it out; "" where there is none.
func condition(p *expr.Program) string {
	if p == nil {
		return ""
	}
	return flatten(p.Source())
}

// layout finds, in CEL, literals, and runs of blanks and comments outside of them.
var layout = regexp.MustCompile(`(?s)` + strings.Join([]string{
	`[rR][bB]?""".*?"""`, `[rR][bB]?\'\'\'.*?\'\'\'`, `[rR][bB]?"[^"\n]*"`, `[rR][bB]?'[^'\n]*'`, // raw: no escapes
	`"""(?:\\.|.)*?"""`, `\'\'\'(?:\\.|.)*?\'\'\'`, `"(?:\\.|[^"\\\n])*"`, `'(?:\\.|[^'\\\n])*'`,
	`(?:\s|//[^\n]*)+`,
}, "|"))

// flatten returns a CEL text without comments, with one blank for any run of them outside of literals. It is for
// comparing only: a text that CEL refuses may come out as anything.
func flatten(source string) string {
	out := layout.ReplaceAllStringFunc(source, func(s string) string {
		if strings.HasPrefix(s, "//") || strings.TrimLeft(s[:1], " \t\r\n\f\v") == "" {
			return " "
		}
		return s
	})
	return strings.TrimSpace(out)
}
