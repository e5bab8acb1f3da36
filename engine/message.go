package engine

import (
	"errors"
	"fmt"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/state/row"
	"github.com/weirstream/weir/state/wire"
)

// messageFormat is the first element of every record of the exchange topic. A task refuses what it does not know.
const messageFormat = 1

// messageKind is what one task tells another.
type messageKind uint8

// The kinds of messages.
const (
	imageMessage       messageKind = iota + 1 // a row as it is now at its home
	subscribeMessage                          // the sender wants to know a row, or the rows that lead to it
	unsubscribeMessage                        // it no longer does
	completeMessage                           // all rows that lead to a row have been sent
	hopMessage                                // a change of a row, on its way to the subject of which triggers may fire
	requestMessage                            // the sender wants all rows that lead to it; stream is Catalog.Network
	linkedMessage                             // the sender has sent all its rows that lead here
)

// message is a record of the exchange topic.
type message struct {
	kind messageKind
	from int32 // the sender's partition

	table, key string // the row that it is about
	schema     *row.Schema
	row        row.Row // image and hop: the row as it is now; nil: there is none
	rev        uint64  // image and hop: the home's count, which grows with every image of the row

	// The subscription that the message is about. An image without one is sent to where the row leads to.
	stream  uint64 // 0: the row itself; otherwise Link.Index, and target is the key of the row that is led to
	target  string
	token   uint64 // which of the subscriptions, one after the other, of that row by that partition; 0: none
	last    bool   // image: the subscription is complete with it
	leads   bool   // image without a subscription: as its home follows links, the row leads to one of the receiver's
	cause   emit.Cause
	born    row.Instant // when what caused it was
	via     string      // hop: catalog.Via.Name
	step    int         // hop: links of the path followed so far, this one included
	subject string      // hop: the key to which that link leads
	before  row.Row     // hop: the row as it was
	initial bool        // hop: a snapshot read the row
}

// appendMessage appends the value of the exchange record that carries m.
func appendMessage(dst []byte, m *message) []byte {
	dst = wire.AppendArray(dst, 9)
	dst = wire.AppendUint(wire.AppendUint(dst, messageFormat), uint64(m.kind))
	dst = wire.AppendInt(dst, int64(m.from))
	dst = wire.AppendString(wire.AppendString(dst, m.table), m.key)
	dst = wire.AppendString(wire.AppendUint(dst, m.stream), m.target)
	dst = wire.AppendUint(dst, m.token)
	switch m.kind {
	case imageMessage:
		dst = wire.AppendBool(wire.AppendBool(wire.AppendUint(wire.AppendArray(dst, 5), m.rev), m.last), m.leads)
		dst = appendCause(dst, &m.cause, m.born)
		return row.AppendRow(dst, m.schema, m.row)
	case hopMessage:
		dst = wire.AppendUint(wire.AppendArray(dst, 8), m.rev)
		dst = appendCause(dst, &m.cause, m.born)
		dst = wire.AppendInt(wire.AppendString(dst, m.via), int64(m.step))
		dst = wire.AppendBool(wire.AppendString(dst, m.subject), m.initial)
		return row.AppendRow(row.AppendRow(dst, m.schema, m.before), m.schema, m.row)
	case subscribeMessage, unsubscribeMessage, completeMessage, requestMessage, linkedMessage:
	}
	return wire.AppendNil(dst)
}

// appendCause appends why something changed, and when that was.
func appendCause(dst []byte, c *emit.Cause, born row.Instant) []byte {
	dst = wire.AppendString(wire.AppendString(wire.AppendArray(dst, 8), c.Kind), c.Topic)
	dst = wire.AppendInt(wire.AppendInt(dst, int64(c.Partition)), c.Offset)
	dst = wire.AppendString(wire.AppendString(dst, c.Table), c.Event)
	return wire.AppendInt(wire.AppendString(dst, c.Key), int64(born))
}

func (r *reader) cause() (c emit.Cause, born row.Instant) {
	r.array(8)
	c.Kind, c.Topic = r.string(), r.string()
	c.Partition, c.Offset = int32(r.int()), r.int()
	c.Table, c.Event = r.string(), r.string()
	c.Key, born = r.string(), row.Instant(r.int())
	return c, born
}

// decodeMessage reads what appendMessage wrote into m. Rows are read by the catalog's schemas as they are now; nothing
// in m points into value. errUnknown: it is about a table that the catalog does not have.
func decodeMessage(cat *catalog.Catalog, value []byte, m *message) error {
	*m = message{}
	r := reader{b: value}
	r.array(9)
	if format := r.uint(); r.err == nil && format != messageFormat {
		return fmt.Errorf("cannot read a message of format %d: a newer weir wrote it; upgrade this worker", format)
	}
	m.kind, m.from = messageKind(r.uint()), int32(r.int())
	m.table, m.key = r.string(), r.string()
	m.stream, m.target, m.token = r.uint(), r.string(), r.uint()
	table := cat.Table(m.table)
	if r.err == nil && table == nil && m.kind < requestMessage {
		return errUnknown
	}
	switch {
	case r.err != nil:
	case m.kind == imageMessage:
		m.schema = table.Schema
		r.array(5)
		m.rev, m.last, m.leads = r.uint(), r.bool(), r.bool()
		m.cause, m.born = r.cause()
		m.row = r.image(m.schema)
	case m.kind == hopMessage:
		m.schema = table.Schema
		r.array(8)
		m.rev = r.uint()
		m.cause, m.born = r.cause()
		m.via, m.step = r.string(), int(r.int())
		m.subject, m.initial = r.string(), r.bool()
		m.before, m.row = r.image(m.schema), r.image(m.schema)
	case m.kind < imageMessage || m.kind > linkedMessage:
		return fmt.Errorf("cannot read a message: unknown kind %d", m.kind)
	default:
		_, r.err = wire.ReadNil(r.b)
		r.b = nil
	}
	if err := r.end(); err != nil {
		return fmt.Errorf("cannot read a message: %w", err)
	}
	return nil
}

// end returns the first error of a reader that has read all; one if there is more.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.err = errors.New("there is more behind it")
	}
	return r.err
}

func (r *reader) image(s *row.Schema) row.Row {
	return read(r, func(b []byte) (row.Row, []byte, error) { return row.DecodeRow(b, s) })
}
