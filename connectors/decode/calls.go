package decode

import (
	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state/row"
)

// The calls of Segment's spec, which RudderStack shares: track, page, screen and group are events, identify is some
// fields of a row of its subject. What a path names stands in the call itself or in its body, the properties or traits
// (RudderStack's identify has its traits in the context): a field's path is looked for in the body first; all others,
// in the call first.

// callSlots is where the common fields of calls stand in a route's slots.
type callSlots struct {
	kind, messageID, userID, anonymousID, groupID int
	timestamp, original, sent, received           int
}

func callSlotsOf(p *plan) callSlots {
	at := func(name string) int { return p.slot([]string{name}) }
	return callSlots{
		kind: at("type"), messageID: at("messageId"), userID: at("userId"), anonymousID: at("anonymousId"),
		groupID: at("groupId"), timestamp: at("timestamp"), original: at("originalTimestamp"), sent: at("sentAt"),
		received: at("receivedAt"),
	}
}

// The types of calls that are rows, each of what its subject's id names.
const (
	identify = "identify"
	group    = "group"
)

// seek is where a value of a call may stand.
type seek struct {
	call, properties, traits int
	context                  int // RudderStack: the traits of an identify call
	bodyFirst                bool
}

// seek returns the slot of a path among the reader's own.
func (r *reader) seek(p *plan, path []string, bodyFirst bool) int {
	body := bodySlots(p, path)
	r.seeks = append(r.seeks, seek{
		call: p.slot(path), properties: body[0], traits: body[1],
		context: p.slot(append([]string{"context", "traits"}, path...)), bodyFirst: bodyFirst,
	})
	return len(r.seeks) - 1
}

// bodySlots returns the slots at which a call's body may hold what stands at path.
func bodySlots(p *plan, path []string) []int {
	return []int{p.slot(append([]string{"properties"}, path...)), p.slot(append([]string{"traits"}, path...))}
}

// typeNamed returns the type of call that a source's conditions name, empty if they do not.
func typeNamed(s *catalog.Source) string {
	for _, m := range s.Match {
		if name, ok := m.Value.(string); ok && len(m.Path) == 1 && m.Path[0] == "type" {
			return name
		}
	}
	return ""
}

// asCall completes the reader of a table: its rows are identify calls unless it asks for group calls, and its key is
// the id of the call's subject unless it is declared to stand elsewhere.
func (r *reader) asCall(t *catalog.Table, key []string) {
	if r.named == "" {
		r.named = identify
	}
	r.byUser = len(key) == 1 && key[0] == t.Key
}

// sought returns the nodes of the reader's values in a call of type kind.
func (d *Decoder) sought(r *reader, kind string) []int32 {
	d.rowSlots = d.rowSlots[:0]
	for i := range r.seeks {
		s := &r.seeks[i]
		first, second := d.slots[s.call], d.slots[s.properties]
		if kind == identify || kind == group {
			second = d.slots[s.traits]
		}
		if kind == identify && second < 0 {
			second = d.slots[s.context]
		}
		if s.bodyFirst {
			first, second = second, first
		}
		if first < 0 {
			first = second
		}
		d.rowSlots = append(d.rowSlots, first)
	}
	return d.rowSlots
}

// call decodes a call whose common fields stand in d.slots.
func (d *Decoder) call(rt *route, rec *engine.Record, out []engine.Change) []engine.Change {
	const types = "expected one of track, identify, page, screen and group, found "
	n := d.slots[rt.common.kind]
	if f := d.tape.form(n); f != text {
		return d.bad(rec, out, "type", types+f.String())
	}
	kind := d.tape.string(n, &d.scratch)
	switch kind {
	case "track", "page", "screen", identify, group:
	case "alias":
		return d.bad(rec, out, "type", "alias is refused: two subjects can't become one; send identify or track calls "+
			"with the new id, and erase the old subject")
	default:
		return d.bad(rec, out, "type", types+"another string")
	}
	m, place, problem := d.callMoments(rt)
	if problem != nil {
		return d.bad(rec, out, place, problem.why)
	}
	matched := false
	for _, r := range rt.tables {
		if r.named == kind && d.matches(r, true) {
			matched = true
			out = d.callRow(rt, r, rec, kind, out)
		}
	}
	for _, r := range rt.events {
		if (kind != identify || r.named == identify) && d.matches(r, true) {
			matched = true
			slots := d.sought(r, kind)
			if d.nobody(rt, r, slots) {
				d.stats.Unmatched++
				continue
			}
			out = d.occur(r, rec, slots, &m, out)
		}
	}
	if !matched {
		d.stats.Unmatched++
	}
	return out
}

// nobody tells whether an event is of somebody whom the call knows by an anonymous id only, where the kind asks for
// another: there is nothing wrong with it.
func (d *Decoder) nobody(rt *route, r *reader, slots []int32) bool {
	for _, s := range r.subjects {
		if !d.tape.missing(slots[s]) {
			return false
		}
	}
	return !d.tape.missing(d.slots[rt.common.anonymousID])
}

// callRow appends the fields of a row that an identify or group call has. The others stay.
func (d *Decoder) callRow(rt *route, r *reader, rec *engine.Record, kind string, out []engine.Change) []engine.Change {
	slots, k := d.sought(r, kind), r.table.KeyField
	key, place := slots[r.fields[k]], r.names[k]
	if r.byUser {
		id, name := d.slots[rt.common.userID], "userId"
		if kind == group {
			id, name = d.slots[rt.common.groupID], "groupId"
		}
		if !d.tape.missing(id) {
			key, place = id, name
		}
	}
	c := cell{tape: &d.tape, scratch: &d.scratch}
	id, problem := c.name(key)
	if problem == nil && id != "" {
		id, problem = canonical(id, r)
	}
	switch {
	case problem != nil:
		return d.bad(rec, out, r.place+": "+place, problem.why)
	case id == "" && r.byUser && !d.tape.missing(d.slots[rt.common.anonymousID]):
		d.stats.Unmatched++ // of somebody not known yet
		return out
	case id == "":
		return d.bad(rec, out, r.place+": "+place, "missing key: it is null or absent")
	}
	slots[r.fields[k]] = noNode
	values, field, problem := d.values(r, &c, slots, "")
	if problem != nil {
		return d.bad(rec, out, field, problem.why)
	}
	keep := make([]bool, len(values))
	for i := range values {
		keep[i] = i != k && slots[r.fields[i]] < 0
	}
	values[k] = keyValue(id, &r.keyType)
	change := engine.Change{
		Kind: engine.Upsert, Origin: origin(rec), Schema: r.schema, Table: r.table.Name, Row: values, Keep: keep, Key: id,
	}
	own(&change)
	return append(out, change)
}

// callMoments returns the id and the time of a call. If one can't be read, it is named in place.
func (d *Decoder) callMoments(rt *route) (m moments, place string, problem *fault) {
	s := &rt.common
	c := cell{tape: &d.tape, scratch: &d.scratch}
	if m.id, problem = c.name(d.slots[s.messageID]); problem != nil {
		return m, "messageId", problem
	}
	var times [4]row.Value
	for i, at := range [...]struct {
		slot int
		name string
	}{
		{s.timestamp, "timestamp"}, {s.original, "originalTimestamp"}, {s.sent, "sentAt"}, {s.received, "receivedAt"},
	} {
		if times[i], problem = c.read(d.slots[at.slot], &row.Type{Kind: row.Timestamp}); problem != nil {
			return m, at.name, problem
		}
	}
	m.time = callTime(times[0], times[1], times[2], times[3])
	return m, "", nil
}

// callTime returns when a call happened, null if the call does not say. A client's own time is corrected by what its
// clock was off when it sent the call. A call that has both timestamps has gone through a server that did so.
func callTime(timestamp, original, sent, received row.Value) row.Value {
	at := timestamp
	switch {
	case !timestamp.IsNull() && !original.IsNull():
		return timestamp
	case timestamp.IsNull() && original.IsNull():
		return received
	case timestamp.IsNull():
		at = original
	}
	if sent.IsNull() || received.IsNull() {
		return at
	}
	sec := at.Int + received.Int - sent.Int
	nano := int64(at.Nanos) + int64(received.Nanos) - int64(sent.Nanos)
	const second = nanosMax + 1
	part := floorMod(nano, second)
	return clamp(sec+(nano-part)/second, int32(part), false)
}
