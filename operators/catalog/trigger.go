package catalog

import (
	"fmt"
	"slices"
	"strings"
)

// triggerDraft is a trigger while it is being read.
type triggerDraft struct {
	draft
	trigger    *Trigger
	audience   string // its name
	audienceAt place
	on         *node  // the value of table, event, segment, date or absence
	subject    string // which of them; empty if on is not usable
	fields     []*node
	fieldsAt   place
	after, of  partDraft // of an absence
	via        *node
	badVia     bool // via is there, and is no text
	when       *node
}

// triggerSubjects are the keys of on that say what a trigger fires on.
var triggerSubjects = []string{"table", "event", "segment", "date", "absence"}

var (
	rowActions     = map[string]Action{"create": Create, "update": Update, "delete": Delete}
	segmentActions = map[string]Action{"enter": Enter, "leave": Leave}
)

// addTrigger reads a trigger.
func (b *builder) addTrigger(n *node, d draft, name *node) {
	o := b.object(n, describe("trigger", d), "kind", "name", "audience", "on", "via", "when", "limit")
	if name != nil && !b.dashedName(name, "a trigger") {
		d.name = ""
	}
	t := &triggerDraft{draft: d, trigger: &Trigger{Name: d.name, ID: definitionID(d.name)}}
	if audience, at := o.text("audience", "the table whose rows it fires for", true); at != nil {
		t.audience, t.audienceAt = audience, at.at
	}
	if on := o.need("on", "on: {table: contact}, on: {event: purchase}, on: {segment: customers}, "+
		"on: {date: contact.renewal_date} or on: {absence: …}"); on != nil {
		b.on(t, on, o.what)
	}
	_, via := o.text("via", "", false)
	t.badVia = via == nil && n.get("via") != nil
	if via != nil {
		t.via = via
		if t.subject != "" && t.subject != "table" {
			b.fault(via.at, fmt.Sprintf("key \"via\" of %s is for triggers on rows of other tables", o.what), "leave it out")
		}
	}
	t.when = o.expression("when", "", false)
	b.limit(o, t)
	b.triggers = append(b.triggers, t)
}

// on reads what a trigger fires on.
func (b *builder) on(t *triggerDraft, n *node, what string) {
	known := append([]string{"actions", "fields", "offset", "every"}, triggerSubjects...)
	o := b.object(n, "key \"on\" of "+what, known...)
	if o == nil {
		return
	}
	var found []string
	for _, p := range n.pairs {
		if slices.Contains(triggerSubjects, p.key.text) {
			found = append(found, p.key.text)
		}
	}
	if len(found) != 1 {
		b.fault(n.at, fmt.Sprintf("key \"on\" of %s must have one of the keys %s, found %s",
			what, listed(triggerSubjects), orNone(found)), "")
		return
	}
	if found[0] == "absence" {
		t.on = n.get("absence")
	} else if _, t.on = o.text(found[0], "", true); t.on == nil {
		return
	}
	t.subject = found[0]
	if t.subject != "table" {
		b.unwanted(o, "fields", "they are for triggers on rows")
	}
	if t.subject != "table" && t.subject != "segment" {
		b.unwanted(o, "actions", "they are for triggers on rows and segments")
	}
	if t.subject != "date" {
		b.unwanted(o, "offset", "it is for triggers on dates")
		b.unwanted(o, "every", "it is for triggers on dates")
	}
	switch t.subject {
	case "table":
		t.trigger.Actions = b.actions(o, rowActions)
		b.triggerFields(o, t)
	case "segment":
		t.trigger.Actions = b.actions(o, segmentActions)
	case "date":
		b.date(o, t)
	case "absence":
		b.absence(t, what)
	}
}

func orNone(found []string) string {
	if len(found) == 0 {
		return "none"
	}
	return strings.Join(found, " and ")
}

// unwanted reports a key that this kind of trigger can't have.
func (b *builder) unwanted(o *object, key, why string) {
	for _, p := range o.n.pairs {
		if p.key.text == key {
			b.fault(p.key.at, fmt.Sprintf("key %q has no meaning here: %s", key, why), "leave it out")
		}
	}
}

// actions reads the actions of a trigger; all that there are if it names none.
func (b *builder) actions(o *object, known map[string]Action) Action {
	var all, out Action
	names := make([]string, 0, len(known))
	for name, action := range known {
		all |= action
		names = append(names, name)
	}
	for _, n := range o.texts("actions") {
		action, ok := known[n.text]
		if !ok {
			b.fault(n.at, fmt.Sprintf("unknown action %s", quoted(n.text)), didYouMean(n.text, names))
		}
		out |= action
	}
	if out == 0 {
		return all
	}
	return out
}

// triggerFields reads the fields whose updates count.
func (b *builder) triggerFields(o *object, t *triggerDraft) {
	t.fields = o.texts("fields")
	if n := o.n.get("fields"); n != nil {
		t.fieldsAt = n.at
	}
	if len(t.fields) > 0 && t.trigger.Actions&Update == 0 {
		b.fault(t.fieldsAt, "key \"fields\" limits updates, but the actions do not include update",
			"leave it out, or add update to the actions")
	}
}

// resolveTrigger sets what a trigger refers to; false, after a fault or because of one, if something is missing.
func (b *builder) resolveTrigger(t *triggerDraft, audiences map[string]*audienceDraft) bool {
	what := "trigger " + t.name
	if t.audience == "" || b.findAudience(t.audience, t.audienceAt, what) == nil {
		return false
	}
	a := audiences[t.audience]
	t.trigger.Audience = a.audience
	switch t.subject {
	case "table":
		return b.resolveRowTrigger(t, a, what)
	case "event":
		return b.resolveEventTrigger(t, what)
	case "segment":
		return b.resolveSegmentTrigger(t, what)
	case "date":
		return b.resolveDate(t, a, what)
	case "absence":
		return b.resolveAbsence(t, a, what)
	}
	return false
}

func (b *builder) resolveRowTrigger(t *triggerDraft, a *audienceDraft, what string) bool {
	table := b.findTable(t.on.text, t.on.at, what)
	if table == nil {
		return false
	}
	t.trigger.Table = table.table
	ok := true
	for _, f := range t.fields {
		if i, found := table.table.Schema.Field(f.text); found {
			t.trigger.Fields = append(t.trigger.Fields, i)
			continue
		}
		ok = false
		if !b.doubtful[f.text] {
			b.fault(f.at, fmt.Sprintf("%s: %s is no field of table %s", what, quoted(f.text), table.name),
				didYouMean(f.text, table.fields.names()))
		}
	}
	slices.Sort(t.trigger.Fields)
	return b.resolveVia(t, table, a.draft, what) && ok
}

// resolveVia follows the path from the row to the subject.
func (b *builder) resolveVia(t *triggerDraft, table, audience *tableDraft, what string) bool {
	switch {
	case t.badVia:
		return false
	case t.via == nil && table == audience:
		return true
	case t.via == nil:
		b.fault(t.on.at, fmt.Sprintf("%s: rows of table %s are not subjects of audience %s",
			what, table.name, audience.name), "say by which link a row leads to its subject: "+b.viaHint(table, audience))
		return false
	}
	path, at := b.path(t.via), table
	if path == nil {
		return false
	}
	for _, name := range path {
		i := slices.IndexFunc(at.links, func(l linkDraft) bool { return l.Name == name })
		if i < 0 || at.links[i].target == nil {
			if !b.doubtful[name] {
				b.noVia(t, at, name, what)
			}
			return false
		}
		t.trigger.Via = append(t.trigger.Via, &at.links[i].Link)
		at = at.links[i].target
	}
	if at != audience {
		b.fault(t.via.at, fmt.Sprintf("%s: via %s leads to table %s, not to %s", what, quoted(t.via.text), at.name,
			audience.name), "")
		return false
	}
	return true
}

// viaHint names the links by which rows of a table lead to the audience, as an example.
func (b *builder) viaHint(table, audience *tableDraft) string {
	for i := range table.links {
		if table.links[i].target == audience {
			return "via: " + table.links[i].Name
		}
	}
	return "via: a path of links, such as registration.contact"
}

// noVia reports a name of a path that is no link towards one row.
func (b *builder) noVia(t *triggerDraft, at *tableDraft, name, what string) {
	links := b.linksOf(at)
	if links[name] != nil {
		b.fault(t.via.at, fmt.Sprintf("%s: %s leads from table %s to many rows, but a trigger on a row is about one subject",
			what, quoted(name), at.name), "use a trigger on a segment whose condition follows the link from the subject")
		return
	}
	names := make([]string, 0, len(links))
	for known := range links {
		names = append(names, known)
	}
	b.fault(t.via.at, fmt.Sprintf("%s: table %s has no link %s", what, at.name, quoted(name)), didYouMean(name, names))
}

func (b *builder) resolveEventTrigger(t *triggerDraft, what string) bool {
	t.trigger.Event = b.eventOf(t.on, t.audience, what)
	return t.trigger.Event != nil
}

// eventOf returns the event kind that n names, of which events name subjects of the audience; nil, after a fault or
// because of one, if there is none.
func (b *builder) eventOf(n *node, audience, what string) *Event {
	names := make([]string, len(b.events))
	for i, e := range b.events {
		names[i] = e.name
	}
	i := slices.Index(names, n.text)
	switch {
	case b.doubtful[n.text]:
		return nil
	case i < 0:
		b.fault(n.at, fmt.Sprintf("%s: there is no event %s", what, quoted(n.text)), didYouMean(n.text, names))
		return nil
	case !b.events[i].event.names(audience):
		b.fault(n.at, fmt.Sprintf("%s: event %s names no subject of audience %s", what, n.text, audience),
			"add the audience to the event")
		return nil
	}
	return b.events[i].event
}

func (b *builder) resolveSegmentTrigger(t *triggerDraft, what string) bool {
	names := make([]string, len(b.segments))
	for i, s := range b.segments {
		names[i] = s.name
	}
	i := slices.Index(names, t.on.text)
	switch {
	case b.doubtful[t.on.text]:
		return false
	case i < 0:
		b.fault(t.on.at, fmt.Sprintf("%s: there is no segment %s", what, quoted(t.on.text)), didYouMean(t.on.text, names))
		return false
	case b.segments[i].audience != t.audience:
		b.fault(t.on.at, fmt.Sprintf("%s: segment %s is of audience %s, not %s", what, t.on.text,
			b.segments[i].audience, t.audience), "")
		return false
	}
	t.trigger.Segment = b.segments[i].segment
	return true
}

// checkTriggerIDs reports triggers whose hashes are the same.
func (b *builder) checkTriggerIDs() {
	byID := map[uint64]*triggerDraft{}
	for _, t := range b.triggers {
		ids := []uint64{t.trigger.ID}
		if t.trigger.WaitID != 0 {
			ids = append(ids, t.trigger.WaitID)
		}
		for _, id := range ids {
			if other, ok := byID[id]; ok {
				b.fault(t.nameAt, fmt.Sprintf("the triggers %s and %s have the same 64-bit hash", t.name, other.name),
					"choose another name for one of them")
			}
			byID[id] = t
		}
	}
}
