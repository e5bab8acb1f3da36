package engine

import "github.com/weirstream/weir/state"

// entry is a subject in memory, with what the open epoch did to it.
type entry struct {
	subject *state.Subject
	group   *group
	bytes   int
	ids     []map[string]struct{} // by event kind: the ids held, built when a list is long

	brief         bool // loaded by loadBriefly, and nobody else needs it yet
	dirty         bool // the open epoch changed something: the store has not got it yet
	rowChanged    bool
	statusChanged bool

	deferred        []deferral // changes that wait for rows of other partitions
	deferredChanged bool
}

// cache keeps subjects in memory in two generations: what was not used while the young one filled up is forgotten.
// Entries that the open epoch changed are never forgotten: generations turn only between epochs.
type cache struct {
	young, old map[cacheKey]*entry
	bytes      int // of young
	limit      int // bytes of both
}

type cacheKey struct{ table, id string }

func newCache(limit int) *cache {
	return &cache{young: map[cacheKey]*entry{}, old: map[cacheKey]*entry{}, limit: limit}
}

func (c *cache) get(k cacheKey) *entry {
	if e := c.young[k]; e != nil {
		return e
	}
	e := c.old[k]
	if e != nil {
		delete(c.old, k)
		c.put(k, e)
	}
	return e
}

func (c *cache) put(k cacheKey, e *entry) {
	c.young[k] = e
	c.bytes += e.bytes
}

// remove forgets an entry that was just put.
func (c *cache) remove(k cacheKey, e *entry) {
	delete(c.young, k)
	c.bytes -= e.bytes
}

// turn forgets the old generation if the young one has filled its half of the limit.
func (c *cache) turn() {
	if c.bytes < c.limit/2 {
		return
	}
	c.old, c.young, c.bytes = c.young, make(map[cacheKey]*entry, len(c.young)), 0
}

func (c *cache) clear() {
	clear(c.young)
	clear(c.old)
	c.bytes = 0
}

// footprint estimates the memory of a subject, in bytes.
func footprint(s *state.Subject) int {
	const subject, value, event = 320, 56, 88
	n := subject + len(s.ID) + len(s.Row)*value + len(s.Memberships)*40
	for i := range s.Watches {
		n += 56 + len(s.Watches[i].Fired)*8
	}
	for _, v := range s.Row {
		n += len(v.Str) + len(v.List)*value
	}
	for _, list := range s.Events {
		n += len(list) * event
		for i := range list {
			n += len(list[i].ID) + len(list[i].Fields)*value
		}
	}
	return n
}
