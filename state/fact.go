package state

import (
	"errors"
	"fmt"

	"github.com/weirstream/weir/state/row"
	"github.com/weirstream/weir/state/wire"
)

// valueFormat is the first byte of every fact's value. A change of the bytes behind it that older versions would
// misread takes another number.
const valueFormat = 1

// ErrValue says that bytes are not the value of a fact, or are in a format that this version does not know.
var ErrValue = errors.New("not the value of a fact; was it written by a newer version of weir?")

// factSize is the room made for a fact: most fit, and need one allocation.
const factSize = 256

// build makes a fact of one allocation: key appends the key, value (nil: the fact is taken back) the value.
func build(key func([]byte) []byte, value func([]byte) []byte) Fact {
	buf := key(make([]byte, 0, factSize))
	if value == nil {
		return Fact{Key: buf}
	}
	k := len(buf)
	buf = value(append(buf, valueFormat))
	return Fact{Key: buf[:k:k], Value: buf[k:]}
}

// open checks the first byte of a fact's value and returns the rest.
func open(value []byte) ([]byte, error) {
	if len(value) == 0 || value[0] != valueFormat {
		return nil, ErrValue
	}
	return value[1:], nil
}

// RowFact is the fact that the row id of the table s is r, by its image of version v; r nil: it was deleted.
func RowFact(s *row.Schema, id string, r row.Row, v row.Version) Fact {
	return build(
		func(b []byte) []byte { return append(appendSubject(b, s.Name, id), partRow) },
		func(b []byte) []byte { return row.AppendRow(row.AppendVersion(b, v), s, r) })
}

// RowTombstone takes back all that is known of a row, also that it was deleted.
func RowTombstone(table, id string) Fact {
	return build(func(b []byte) []byte { return append(appendSubject(b, table, id), partRow) }, nil)
}

// DecodeRowFact reads the value of a RowFact, by the schema as it is now (see row.DecodeRow).
func DecodeRowFact(value []byte, s *row.Schema) (r row.Row, v row.Version, err error) {
	b, err := open(value)
	if err != nil {
		return nil, v, err
	}
	if v, b, err = row.DecodeVersion(b); err != nil {
		return nil, v, err
	}
	r, b, err = row.DecodeRow(b, s)
	if err == nil && len(b) > 0 {
		err = ErrValue
	}
	return r, v, err
}

// EventFact is the fact that e, of the kind s, happened to the subject id of the audience.
func EventFact(audience, id string, s *row.Schema, e *row.Event) Fact {
	return build(
		func(b []byte) []byte { return appendEventKey(b, audience, id, s.Name, e) },
		func(b []byte) []byte { return row.AppendRow(wire.AppendString(b, e.ID), s, e.Fields) })
}

// EventTombstone takes back an event of the kind called kind: its retention has ended, or its subject is erased.
func EventTombstone(audience, id, kind string, e *row.Event) Fact {
	return build(func(b []byte) []byte { return appendEventKey(b, audience, id, kind, e) }, nil)
}

func appendEventKey(dst []byte, audience, id, kind string, e *row.Event) []byte {
	dst = appendEscaped(append(appendSubject(dst, audience, id), partEvent), kind)
	return appendEventTail(dst, e.Time, e.Seq)
}

// DecodeEventFact reads the value of an EventFact, by the schema as it is now. Time and seq, which are in the key,
// are not set.
func DecodeEventFact(value []byte, s *row.Schema) (e row.Event, err error) {
	b, err := open(value)
	if err != nil {
		return e, err
	}
	id, b, err := wire.ReadString(b)
	if err != nil {
		return e, fmt.Errorf("cannot read an event of kind %s: %w", s.Name, err)
	}
	e.ID = string(id)
	e.Fields, b, err = row.DecodeRow(b, s)
	if err == nil && len(b) > 0 {
		err = ErrValue
	}
	return e, err
}

// StatusFact is the fact of what a subject has to do with segments and triggers: all of its memberships, one for each
// segment, and all of its watches, one for each ID. Where there are none of both it takes the fact back.
func StatusFact(audience, id string, memberships []Membership, watches ...Watch) Fact {
	key := func(b []byte) []byte { return append(appendSubject(b, audience, id), partStatus) }
	if len(memberships)+len(watches) == 0 {
		return build(key, nil)
	}
	return build(key, func(b []byte) []byte { return appendStatus(b, memberships, watches) })
}

// DecodeStatusFact reads the value of a StatusFact. The memberships are ordered by segment, the watches by ID.
func DecodeStatusFact(value []byte) ([]Membership, []Watch, error) {
	var s status
	err := s.decode(value)
	return s.memberships, s.watches, err
}

// TaskFact is the fact about a task.
func TaskFact(t Task) Fact {
	return build(
		func(b []byte) []byte { return append(b, keyTask) },
		func(b []byte) []byte {
			b = wire.AppendInt(wire.AppendArray(b, 6), int64(t.Clock))
			b = wire.AppendUint(wire.AppendUint(b, t.Seq), t.EventSeq)
			b = wire.AppendInt(wire.AppendUint(b, t.Catalog), t.Revision)
			return wire.AppendUint(b, t.LinkSeq)
		})
}

// DecodeTaskFact reads the value of a TaskFact.
func DecodeTaskFact(value []byte) (t Task, err error) {
	b, err := openArray(value, 5)
	if err != nil {
		return t, err
	}
	var r numbers
	t.Clock, b = row.Instant(r.int(b)), r.rest
	t.Seq, b = r.uint(b), r.rest
	t.EventSeq, b = r.uint(b), r.rest
	t.Catalog, b = r.uint(b), r.rest
	t.Revision, b = r.int(b), r.rest
	if r.err == nil && len(b) > 0 { // the first facts end here
		t.LinkSeq = r.uint(b)
	}
	return t, r.err
}

// SourceFact is the fact that the source partition s was worked off up to and including offset.
func SourceFact(s Source, offset int64) Fact {
	return build(
		func(b []byte) []byte { return appendSourceKey(b, s) },
		func(b []byte) []byte { return wire.AppendInt(wire.AppendArray(b, 1), offset) })
}

// SourceTombstone takes back the fact about a source partition.
func SourceTombstone(s Source) Fact {
	return build(func(b []byte) []byte { return appendSourceKey(b, s) }, nil)
}

// DecodeSourceFact reads the value of a SourceFact: the offset.
func DecodeSourceFact(value []byte) (int64, error) {
	b, err := openArray(value, 1)
	if err != nil {
		return 0, err
	}
	var r numbers
	offset := r.int(b)
	return offset, r.err
}

// CounterFact is the fact about the figures of one definition.
func CounterFact(c Counter) Fact {
	return build(
		func(b []byte) []byte { return appendCounterKey(b, c.Kind, c.Name) },
		func(b []byte) []byte {
			b = wire.AppendInt(wire.AppendArray(b, 5), c.Size)
			b = wire.AppendUint(wire.AppendUint(wire.AppendUint(b, c.Entered), c.Left), c.Fired)
			return wire.AppendUint(b, c.Suppressed)
		})
}

// CounterTombstone takes back the figures of a definition that is gone.
func CounterTombstone(kind, name string) Fact {
	return build(func(b []byte) []byte { return appendCounterKey(b, kind, name) }, nil)
}

func appendCounterKey(dst []byte, kind, name string) []byte {
	return append(appendEscaped(append(dst, keyCounter), kind), name...)
}

// DecodeCounterFact reads the value of a CounterFact. Kind and Name, which are in the key, are not set.
func DecodeCounterFact(value []byte) (c Counter, err error) {
	b, err := openArray(value, 4)
	if err != nil {
		return c, err
	}
	var r numbers
	c.Size, b = r.int(b), r.rest
	c.Entered, b = r.uint(b), r.rest
	c.Left, b = r.uint(b), r.rest
	c.Fired, b = r.uint(b), r.rest
	if r.err == nil && len(b) > 0 { // the first facts end here
		c.Suppressed = r.uint(b)
	}
	return c, r.err
}

// FreezeFact is the fact about the freezing of a segment.
func FreezeFact(f Freezing) Fact {
	return build(
		func(b []byte) []byte { return appendFreezeKey(b, f.Segment) },
		func(b []byte) []byte {
			b = wire.AppendInt(wire.AppendUint(wire.AppendArray(b, 3), f.Hash), int64(f.At))
			done := uint64(0)
			if f.Done {
				done = 1
			}
			return wire.AppendUint(b, done)
		})
}

// FreezeTombstone takes back the fact about a segment that is frozen no more.
func FreezeTombstone(segment uint64) Fact {
	return build(func(b []byte) []byte { return appendFreezeKey(b, segment) }, nil)
}

// DecodeFreezeFact reads the value of a FreezeFact. Segment, which is in the key, is not set.
func DecodeFreezeFact(value []byte) (f Freezing, err error) {
	b, err := openArray(value, 3)
	if err != nil {
		return f, err
	}
	var r numbers
	f.Hash, b = r.uint(b), r.rest
	f.At, b = row.Instant(r.int(b)), r.rest
	f.Done = r.uint(b) != 0
	return f, r.err
}

// openArray reads the head of a value that is an array of at least n elements: a later version may append more.
func openArray(value []byte, n int) ([]byte, error) {
	b, err := open(value)
	if err != nil {
		return nil, err
	}
	have, b, err := wire.ReadArray(b)
	if err == nil && have < n {
		err = ErrValue
	}
	return b, err
}

// numbers reads one number after the other and keeps the first error.
type numbers struct {
	rest []byte
	err  error
}

func (r *numbers) int(b []byte) (n int64) {
	if r.err == nil {
		n, r.rest, r.err = wire.ReadInt(b)
	}
	return n
}

func (r *numbers) uint(b []byte) (n uint64) {
	if r.err == nil {
		n, r.rest, r.err = wire.ReadUint(b)
	}
	return n
}
