package engine

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/operators/segment"
	"github.com/weirstream/weir/operators/trigger"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// TaskConfig is what all tasks of a worker share.
type TaskConfig struct {
	Partitions      int32       // of the engine; 0 is 1
	App             string      // prefix of the topics and of ce_source
	Format          emit.Format // of output values
	CacheBytes      int         // memory for subjects of one task
	MetricsInterval row.Instant // nanoseconds; 0: no metrics records
	Counts          *Counts     // what the worker counts; never nil
	// Progress makes tasks tell in the metrics topic how far they have brought a revision of the catalog.
	Progress bool
	// Observe is called with each segment that is evaluated, from any goroutine; may be nil.
	Observe func(*catalog.Segment)
}

// Task is what a worker runs for one partition: it applies changes and due timers to subjects, evaluates, and gathers
// what the open epoch writes. It belongs to one goroutine at a time.
//
// Everything that a task did since the last Applied is uncommitted: Effects hands it over, Applied says that it is
// in Kafka and in the store, Reset forgets it.
type Task struct {
	partition int32
	config    TaskConfig
	catalog   *catalog.Catalog
	store     *state.Store
	groups    map[string]*group
	cache     *cache
	emitter   emit.Emitter
	timers    timers

	fact     state.Task
	sources  map[state.Source]*mark
	counters map[counterKey]*counter
	counting bool                 // some counter is not zero in the present metrics interval
	born     row.Instant          // when what is being worked on was caused: a record's own time, a timer's due instant
	freezes  map[uint64]*freezing // by segment
	links    links
	defs     map[uint64]*definition // by segment
	fill     state.Fill             // the catalog that is, or was last, brought over the subjects
	filled   bool                   // the open epoch changed fill or a definition
	sweep    *sweep                 // a changed catalog is being brought over the subjects; nil if not
	accepts  int64                  // records that were read by a revision up to this one are taken

	epoch  epoch
	change Change // scratch of Take
	topic  *TopicCounts
}

// group is a table with what a task needs to handle its rows; for an audience, its subjects.
type group struct {
	table    *catalog.Table
	layout   *state.Layout
	audience *catalog.Audience // nil: rows of this table are no subjects
	segments *segment.Evaluator
	kinds    map[string]int // event kind -> position in the layout
	root     *catalog.Place // of the audience; nil: its conditions follow no links
	places   []*catalog.Place
	gathered []*catalog.Link
	vias     []*catalog.Via
}

type counterKey struct{ kind, name string }

type counter struct {
	state.Counter
	dirty bool
}

// epoch is what was done since the last Applied.
type epoch struct {
	outputs  []Output
	born     []row.Instant // by output: Part.Born
	facts    []state.Fact
	messages []Message
	dirty    []*entry
	sources  []state.Source // whose position moved
	counts   []counterKey
	flips    []segment.Flip
	firings  []trigger.Firing
	bytes    int  // of outputs and, estimated, of facts
	began    bool // something happened that must be written
}

// OpenTask returns the task of a partition as the store holds it. The store must be restored.
func OpenTask(partition int32, c *catalog.Catalog, s *state.Store, cfg TaskConfig) (*Task, error) {
	t := &Task{
		partition: partition, config: cfg, catalog: c, store: s, cache: newCache(cfg.CacheBytes),
		emitter: emit.Emitter{Format: cfg.Format, Source: "/weir/" + cfg.App + "/partitions/" + strconv.Itoa(int(partition))},
	}
	t.groups = groupsOf(c, &t.links.rows, cfg.Observe)
	if err := t.Reset(); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// Close gives up what the task holds of the store. What is not applied is lost.
func (t *Task) Close() error {
	if t.links.overlay == nil {
		return nil
	}
	err := t.links.overlay.Close()
	t.links.overlay = nil
	return err
}

func groupsOf(c *catalog.Catalog, linked expr.Rows, observe func(*catalog.Segment)) map[string]*group {
	groups := make(map[string]*group, len(c.Tables))
	for _, table := range c.Tables {
		groups[table.Name] = &group{table: table, layout: c.Layout(table.Name), places: c.Places(table.Name),
			gathered: c.Gathered(table.Name), vias: c.Vias(table.Name)}
	}
	for _, a := range c.Audiences {
		g := groups[a.Table.Name]
		g.audience, g.segments, g.kinds, g.root = a, segment.NewEvaluator(a, linked), map[string]int{}, a.Root()
		g.segments.Observe = observe
		for i, kind := range a.Events {
			g.kinds[kind.Name] = i
		}
	}
	return groups
}

// Reset forgets the open epoch and takes everything from the store again.
func (t *Task) Reset() error {
	t.cache.clear()
	t.epoch = epoch{}
	t.timers.reset()
	fact, held, err := t.store.Task(t.partition)
	if err != nil {
		return fmt.Errorf("cannot read the state of partition %d: %w", t.partition, err)
	}
	if err := t.resetSources(); err != nil {
		return err
	}
	if err := t.resetCounters(); err != nil {
		return err
	}
	if err := t.resetFreezes(); err != nil {
		return err
	}
	t.fact = fact
	if err := t.resetLinks(); err != nil {
		return err
	}
	if !held {
		t.fact = state.Task{Clock: row.Earliest, Catalog: t.catalog.Hash, Revision: t.catalog.Revision}
		t.firstSeen(row.Earliest, true)
	}
	t.emitter.Revision = t.fact.Revision
	return t.resetFill(held)
}

// mark is how far a source partition has been taken.
type mark struct {
	offset int64 // of the last change taken: the record's offset and, in the low 16 bits, the change's index
	dirty  bool
	topic  *TopicCounts
}

func (t *Task) resetSources() error {
	held, err := t.store.Sources(t.partition)
	if err != nil {
		return fmt.Errorf("cannot read the source positions of partition %d: %w", t.partition, err)
	}
	t.sources = make(map[state.Source]*mark, len(held))
	for s, offset := range held {
		t.sources[s] = &mark{offset: offset, topic: t.config.Counts.Topic(s.Name)}
	}
	return nil
}

func (t *Task) resetCounters() error {
	held, err := t.store.Counters(t.partition)
	if err != nil {
		return fmt.Errorf("cannot read the counters of partition %d: %w", t.partition, err)
	}
	t.counters, t.counting = make(map[counterKey]*counter, len(held)), false
	for _, c := range held {
		figures := &counter{Counter: c}
		t.counters[counterKey{c.Kind, c.Name}] = figures
		t.counting = t.counting || !figures.idle()
	}
	return nil
}

// Bytes returns about how many bytes the open epoch will write.
func (t *Task) Bytes() int { return t.epoch.bytes }

// Clock returns the highest instant that the task has worked at.
func (t *Task) Clock() row.Instant { return t.fact.Clock }

// tick moves the clock to now; it never goes back.
func (t *Task) tick(now row.Instant) row.Instant {
	if now > t.fact.Clock {
		t.fact.Clock = now
	}
	return t.fact.Clock
}

// load returns the subject or row with the key, from memory or from the store.
func (t *Task) load(g *group, id string) (*entry, error) {
	k := cacheKey{g.table.Name, id}
	if e := t.cache.get(k); e != nil {
		return e, nil
	}
	s, err := t.store.Load(t.partition, g.layout, g.table.Name, id)
	if err != nil {
		return nil, fmt.Errorf("cannot load a subject of table %s in partition %d: %w", g.table.Name, t.partition, err)
	}
	if s == nil {
		s = &state.Subject{Table: g.table.Name, ID: id, Events: make([][]row.Event, len(g.layout.Events))}
	}
	e := &entry{subject: s, group: g, bytes: footprint(s)}
	if s.Deferred != nil && g.audience != nil {
		if e.deferred, err = t.decodeDeferrals(g, s.Deferred); err != nil {
			return nil, fmt.Errorf("cannot load a subject of table %s in partition %d: %w", g.table.Name, t.partition, err)
		}
		s.Deferred = nil
	}
	t.cache.put(k, e)
	return e, nil
}

// loadBriefly is load for one who looks at many subjects: one that was not in memory is not kept there, see keep.
func (t *Task) loadBriefly(g *group, id string) (*entry, error) {
	if e := t.cache.get(cacheKey{g.table.Name, id}); e != nil {
		return e, nil
	}
	e, err := t.load(g, id)
	if err == nil {
		e.brief = true
	}
	return e, err
}

// keep keeps what loadBriefly returned in memory if the open epoch changed it.
func (t *Task) keep(e *entry) {
	if e.brief && !e.dirty {
		t.cache.remove(cacheKey{e.subject.Table, e.subject.ID}, e)
	}
	e.brief = false
}

// mark makes e part of what the open epoch writes.
func (t *Task) mark(e *entry) {
	t.epoch.began = true
	if !e.dirty {
		e.dirty = true
		t.epoch.bytes += e.bytes
		t.epoch.dirty = append(t.epoch.dirty, e)
	}
}

// Effects returns all that the open epoch writes. The task does nothing until Applied or Reset is called.
func (t *Task) Effects() Part {
	ep := &t.epoch
	part := Part{Partition: t.partition, Next: -1, Exchange: -1, Outputs: ep.outputs, Born: ep.born,
		Messages: ep.messages}
	if !ep.began {
		return part
	}
	for _, e := range ep.dirty {
		s := e.subject
		switch {
		case e.rowChanged && !s.Known:
			ep.facts = append(ep.facts, state.RowTombstone(s.Table, s.ID))
		case e.rowChanged:
			ep.facts = append(ep.facts, state.RowFact(e.group.layout.Row, s.ID, s.Row, s.Version))
		}
		if e.statusChanged {
			ep.facts = append(ep.facts, state.StatusFact(s.Table, s.ID, s.Memberships, s.Watches...))
		}
		if e.deferredChanged {
			ep.facts = append(ep.facts, deferredFact(e))
		}
	}
	for _, s := range ep.sources {
		ep.facts = append(ep.facts, state.SourceFact(s, t.sources[s].offset))
	}
	for _, k := range ep.counts {
		ep.facts = append(ep.facts, state.CounterFact(t.counters[k].Counter))
	}
	ep.facts = t.appendFill(t.appendWork(t.appendFreezes(ep.facts)))
	ep.facts = append(ep.facts, state.TaskFact(t.fact))
	part.Facts = ep.facts
	return part
}

// Applied says that the epoch's effects are committed and in the store.
func (t *Task) Applied() {
	for _, e := range t.epoch.dirty {
		e.dirty, e.rowChanged, e.statusChanged, e.deferredChanged = false, false, false, false
		if n := footprint(e.subject); n != e.bytes {
			t.cache.bytes += n - e.bytes
			e.bytes = n
		}
	}
	for _, k := range t.epoch.counts {
		t.counters[k].dirty = false
	}
	for _, s := range t.epoch.sources {
		t.sources[s].dirty = false
	}
	if t.epoch.began {
		t.appliedFreezes()
		t.appliedFill()
	}
	ep := &t.epoch
	*ep = epoch{dirty: clearedEntries(ep.dirty), sources: ep.sources[:0], counts: ep.counts[:0],
		flips: ep.flips[:0], firings: ep.firings[:0]}
	t.timers.applied()
	t.cache.turn()
	for _, w := range t.links.work {
		w.dirty = false
	}
	t.links.overlay.Reset()
}

func clearedEntries(es []*entry) []*entry {
	clear(es)
	return es[:0]
}

// count returns the counter of a definition, to be changed.
func (t *Task) count(kind, name string) *counter {
	k := counterKey{kind, name}
	c := t.counters[k]
	if c == nil {
		c = &counter{Counter: state.Counter{Kind: kind, Name: name}}
		t.counters[k] = c
	}
	t.counting = true
	if !c.dirty {
		c.dirty = true
		t.epoch.counts = append(t.epoch.counts, k)
	}
	return c
}

// sortedCounters returns the keys of all counters, in order: what is written must not depend on the order of a map.
func (t *Task) sortedCounters() []counterKey {
	keys := make([]counterKey, 0, len(t.counters))
	for k := range t.counters {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b counterKey) int {
		if a.kind != b.kind {
			if a.kind < b.kind {
				return -1
			}
			return 1
		}
		if a.name < b.name {
			return -1
		}
		return 1
	})
	return keys
}
