package catalog

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	"github.com/weirstream/weir/operators/expr"
)

// Place is a place in the tree of links that the conditions of an audience follow: at its root stands the subject's
// own row, at every other place what a link leads to from the place above. It is immutable.
type Place struct {
	Name     string // the dotted path from the audience on: contact.account.opportunities
	Index    uint64 // FNV-1a of "place " and Name: by it the rows above are found that lead to a row here
	Audience *Audience
	Table    *Table // of the rows here
	Parent   *Place // nil: the root
	Link     *Link  // by which the rows here are reached; nil: the root
	Many     bool   // they are reached against the link: it is theirs, and leads to the row above
	Children []*Place

	segments []int   // that read anything here or below
	byField  [][]int // those that read the field of a row here
}

// Single tells whether a link leads to the rows here in its own direction: each row above leads to one.
func (p *Place) Single() bool { return p.Parent != nil && !p.Many }

// Segments returns the positions in Audience.Segments of the segments that depend on which rows are here, ascending.
// The caller must not change it, nor what SegmentsReading returns.
func (p *Place) Segments() []int { return p.segments }

// SegmentsReading returns the positions of the segments that read a field of the rows here, ascending.
func (p *Place) SegmentsReading(field int) []int { return at(p.byField, field) }

// Via is a path of links from rows of a table to subjects, with the triggers that take it.
type Via struct {
	Name     string // table, audience and path: the same for the same path in every catalog
	Table    *Table
	Links    []*Link // at least one
	Audience *Audience
	Triggers []*Trigger // by name
}

// way is what a link of an expression is.
type way struct {
	link *Link
	many bool
}

// network is what a catalog finds by its links.
type network struct {
	ways     []way // by expr.Link.ID
	places   map[string][]*Place
	gathered map[string][]*Link
	vias     map[string][]*Via
	byName   map[string]*Place
	hash     uint64
}

// Way returns the link that a link of a condition follows, and whether against its direction.
func (c *Catalog) Way(l *expr.Link) (link *Link, many bool) {
	w := c.ways[l.ID]
	return w.link, w.many
}

// Places returns the places at which rows of a table stand, roots included; none if no condition follows a link to or
// from it. The caller must not change what any of the look-ups return.
func (c *Catalog) Places(table string) []*Place { return c.places[table] }

// Place returns the place with a name; nil if there is none.
func (c *Catalog) Place(name string) *Place { return c.byName[name] }

// Gathered returns the links of a table that some condition follows against their direction: its rows are kept where
// the rows are that they lead to.
func (c *Catalog) Gathered(table string) []*Link { return c.gathered[table] }

// Vias returns the paths that triggers on rows of a table take to their subjects.
func (c *Catalog) Vias(table string) []*Via { return c.vias[table] }

// Via returns the path of triggers on rows of a table that has the name; nil if there is none.
func (c *Catalog) Via(table, name string) *Via {
	for _, v := range c.vias[table] {
		if v.Name == name {
			return v
		}
	}
	return nil
}

// Linked tells whether any condition or trigger of the catalog follows a link.
func (c *Catalog) Linked() bool { return len(c.byName)+len(c.vias) > 0 }

// Network returns the hash of the links that conditions follow, each from where to where; 0 if they follow none.
func (c *Catalog) Network() uint64 { return c.network.hash }

// hashPlaces sets the hash of the network.
func (c *Catalog) hashPlaces() {
	if len(c.byName) == 0 {
		return
	}
	h := fnv.New64a()
	for _, name := range slices.Sorted(maps.Keys(c.byName)) {
		fmt.Fprintf(h, "%q", name)
		if l := c.byName[name].Link; l != nil {
			fmt.Fprintf(h, " %q %q %q", l.From.Name, l.Field, l.Target.Name)
		}
	}
	c.network.hash = h.Sum64()
}

// Root returns the place of the subject's own row; nil if no condition of the audience follows a link.
func (a *Audience) Root() *Place { return a.root }

// indexLinks builds the trees of places from what the conditions read, and the paths of triggers.
func (c *Catalog) indexLinks() {
	c.network = network{ways: c.ways, places: map[string][]*Place{}, gathered: map[string][]*Link{},
		vias: map[string][]*Via{}, byName: map[string]*Place{}}
	for _, a := range c.Audiences {
		a.root = nil
		for i, s := range a.Segments {
			if s.Where != nil {
				c.follow(a, s.Where, i)
			}
		}
		for _, t := range a.Triggers {
			if t.When != nil {
				c.follow(a, t.When, -1)
			}
			c.addVia(a, t)
		}
	}
	c.hashPlaces()
}

// follow adds the paths that a condition reads; segment is its position, -1 if it is a trigger's.
func (c *Catalog) follow(a *Audience, p *expr.Program, segment int) {
	for _, path := range p.Reads().Paths {
		if a.root == nil {
			a.root = c.place(&Place{Name: a.Table.Name, Audience: a, Table: a.Table})
		}
		at := a.root
		for _, l := range path.Links {
			at = c.child(at, l)
		}
		if segment < 0 {
			continue
		}
		if !slices.Contains(at.segments, segment) {
			at.segments = append(at.segments, segment)
		}
		for _, f := range path.Fields {
			if !slices.Contains(at.byField[f], segment) {
				at.byField[f] = append(at.byField[f], segment)
			}
		}
	}
}

// child returns the place to which a link leads from another.
func (c *Catalog) child(from *Place, l *expr.Link) *Place {
	link, many := c.Way(l)
	table := link.Target
	if many {
		table = link.From
	}
	name := from.Name + "." + l.Name
	if p := c.byName[name]; p != nil {
		return p
	}
	p := c.place(&Place{Name: name, Audience: from.Audience, Table: table, Parent: from, Link: link, Many: many})
	from.Children = append(from.Children, p)
	if many && !slices.Contains(c.gathered[table.Name], link) {
		c.gathered[table.Name] = append(c.gathered[table.Name], link)
	}
	return p
}

func (c *Catalog) place(p *Place) *Place {
	p.Index = definitionID("place " + p.Name)
	p.byField = make([][]int, len(p.Table.Schema.Fields))
	c.byName[p.Name] = p
	c.places[p.Table.Name] = append(c.places[p.Table.Name], p)
	return p
}

func (c *Catalog) addVia(a *Audience, t *Trigger) {
	if len(t.Via) == 0 {
		return
	}
	names := []string{t.Table.Name}
	for _, l := range t.Via {
		names = append(names, l.Name)
	}
	name := a.Table.Name + " " + strings.Join(names, ".")
	vias := c.vias[t.Table.Name]
	i := slices.IndexFunc(vias, func(v *Via) bool { return v.Name == name })
	if i < 0 {
		vias = append(vias, &Via{Name: name, Table: t.Table, Links: t.Via, Audience: a})
		i, c.vias[t.Table.Name] = len(vias)-1, vias
	}
	vias[i].Triggers = append(vias[i].Triggers, t)
}
