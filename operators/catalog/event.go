package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/operators/expr"
)

// eventDraft is an event kind while it is being read.
type eventDraft struct {
	draft
	event      *Event
	source     sourceDraft
	fields     fieldsDraft
	subjectsAt []place // by Event.Subjects until they are sorted
}

// addEvent reads an event kind.
func (b *builder) addEvent(n *node, d draft, name *node) {
	o := b.object(n, describe("event", d), "kind", "name", "source", "audience", "id", "time", "fields", "retention")
	if name != nil && !b.variableName(name, "an event") {
		b.doubt(d.name)
		d.name = ""
	}
	e := &eventDraft{draft: d, event: &Event{Name: d.name}, source: b.source(o, eventSource)}
	e.event.Source = e.source.Source
	b.subjects(o, e)
	e.event.ID = o.path("id", false, "")
	e.event.Time = o.path("time", false, "")
	e.fields = b.fields(o, false)
	e.event.Schema, e.event.Paths = e.fields.schema(d.name)
	if text, at := o.text("retention", "", false); at != nil {
		p, err := expr.ParsePeriod(text)
		if err != nil {
			b.fault(at.at, fmt.Sprintf("the retention %s of %s is no period", quoted(text), o.what),
				"a whole number and one of s, m, h, d, w, mo, y: 400d, 6mo, 2y")
		} else {
			e.event.Retention = &p
		}
	}
	b.events = append(b.events, e)
}

// subjects reads the fields that name the subject, by audience.
func (b *builder) subjects(o *object, e *eventDraft) {
	const example = "audience: {contact: contact_id}"
	n := o.need("audience", "the field that names the subject, per audience: "+example)
	if n == nil {
		b.doubt(e.name)
		return
	}
	if n.shape != isMap || len(n.pairs) == 0 {
		b.fault(n.at, fmt.Sprintf("key \"audience\" of %s must be a map of audiences and fields, found %s",
			o.what, shown(n)), example)
		b.doubt(e.name)
		return
	}
	for _, p := range n.pairs {
		_, at := b.text(p.value, fmt.Sprintf("the field for audience %s of %s", p.key.text, o.what))
		if at == nil {
			b.doubt(e.name)
			continue
		}
		e.event.Subjects = append(e.event.Subjects, SubjectPath{Audience: p.key.text, Path: b.path(at)})
		e.subjectsAt = append(e.subjectsAt, p.key.at)
	}
}

// resolveEvents checks the audiences of all event kinds.
func (b *builder) resolveEvents() {
	for _, e := range b.events {
		for i, s := range e.event.Subjects {
			if b.findAudience(s.Audience, e.subjectsAt[i], "event "+e.name) == nil {
				b.doubt(e.name)
			}
		}
		slices.SortFunc(e.event.Subjects, func(a, b SubjectPath) int { return strings.Compare(a.Audience, b.Audience) })
	}
}

// names tells whether events of a kind name subjects of an audience.
func (e *Event) names(audience string) bool {
	return slices.ContainsFunc(e.Subjects, func(s SubjectPath) bool { return s.Audience == audience })
}
