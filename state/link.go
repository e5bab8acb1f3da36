package state

import (
	"encoding/binary"
	"math"

	"github.com/weirstream/weir/state/wire"
)

// Ref is the fact that the row From points to the row To in an index: a link, or a step of a path, of the catalog.
type Ref struct {
	Index    uint64
	To, From string // ids
}

// Subscription is what a partition knows of a row that it follows at the row's home.
type Subscription struct {
	Table, Key string
	Stream     uint64 // which of the row's streams is followed
	Token      uint64 // of this subscription: an answer to an earlier one bears another
	Complete   bool   // all that there is now has come
}

// Subscriber is what the home of a row knows of a partition that follows it.
type Subscriber struct {
	Table, Key string
	Stream     uint64
	Partition  int32  // the one that follows
	Token      uint64 // of its subscription
}

// Work is a piece of work that a task has begun and goes on with in later epochs.
type Work struct {
	ID   uint64
	Body []byte // the engine's own
}

// RefFact is the fact about a reference.
func RefFact(r Ref) Fact {
	return build(
		func(b []byte) []byte { return appendRefKey(b, r) },
		func(b []byte) []byte { return b })
}

// RefTombstone takes back a reference.
func RefTombstone(r Ref) Fact {
	return build(func(b []byte) []byte { return appendRefKey(b, r) }, nil)
}

// DecodeRefFact checks the value of a RefFact; all that it says is in the key.
func DecodeRefFact(value []byte) error {
	b, err := open(value)
	if err == nil && len(b) > 0 {
		err = ErrValue
	}
	return err
}

// SubscriptionFact is the fact, at the partition that follows a row, about its subscription.
func SubscriptionFact(s Subscription) Fact {
	return build(
		func(b []byte) []byte { return appendSubscriptionKey(b, s.Table, s.Key, s.Stream) },
		func(b []byte) []byte {
			complete := uint64(0)
			if s.Complete {
				complete = 1
			}
			return wire.AppendUint(wire.AppendUint(wire.AppendArray(b, 2), s.Token), complete)
		})
}

// SubscriptionTombstone takes back a subscription: the row is followed no more.
func SubscriptionTombstone(table, key string, stream uint64) Fact {
	return build(func(b []byte) []byte { return appendSubscriptionKey(b, table, key, stream) }, nil)
}

// DecodeSubscriptionFact reads the value of a SubscriptionFact. Table, Key and Stream, which are in the key, are not
// set.
func DecodeSubscriptionFact(value []byte) (s Subscription, err error) {
	b, err := openArray(value, 2)
	if err != nil {
		return s, err
	}
	var r numbers
	s.Token, b = r.uint(b), r.rest
	s.Complete = r.uint(b) != 0
	return s, r.err
}

// SubscriberFact is the fact, at the home of a row, about a partition that follows it.
func SubscriberFact(s Subscriber) Fact {
	return build(
		func(b []byte) []byte { return appendSubscriberKey(b, s.Table, s.Key, s.Stream, s.Partition) },
		func(b []byte) []byte { return wire.AppendUint(wire.AppendArray(b, 1), s.Token) })
}

// SubscriberTombstone takes back a subscriber: the partition follows the row no more.
func SubscriberTombstone(table, key string, stream uint64, partition int32) Fact {
	return build(func(b []byte) []byte { return appendSubscriberKey(b, table, key, stream, partition) }, nil)
}

// DecodeSubscriberFact reads the value of a SubscriberFact: the token. The rest, which is in the key, is not set.
func DecodeSubscriberFact(value []byte) (s Subscriber, err error) {
	b, err := openArray(value, 1)
	if err != nil {
		return s, err
	}
	var r numbers
	s.Token = r.uint(b)
	return s, r.err
}

// WorkFact is the fact about a piece of work.
func WorkFact(w Work) Fact {
	return build(
		func(b []byte) []byte { return appendWorkKey(b, w.ID) },
		func(b []byte) []byte { return append(b, w.Body...) })
}

// WorkTombstone takes back a piece of work: it is done.
func WorkTombstone(id uint64) Fact {
	return build(func(b []byte) []byte { return appendWorkKey(b, id) }, nil)
}

// DecodeWorkFact reads the value of a WorkFact: the body, which points into value. ID, which is in the key, is not set.
func DecodeWorkFact(value []byte) (w Work, err error) {
	w.Body, err = open(value)
	return w, err
}

// DeferredFact is the fact that changes of the subject id of the audience wait for something: body, the engine's own,
// says which and for what. A nil body takes the fact back.
func DeferredFact(audience, id string, body []byte) Fact {
	key := func(b []byte) []byte { return append(appendSubject(b, audience, id), partDeferred) }
	if body == nil {
		return build(key, nil)
	}
	return build(key, func(b []byte) []byte { return append(b, body...) })
}

// DecodeDeferredFact reads the value of a DeferredFact: the body, which points into value and is never nil.
func DecodeDeferredFact(value []byte) ([]byte, error) { return open(value) }

func appendRefKey(dst []byte, r Ref) []byte {
	return append(appendTarget(dst, r.Index, r.To), r.From...)
}

// appendTarget appends the beginning of all keys of references to a row.
func appendTarget(dst []byte, index uint64, to string) []byte {
	return appendEscaped(binary.BigEndian.AppendUint64(append(dst, keyRef), index), to)
}

// readRef reads what follows the first byte in the key of a reference. The results may point into b.
func readRef(b []byte) (index uint64, to, from []byte, err error) {
	if len(b) < 8 {
		return 0, nil, nil, ErrKey
	}
	to, from, err = readEscaped(b[8:])
	return binary.BigEndian.Uint64(b), to, from, err
}

func appendSubscriptionKey(dst []byte, table, key string, stream uint64) []byte {
	return appendStream(append(dst, keySubscription), table, key, stream)
}

func appendSubscriberKey(dst []byte, table, key string, stream uint64, partition int32) []byte {
	dst = appendStream(append(dst, keySubscriber), table, key, stream)
	return binary.BigEndian.AppendUint32(dst, uint32(partition))
}

func appendStream(dst []byte, table, key string, stream uint64) []byte {
	return binary.BigEndian.AppendUint64(appendEscaped(appendEscaped(dst, table), key), stream)
}

// readStream takes the row and its stream from the front of b. The results may point into b.
func readStream(b []byte) (table, key []byte, stream uint64, rest []byte, err error) {
	table, b, err = readEscaped(b)
	if err == nil {
		key, b, err = readEscaped(b)
	}
	if err == nil && len(b) < 8 {
		err = ErrKey
	}
	if err != nil {
		return nil, nil, 0, nil, err
	}
	return table, key, binary.BigEndian.Uint64(b), b[8:], nil
}

// readSubscription reads what follows the first byte in the key of a subscription.
func readSubscription(b []byte) (table, key []byte, stream uint64, err error) {
	table, key, stream, b, err = readStream(b)
	if err == nil && len(b) > 0 {
		err = ErrKey
	}
	return table, key, stream, err
}

// readSubscriber reads what follows the first byte in the key of a subscriber.
func readSubscriber(b []byte) (table, key []byte, stream uint64, partition int32, err error) {
	table, key, stream, b, err = readStream(b)
	if err == nil {
		partition, err = readPartition(b)
	}
	return table, key, stream, partition, err
}

// readPartition reads the number of a partition, which must be all of b.
func readPartition(b []byte) (int32, error) {
	if len(b) != 4 || binary.BigEndian.Uint32(b) > math.MaxInt32 {
		return 0, ErrKey
	}
	return int32(binary.BigEndian.Uint32(b)), nil
}

func appendWorkKey(dst []byte, id uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, keyWork), id)
}

// isLink says whether the key of a fact is one about links: of a reference, a subscription, a subscriber or work.
func isLink(key []byte) bool { return len(key) > 0 && key[0] >= keyRef && key[0] <= keyWork }

// checkLink refuses what is not the key of a fact about links, without building strings.
func checkLink(key []byte) (err error) {
	switch rest := key[1:]; key[0] {
	case keyRef:
		_, _, _, err = readRef(rest)
	case keySubscription:
		_, _, _, err = readSubscription(rest)
	case keySubscriber:
		_, _, _, _, err = readSubscriber(rest)
	default:
		_, err = readNumber(rest)
	}
	return err
}

// parseLink reads the key of a fact about links.
func (k *Key) parseLink(b []byte) (err error) {
	var table, id []byte
	switch rest := b[1:]; b[0] {
	case keyRef:
		var to, from []byte
		k.Kind = RefKind
		k.Ref.Index, to, from, err = readRef(rest)
		k.Ref.To, k.Ref.From = string(to), string(from)
	case keySubscription:
		k.Kind = SubscriptionKind
		table, id, k.Stream, err = readSubscription(rest)
	case keySubscriber:
		k.Kind = SubscriberKind
		table, id, k.Stream, k.Subscriber, err = readSubscriber(rest)
	default:
		k.Kind = WorkKind
		k.Work, err = readNumber(rest)
	}
	k.Table, k.ID = string(table), string(id)
	return err
}
