package state

import (
	"encoding/binary"
	"fmt"

	"github.com/weirstream/weir/state/row"
	"github.com/weirstream/weir/state/wire"
)

// Definition is what a partition knows of a segment: by which definition its memberships were computed, so that another
// one is noticed, and a removed one can still be named.
type Definition struct {
	Segment        uint64 // catalog.Segment.ID
	Name, Audience string // of the segment, and of the table of its subjects
	Hash           uint64 // of what the segment means
	Filling        bool   // it is being brought over the subjects
	Gone           bool   // the catalog has it no more; Filling: its members are leaving
	Entered, Left  uint64 // Filling: so far, by it
}

// Fill is the fact that a catalog is being brought over the subjects of a partition, and how far that is.
type Fill struct {
	Revision int64       // of the catalog; Task has it too
	At       row.Instant // when it began
	Waits    uint64      // hash of what triggers wait for
	Done     bool        // all subjects have it
	Audience string      // the subjects of audiences before it by name are done,
	After    string      // and its own up to this id
	Subjects uint64      // how many that are
	Network  uint64      // catalog.Catalog.Network of the links that were brought over the rows
	// Published is catalog.Catalog.Revision: the number that the catalog was published by.
	Published int64
}

// FillMark is the ID of a watch that no trigger has: the subject has already been looked at for the Fill whose revision
// is the watch's From, before its turn came.
const FillMark = 0

// The flags of a definition.
const (
	definitionFilling = 1 << iota
	definitionGone
)

// DefinitionFact is the fact about the definition of a segment.
func DefinitionFact(d Definition) Fact {
	return build(
		func(b []byte) []byte { return appendDefinitionKey(b, d.Segment) },
		func(b []byte) []byte {
			b = wire.AppendString(wire.AppendString(wire.AppendArray(b, 6), d.Name), d.Audience)
			flags := uint64(0)
			if d.Filling {
				flags |= definitionFilling
			}
			if d.Gone {
				flags |= definitionGone
			}
			b = wire.AppendUint(wire.AppendUint(b, d.Hash), flags)
			return wire.AppendUint(wire.AppendUint(b, d.Entered), d.Left)
		})
}

// DefinitionTombstone takes back the fact about a segment that the catalog has no more.
func DefinitionTombstone(segment uint64) Fact {
	return build(func(b []byte) []byte { return appendDefinitionKey(b, segment) }, nil)
}

func appendDefinitionKey(dst []byte, segment uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, keyDefinition), segment)
}

// DecodeDefinitionFact reads the value of a DefinitionFact. Segment, which is in the key, is not set.
func DecodeDefinitionFact(value []byte) (d Definition, err error) {
	b, err := openArray(value, 6)
	if err != nil {
		return d, err
	}
	name, b, err := wire.ReadString(b)
	if err != nil {
		return d, err
	}
	audience, b, err := wire.ReadString(b)
	if err != nil {
		return d, err
	}
	d.Name, d.Audience = string(name), string(audience)
	var r numbers
	d.Hash, b = r.uint(b), r.rest
	flags := r.uint(b)
	d.Filling, d.Gone = flags&definitionFilling != 0, flags&definitionGone != 0
	d.Entered, b = r.uint(r.rest), r.rest
	d.Left = r.uint(b)
	return d, r.err
}

// FillFact is the fact about the catalog that is, or was last, brought over the subjects.
func FillFact(f Fill) Fact {
	return build(
		func(b []byte) []byte { return append(b, keyFill) },
		func(b []byte) []byte {
			b = wire.AppendString(wire.AppendString(wire.AppendArray(b, 9), f.Audience), f.After)
			b = wire.AppendInt(wire.AppendInt(b, f.Revision), int64(f.At))
			done := uint64(0)
			if f.Done {
				done = 1
			}
			b = wire.AppendUint(wire.AppendUint(b, f.Waits), done)
			return wire.AppendInt(wire.AppendUint(wire.AppendUint(b, f.Subjects), f.Network), f.Published)
		})
}

// DecodeFillFact reads the value of a FillFact.
func DecodeFillFact(value []byte) (f Fill, err error) {
	b, err := openArray(value, 9)
	if err != nil {
		return f, err
	}
	audience, b, err := wire.ReadString(b)
	if err != nil {
		return f, err
	}
	after, b, err := wire.ReadString(b)
	if err != nil {
		return f, err
	}
	f.Audience, f.After = string(audience), string(after)
	var r numbers
	f.Revision, b = r.int(b), r.rest
	f.At, b = row.Instant(r.int(b)), r.rest
	f.Waits, b = r.uint(b), r.rest
	f.Done, b = r.uint(b) != 0, r.rest
	f.Subjects, b = r.uint(b), r.rest
	f.Network, b = r.uint(b), r.rest
	f.Published = r.int(b)
	return f, r.err
}

// Definitions returns what is known of segments in partition p, ordered by segment.
func (s *Store) Definitions(p int32) ([]Definition, error) {
	prefix := append(appendPartition(nil, p), keyDefinition)
	var all []Definition
	err := s.scan(prefix, after(prefix), len(prefix), func(key, value []byte) (bool, error) {
		d, err := DecodeDefinitionFact(value)
		if err == nil {
			d.Segment, err = readNumber(key)
		}
		all = append(all, d)
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the definitions of partition %d: %w", p, err)
	}
	return all, nil
}

// Fill returns the fact about the catalog that is, or was last, brought over the subjects of partition p; ok is false
// if there is none.
func (s *Store) Fill(p int32) (f Fill, ok bool, err error) {
	value, err := s.get(append(appendPartition(nil, p), keyFill))
	if err == nil && value != nil {
		f, err = DecodeFillFact(value)
	}
	if err != nil {
		return Fill{}, false, fmt.Errorf("cannot read the back-fill of partition %d: %w", p, err)
	}
	return f, value != nil, nil
}
