// Package enginetest runs scripts: what goes into the engine, moves of the clock, and what must come out. Scripts are
// what tests of the language and users' tests of their own segments are written in. See Grammar.
package enginetest

import (
	"time"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state/row"
)

// Script is a parsed script. It is immutable.
type Script struct {
	Name    string // of the file, as errors name it
	About   string // the comment that it starts with
	catalog *catalog.Catalog
	metrics time.Duration // length of a metrics interval; 0: none
	bytes   int           // the longest record taken; 0: the decoder's own limit
	steps   []step
}

// step is one line of a script that does or checks something.
type step struct {
	line     int // from 1
	kind     stepKind
	at       row.Instant
	record   engine.Record // send: all is set
	expected []expectation
	segment  string   // members
	ids      []string // members, sorted
}

type stepKind uint8

const (
	send stepKind = iota + 1 // a record; also one again
	tick                     // a move of the clock
	expect
	members
)

// place is a partition of a topic, for the numbering of records.
type place struct {
	topic     string
	partition int32
}
