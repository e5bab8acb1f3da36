package catalog

import (
	"fmt"
	"slices"
	"strings"
)

// sourceDraft is a source while it is being read.
type sourceDraft struct {
	Source
	ok       bool // topic and format are usable
	topicAt  place
	formatAt place
}

var formats = []string{"avro", "cloudevents", "dataverse", "debezium", "json", "msgpack", "segment"}

// foreignFormats are names that others give to the formats.
var foreignFormats = map[string]string{
	"rudderstack": "segment", "messagepack": "msgpack", "cloudevent": "cloudevents", "dynamics": "dataverse",
	"cds": "dataverse", "confluent": "avro", "cdc": "debezium",
}

// Examples for hints.
const (
	tableSource = "source: {topic: crm.public.contact, format: debezium}"
	eventSource = "source: {topic: engagement, format: json, match: {type: email_opened}}"
)

// source reads where the records of a table or an event kind come from.
func (b *builder) source(o *object, example string) sourceDraft {
	n := o.need("source", example)
	if n == nil {
		return sourceDraft{}
	}
	s := b.object(n, "the source of "+o.what, "topic", "format", "match")
	if s == nil {
		return sourceDraft{}
	}
	var d sourceDraft
	topic, at := s.text("topic", "the Kafka topic that holds the records", true)
	if at != nil && (!topicName.MatchString(topic) || topic == "." || topic == "..") {
		b.fault(at.at, fmt.Sprintf("%s is no name for a Kafka topic", quoted(topic)),
			"at most 249 letters, digits, dots, dashes and _")
		at = nil
	}
	format, formatNode := s.text("format", listed(formats), true)
	if formatNode != nil && !b.format(formatNode) {
		formatNode = nil
	}
	d.Match = b.match(s)
	if at == nil || formatNode == nil {
		return d
	}
	d.Topic, d.topicAt, d.Format, d.formatAt, d.ok = topic, at.at, format, formatNode.at, true
	return d
}

func (b *builder) format(n *node) bool {
	if slices.Contains(formats, n.text) {
		return true
	}
	hint := didYouMean(n.text, formats)
	if meant, ok := foreignFormats[strings.ToLower(n.text)]; ok {
		hint = fmt.Sprintf("did you mean %q?", meant)
	}
	b.fault(n.at, "unknown format "+quoted(n.text), hint)
	return false
}

// match reads the fields that must have fixed values, ordered by path.
func (b *builder) match(s *object) []Match {
	n := s.n.get("match")
	if n == nil {
		return nil
	}
	if n.shape != isMap || len(n.pairs) == 0 {
		b.fault(n.at, fmt.Sprintf("key \"match\" of %s must be a map of fields and their values, found %s",
			s.what, shown(n)), "match: {type: email_opened}")
		return nil
	}
	var out []Match
	for _, p := range n.pairs {
		path := b.path(p.key)
		if p.value.shape == isList || p.value.shape == isMap {
			b.fault(p.value.at, fmt.Sprintf("the value of %s must be text, a number, true, false or null, found %s",
				quoted(p.key.text), p.value.shape), "")
			continue
		}
		if path != nil {
			out = append(out, Match{Path: path, Value: p.value.value})
		}
	}
	slices.SortFunc(out, func(a, b Match) int { return strings.Compare(a.path(), b.path()) })
	return out
}

func (m Match) path() string { return strings.Join(m.Path, ".") }

// disjoint tells whether no record can match both.
func disjoint(a, b []Match) bool {
	return slices.ContainsFunc(a, func(x Match) bool {
		return slices.ContainsFunc(b, func(y Match) bool {
			return slices.Equal(x.Path, y.Path) && !sameValue(x.Value, y.Value)
		})
	})
}

// sameValue compares values of records as decoders do: a number is the same however it is written.
func sameValue(a, b any) bool {
	if i, ok := a.(int64); ok {
		a = float64(i)
	}
	if i, ok := b.(int64); ok {
		b = float64(i)
	}
	return a == b
}

// sourced is what a definition with a source shows to the checks between sources.
type sourced struct {
	what    string
	isTable bool
	sourceDraft
}

// conditions returns what a record must have to be one of the definition. Of Segment's calls, a table reads identify
// and an event kind all others, unless they name another type.
func (s *sourced) conditions() []Match {
	ofType := func(m Match) bool { return len(m.Path) == 1 && m.Path[0] == "type" }
	if s.Format != "segment" || slices.ContainsFunc(s.Match, ofType) {
		return s.Match
	}
	kind := "any but identify"
	if s.isTable {
		kind = "identify"
	}
	return append(slices.Clone(s.Match), Match{Path: []string{"type"}, Value: kind})
}

// checkSources reports sources that can't share a topic.
func (b *builder) checkSources() {
	var all []sourced
	for _, t := range b.tables {
		all = append(all, sourced{describe("table", t.draft), true, t.source})
	}
	for _, e := range b.events {
		all = append(all, sourced{describe("event", e.draft), false, e.source})
	}
	first := map[string]sourced{}
	byTopic := map[string][]sourced{}
	for _, s := range all {
		if !s.ok {
			continue
		}
		f, shared := first[s.Topic]
		if !shared {
			first[s.Topic] = s
		} else if f.Format != s.Format {
			b.fault(s.formatAt, fmt.Sprintf("%s reads topic %s as %s, %s as %s", s.what, s.Topic, s.Format, f.what, f.Format),
				"a topic has one format")
			continue
		}
		for _, other := range byTopic[s.Topic] {
			b.checkShared(s, other)
		}
		byTopic[s.Topic] = append(byTopic[s.Topic], s)
	}
}

// checkShared reports two definitions on one topic of which at least one is a table, if a record could be of both.
func (b *builder) checkShared(s, other sourced) {
	if !s.isTable && !other.isTable || disjoint(s.conditions(), other.conditions()) {
		return
	}
	b.fault(s.topicAt, fmt.Sprintf("%s reads topic %s as %s does, and nothing tells their records apart",
		s.what, s.Topic, other.what), "give both a match on one field, with different values")
}
