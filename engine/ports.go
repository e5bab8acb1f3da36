package engine

import (
	"context"
	"errors"
	"time"

	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// Record is one record of a topic. Key and Value are only valid until the next poll.
type Record struct {
	Topic     string
	TopicID   [16]byte
	Partition int32
	Offset    int64
	Time      row.Instant
	Key       []byte
	Value     []byte // nil: a tombstone; empty is not nil
	Headers   []Header
}

// Decoder turns source records into changes. It never fails: what can't be used becomes a Bad change.
// A Decoder keeps a little state for each source partition and belongs to one goroutine.
type Decoder interface {
	// Decode appends the changes that rec says to out: none (a heartbeat, an event that no definition matches),
	// one, or several (an event about a contact and a lead). The changes may point into rec.
	Decode(rec *Record, out []Change) []Change
}

// InterruptedDecoder is a Decoder that needs others to decode, such as a schema registry. While it waits for them,
// Decode blocks.
type InterruptedDecoder interface {
	Decoder
	// Err tells why the last record could not be decoded, nil if it was: the wait has ended without an answer. Then
	// Decode has appended nothing. The record, and all that follow it in its partition, must be read again by another
	// Decoder, and nothing of them may be written before.
	Err() error
}

// Output is one record for an output topic, in the subject's partition. Its Topic is without the application's prefix.
type Output = emit.Record

// Message is one record for the exchange topic: from one task to the task of another partition.
type Message struct {
	To    int32
	Value []byte
}

// Part is what an epoch did in one partition.
type Part struct {
	Partition int32
	Next      int64 // offset of the next record of the input topic; negative: none was read in this epoch
	Exchange  int64 // offset of the next record of the exchange topic; negative: none was read in this epoch
	Outputs   []Output
	Born      []row.Instant // by output: when what caused it was: the source record's own time, or a timer's due instant
	Facts     []state.Fact
	Messages  []Message // for the exchange topic, in order
}

// Poll is what a session has at hand. Changes of assignment come before the records that follow from them.
type Poll struct {
	Revoked  []int32  // partitions that are no longer this worker's, lost ones included
	Assigned []int32  // partitions that are now; their records come after Resume
	Records  []Record // of the input topic, in order in each partition
	Exchange []Record // of the exchange topic, in order in each partition, committed ones only
}

// Resumption is where a restored task goes on.
type Resumption struct {
	Partition int32
	Exchange  int64    // the offset in the exchange topic that comes next: the task's own state has it, not the group
	Topic     [16]byte // id of the exchange topic in which that is; zero: the task has read nothing of any yet
}

// Session is a worker's membership in the group that shares the input topic's partitions, and its transactions.
// It belongs to one goroutine. After any error it must be closed; the worker then opens a new one and restores.
type Session interface {
	// Poll returns as soon as there is something, or empty after wait. recordsMax bounds the records of both topics
	// together; 0: none, without waiting. Messages of the exchange topic come first: they are of work that has begun.
	Poll(ctx context.Context, wait time.Duration, recordsMax int) (Poll, error)
	// Resume lets the records of restored partitions come. Where the exchange topic no longer has what comes next, the
	// following polls fail.
	Resume(tasks []Resumption)
	// Commit writes an epoch, all or nothing: outputs, facts to the changelog, messages, input positions. It is fenced:
	// it can't succeed once one of the parts' partitions has another owner, also if no record was read. If it
	// returns committed false without an error, nothing of the epoch happened, and the records come again.
	// Changelog is, for each part with facts, the position after its last fact.
	Commit(ctx context.Context, parts []Part) (outcome Outcome, err error)
	// Close leaves the group. An unfinished epoch is aborted.
	Close()
}

// Outcome is what came of a commit.
type Outcome struct {
	Committed bool
	Changelog map[int32]int64
}

// Changelog reads what tasks remember.
type Changelog interface {
	// Restore reads a partition read-committed, from the offset from up to the high watermark seen at the call, and
	// hands the facts on in order, in batches; next is the position after a batch. It waits, with a log line every
	// 5 s, while an open transaction of a dead owner pins the last stable offset. Facts are only valid during the call.
	// If records at from and after are gone (the topic was trimmed or made anew), it returns ErrOutOfRange.
	Restore(ctx context.Context, partition int32, from int64, apply func(facts []state.Fact, next int64) error,
		progress func(done, total int64)) error
}

// ErrOutOfRange says that the changelog no longer holds the position from which a restore was to go on.
var ErrOutOfRange = errors.New("the changelog no longer holds the position to restore from")
