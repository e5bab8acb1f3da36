// Package state is what weir remembers: facts of subjects, rows and tasks in Pebble, and what is derived from them
// as they are applied (timers, ordinals, bitmaps). FORMAT.md describes every key and value.
//
// Facts have the same key and value in the changelog topic and in the store (there prefixed by the partition).
// Live work, restore and replay apply facts by the same code, Batch.Put.
package state

import "github.com/weirstream/weir/state/row"

// Layout tells how the facts of one table's subjects or rows are read: the schemas as the catalog declares them
// now. Facts name their fields, so a fact written under an older catalog can be read: a field that is no longer
// declared is skipped, a new one is null.
type Layout struct {
	Row    *row.Schema
	Events []*row.Schema // the audience's event kinds, in the order of catalog.Audience.Events; empty for other tables
}

// Subject is a row with all that hangs on it, as the store holds it. A row of a table that is no audience has
// neither events nor memberships.
type Subject struct {
	Table, ID   string
	Row         row.Row       // nil: no such row (deleted, or events came before it)
	Version     row.Version   // of the last image taken, also of a deletion
	Known       bool          // a row fact exists, if only of a deletion
	Events      [][]row.Event // by Layout.Events, each ordered by row.Event.Before
	Memberships []Membership  // ordered by Segment; segments without an entry: never a member, nothing awaited
	Watches     []Watch       // ordered by ID; triggers without an entry: nothing awaited, nothing to limit
	Deferred    []byte        // the body of its DeferredFact; nil: none of its changes wait
}

// Due returns the earliest instant at which something of the subject may happen by time alone: a membership may
// change, or what a trigger waits for comes. It is row.Never if there is none.
func (s *Subject) Due() row.Instant { return earliest(s.Memberships, s.Watches) }

// Membership is what a subject has to do with one segment.
type Membership struct {
	Segment uint64 // catalog.Segment.ID
	Member  bool
	Chosen  bool        // of a frozen segment: the subject met its condition at the instant of the freezing
	Edit    Edit        // of a static or frozen segment: what the last command about the subject said
	Spell   uint32      // number of stays so far, the present one included
	Since   row.Instant // Member: start of the present stay
	Until   row.Instant // the result holds until then if nothing else happens; row.Never if for ever
}

// Watch is what a subject has to do with one trigger: the instant that it waits for, or when a limited one fired.
type Watch struct {
	ID    uint64        // catalog.Trigger.WaitID of what waits, catalog.Trigger.ID of a limit
	Due   row.Instant   // the trigger must be looked at then; row.Never: it waits for nothing
	From  uint64        // of the events due then, only those count whose Seq is not below it; 0: all
	Fired []row.Instant // the last firings that the limit counts, in their order
}

// Edit is what a command said of a membership; it holds whatever the definition says, until another command.
type Edit uint8

// The edits.
const (
	NoEdit Edit = iota
	Added
	Removed
)

// Freezing is the fact that a frozen segment was seen in a partition: when its condition was or will be evaluated.
type Freezing struct {
	Segment uint64 // catalog.Segment.ID
	Hash    uint64 // catalog.Freeze.Hash: another one is another freezing
	// At is when: the instant that the definition names, or that at which the segment was first seen if that is later;
	// row.Earliest: before there was any subject.
	At   row.Instant
	Done bool // the subjects that were there when the segment was first seen have been looked at
}

// Fact is one record of the changelog. A nil Value takes the fact back.
type Fact struct{ Key, Value []byte }

// Timer is a subject that must be looked at when Due comes.
type Timer struct {
	Due       row.Instant
	Table, ID string
}

// Before orders timers: by due instant, then table, then id.
func (t Timer) Before(o Timer) bool {
	if t.Due != o.Due {
		return t.Due < o.Due
	}
	if t.Table != o.Table {
		return t.Table < o.Table
	}
	return t.ID < o.ID
}

// Task is the fact about a task itself.
type Task struct {
	Clock    row.Instant // the highest instant that the task has worked at
	Seq      uint64      // of the last output record
	EventSeq uint64      // the last row.Event.Seq given
	Catalog  uint64      // catalog.Catalog.Hash that the memberships were computed by
	Revision int64       // its revision
	LinkSeq  uint64      // the last number given to a message about links, to a subscription or a piece of work
}

// Source is the identity of a source partition, for dropping what has been seen.
type Source struct {
	Topic     [16]byte // id of the topic
	Name      string   // its name (in replay, where topics have no id, the only identity)
	Partition int32
}

// Counter is the fact about one definition in one partition: its running figures.
type Counter struct {
	Kind, Name           string // "segment" or "trigger", and its name
	Size                 int64  // segment: members now
	Entered, Left, Fired uint64 // since the start of the present metrics interval
	Suppressed           uint64 // trigger: firings that its limit held back, likewise
}

// Position is how far the store has applied a partition's changelog.
type Position struct {
	Next int64 // the offset of the next changelog record to apply
	// Applied is the wall time of the last apply: state that is older than deletions are kept in the topic is not to
	// be trusted.
	Applied row.Instant
}
