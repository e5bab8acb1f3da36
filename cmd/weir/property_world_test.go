package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state/row"
)

// world is one case of the property: a catalog and what happens.
type world struct {
	catalog   string
	linked    bool // links between tables are followed
	debezium  bool
	retention [2]string // of the event kinds; empty: for ever
	segments  []segmentCase
	triggers  []triggerCase
	moves     []move
	cuts      []cut // how the second run is disturbed, by move
	epoch     int   // moves of an epoch in the second run
	deltas    int   // outputs of the last check
	led       int   // those of them that come from rows to which links lead
}

// triggerCase is a trigger, on one of rows, an event kind, a segment, a date and an absence.
type triggerCase struct {
	name    string
	subject *tableCase // the audience
	kind    int        // 0, 1: an event kind; onRow; onSegment; onDate; onAbsence
	via     *viaCase   // row: of another table, or of another row; nil: the subject's own
	actions string     // "" for all, or one of them
	field   string     // row: only updates of this one
	segment int        // its position in world.segments
	wait    waitCase
	when    string
	limit   limitCase
}

// table is the one on whose rows the trigger is.
func (t *triggerCase) table() *tableCase {
	if t.via != nil {
		return tableOf(t.via.table)
	}
	return t.subject
}

const (
	onRow     = 2
	onSegment = 3
	onDate    = 4
	onAbsence = 5
)

// move is one step of a history.
type move struct {
	at      row.Instant
	what    moveKind
	record  engine.Record
	table   *tableCase // of the row, or of the subject
	subject string     // its key

	image    row.Row // upsert
	keep     bool    // upsert: the field s was not sent
	lsn      uint64  // 0: the format has none
	snapshot bool

	kind  int // event: 0 or 1
	event row.Event

	segment int  // command: its position in world.segments
	add     bool // command: add, not remove
}

type moveKind uint8

const (
	clockMove moveKind = iota
	upsert
	removal
	truncation
	occurrence
	command
	erasure
	repeated // the record before, again
	nothing  // the tombstone after a delete
)

// cut is what happens to the second run before a move.
type cut uint8

const (
	noCut cut = iota
	flush
	restart
	restore
	crash // what was not committed is lost, and its records come again
)

var cutNames = [...]string{"", "flush", "restart", "restore", "crash"}

var (
	kindNames = [2]string{"bought", "opened"}
	spans     = []string{"1h", "1d", "10d", "30d", "90d", "1mo", "6mo", "1y"}
	edges     = append([]string{"400d", "13mo", "500d", "48h", "36h", "240h"}, spans...)
	start     = row.At(time.Date(2024, 1, 31, 0, 0, 0, 0, time.UTC))

	eventFields = []row.Field{
		{Name: "s", Type: row.Type{Kind: row.String}}, {Name: "n", Type: row.Type{Kind: row.Int}},
	}
)

// text writes the catalog as a user would.
func (w *world) text() string {
	format := "json"
	if w.debezium {
		format = "debezium"
	}
	var b strings.Builder
	for i, t := range tables {
		if i == 0 || w.linked {
			t.write(&b, format, w.linked)
		}
	}
	for i, name := range kindNames {
		fmt.Fprintf(&b, "---\nkind: Event\nname: %s\nsource: {topic: events, format: json, match: {type: %s}}\n"+
			"audience: {contact: who}\nid: id\ntime: time\nfields: {s: string, n: int}\n", name, name)
		if w.retention[i] != "" {
			fmt.Fprintf(&b, "retention: %s\n", w.retention[i])
		}
	}
	for i := range w.segments {
		b.WriteString(w.segments[i].text())
	}
	for _, t := range w.triggers {
		fmt.Fprintf(&b, "---\nkind: Trigger\nname: %s\naudience: %s\n", t.name, t.subject.name)
		switch t.kind {
		case onRow:
			fmt.Fprintf(&b, "on: {table: %s", t.table().name)
		case onSegment:
			fmt.Fprintf(&b, "on: {segment: %s", w.segments[t.segment].name)
		case onDate, onAbsence:
			fmt.Fprintf(&b, "on: {%s", t.wait.text(t.kind))
		default:
			fmt.Fprintf(&b, "on: {event: %s", kindNames[t.kind])
		}
		if t.actions != "" {
			fmt.Fprintf(&b, ", actions: [%s]", t.actions)
		}
		if t.field != "" {
			fmt.Fprintf(&b, ", fields: [%s]", t.field)
		}
		b.WriteString("}\n")
		if t.via != nil {
			fmt.Fprintf(&b, "via: %s\n", strings.Join(t.via.links, "."))
		}
		if t.when != "" {
			fmt.Fprintf(&b, "when: >\n  %s\n", t.when)
		}
		if t.limit.per != "" {
			fmt.Fprintf(&b, "limit: {per: %s, count: %d}\n", t.limit.per, t.limit.count)
		}
	}
	return b.String()
}
