// Package catalog reads the definitions that users write (tables, events, segments, triggers), checks them and
// compiles them. All faults of a catalog are reported in one go, each with its place and a hint.
package catalog

import (
	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

// Catalog is a set of definitions, checked and compiled. It is immutable.
type Catalog struct {
	Tables    []*Table
	Events    []*Event
	Audiences []*Audience
	Segments  []*Segment // those that in_segment names stand before those that name them
	Triggers  []*Trigger
	Revision  int64  // 1 for the first; grows with each change of the definitions
	Hash      uint64 // of the definitions' meaning: the same for the same definitions in whatever files and order
	lookup
	network
}

// Audience is a table whose rows are subjects, with all that hangs on them.
type Audience struct {
	Table    *Table
	Events   []*Event   // the kinds that name subjects of this audience; expr.Input.Events is in this order
	Segments []*Segment // of this audience, in order of evaluation
	Triggers []*Trigger // of this audience, by name
	root     *Place
	reading
}

// Source says where the records of a table or event kind come from.
type Source struct {
	Topic  string
	Format string  // "avro", "cloudevents", "dataverse", "debezium", "json", "msgpack" or "segment"
	Match  []Match // all must hold for a record to be one of this definition
}

// Match is a field of the record that must have a fixed value.
type Match struct {
	Path  []string // the dotted path, split
	Value any      // string, int64, float64, bool or nil
}

// Table is a kind of row that arrives by CDC or as plain records.
type Table struct {
	Name     string
	Audience bool // its rows are subjects
	Key      string
	KeyField int // position of Key in Schema
	Source   Source
	Schema   *row.Schema // fields by name: positions do not depend on the order in the file
	Paths    [][]string  // by field: where its value stands in the record or row; the field's own name by default
	Links    []*Link     // by name
}

// Link is a many-to-one link from a table's field to another table's key.
type Link struct {
	Name    string // of the link, seen from this table
	Table   string // the table that it points to
	Field   string // the field of this table that holds the other's key
	Reverse string // the name of the list of rows, seen from the other table; may be empty

	From, Target *Table // this table and the other
	KeyField     int    // position of Field in the schema of From
	Index        uint64 // FNV-1a of "link ", From's name and Name: by it the rows are found that name a row of Target
}

// Event is a kind of engagement event.
type Event struct {
	Name      string
	Source    Source
	Subjects  []SubjectPath // where the record names its subject, by audience, in order of audience name
	ID        []string      // path of the id that duplicates share; nil if none
	Time      []string      // path of the event's time; nil: the record's timestamp
	Schema    *row.Schema   // fields by name
	Paths     [][]string    // by field
	Retention *expr.Period
}

// SubjectPath is the path of the field that holds the id of the subject in one audience.
type SubjectPath struct {
	Audience string
	Path     []string
}

// Segment is a set of subjects of an audience. A dynamic one follows the data by its condition, a static one is a list
// of ids, and a frozen one is who met its condition at one instant.
type Segment struct {
	Name     string
	ID       uint64 // FNV-1a of the name: what the store keeps memberships by
	Audience *Audience
	Index    int           // position in Audience.Segments
	Where    *expr.Program // nil: static
	Uses     []int         // positions in Audience.Segments of the segments that Where names, ascending; all before Index
	Members  *Roster       // static: who is a member if no command says otherwise
	Include  *Roster       // members whatever Where says; nil: none
	Exclude  *Roster       // never members; nil: none
	Freeze   *Freeze       // nil: not frozen
	Refresh  *Refresh      // nil: continuous
	Zone     string        // name of the time zone of calendar units; empty: UTC
	meaning  uint64
}

// Editable tells whether commands add members to the segment and remove them: it is static or frozen.
func (s *Segment) Editable() bool { return s.Where == nil || s.Freeze != nil }

// Freeze says when a segment's condition is evaluated, once for all subjects.
type Freeze struct {
	At   row.Instant // row.Earliest: as soon as the segment is first seen
	Hash uint64      // of what is evaluated and when: another one is another freezing
}

// Action is what happens to a row or to a membership.
type Action uint8

// The actions, as bits.
const (
	Create Action = 1 << iota
	Update
	Delete
	Enter
	Leave
)

// Trigger fires for a subject when a row changes, an event arrives, a segment is entered or left, a date comes or
// something did not happen in time.
type Trigger struct {
	Name     string
	ID       uint64 // FNV-1a of the name: what the store keeps a limit's firings by
	WaitID   uint64 // on a date or an absence: of the name and of what is waited for
	Audience *Audience
	Table    *Table        // on a row: the table
	Via      []*Link       // on a row of another table: the way from it to the subject, link after link
	Event    *Event        // on an event
	Segment  *Segment      // on a segment
	Date     *Date         // on a date
	Absence  *Absence      // on an absence
	Actions  Action        // on a row or on a segment
	Fields   []int         // on a row: an update counts only if one of these changed, ascending; empty: any
	When     *expr.Program // nil: always
	Limit    *Limit        // nil: none
}

// Date is a date of the audience's row, moved by an offset: a trigger fires when it comes.
type Date struct {
	Field  int          // of the audience's row; a date or a timestamp
	Offset *expr.Period // nil: none
	Before bool         // the offset goes back
	Every  *expr.Period // a calendar period after which the date comes again, for ever; nil: it comes once
}

// Absence is an event after which another one does not come in time.
type Absence struct {
	After  Part        // what starts the wait
	Of     Part        // what must not come
	Within expr.Period // how long the wait is; not longer than the retention of either
}

// Part is an event that an absence is about.
type Part struct {
	Event *Event
	Kind  int           // position in Audience.Events
	When  *expr.Program // which events of the kind count, by themselves; nil: all
	By    int           // the field that must be the same in both events; -1: they need only be of one subject
}

// Limit is how often a trigger may fire for a subject.
type Limit struct {
	Per   expr.Period
	Count int // the most firings in any span of that length
}
