package engine

import (
	"errors"
	"fmt"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state/row"
	"github.com/weirstream/weir/state/wire"
)

// inputFormat is the first element of every record of the input topic. A task refuses what it does not know.
const inputFormat = 1

// AppendChange appends the value of the input record that carries c: a msgpack array of the format, the kind, the
// origin, the revision of the sender's catalog and what the kind has. The record's key is c.Key. Rows name their
// fields, so sender and receiver may hold different catalogs.
func AppendChange(dst []byte, c *Change) []byte {
	dst = wire.AppendArray(dst, 10)
	dst = wire.AppendUint(wire.AppendUint(dst, inputFormat), uint64(c.Kind))
	dst = wire.AppendBytes(wire.AppendString(dst, c.Origin.Topic), c.Origin.TopicID[:])
	dst = wire.AppendInt(wire.AppendInt(dst, int64(c.Origin.Partition)), c.Origin.Offset)
	dst = wire.AppendInt(wire.AppendUint(dst, uint64(c.Origin.Index)), int64(c.Origin.Time))
	dst = wire.AppendInt(dst, c.Revision)
	switch c.Kind {
	case Upsert:
		dst = wire.AppendString(wire.AppendArray(dst, 5), c.Table)
		dst = row.AppendVersion(wire.AppendBool(dst, c.Snapshot), c.Version)
		dst = appendKept(dst, c)
		return row.AppendRow(dst, c.Schema, c.Row)
	case Delete, Truncate:
		dst = wire.AppendString(wire.AppendArray(dst, 2), c.Table)
		return row.AppendVersion(dst, c.Version)
	case Occur:
		dst = wire.AppendString(wire.AppendString(wire.AppendArray(dst, 3), c.Audience), c.EventKind)
		return row.AppendEvent(dst, c.Schema, &c.Event)
	case Erase:
		return wire.AppendString(wire.AppendArray(dst, 1), c.Audience)
	case Bad:
		return appendBad(dst, c)
	case Add, Remove:
		return wire.AppendString(wire.AppendString(wire.AppendArray(dst, 2), c.Audience), c.Segment)
	}
	return wire.AppendNil(dst)
}

// appendKept appends the names of the fields whose held value stays.
func appendKept(dst []byte, c *Change) []byte {
	n := 0
	for _, keep := range c.Keep {
		if keep {
			n++
		}
	}
	dst = wire.AppendArray(dst, n)
	for i, keep := range c.Keep {
		if keep {
			dst = wire.AppendString(dst, c.Schema.Fields[i].Name)
		}
	}
	return dst
}

func appendBad(dst []byte, c *Change) []byte {
	dst = wire.AppendString(wire.AppendArray(dst, 4), c.Reason)
	dst = appendOptional(appendOptional(dst, c.RawKey), c.Raw)
	dst = wire.AppendArray(dst, 2*len(c.Headers))
	for _, h := range c.Headers {
		dst = appendOptional(wire.AppendString(dst, h.Key), h.Value)
	}
	return dst
}

func appendOptional(dst, b []byte) []byte {
	if b == nil {
		return wire.AppendNil(dst)
	}
	return wire.AppendBytes(dst, b)
}

// errUnknown says that a change is about a table or event kind that the catalog does not have.
var errUnknown = errors.New("unknown to the catalog")

// DecodeChange reads the input record that AppendChange wrote into c. Rows and events are read by the catalog's schemas
// as they are now; the change is the caller's own, nothing in it points into key or value but raw bytes.
func DecodeChange(cat *catalog.Catalog, key, value []byte, c *Change) error {
	*c = Change{Key: string(key)}
	r := reader{b: value}
	elements := read(&r, wire.ReadArray)
	if r.err == nil && elements != 9 && elements != 10 {
		r.err = wire.ErrKind
	}
	if format := r.uint(); r.err == nil && format != inputFormat {
		return fmt.Errorf("cannot read an input record of format %d: a newer weir wrote it; upgrade this worker", format)
	}
	c.Kind = ChangeKind(r.uint())
	c.Origin.Topic = r.string()
	copy(c.Origin.TopicID[:], r.bytes())
	c.Origin.Partition, c.Origin.Offset = int32(r.int()), r.int()
	c.Origin.Index, c.Origin.Time = uint16(r.uint()), row.Instant(r.int())
	if elements == 10 { // the first records had no revision
		c.Revision = r.int()
	}
	switch c.Kind {
	case Upsert:
		r.array(5)
		c.Table, c.Snapshot, c.Version = r.string(), r.bool(), r.version()
		r.row(cat, c)
	case Delete, Truncate:
		r.array(2)
		c.Table, c.Version = r.string(), r.version()
	case Occur:
		r.array(3)
		c.Audience, c.EventKind = r.string(), r.string()
		r.event(cat, c)
	case Erase:
		r.array(1)
		c.Audience = r.string()
	case Bad:
		r.bad(c)
	case Add, Remove:
		r.array(2)
		c.Audience, c.Segment = r.string(), r.string()
	default:
		return fmt.Errorf("cannot read an input record: unknown kind %d", c.Kind)
	}
	if r.err != nil {
		return fmt.Errorf("cannot read an input record: %w", r.err)
	}
	return nil
}

// reader reads one object after the other and keeps the first error.
type reader struct {
	b   []byte
	err error
}

func read[T any](r *reader, f func([]byte) (T, []byte, error)) (v T) {
	if r.err != nil {
		return v
	}
	v, r.b, r.err = f(r.b)
	return v
}

func (r *reader) uint() uint64         { return read(r, wire.ReadUint) }
func (r *reader) int() int64           { return read(r, wire.ReadInt) }
func (r *reader) bool() bool           { return read(r, wire.ReadBool) }
func (r *reader) string() string       { return string(read(r, wire.ReadString)) }
func (r *reader) bytes() []byte        { return read(r, wire.ReadBytes) }
func (r *reader) version() row.Version { return read(r, row.DecodeVersion) }

func (r *reader) array(n int) {
	if got := read(r, wire.ReadArray); r.err == nil && got != n {
		r.err = wire.ErrKind
	}
}

func (r *reader) optional() []byte {
	if r.err == nil && wire.KindOf(r.b) == wire.Nil {
		r.b, r.err = wire.ReadNil(r.b)
		return nil
	}
	return r.bytes()
}

func (r *reader) row(cat *catalog.Catalog, c *Change) {
	n := read(r, wire.ReadArray)
	var kept []string
	for range n {
		if r.err != nil {
			return
		}
		kept = append(kept, r.string())
	}
	table := cat.Table(c.Table)
	if table == nil {
		r.err = errUnknown
		return
	}
	c.Schema = table.Schema
	c.Row = read(r, func(b []byte) (row.Row, []byte, error) { return row.DecodeRow(b, table.Schema) })
	if len(kept) == 0 {
		return
	}
	c.Keep = make([]bool, len(table.Schema.Fields))
	for _, name := range kept {
		if i, ok := table.Schema.Field(name); ok {
			c.Keep[i] = true
		}
	}
}

func (r *reader) event(cat *catalog.Catalog, c *Change) {
	kind := cat.Event(c.EventKind)
	if kind == nil {
		r.err = errUnknown
		return
	}
	c.Schema = kind.Schema
	c.Event = read(r, func(b []byte) (row.Event, []byte, error) { return row.DecodeEvent(b, kind.Schema) })
}

func (r *reader) bad(c *Change) {
	r.array(4)
	c.Reason, c.RawKey, c.Raw = r.string(), r.optional(), r.optional()
	n := read(r, wire.ReadArray)
	for range n / 2 {
		if r.err != nil {
			return
		}
		c.Headers = append(c.Headers, Header{Key: r.string(), Value: r.optional()})
	}
}

// aheadError says that a record was read by a revision of the catalog that the task has not got yet: it may be about
// what only that one knows, so the task takes nothing until it has it.
type aheadError struct{ revision int64 }

func (e *aheadError) Error() string {
	return fmt.Sprintf("revision %d of the catalog has not come yet", e.revision)
}

// Take applies one record of the input topic at the instant now. What a catalog that was wrote for a table that is no
// more is passed over; a record that can't be read goes to the dead letters.
func (t *Task) Take(rec *Record, now row.Instant) error {
	c := &t.change
	err := DecodeChange(t.catalog, rec.Key, rec.Value, c)
	if c.Revision > max(t.catalog.Revision, t.accepts) {
		return &aheadError{c.Revision}
	}
	t.epoch.began = true
	switch {
	case errors.Is(err, errUnknown):
		t.config.Counts.Unknown.Add(1)
		return nil
	case err != nil:
		*c = Change{Kind: Bad, Reason: err.Error(), RawKey: rec.Key, Raw: rec.Value,
			Origin: Origin{Topic: rec.Topic, TopicID: rec.TopicID, Partition: rec.Partition, Offset: rec.Offset, Time: rec.Time}}
	}
	return t.Apply(c, now)
}
