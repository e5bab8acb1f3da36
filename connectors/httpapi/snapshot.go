package httpapi

import "time"

// Snapshot is what the worker counts, at one moment: what a scrape of /metrics reads. Counters run from the start
// of the process and never fall. No part of it names a subject.
type Snapshot struct {
	CatalogRevision int64
	Inputs          []Input
	DecodeErrors    []Fault // records that could not be used, by source topic and reason
	DeadLetters     []Fault // records written to the dead-letter topic, by source topic and reason
	Duplicates      []Duplicate
	Lags            []Lag
	Transactions    []Transactions
	Changes         []Changes // memberships entered and left
	Firings         []Firings
	Suppressed      uint64    // firings that a limit held back
	Phases          []Phase   // this worker's partitions by phase, phases without partitions included
	Restores        []Restore // partitions that are being restored
	Commits         []Commit  // by partition
	Stores          []Store
	TimersPending   int64         // subjects that wait for an instant
	TimerLateness   time.Duration // by how much the longest overdue timer is late; 0: none is due
}

// Input is what came from one source topic.
type Input struct {
	Topic   string
	Records uint64
	Late    uint64 // events older than the retention of their kind
}

// Fault counts records of one source topic that had one kind of fault. Reasons are few and fixed: they never
// hold values.
type Fault struct {
	Topic, Reason string
	Count         uint64
}

// Duplicate counts repeated deliveries of one source topic that had no effect. Kind is "record" (seen by its
// position), "event" (by its id) or "row" (an image that is not newer than the one held).
type Duplicate struct {
	Topic, Kind string
	Count       uint64
}

// Lag is how far the worker is behind the end of a partition, up to the last stable offset.
type Lag struct {
	Topic     string
	Partition int32
	Records   int64
	Age       time.Duration // of the oldest record that waits; 0: none
}

// Transactions counts epochs by outcome: "committed", "aborted" or "failed".
type Transactions struct {
	Outcome string
	Count   uint64
}

// Changes counts membership changes: Change is "enter" or "leave", Origin the kind of the cause ("row", "event",
// "time", "segment", "catalog", "command", "erasure").
type Changes struct {
	Change, Origin string
	Count          uint64
}

// Firings counts firings of triggers by the kind of their cause.
type Firings struct {
	Origin string
	Count  uint64
}

// Phase is the number of partitions in one phase: "restoring", "running", "standby" or "closed".
type Phase struct {
	Phase string
	Count int
}

// Restore is the number of changelog records that a partition still has to read.
type Restore struct {
	Partition int32
	Remaining int64
}

// Commit is when an epoch of a partition was last committed.
type Commit struct {
	Partition int32
	At        time.Time
}

// Store is the size of one part of the local store: Kind is "live", "wal", "cache" or the like.
type Store struct {
	Kind  string
	Bytes int64
}
