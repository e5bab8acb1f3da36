package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/weirstream/weir/state/row"
)

// The first byte of a fact's key. Below 0x80: facts, the same in the changelog and in the store. From 0x80:
// what a store derives from them (derived.go).
const (
	keyTask         = 0x01
	keySource       = 0x02
	keyCounter      = 0x03
	keyFreeze       = 0x04
	keyRef          = 0x05 // the first of those about links: isLink
	keySubscription = 0x06
	keySubscriber   = 0x07
	keyWork         = 0x08 // the last of those about links
	keyDefinition   = 0x0a
	keyFill         = 0x0b
	keySubject      = 0x10
)

// The parts of a subject, in the order in which they lie in the store.
const (
	partRow      = 0x01
	partStatus   = 0x02
	partEvent    = 0x03
	partDeferred = 0x04
)

// Kind is the kind of a fact.
type Kind uint8

// The kinds of facts.
const (
	TaskKind         Kind = iota + 1 // Task
	SourceKind                       // how far a source partition was read
	CounterKind                      // Counter
	RowKind                          // a row, or its deletion
	StatusKind                       // a subject's memberships
	EventKind                        // an event of a subject
	FreezeKind                       // Freezing
	RefKind                          // Ref
	SubscriptionKind                 // Subscription
	SubscriberKind                   // Subscriber
	WorkKind                         // Work
	DeferredKind                     // changes of a subject that wait
	DefinitionKind                   // Definition
	FillKind                         // Fill
)

// Key is what the key of a fact says.
type Key struct {
	Kind       Kind
	Source     Source    // SourceKind
	Counter    [2]string // CounterKind: kind and name
	Segment    uint64    // FreezeKind, DefinitionKind
	Ref        Ref       // RefKind
	Table, ID  string    // of a row, a subject, or a row that is followed
	Event      string    // EventKind: name of the event's kind
	Time       row.Value // EventKind
	Seq        uint64    // EventKind
	Stream     uint64    // SubscriptionKind, SubscriberKind
	Subscriber int32     // SubscriberKind: the partition that follows
	Work       uint64    // WorkKind
}

// ErrKey says that bytes are not the key of a fact, or of one that this version does not know.
var ErrKey = errors.New("not the key of a fact; was it written by a newer version of weir?")

// Strings within keys end with 0x00 0x01; a byte 0x00 in them is written 0x00 0xFF. So they sort as their bytes
// do, none is the beginning of another, and any byte may be in them.
const (
	escape     = 0x00
	escapeEnd  = 0x01
	escapeZero = 0xff
)

func appendEscaped(dst []byte, s string) []byte {
	for {
		i := strings.IndexByte(s, escape)
		if i < 0 {
			break
		}
		dst = append(append(dst, s[:i]...), escape, escapeZero)
		s = s[i+1:]
	}
	return append(append(dst, s...), escape, escapeEnd)
}

// readEscaped takes an escaped string from the front of b. The result may point into b.
func readEscaped(b []byte) (s, rest []byte, err error) {
	i := bytes.IndexByte(b, escape)
	if i >= 0 && i+1 < len(b) && b[i+1] == escapeEnd {
		return b[:i], b[i+2:], nil
	}
	for {
		i = bytes.IndexByte(b, escape)
		if i < 0 || i+1 >= len(b) {
			return nil, nil, ErrKey
		}
		s = append(s, b[:i]...)
		mark := b[i+1]
		b = b[i+2:]
		switch mark {
		case escapeEnd:
			return s, b, nil
		case escapeZero:
			s = append(s, escape)
		default:
			return nil, nil, ErrKey
		}
	}
}

// appendSubject appends the beginning of all keys of a subject.
func appendSubject(dst []byte, table, id string) []byte {
	return appendEscaped(appendEscaped(append(dst, keySubject), table), id)
}

// after makes of the beginning of keys, which ends in a byte below 0xff, the first key after all of them.
func after(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	end[len(end)-1]++
	return end
}

// appendOrdered appends n so that the bytes sort as the numbers do.
func appendOrdered(dst []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(n)^(1<<63))
}

func ordered(b []byte) int64 { return int64(binary.BigEndian.Uint64(b) ^ (1 << 63)) }

// eventTailSize is what follows the name of the event's kind in an event's key: seconds, nanoseconds, seq.
const eventTailSize = 8 + 4 + 8

func appendEventTail(dst []byte, at row.Value, seq uint64) []byte {
	dst = binary.BigEndian.AppendUint32(appendOrdered(dst, at.Int), uint32(at.Nanos))
	return binary.BigEndian.AppendUint64(dst, seq)
}

func readEventTail(b []byte) (at row.Value, seq uint64, err error) {
	if len(b) != eventTailSize {
		return at, 0, ErrKey
	}
	nanos := binary.BigEndian.Uint32(b[8:])
	if nanos > 999_999_999 {
		return at, 0, ErrKey
	}
	at = row.Value{Kind: row.Timestamp, Int: ordered(b), Nanos: int32(nanos)}
	return at, binary.BigEndian.Uint64(b[12:]), nil
}

func appendSourceKey(dst []byte, s Source) []byte {
	dst = append(append(dst, keySource), s.Topic[:]...)
	return append(binary.BigEndian.AppendUint32(dst, uint32(s.Partition)), s.Name...)
}

func readSource(b []byte) (s Source, err error) {
	const head = 16 + 4
	if len(b) < head {
		return s, ErrKey
	}
	partition := binary.BigEndian.Uint32(b[16:])
	if partition > math.MaxInt32 {
		return s, ErrKey
	}
	s.Topic, s.Partition, s.Name = [16]byte(b[:16]), int32(partition), string(b[head:])
	return s, nil
}

func readCounterKey(b []byte) (c [2]string, err error) {
	kind, name, err := readEscaped(b)
	return [2]string{string(kind), string(name)}, err
}

func appendFreezeKey(dst []byte, segment uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, keyFreeze), segment)
}

// readNumber reads a number of 8 bytes, which must be all of b.
func readNumber(b []byte) (uint64, error) {
	if len(b) != 8 {
		return 0, ErrKey
	}
	return binary.BigEndian.Uint64(b), nil
}

// ParseKey reads the key of a fact. The error is ErrKey, with what is wrong.
func ParseKey(key []byte) (k Key, err error) {
	if len(key) == 0 {
		return k, ErrKey
	}
	switch rest := key[1:]; key[0] {
	case keyTask:
		k.Kind = TaskKind
		if len(rest) > 0 {
			err = ErrKey
		}
	case keySource:
		k.Kind = SourceKind
		k.Source, err = readSource(rest)
	case keyCounter:
		k.Kind = CounterKind
		k.Counter, err = readCounterKey(rest)
	case keyFreeze:
		k.Kind = FreezeKind
		k.Segment, err = readNumber(rest)
	case keyDefinition:
		k.Kind = DefinitionKind
		k.Segment, err = readNumber(rest)
	case keyFill:
		k.Kind = FillKind
		if len(rest) > 0 {
			err = ErrKey
		}
	case keyRef, keySubscription, keySubscriber, keyWork:
		err = k.parseLink(key)
	case keySubject:
		err = k.parseSubject(rest)
	default:
		err = ErrKey
	}
	if err != nil {
		return Key{}, fmt.Errorf("cannot read a key that begins with %#02x: %w", key[0], err)
	}
	return k, nil
}

func (k *Key) parseSubject(b []byte) error {
	table, b, err := readEscaped(b)
	if err != nil {
		return err
	}
	id, b, err := readEscaped(b)
	if err != nil {
		return err
	}
	if len(b) == 0 {
		return ErrKey
	}
	k.Table, k.ID = string(table), string(id)
	switch part, rest := b[0], b[1:]; {
	case part == partRow && len(rest) == 0:
		k.Kind = RowKind
	case part == partStatus && len(rest) == 0:
		k.Kind = StatusKind
	case part == partDeferred && len(rest) == 0:
		k.Kind = DeferredKind
	case part == partEvent:
		k.Kind = EventKind
		kind, rest, err := readEscaped(rest)
		if err != nil {
			return err
		}
		k.Event = string(kind)
		k.Time, k.Seq, err = readEventTail(rest)
		return err
	default:
		return ErrKey
	}
	return nil
}
