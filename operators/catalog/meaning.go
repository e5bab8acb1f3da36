package catalog

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
)

// Meaning returns the hash of everything that a segment's members follow from, but for the data: its definition, and
// what it reads as far as the catalog says what that is. Of segments that it names only their names count, since it
// follows them by their changes. Two revisions in which it is the same give the same members.
func (s *Segment) Meaning() uint64 { return s.meaning }

// hashMeaning returns what Meaning is to return.
func (s *Segment) hashMeaning() uint64 {
	h := fnv.New64a()
	s.write(h)
	if s.Where == nil {
		return h.Sum64()
	}
	a, reads := s.Audience, s.Where.Reads()
	for _, i := range reads.Fields {
		f := a.Table.Schema.Fields[i]
		fmt.Fprintf(h, " field %q %s", f.Name, f.Type)
	}
	var kinds []*Event
	for _, i := range reads.Events {
		kinds = append(kinds, a.Events[i])
	}
	slices.SortFunc(kinds, func(a, b *Event) int { return cmp.Compare(a.Name, b.Name) })
	for _, e := range kinds {
		fmt.Fprintf(h, " event %q", e.Name)
		for _, f := range e.Schema.Fields {
			fmt.Fprintf(h, " field %q %s", f.Name, f.Type)
		}
		if e.Retention != nil {
			fmt.Fprintf(h, " retention %d %d", e.Retention.Months, e.Retention.Duration)
		}
	}
	for _, p := range reads.Paths {
		at := a.Table.Schema
		for _, l := range p.Links {
			naming := at
			if at = l.To.Schema; l.Many {
				naming = at
			}
			fmt.Fprintf(h, " link %q %q %t %q", l.Name, at.Name, l.Many, naming.Fields[l.Field].Name)
		}
		for _, i := range p.Fields {
			fmt.Fprintf(h, " field %q %s", at.Fields[i].Name, at.Fields[i].Type)
		}
	}
	return h.Sum64()
}

// WaitsHash returns the hash of what the triggers of all audiences wait for, and of which limits there are: where it is
// the same, no subject's watches need another look.
func (c *Catalog) WaitsHash() uint64 { return c.waits }

// hashWaits returns what WaitsHash is to return.
func (c *Catalog) hashWaits() uint64 {
	h := fnv.New64a()
	for _, a := range c.Audiences {
		ids := make([]uint64, 0, len(a.watchers))
		for id := range a.watchers {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		fmt.Fprintf(h, "%q %d\n", a.Table.Name, ids)
	}
	return h.Sum64()
}
