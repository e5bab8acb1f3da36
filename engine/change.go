// Package engine runs the operators: it holds the tasks, their epochs and the order of commit and apply. It
// knows no library: Kafka and the files of replay are behind the ports in ports.go.
package engine

import (
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/state/row"
)

// ChangeKind is what a source record says.
type ChangeKind uint8

// The kinds of changes. A Bad change is a record that could not be used: it goes to the dead-letter topic.
const (
	Upsert   ChangeKind = iota + 1 // a row as it is now
	Delete                         // a row is gone
	Truncate                       // all rows of a table are gone
	Occur                          // an event of engagement happened
	Erase                          // a subject is to be forgotten
	Bad                            // the record could not be used
	Add                            // a command makes a subject a member of a static or frozen segment
	Remove                         // a command takes it out
)

// Origin is where a source record stood.
type Origin struct {
	Topic     string
	TopicID   [16]byte // Kafka's id of the topic; zero in replay
	Partition int32
	Offset    int64
	Index     uint16      // which of the changes that the record gave rise to; set by intake
	Time      row.Instant // the record's own timestamp
}

// Header is a header of a record.
type Header = emit.Header

// Change is one source record, decoded and checked against the catalog, on its way to its home. Decoders make
// changes; intake sends them on; tasks apply them.
type Change struct {
	Kind   ChangeKind
	Origin Origin
	// Revision is that of the catalog by which the record was read; set by intake. 0: not known.
	Revision int64
	Schema   *row.Schema // Upsert: of Row; Occur: of Event.Fields. Set by the decoder

	// Upsert, Delete and Truncate.
	Table    string      // the catalog's name of the table
	Row      row.Row     // Upsert: by the table's schema
	Keep     []bool      // Upsert: fields whose held value stays (the source sent a placeholder); nil if none
	Version  row.Version // the source's position of this image
	Snapshot bool        // read by a snapshot: tells what is, not that something happened

	// Occur, Erase, Add and Remove.
	Audience string // the audience table whose subject it is about

	// Add and Remove.
	Segment string // the segment's name

	// Occur.
	EventKind string    // the event kind's name
	Event     row.Event // Seq is not set

	// All but Truncate: the row's key or the subject's id, decoded. Bad: the record's raw key, which may be empty.
	Key string

	// Bad.
	Reason  string // what is wrong, naming the field where there is one; never contains values
	RawKey  []byte
	Raw     []byte
	Headers []Header
}
