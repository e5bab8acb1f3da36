package explain

import (
	"fmt"
	"strings"

	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

// Link is a chain of links that a condition follows, and what it reads of the rows at its end.
type Link struct {
	Path   string   `json:"path"`  // from the audience on: contact.account.opportunities
	Table  string   `json:"table"` // of the rows at the end
	Many   bool     `json:"many"`  // the last link leads to a list of rows
	Fields []string `json:"fields,omitempty"`
	// Key is the field that the last link goes by: of the row that it leads from, or, if Many, of those that it leads to.
	Key string `json:"key"`
	// From is how the rows come to the partition of the subject.
	From Transport `json:"from"`
}

// Transport is how the rows at the end of a chain come to the partition of the subject.
type Transport string

// The ways.
const (
	// Subscribed: the subject's partition asks the home of each row once, however many of its subjects lead there, and
	// gets every change.
	Subscribed Transport = "subscribed"
	// Delivered: rows that name the subject are sent to its home by theirs, unasked.
	Delivered Transport = "delivered"
)

// Transports says what each of them is.
var Transports = map[Transport]string{
	Subscribed: "asked for at its home, once for a partition",
	Delivered:  "sent to the subject's home",
}

// links returns the chains of links that a condition follows.
func (s scope) links(e *expr.Part) []Link {
	var out []Link
	for _, p := range e.Reads().Paths {
		last := p.Links[len(p.Links)-1]
		l := Link{Path: s.pathName(p), Table: last.To.Schema.Name, Many: last.Many, From: Subscribed}
		for _, f := range p.Fields {
			l.Fields = append(l.Fields, last.To.Schema.Fields[f].Name)
		}
		keyOf := last.To.Schema
		if !last.Many {
			if keyOf = s.audience.Table.Schema; len(p.Links) > 1 {
				keyOf = p.Links[len(p.Links)-2].To.Schema
			}
		}
		l.Key = keyOf.Name + "." + keyOf.Fields[last.Field].Name
		if len(p.Links) == 1 && last.Many {
			l.From = Delivered
		}
		out = append(out, l)
	}
	return out
}

// pathName is the path as a condition writes it.
func (s scope) pathName(p expr.Path) string {
	names := []string{s.audience.Table.Name}
	for _, l := range p.Links {
		names = append(names, l.Name)
	}
	return strings.Join(names, ".")
}

// pathReads names what is read at the end of a path: fields, or else whether rows are there.
func (s scope) pathReads(p expr.Path) []string {
	name := s.pathName(p)
	if len(p.Fields) == 0 {
		return []string{name}
	}
	var out []string
	for _, f := range p.Fields {
		out = append(out, name+"."+p.Links[len(p.Links)-1].To.Schema.Fields[f].Name)
	}
	return out
}

// String says it in a sentence.
func (l *Link) String() string {
	what := "the row of %s that %s names"
	if l.Many {
		what = "the rows of %s that name it in %s"
	}
	return fmt.Sprintf("%s: "+what+"; %s", l.Path, l.Table, l.Key, Transports[l.From])
}

// linkedValues returns what a subject's condition finds at the end of a path: the fields of one row, or how many rows
// there are.
func (s scope) linkedValues(p expr.Path, in *expr.Input) []Value {
	rows, many := []row.Row{in.Subject}, false
	for _, l := range p.Links {
		var next []row.Row
		for _, from := range rows {
			if l.Many {
				next = append(next, in.Linked.Many(l, from)...)
			} else if r := in.Linked.One(l, from); r != nil {
				next = append(next, r)
			}
		}
		rows, many = next, many || l.Many
	}
	name, schema := s.pathName(p), p.Links[len(p.Links)-1].To.Schema
	switch {
	case many:
		return []Value{{"rows at " + name, fmt.Append(nil, len(rows))}}
	case len(rows) == 0:
		return []Value{{name, []byte("null")}}
	case len(p.Fields) == 0:
		return []Value{{"a row at " + name, []byte("true")}}
	}
	var out []Value
	for _, i := range p.Fields {
		f := schema.Fields[i]
		out = append(out, Value{name + "." + f.Name, emit.AppendValue(nil, f.Type, rows[0][i])})
	}
	return out
}
