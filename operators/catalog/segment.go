package catalog

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

// segmentDraft is a segment while it is being read.
type segmentDraft struct {
	draft
	segment    *Segment
	audience   string // its name
	audienceAt place
	where      *node
	zone       *time.Location // nil: UTC
	file       *node          // the name of the file of its members
}

// addSegment reads a segment.
func (b *builder) addSegment(n *node, d draft, name *node) {
	o := b.object(n, describe("segment", d), "kind", "name", "audience", "where", "members", "membersFile", "include",
		"exclude", "freeze", "refresh", "timezone")
	if name != nil && !b.dashedName(name, "a segment") {
		b.doubt(d.name)
		d.name = ""
	}
	s := &segmentDraft{draft: d, segment: &Segment{Name: d.name, ID: definitionID(d.name)}}
	if audience, at := o.text("audience", "the table whose rows are its members", true); at != nil {
		s.audience, s.audienceAt = audience, at.at
	}
	if o.n.get("members") != nil || o.n.get("membersFile") != nil {
		b.staticSegment(o, s)
	} else {
		b.querySegment(o, s)
	}
	b.segments = append(b.segments, s)
}

// staticSegment reads the members of a segment that is a list of ids.
func (b *builder) staticSegment(o *object, s *segmentDraft) {
	for _, p := range o.n.pairs {
		hint := "leave it out, or leave the members out"
		switch p.key.text {
		case "include", "exclude":
			hint = "write the ids that are meant as members"
		case "where":
			hint = "ids beside a condition are its keys include and exclude"
		case "membersFile":
			hint = "a segment has members or membersFile"
			if o.n.get("members") == nil {
				continue
			}
		case "freeze", "refresh", "timezone":
		default:
			continue
		}
		b.fault(p.key.at, fmt.Sprintf("key %q of %s does not go with a list of members", p.key.text, o.what), hint)
	}
	s.segment.Members = o.ids("members", "")
	if o.n.get("members") == nil {
		_, s.file = o.text("membersFile", "", true)
	}
}

// querySegment reads a segment that has a condition.
func (b *builder) querySegment(o *object, s *segmentDraft) {
	s.where = o.expression("where", "the condition for membership, or a list: members or membersFile", true)
	s.segment.Include = o.ids("include", "leave the key out, or name at least one")
	s.segment.Exclude = o.ids("exclude", "leave the key out, or name at least one")
	if name, at := o.text("timezone", "", false); at != nil {
		zone, err := expr.LoadZone(name)
		if err != nil {
			b.fault(at.at, fmt.Sprintf("key \"timezone\" of %s: %v", o.what, err), "")
		}
		if s.zone, s.segment.Zone = zone, name; zone == nil || zone == time.UTC {
			s.zone, s.segment.Zone = nil, ""
		}
	}
	zone := s.zone
	if zone == nil {
		zone = time.UTC
	}
	b.freeze(o, s, zone)
	b.refresh(o, s, zone)
}

// freeze reads when a segment is evaluated once.
func (b *builder) freeze(o *object, s *segmentDraft, zone *time.Location) {
	text, n := o.text("freeze", "", false)
	if n == nil {
		return
	}
	s.segment.Freeze = &Freeze{At: row.Earliest}
	if text == "now" {
		return
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		at, err = time.ParseInLocation(time.DateOnly, text, zone)
	}
	s.segment.Freeze.At = row.At(at)
	if err != nil || s.segment.Freeze.At == row.Earliest || s.segment.Freeze.At == row.Never {
		b.fault(n.at, fmt.Sprintf("key \"freeze\" of %s: %s is no instant that the clock can show", o.what, quoted(text)),
			"now, a time such as 2026-03-01T08:00:00Z, or a date")
	}
}

// refresh reads when a segment is brought up to date.
func (b *builder) refresh(o *object, s *segmentDraft, zone *time.Location) {
	n := o.n.get("refresh")
	const hint = `continuous, or {daily: "06:00"}`
	switch {
	case n == nil, n.shape == isText && n.text == "continuous":
		return
	case n.shape != isMap:
		b.fault(n.at, fmt.Sprintf("key \"refresh\" of %s is %s", o.what, shown(n)), hint)
		return
	}
	if s.segment.Freeze != nil {
		b.fault(n.at, fmt.Sprintf("key \"refresh\" of %s does not go with freeze: it is evaluated once", o.what),
			"leave one of them out")
	}
	text, at := b.object(n, fmt.Sprintf("key \"refresh\" of %s", o.what), "daily").text("daily", hint, true)
	if at == nil {
		return
	}
	clock, err := time.Parse("15:04", text)
	if err != nil {
		b.fault(at.at, fmt.Sprintf("%s is no time of day", quoted(text)), `hours and minutes in quotes: "06:00"`)
		return
	}
	s.segment.Refresh = &Refresh{Minute: clock.Hour()*60 + clock.Minute(), Zone: zone}
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
