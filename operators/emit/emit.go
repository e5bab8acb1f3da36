// Package emit writes output records: memberships, firings, metrics and dead letters, as language.md §3 fixes them.
// It is pure: the same delta gives the same bytes.
package emit

import (
	"encoding/binary"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/segment"
	"github.com/weirstream/weir/operators/trigger"
	"github.com/weirstream/weir/state/row"
)

// Cause says why something happened.
type Cause struct {
	Kind      string // row, event, time, segment, catalog, command or erasure
	Topic     string // row, event: the source record
	Partition int32
	Offset    int64
	Table     string // row
	Event     string // event: the event kind
	Segment   string // segment: the one whose change it was
	Key       string // row: its key. event: its id, if it has one
}

// Header is a header of an output record.
type Header struct {
	Key   string
	Value []byte
}

// Record is one output record. Its slices are its own.
type Record struct {
	Topic   string      // without the application's prefix
	At      row.Instant // the instant that the record tells of
	Key     []byte
	Value   []byte
	Headers []Header
}

// Emitter writes the records of one partition. It keeps scratch space and belongs to one goroutine.
type Emitter struct {
	Format   Format
	Source   string // ce_source: names application and partition
	Revision int64  // of the catalog
	w        writer
}

// Membership writes the delta that f is to the subject id, caused by c, as the partition's record number seq.
func (e *Emitter) Membership(f *segment.Flip, id string, c Cause, seq uint64) Record {
	w := e.start()
	s, op := f.Segment, "leave"
	if f.Enter {
		op = "enter"
	}
	w.text("segment", s.Name)
	w.text("audience", s.Audience.Table.Name)
	w.text("id", id)
	w.text("op", op)
	w.instant("at", f.At)
	w.instant("since", f.Since)
	w.number("spell", int64(f.Spell))
	if f.Enter && f.Until != row.Never {
		w.instant("until", f.Until)
	}
	e.finish(c, seq)
	key := s.Name + "/" + s.Audience.Table.Name + "/" + id
	ce := identity("membership", s.Name, s.Audience.Table.Name, id, op, strconv.Itoa(int(f.Spell)))
	return e.record("memberships", key, "weir.segment.membership.v1", ce, s.Audience.Table.Name+"/"+id, f.At)
}

// Firing writes that f fired for the subject id, caused by c, as the partition's record number seq.
func (e *Emitter) Firing(f *trigger.Firing, id string, at row.Instant, c Cause, seq uint64) Record {
	w := e.start()
	t := f.Trigger
	audience := t.Audience.Table.Name
	w.text("trigger", t.Name)
	w.text("audience", audience)
	w.text("id", id)
	w.instant("at", at)
	switch {
	case t.Table != nil:
		w.key("before")
		w.row(t.Table.Schema, f.Before)
		w.key("after")
		w.row(t.Table.Schema, f.After)
	case t.Event != nil:
		w.key("event")
		w.event(t.Event, f.Event)
	case t.Absence != nil:
		w.key("event")
		w.event(t.Absence.After.Event, f.Event)
	}
	e.finish(c, seq)
	ce := identity("firing", t.Name, audience, id, firingCause(f, c))
	return e.record("firings", audience+"/"+id, "weir.trigger.fired.v1", ce, audience+"/"+id, at)
}

// firingCause names what made a trigger fire, the same after any replay: the membership's spell, the instant of a date,
// the event that started a wait, or the source record.
func firingCause(f *trigger.Firing, c Cause) string {
	switch e := f.Event; {
	case f.Trigger.Absence != nil && e.ID != "":
		return "absence\x00" + e.Time.Time().Format(time.RFC3339Nano) + "\x00" + e.ID
	case f.Trigger.Absence != nil: // without an id, by its arrival
		return "absence\x00" + e.Time.Time().Format(time.RFC3339Nano) + "\x00\x00" + strconv.FormatUint(e.Seq, 10)
	case f.Trigger.Date != nil:
		return "date\x00" + f.Due.String()
	case f.Flip != nil:
		return f.Flip.Segment.Name + "\x00" + strconv.FormatBool(f.Flip.Enter) + "\x00" + strconv.Itoa(int(f.Flip.Spell))
	}
	return c.Topic + "\x00" + strconv.Itoa(int(c.Partition)) + "\x00" + strconv.FormatInt(c.Offset, 10)
}

// Figures are the counters of one definition in one partition for an interval.
type Figures struct {
	Kind, Name           string // segment or trigger
	Partition            int32
	From, To             row.Instant
	Size                 int64
	Entered, Left, Fired uint64 // within the interval
	Suppressed           uint64 // trigger: firings that its limit held back
}

// Metrics writes the figures of an interval. Metrics records bear no seq: they tell of the other records.
func (e *Emitter) Metrics(f *Figures) Record {
	w := e.start()
	w.text("kind", f.Kind)
	w.text("name", f.Name)
	w.number("partition", int64(f.Partition))
	w.instant("from", f.From)
	w.instant("to", f.To)
	if f.Kind == "segment" {
		w.number("size", f.Size)
		w.number("entered", int64(f.Entered))
		w.number("left", int64(f.Left))
	} else {
		w.number("fired", int64(f.Fired))
		w.number("suppressed", int64(f.Suppressed))
	}
	w.end()
	ce := identity("metrics", f.Kind, f.Name, strconv.Itoa(int(f.Partition)), f.To.String())
	return e.record("metrics", f.Kind+"/"+f.Name, "weir.metrics.v1", ce, f.Kind+"/"+f.Name, f.To)
}

func (e *Emitter) start() *writer {
	e.w.format, e.w.buf, e.w.open = e.Format, make([]byte, 0, 384), e.w.open[:0]
	e.w.begin()
	return &e.w
}

// finish writes the fields that every record about a subject ends with.
func (e *Emitter) finish(c Cause, seq uint64) {
	w := &e.w
	w.number("revision", e.Revision)
	w.key("cause")
	w.begin()
	w.text("kind", c.Kind)
	if c.Topic != "" {
		w.text("topic", c.Topic)
		w.number("partition", int64(c.Partition))
		w.number("offset", c.Offset)
	}
	for _, f := range [...]struct{ name, value string }{
		{"table", c.Table}, {"event", c.Event}, {"segment", c.Segment}, {"key", c.Key},
	} {
		if f.value != "" {
			w.text(f.name, f.value)
		}
	}
	w.end()
	w.number("seq", int64(seq))
	w.end()
}

// record wraps what was written, with headers by CloudEvents' Kafka binding in binary mode.
func (e *Emitter) record(topic, key, ceType, ceID, subject string, at row.Instant) Record {
	return Record{
		Topic: topic, At: at, Key: []byte(key), Value: e.w.buf,
		Headers: []Header{
			{"ce_specversion", []byte("1.0")},
			{"ce_id", []byte(ceID)},
			{"ce_type", []byte(ceType)},
			{"ce_source", []byte(e.Source)},
			{"ce_subject", []byte(subject)},
			{"ce_time", []byte(at.String())},
			{"content-type", []byte(e.Format.ContentType())},
		},
	}
}

// identity is the deterministic id of what the parts name: the same change has the same id after any replay.
func identity(parts ...string) string {
	h := fnv.New128a()
	var length [8]byte
	for _, p := range parts {
		binary.LittleEndian.PutUint64(length[:], uint64(len(p)))
		h.Write(length[:])
		h.Write([]byte(p))
	}
	var id [32]byte
	for i, b := range h.Sum(nil) {
		id[2*i], id[2*i+1] = hexDigits[b>>4], hexDigits[b&15]
	}
	return string(id[:])
}

// event writes an event with its id, time and fields; a declared field called id or time stands for itself.
func (w *writer) event(kind *catalog.Event, e *row.Event) {
	w.begin()
	if _, declared := kind.Schema.Field("id"); !declared && e.ID != "" {
		w.text("id", e.ID)
	}
	if _, declared := kind.Schema.Field("time"); !declared {
		w.key("time")
		w.value(row.Type{Kind: row.Timestamp}, e.Time)
	}
	for i, f := range kind.Schema.Fields {
		w.key(f.Name)
		w.value(f.Type, e.Fields[i])
	}
	w.end()
}
