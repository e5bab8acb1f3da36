package catalog

import "github.com/weirstream/weir/operators/expr"

// Needs returns the definition and all others without which it would not be right: what it names, what these name, and
// so on; each before those that need it. A definition that the catalog does not have needs nothing and is not returned.
func (c *Catalog) Needs(wanted Reference) []Reference {
	n := needs{catalog: c, seen: map[Reference]bool{}}
	n.add(wanted)
	return n.found
}

// needs gathers definitions, each once.
type needs struct {
	catalog *Catalog
	seen    map[Reference]bool
	found   []Reference
}

func (n *needs) add(r Reference) {
	if n.seen[r] {
		return
	}
	n.seen[r] = true
	var there bool
	switch r.Kind {
	case "Table":
		there = n.table(n.catalog.Table(r.Name))
	case "Event":
		there = n.event(n.catalog.Event(r.Name))
	case "Segment":
		there = n.segment(n.catalog.Segment(r.Name))
	case "Trigger":
		there = n.trigger(r.Name)
	}
	if there {
		n.found = append(n.found, r)
	}
}

func (n *needs) addTable(t *Table) { n.add(Reference{"Table", t.Name}) }
func (n *needs) addEvent(e *Event) { n.add(Reference{"Event", e.Name}) }

// table adds what a table links to.
func (n *needs) table(t *Table) bool {
	if t == nil {
		return false
	}
	for _, l := range t.Links {
		n.addTable(l.Target)
	}
	return true
}

// event adds the audiences whose subjects an event names.
func (n *needs) event(e *Event) bool {
	if e == nil {
		return false
	}
	for _, s := range e.Subjects {
		n.add(Reference{"Table", s.Audience})
	}
	return true
}

func (n *needs) segment(s *Segment) bool {
	if s == nil {
		return false
	}
	n.addTable(s.Audience.Table)
	n.reads(s.Audience, s.Where)
	return true
}

func (n *needs) trigger(name string) bool {
	for _, t := range n.catalog.Triggers {
		if t.Name != name {
			continue
		}
		n.addTable(t.Audience.Table)
		switch {
		case t.Table != nil:
			n.addTable(t.Table) // and so what via passes through
		case t.Event != nil:
			n.addEvent(t.Event)
		case t.Segment != nil:
			n.add(Reference{"Segment", t.Segment.Name})
		case t.Absence != nil:
			n.addEvent(t.Absence.After.Event)
			n.addEvent(t.Absence.Of.Event)
		}
		n.reads(t.Audience, t.When)
		return true
	}
	return false
}

// reads adds what a condition reads beside the subject's own row.
func (n *needs) reads(a *Audience, p *expr.Program) {
	if p == nil {
		return
	}
	r := p.Reads()
	for _, path := range r.Paths {
		for _, l := range path.Links {
			way, _ := n.catalog.Way(l)
			n.addTable(way.From)
			n.addTable(way.Target)
		}
	}
	for _, i := range r.Events {
		n.addEvent(a.Events[i])
	}
	for _, i := range r.Segments {
		n.add(Reference{"Segment", a.Segments[i].Name})
	}
}
