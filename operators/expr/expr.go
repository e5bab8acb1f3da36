// Package expr compiles conditions of the catalog language (CEL) and evaluates them over typed rows. It is the
// only package that touches cel-go: CEL is parsed and type-checked by cel-go, then compiled to a plan of its own.
//
// The meaning of a condition is what cel-go's interpreter returns on the full data (package oracle holds that
// interpreter for the tests). A plan returns besides the value the instant until which it holds.
package expr

import (
	"strings"
	"time"

	"github.com/weirstream/weir/state/row"
)

// Scope declares what a condition can name.
type Scope struct {
	Audience *row.Schema           // the audience table, in scope under its name; nil only in tests of constants
	Events   []EventKind           // the event kinds of this audience; Input.Events is in this order
	Segments []string              // the segments of this audience that in_segment may name; Input.Segment gets the index
	Change   *row.Schema           // in a trigger on a row: the schema of before and after; otherwise nil
	Event    *row.Schema           // in a trigger on an event: the schema of event; otherwise nil
	Links    map[string]row.Schema // not read any more: what links lead to is in Tables
	Tables   []*Table              // those that links lead to, the audience's own among them; none: there are no links
	// Zone is where calendar units are meant: months and years of periods, and accessors such as getMonth() without a
	// zone of their own. nil: UTC. Retentions are in UTC always.
	Zone *time.Location
}

// EventKind is an event kind in scope: the list of the subject's events of that kind under the kind's name.
type EventKind struct {
	Schema    *row.Schema
	Retention *Period // events with time <= now - Retention are gone; nil: kept for ever
}

// Table is a table whose rows a condition can reach by links, or whose rows lead to others.
type Table struct {
	Schema *row.Schema
	Links  []*Link // by which its rows lead to others, in the order of their names
}

// Link is a way from the rows of one table to those of another, followed in one direction.
type Link struct {
	Name string // of the link, seen from the table that it leads from
	To   *Table // where it leads
	// Many: the rows of To that name this one, a list in the order of their keys. Otherwise the one row that this one
	// names, or null.
	Many bool
	// Field, of a link that is Many, is the field of the rows of To that names this one; otherwise the field of this
	// row that names the other.
	Field int
	ID    int // the caller's own: to find the link again in Rows
}

// Rows finds linked rows while a condition is evaluated. The rows are only read.
type Rows interface {
	// One returns the row to which l, a link that is not Many, leads from the row of its table; nil: there is none.
	One(l *Link, from row.Row) row.Row
	// Many returns the rows to which l, a link that is Many, leads from the row of its table, in the order of their keys.
	Many(l *Link, from row.Row) []row.Row
}

// Path is a chain of links from the audience's row, and what is read of the rows to which it leads.
type Path struct {
	Links  []*Link // at least one
	Fields []int   // that are read there, ascending; none if rows are only counted or compared with null
}

// String returns the names of the links as they are written behind the audience's: "account.opportunities".
func (p Path) String() string {
	names := make([]string, len(p.Links))
	for i, l := range p.Links {
		names[i] = l.Name
	}
	return strings.Join(names, ".")
}

// Problem is one fault of an expression, at a place within its source text.
type Problem struct {
	Line, Column int    // from 1, within the expression's text; 0 if the whole expression is meant
	Message      string // what is wrong, with the offending text
	Hint         string // how to mend it; may be empty
}

// Truth is the result of a condition: CEL's true, false or error.
type Truth uint8

// The results of a condition. A condition whose result is Error is not met.
const (
	False Truth = iota
	True
	Error
)

// Input is everything that one evaluation reads. Rows, events and lists are only read.
type Input struct {
	Now           row.Instant
	Subject       row.Row                                      // the audience row; nil: none, its fields are errors
	Events        [][]row.Event                                // by Scope.Events; each list ordered by time, then arrival
	Segment       func(i int) (member bool, until row.Instant) // of Scope.Segments[i], and how long it holds at least
	Linked        Rows                                         // Scope.Tables; nil only where no condition names a link
	Before, After row.Row                                      // Scope.Change: nil is null
	Event         *row.Event                                   // Scope.Event
}

// Reads is what a program depends on: if none of it changes and the instant that Eval returned has not come,
// the result is the same.
type Reads struct {
	Fields   []int  // of the audience row, those that its links are found by among them
	Paths    []Path // from the audience row by links; where one goes on, what it passes through is a path of its own
	Events   []int  // indexes into Scope.Events
	Segments []int  // indexes into Scope.Segments
	Clock    bool   // depends on now
}
