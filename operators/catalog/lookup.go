package catalog

import (
	"slices"

	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// lookup is what a catalog finds by name.
type lookup struct {
	tables    map[string]*Table
	events    map[string]*Event
	audiences map[string]*Audience
	segments  map[string]*Segment
	layouts   map[string]*state.Layout
	topics    []string
	waits     uint64 // WaitsHash
}

// reading is what an audience finds by what changed: positions of segments in Audience.Segments, ascending.
type reading struct {
	byField    [][]int
	byEvent    [][]int
	dependants [][]int
	byID       map[uint64]*Segment

	onTable   map[string][]*Trigger
	onEvent   [][]*Trigger
	onSegment [][]*Trigger
	onDate    []*Trigger
	onAbsence [][]*Trigger // by the kind that starts the wait
	waiting   []*Trigger
	watchers  map[uint64]bool
}

// Index prepares the look-ups of a catalog and its audiences. Parse calls it; who builds a catalog by hand, as
// tests do, calls it before use. It must not run while the catalog is in use.
func (c *Catalog) Index() {
	c.lookup = lookup{
		tables: map[string]*Table{}, events: map[string]*Event{}, audiences: map[string]*Audience{},
		segments: map[string]*Segment{}, layouts: map[string]*state.Layout{},
	}
	topics := map[string]bool{}
	for _, t := range c.Tables {
		c.tables[t.Name] = t
		c.layouts[t.Name] = &state.Layout{Row: t.Schema}
		topics[t.Source.Topic] = true
	}
	for _, e := range c.Events {
		c.events[e.Name] = e
		topics[e.Source.Topic] = true
	}
	for _, s := range c.Segments {
		c.segments[s.Name] = s
	}
	for _, a := range c.Audiences {
		c.audiences[a.Table.Name] = a
		c.layouts[a.Table.Name] = a.layout()
		a.index()
	}
	for _, s := range c.Segments {
		s.meaning = s.hashMeaning()
	}
	c.waits = c.hashWaits()
	c.indexLinks()
	for topic := range topics {
		c.topics = append(c.topics, topic)
	}
	slices.Sort(c.topics)
}

func (a *Audience) layout() *state.Layout {
	l := &state.Layout{Row: a.Table.Schema, Events: make([]*row.Schema, len(a.Events))}
	for i, e := range a.Events {
		l.Events[i] = e.Schema
	}
	return l
}

func (a *Audience) index() {
	a.reading = reading{
		byField: make([][]int, len(a.Table.Schema.Fields)), byEvent: make([][]int, len(a.Events)),
		dependants: make([][]int, len(a.Segments)), onTable: map[string][]*Trigger{},
		onEvent: make([][]*Trigger, len(a.Events)), onSegment: make([][]*Trigger, len(a.Segments)),
		onAbsence: make([][]*Trigger, len(a.Events)), watchers: map[uint64]bool{},
	}
	a.byID = make(map[uint64]*Segment, len(a.Segments))
	for i, s := range a.Segments {
		a.byID[s.ID] = s
		for _, used := range s.Uses {
			a.dependants[used] = append(a.dependants[used], i)
		}
		if s.Where == nil {
			continue
		}
		reads := s.Where.Reads()
		for _, f := range reads.Fields {
			a.byField[f] = append(a.byField[f], i)
		}
		for _, e := range reads.Events {
			a.byEvent[e] = append(a.byEvent[e], i)
		}
	}
	for _, t := range a.Triggers {
		switch {
		case t.Table != nil && len(t.Via) > 0: // network has it
		case t.Table != nil:
			a.onTable[t.Table.Name] = append(a.onTable[t.Table.Name], t)
		case t.Event != nil:
			if i := slices.Index(a.Events, t.Event); i >= 0 {
				a.onEvent[i] = append(a.onEvent[i], t)
			}
		case t.Segment != nil:
			a.onSegment[t.Segment.Index] = append(a.onSegment[t.Segment.Index], t)
		}
		a.indexWatcher(t)
	}
}

// indexWatcher indexes a trigger of which subjects bear a watch.
func (a *Audience) indexWatcher(t *Trigger) {
	switch {
	case t.Date != nil:
		a.onDate = append(a.onDate, t)
	case t.Absence != nil:
		a.onAbsence[t.Absence.After.Kind] = append(a.onAbsence[t.Absence.After.Kind], t)
	}
	if t.WaitID != 0 {
		a.waiting = append(a.waiting, t)
		a.watchers[t.WaitID] = true
	}
	if t.Limit != nil {
		a.watchers[t.ID] = true
	}
}

// at returns the element at i; nil where there is none.
func at[T any](lists [][]T, i int) []T {
	if i < 0 || i >= len(lists) {
		return nil
	}
	return lists[i]
}

// SegmentsReadingField returns the positions of the segments whose conditions read a field of the audience's row,
// ascending. The caller must not change what any of the look-ups return.
func (a *Audience) SegmentsReadingField(field int) []int { return at(a.byField, field) }

// SegmentsReadingEvent returns the positions of the segments whose conditions read events of the kind at a
// position of Audience.Events, ascending.
func (a *Audience) SegmentsReadingEvent(kind int) []int { return at(a.byEvent, kind) }

// Dependants returns the positions of the segments whose conditions name the segment at a position, ascending. They
// are all greater than that position.
func (a *Audience) Dependants(segment int) []int { return at(a.dependants, segment) }

// SegmentByID returns the segment of the audience with the id that memberships bear.
func (a *Audience) SegmentByID(id uint64) (s *Segment, ok bool) {
	s, ok = a.byID[id]
	return s, ok
}

// TriggersOnTable returns the triggers on the subject's own row, of the audience's table, by name.
func (a *Audience) TriggersOnTable(table string) []*Trigger { return a.onTable[table] }

// TriggersOnEvent returns the triggers on events of the kind at a position of Audience.Events, by name.
func (a *Audience) TriggersOnEvent(kind int) []*Trigger { return at(a.onEvent, kind) }

// TriggersOnSegment returns the triggers on the segment at a position of Audience.Segments, by name.
func (a *Audience) TriggersOnSegment(segment int) []*Trigger { return at(a.onSegment, segment) }

// TriggersOnDate returns the triggers on dates of the audience's row, by name.
func (a *Audience) TriggersOnDate() []*Trigger { return a.onDate }

// TriggersOnAbsence returns the triggers on absences of which the kind at a position of Audience.Events starts the
// wait, by name.
func (a *Audience) TriggersOnAbsence(kind int) []*Trigger { return at(a.onAbsence, kind) }

// TriggersWaiting returns the triggers on dates and absences, by name.
func (a *Audience) TriggersWaiting() []*Trigger { return a.waiting }

// Watcher tells whether a trigger of the audience has the ID that a watch bears, for its wait or its limit.
func (a *Audience) Watcher(id uint64) bool { return a.watchers[id] }

// Table returns a table by name; nil if there is none.
func (c *Catalog) Table(name string) *Table { return c.tables[name] }

// Event returns an event kind by name; nil if there is none.
func (c *Catalog) Event(name string) *Event { return c.events[name] }

// Audience returns an audience by its table's name; nil if there is none.
func (c *Catalog) Audience(table string) *Audience { return c.audiences[table] }

// Segment returns a segment by name; nil if there is none.
func (c *Catalog) Segment(name string) *Segment { return c.segments[name] }

// Layout returns how the facts of a table's rows or subjects are read; nil if there is no such table.
func (c *Catalog) Layout(table string) *state.Layout { return c.layouts[table] }

// Topics returns the topics of all sources, sorted.
func (c *Catalog) Topics() []string { return c.topics }
