package decode

import (
	"bytes"
	"strings"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state/row"
)

// layout is how the records of a topic say what they say.
type layout uint8

const (
	plainRecords layout = iota // the record is the row or the event
	changeData                 // Debezium, with and without envelope
	cloudEvents
	calls // of Segment and RudderStack
	dataverse
)

// encoding is what the records of a topic are written in.
type encoding uint8

const (
	jsonText encoding = iota
	msgpackBinary
	avroBinary
)

// formatsOf gives the layout and the encoding of the catalog's source formats.
var formatsOf = map[string]struct {
	layout   layout
	encoding encoding
}{
	"json":        {plainRecords, jsonText},
	"msgpack":     {plainRecords, msgpackBinary},
	"debezium":    {changeData, jsonText},
	"avro":        {changeData, avroBinary},
	"cloudevents": {cloudEvents, jsonText},
	"segment":     {calls, jsonText},
	"dataverse":   {dataverse, jsonText},
}

// route is what the catalog reads from one topic.
type route struct {
	format   string
	layout   layout
	encoding encoding
	refused  string // why no record of the topic can be read; empty if they can
	tables   []*reader
	events   []*reader
	all      []*reader // both
	plan     plan      // of the record: everything that is read but for the readers' own plans

	envelope  envelope    // change data
	event     eventSlots  // CloudEvents
	common    callSlots   // calls
	execution entitySlots // Dataverse
	inner     *route      // CloudEvents: the same definitions, read from Debezium's envelope in one
	schemas   []schemaOf  // change data: the schemas met lately
	known     int         // which of schemas stands at the front of the record at hand, if one does
	turn      int         // which of schemas makes room next
	lasts     map[int32]*lastRecord
}

// lastRecord is what is remembered of the last record of a source partition.
type lastRecord struct {
	deleted bool   // it was a delete
	key     string // its raw key
}

func (rt *route) last(partition int32) *lastRecord {
	l := rt.lasts[partition]
	if l == nil {
		l = &lastRecord{}
		rt.lasts[partition] = l
	}
	return l
}

// reader reads the records of one topic that one definition, a table or an event kind, asks for.
type reader struct {
	table *catalog.Table
	event *catalog.Event

	schema    *row.Schema
	place     string   // for reasons: "table contact"
	names     []string // by field: the path in a record, for reasons
	match     []condition
	layout    layout
	encoding  encoding
	plan      *plan // change data: of a row; Dataverse: of an entity's attributes; nil: the route's
	fields    []int // by field: the slot
	keyColumn string
	keyType   row.Type

	id, time int // slots, or -1
	subjects []int
	columns  []column // Debezium with schemas: by field, of the schema of the record at hand; nil if it has none

	// Calls.
	named  string // the type of call that a condition names
	seeks  []seek // by slot
	byUser bool   // table: a row's key is the call's own id of its subject
}

// condition is a fixed value that a record must have.
type condition struct {
	slot  int
	flat  []int // slots of the same, for want of it: in a row without envelope, in the body of a call
	value any
}

// routesOf compiles what the catalog reads, by topic.
func routesOf(c *catalog.Catalog) map[string]*route {
	routes := make(map[string]*route)
	for _, t := range c.Tables {
		rt := routeOf(routes, &t.Source)
		rt.addTable(t)
		if rt.inner != nil {
			rt.inner.addTable(t)
		}
	}
	for _, e := range c.Events {
		rt := routeOf(routes, &e.Source)
		rt.addEvent(e)
		if rt.inner != nil {
			rt.inner.addEvent(e)
		}
	}
	return routes
}

func (rt *route) addTable(t *catalog.Table) {
	r := rt.reader(t.Schema, t.Paths, &t.Source)
	r.table, r.place = t, "table "+t.Name
	path := pathOf(t.Schema, t.Paths, t.KeyField)
	r.keyColumn, r.keyType = path[len(path)-1], t.Schema.Fields[t.KeyField].Type
	rt.tables = append(rt.tables, r)
	if rt.layout == calls {
		r.asCall(t, path)
	}
}

func (rt *route) addEvent(e *catalog.Event) {
	r := rt.reader(e.Schema, e.Paths, &e.Source)
	r.event, r.place = e, "event "+e.Name
	r.id, r.time = r.slot(rt, e.ID, false), r.slot(rt, e.Time, false)
	for _, s := range e.Subjects {
		r.subjects = append(r.subjects, r.slot(rt, s.Path, false))
	}
	rt.events = append(rt.events, r)
}

// routeOf returns the route of a source's topic. A topic has one format.
func routeOf(routes map[string]*route, s *catalog.Source) *route {
	rt := routes[s.Topic]
	if rt == nil {
		rt = newRoute(s.Format)
		routes[s.Topic] = rt
	}
	if rt.format != s.Format {
		rt.refused = "the catalog reads this topic both as " + min(rt.format, s.Format) + " and as " +
			max(rt.format, s.Format) + ": give it one format"
	}
	return rt
}

func newRoute(format string) *route {
	f, known := formatsOf[format]
	rt := &route{format: format, layout: f.layout, encoding: f.encoding, lasts: make(map[int32]*lastRecord)}
	if !known {
		rt.refused = "the source format " + format + " can't be read"
	}
	switch rt.layout {
	case changeData:
		rt.envelope = envelopeOf(&rt.plan)
	case cloudEvents:
		rt.event = eventSlotsOf(&rt.plan)
		rt.inner = newRoute("debezium")
		rt.inner.lasts = rt.lasts
	case calls:
		rt.common = callSlotsOf(&rt.plan)
	case dataverse:
		rt.execution = entitySlotsOf(&rt.plan)
	}
	return rt
}

// pathOf returns the path of a field: its own name where none is declared.
func pathOf(s *row.Schema, paths [][]string, field int) []string {
	if field < len(paths) && len(paths[field]) > 0 {
		return paths[field]
	}
	return []string{s.Fields[field].Name}
}

func (rt *route) reader(s *row.Schema, paths [][]string, source *catalog.Source) *reader {
	r := &reader{schema: s, id: -1, time: -1, layout: rt.layout, encoding: rt.encoding}
	rt.all = append(rt.all, r)
	if rt.layout == changeData || rt.layout == dataverse {
		r.plan = &plan{}
	}
	for i := range s.Fields {
		path := pathOf(s, paths, i)
		r.fields = append(r.fields, r.slot(rt, path, true))
		r.names = append(r.names, strings.Join(path, "."))
	}
	for _, m := range source.Match {
		r.match = append(r.match, rt.condition(&m))
	}
	r.named = typeNamed(source)
	return r
}

// condition compiles a condition of a source.
func (rt *route) condition(m *catalog.Match) condition {
	c := condition{value: m.Value}
	switch rt.layout {
	case cloudEvents:
		c.slot = rt.plan.slot(eventPath(m.Path))
	case changeData:
		c.slot, c.flat = rt.plan.slot(m.Path), flatSlots(&rt.plan, m.Path)
	case calls:
		c.slot, c.flat = rt.plan.slot(m.Path), bodySlots(&rt.plan, m.Path)
	default:
		c.slot = rt.plan.slot(m.Path)
	}
	return c
}

// slot returns the slot of a path of the definition's own values; -1 for no path. field tells that it is a declared
// field's.
func (r *reader) slot(rt *route, path []string, field bool) int {
	switch {
	case len(path) == 0:
		return -1
	case r.plan != nil:
		return r.plan.slot(path)
	case rt.layout == cloudEvents:
		return rt.plan.slot(eventPath(path))
	case rt.layout == calls:
		return r.seek(&rt.plan, path, field)
	}
	return rt.plan.slot(path)
}

// matches tells whether the record at hand is one of the reader's. flat tells that conditions may hold elsewhere: it
// is a Debezium row without envelope, or a call.
func (d *Decoder) matches(r *reader, flat bool) bool {
	for i := range r.match {
		c := &r.match[i]
		n := d.slots[c.slot]
		if flat {
			for _, s := range c.flat {
				if d.tape.form(n) == absent {
					n = d.slots[s]
				}
			}
		}
		if !d.equal(n, c.value) {
			return false
		}
	}
	return true
}

// equal tells whether the node n has the fixed value want; nothing equals null, numbers equal by value.
func (d *Decoder) equal(n int32, want any) bool {
	f := d.tape.form(n)
	switch w := want.(type) {
	case nil:
		return f <= null
	case string:
		return f == text && d.tape.string(n, &d.scratch) == w
	case bool:
		return f == boolean && (d.tape.raw(n)[0] == 't') == w
	case int:
		return f == number && d.equalInt(n, int64(w))
	case int64:
		return f == number && d.equalInt(n, w)
	case uint64:
		return f == number && w < 1<<63 && d.equalInt(n, int64(w))
	case float64:
		if f != number {
			return false
		}
		v, ok := float(d.tape.raw(n))
		return ok && v == w
	}
	return false
}

func (d *Decoder) equalInt(n int32, want int64) bool {
	v, ok := whole(d.tape.raw(n))
	return ok && v == want
}

// prefixOf returns the schema at the front of value if it has been met before, so that it need not be read again.
func (rt *route) prefixOf(value []byte) []byte {
	for i := range rt.schemas {
		if bytes.HasPrefix(value, rt.schemas[i].prefix) {
			rt.known = i
			return rt.schemas[i].prefix
		}
	}
	return nil
}
