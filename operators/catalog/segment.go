package catalog

import (
	"fmt"
	"hash/fnv"
)

// segmentDraft is a segment while it is being read.
type segmentDraft struct {
	draft
	segment    *Segment
	audience   string // its name
	audienceAt place
	where      *node
}

// laterSegmentKeys are keys of segments that belong to the language but not to this version.
var laterSegmentKeys = []string{"members", "membersFile", "freeze", "include", "exclude", "refresh", "timezone"}

// addSegment reads a segment.
func (b *builder) addSegment(n *node, d draft, name *node) {
	known := append([]string{"kind", "name", "audience", "where"}, laterSegmentKeys...)
	o := b.object(n, describe("segment", d), known...)
	if name != nil && !b.dashedName(name, "a segment") {
		b.doubt(d.name)
		d.name = ""
	}
	s := &segmentDraft{draft: d, segment: &Segment{Name: d.name, ID: definitionID(d.name)}}
	later := false
	for _, p := range n.pairs {
		for _, key := range laterSegmentKeys {
			if p.key.text != key {
				continue
			}
			later = true
			hint := "only dynamic segments are: kind, name, audience and where"
			b.fault(p.key.at, fmt.Sprintf("key %q of %s is not supported by this version", key, o.what), hint)
		}
	}
	if audience, at := o.text("audience", "the table whose rows are its members", true); at != nil {
		s.audience, s.audienceAt = audience, at.at
	}
	s.where = o.expression("where", "the condition for membership", !later)
	b.segments = append(b.segments, s)
}

// definitionID returns what the store keeps the memberships of a segment, and the firings of a trigger, by.
func definitionID(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// checkSegmentIDs reports segments whose names have one hash.
func (b *builder) checkSegmentIDs() {
	byID := map[uint64]*segmentDraft{}
	for _, s := range b.segments {
		if other, ok := byID[s.segment.ID]; ok {
			b.fault(s.nameAt, fmt.Sprintf("the names %s and %s have the same 64-bit hash", quoted(s.name), quoted(other.name)),
				"choose another name for one of them")
			continue
		}
		byID[s.segment.ID] = s
	}
}
