package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

// audienceDraft is an audience while its conditions are being compiled.
type audienceDraft struct {
	draft    *tableDraft
	audience *Audience
	segments []*segmentDraft // by name, later in order of evaluation
	links    map[string]row.Schema
	tables   []*expr.Table
	plain    *expr.Env            // of segments without a zone and of triggers on segments
	zoned    map[string]*expr.Env // of segments with one, by its name
	onRow    map[string]*expr.Env // of triggers on rows, by table
	onEvent  map[string]*expr.Env // of triggers on events, by kind
}

// build checks what definitions say about each other, compiles their conditions and puts the catalog together. The
// catalog is of use only if there are no faults.
func (b *builder) build() *Catalog {
	b.dropUnnamed()
	b.checkSources()
	b.resolveLinks()
	b.linkTables()
	b.resolveEvents()
	b.checkSegmentIDs()
	audiences := b.audiences()
	c := &Catalog{Revision: 1}
	c.ways = b.ways
	for _, t := range b.tables {
		c.Tables = append(c.Tables, t.table)
		if a, ok := audiences[t.name]; ok {
			c.Audiences = append(c.Audiences, a.audience)
			b.compileSegments(a)
			c.Segments = append(c.Segments, a.audience.Segments...)
		}
	}
	for _, e := range b.events {
		c.Events = append(c.Events, e.event)
	}
	for _, t := range b.triggers {
		if b.resolveTrigger(t, audiences) {
			b.compileTrigger(t, audiences[t.audience])
			t.trigger.WaitID = t.trigger.waitID()
			a := t.trigger.Audience
			a.Triggers = append(a.Triggers, t.trigger)
			c.Triggers = append(c.Triggers, t.trigger)
		}
	}
	b.checkTriggerIDs()
	if len(b.faults) > 0 {
		return nil
	}
	c.Hash = c.hash()
	c.Index()
	return c
}

// audiences returns the audiences with the event kinds and segments that belong to them, by the table's name.
func (b *builder) audiences() map[string]*audienceDraft {
	out := map[string]*audienceDraft{}
	for _, t := range b.tables {
		if !t.table.Audience {
			continue
		}
		a := &audienceDraft{draft: t, audience: &Audience{Table: t.table}, links: map[string]row.Schema{},
			tables: b.linked, onRow: map[string]*expr.Env{}, onEvent: map[string]*expr.Env{}}
		for _, e := range b.events {
			if e.event.names(t.name) {
				a.audience.Events = append(a.audience.Events, e.event)
			}
		}
		for name, target := range b.linksOf(t) {
			a.links[name] = *target.table.Schema
		}
		out[t.name] = a
	}
	for _, s := range b.segments {
		if s.audience == "" || b.findAudience(s.audience, s.audienceAt, "segment "+s.name) == nil {
			continue
		}
		a := out[s.audience]
		s.segment.Audience = a.audience
		a.segments = append(a.segments, s)
		if s.file != nil {
			s.segment.Members = b.rosterFile(s.file, a.draft.table.Key, "segment "+s.name)
		}
	}
	return out
}

// scope returns what conditions of an audience can name. Segments are in their present order.
func (a *audienceDraft) scope() expr.Scope {
	s := expr.Scope{Audience: a.draft.table.Schema, Links: a.links, Tables: a.tables}
	for _, e := range a.audience.Events {
		s.Events = append(s.Events, expr.EventKind{Schema: e.Schema, Retention: e.Retention})
	}
	for _, segment := range a.segments {
		s.Segments = append(s.Segments, segment.name)
	}
	return s
}

// env prepares a scope; nil after a fault. Which faults of tables and events expr finds that were not found here
// would be a gap of this package, but is to be reported all the same.
func (b *builder) env(a *audienceDraft, s expr.Scope) *expr.Env {
	env, err := expr.NewEnv(s)
	if err == nil {
		return env
	}
	if len(b.faults) == 0 {
		b.fault(a.draft.nameAt, fmt.Sprintf("cannot prepare the conditions of audience %s: %v", a.draft.name, err),
			"choose other names for the tables, events and fields")
	}
	return nil
}

// compileSegments compiles the conditions of an audience's segments and puts the segments in order. Conditions
// name other segments by their position, which is only known once the conditions are compiled: so those that do
// are compiled again.
func (b *builder) compileSegments(a *audienceDraft) {
	if !b.prepare(a) {
		return
	}
	uses := map[*segmentDraft][]*segmentDraft{}
	for _, s := range a.segments {
		s.segment.Where = b.compile(a.envOf(s), s.where, "segment "+s.name)
		if s.segment.Where == nil {
			continue
		}
		for _, i := range s.segment.Where.Reads().Segments {
			uses[s] = append(uses[s], a.segments[i])
		}
	}
	ordered := b.order(a.segments, uses)
	moved := !slices.Equal(ordered, a.segments)
	a.segments = ordered
	if moved && len(b.faults) == 0 {
		if !b.prepare(a) {
			return
		}
	}
	for i, s := range a.segments {
		s.segment.Index = i
		if moved && len(uses[s]) > 0 && len(b.faults) == 0 {
			s.segment.Where = b.compile(a.envOf(s), s.where, "segment "+s.name)
		}
		for _, used := range uses[s] {
			s.segment.Uses = append(s.segment.Uses, slices.Index(a.segments, used))
		}
		if s.segment.Freeze != nil {
			s.segment.Freeze.Hash = s.segment.freezing()
		}
		slices.Sort(s.segment.Uses)
		a.audience.Segments = append(a.audience.Segments, s.segment)
	}
}

// prepare prepares the scopes of an audience's segments, for their present order; false after a fault.
func (b *builder) prepare(a *audienceDraft) bool {
	a.zoned = map[string]*expr.Env{}
	if a.plain = b.env(a, a.scope()); a.plain == nil {
		return false
	}
	for _, s := range a.segments {
		if s.zone == nil || a.zoned[s.segment.Zone] != nil {
			continue
		}
		scope := a.scope()
		scope.Zone = s.zone
		env := b.env(a, scope)
		if env == nil {
			return false
		}
		a.zoned[s.segment.Zone] = env
	}
	return true
}

// envOf returns the scope of a segment's condition.
func (a *audienceDraft) envOf(s *segmentDraft) *expr.Env {
	if s.zone != nil {
		return a.zoned[s.segment.Zone]
	}
	return a.plain
}

// order returns segments so that those that are used stand before those that use them, else by name. A cycle is
// a fault.
func (b *builder) order(segments []*segmentDraft, uses map[*segmentDraft][]*segmentDraft) []*segmentDraft {
	const open, done = 1, 2
	state := map[*segmentDraft]int{}
	var out, path []*segmentDraft
	var visit func(s *segmentDraft)
	visit = func(s *segmentDraft) {
		state[s] = open
		path = append(path, s)
		for _, used := range uses[s] {
			switch state[used] {
			case open:
				b.cycle(path[slices.Index(path, used):])
			case 0:
				visit(used)
			}
		}
		path = path[:len(path)-1]
		state[s] = done
		out = append(out, s)
	}
	for _, s := range segments {
		if state[s] == 0 {
			visit(s)
		}
	}
	return out
}

// cycle reports segments of which each uses the next, and the last the first, where the first names the second.
func (b *builder) cycle(path []*segmentDraft) {
	names := make([]string, 0, len(path)+1)
	for _, s := range path {
		names = append(names, s.name)
	}
	names = append(names, path[0].name)
	first := path[0]
	at := first.where.at
	for _, quote := range []string{`"`, `'`} {
		before, _, found := strings.Cut(first.where.text, quote+names[1]+quote)
		if found {
			line := strings.Count(before, "\n")
			last := []rune(before[strings.LastIndexByte(before, '\n')+1:])
			at = first.where.locate(line+1, len(last)+1)
		}
	}
	b.fault(at, fmt.Sprintf("segment %s depends on itself: %s", first.name, strings.Join(names, " -> ")),
		"take one in_segment of the cycle away")
}

// compileTrigger compiles the condition of a trigger in the scope that it fires in.
func (b *builder) compileTrigger(t *triggerDraft, a *audienceDraft) {
	if s := t.trigger.Absence; s != nil {
		b.compilePart(&s.After, t.after, a, "trigger "+t.name)
		b.compilePart(&s.Of, t.of, a, "trigger "+t.name)
	}
	if t.when == nil {
		return
	}
	env := a.plain
	switch {
	case t.trigger.Table != nil:
		env = b.rowEnv(a, t.trigger.Table)
	case t.trigger.Event != nil:
		env = b.eventEnv(a, t.trigger.Event)
	case t.trigger.Absence != nil:
		env = b.eventEnv(a, t.trigger.Absence.After.Event)
	}
	t.trigger.When = b.compile(env, t.when, "trigger "+t.name)
}

// rowEnv returns the scope of conditions in which before and after are rows of a table; nil after a fault.
func (b *builder) rowEnv(a *audienceDraft, t *Table) *expr.Env {
	if a.onRow[t.Name] == nil {
		s := a.scope()
		s.Change = t.Schema
		a.onRow[t.Name] = b.env(a, s)
	}
	return a.onRow[t.Name]
}

// eventEnv returns the scope of conditions in which event is of the kind e; nil after a fault.
func (b *builder) eventEnv(a *audienceDraft, e *Event) *expr.Env {
	if a.onEvent[e.Name] == nil {
		s := a.scope()
		s.Event = e.Schema
		a.onEvent[e.Name] = b.env(a, s)
	}
	return a.onEvent[e.Name]
}

// compile compiles a condition; nil after faults, or if it depends on something that has a fault of its own.
func (b *builder) compile(env *expr.Env, n *node, what string) *expr.Program {
	if env == nil || n == nil || b.doubts(n.text) {
		return nil
	}
	program, problems := env.Compile(n.text)
	if len(problems) == 0 {
		return program
	}
	if at, cut := n.cutByComment(); cut {
		b.fault(at, what+": the condition ends here, where a comment starts",
			"a # after a blank starts a comment: put the condition in quotes or below a '>'")
		return nil
	}
	for _, p := range problems {
		at := n.at
		if p.Line > 0 {
			at = n.locate(p.Line, p.Column)
		}
		b.fault(at, what+": "+p.Message, p.Hint)
	}
	return nil
}

// cutByComment tells whether a plain scalar ends within quotes at a comment, and where: what was meant is likely a #
// within a text.
func (n *node) cutByComment() (at place, cut bool) {
	if n.style != plain || strings.Count(n.text, `"`)%2 == 0 && strings.Count(n.text, `'`)%2 == 0 {
		return place{}, false
	}
	lines := strings.Count(n.text, "\n") + 1
	last := []rune(n.text[strings.LastIndexByte(n.text, '\n')+1:])
	at = n.locate(lines, len(last)+1)
	src := n.at.source
	pos := skipBlanks(src.text, src.offset(at.line, at.column), plain)
	return src.place(pos), pos < len(src.text) && src.text[pos] == '#'
}
