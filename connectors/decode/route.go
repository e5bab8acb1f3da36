package decode

import (
	"bytes"
	"strings"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state/row"
)

// route is what the catalog reads from one topic.
type route struct {
	cdc     bool   // Debezium; otherwise plain JSON
	refused string // why no record of the topic can be read; empty if they can
	tables  []*reader
	events  []*reader
	all     []*reader // both
	plan    plan      // JSON: everything that is read; Debezium: of the envelope and of flat rows

	envelope envelope
	schemas  []schemaOf // Debezium: the schemas met lately
	known    int        // which of schemas stands at the front of the record at hand, if one does
	turn     int        // which of schemas makes room next
	lasts    map[int32]*lastRecord
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
	plan      *plan // Debezium: of a row; nil: the route's
	fields    []int // by field: the slot
	keyColumn string
	keyType   row.Type

	id, time int // slots, or -1
	subjects []int
	columns  []column // Debezium with schemas: by field, of the schema of the record at hand; nil if it has none
}

// condition is a fixed value that a record must have.
type condition struct {
	slot  int
	flat  []int // Debezium: slots of the same in a flat row
	value any
}

// routesOf compiles what the catalog reads, by topic.
func routesOf(c *catalog.Catalog) map[string]*route {
	routes := make(map[string]*route)
	for _, t := range c.Tables {
		rt := routeOf(routes, &t.Source)
		r := rt.reader(t.Schema, t.Paths, &t.Source)
		r.table, r.place = t, "table "+t.Name
		path := pathOf(t.Schema, t.Paths, t.KeyField)
		r.keyColumn, r.keyType = path[len(path)-1], t.Schema.Fields[t.KeyField].Type
		rt.tables = append(rt.tables, r)
	}
	for _, e := range c.Events {
		rt := routeOf(routes, &e.Source)
		r := rt.reader(e.Schema, e.Paths, &e.Source)
		r.event, r.place = e, "event "+e.Name
		r.id, r.time = r.slot(rt, e.ID), r.slot(rt, e.Time)
		for _, s := range e.Subjects {
			r.subjects = append(r.subjects, r.slot(rt, s.Path))
		}
		rt.events = append(rt.events, r)
	}
	return routes
}

// routeOf returns the route of a source's topic. A topic has one format.
func routeOf(routes map[string]*route, s *catalog.Source) *route {
	rt := routes[s.Topic]
	cdc := s.Format == "debezium"
	if rt == nil {
		rt = &route{cdc: cdc, lasts: make(map[int32]*lastRecord)}
		if cdc {
			rt.envelope = envelopeOf(&rt.plan)
		}
		routes[s.Topic] = rt
	}
	switch {
	case !cdc && s.Format != "json":
		rt.refused = "the source format " + s.Format + " can't be read: use debezium or json"
	case rt.cdc != cdc:
		rt.refused = "the catalog reads this topic both as debezium and as json: give it one format"
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
	r := &reader{schema: s, id: -1, time: -1}
	rt.all = append(rt.all, r)
	if rt.cdc {
		r.plan = &plan{}
	}
	for i := range s.Fields {
		path := pathOf(s, paths, i)
		r.fields = append(r.fields, r.slot(rt, path))
		r.names = append(r.names, strings.Join(path, "."))
	}
	for _, m := range source.Match {
		c := condition{slot: rt.plan.slot(m.Path), value: m.Value}
		if rt.cdc {
			c.flat = flatSlots(&rt.plan, m.Path)
		}
		r.match = append(r.match, c)
	}
	return r
}

// slot returns the slot of a path of the definition's own values; -1 for no path.
func (r *reader) slot(rt *route, path []string) int {
	switch {
	case len(path) == 0:
		return -1
	case r.plan != nil:
		return r.plan.slot(path)
	}
	return rt.plan.slot(path)
}

// matches tells whether the record at hand is one of the reader's. flat tells that it is a Debezium row without
// envelope.
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
