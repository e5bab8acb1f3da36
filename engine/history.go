package engine

import (
	"slices"
	"time"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// idIndexMin is the length of a list of events from which on its ids are indexed.
const idIndexMin = 32

// holds tells whether the subject has an event of the kind with the id.
func (e *entry) holds(kind int, id string) bool {
	list := e.subject.Events[kind]
	if len(list) < idIndexMin {
		return slices.ContainsFunc(list, func(ev row.Event) bool { return ev.ID == id })
	}
	if e.ids == nil {
		e.ids = make([]map[string]struct{}, len(e.subject.Events))
	}
	if e.ids[kind] == nil {
		e.ids[kind] = make(map[string]struct{}, 2*len(list))
		for i := range list {
			e.ids[kind][list[i].ID] = struct{}{}
		}
	}
	_, held := e.ids[kind][id]
	return held
}

// insert puts an event in its place: by time, then by arrival.
func (e *entry) insert(kind int, ev row.Event) {
	list := e.subject.Events[kind]
	place := len(list)
	if place > 0 && ev.Before(&list[place-1]) {
		place, _ = slices.BinarySearchFunc(list, ev, func(held, target row.Event) int {
			if held.Before(&target) {
				return -1
			}
			return 1
		})
	}
	e.subject.Events[kind] = slices.Insert(list, place, ev)
	if e.ids != nil && e.ids[kind] != nil {
		e.ids[kind][ev.ID] = struct{}{}
	}
}

// expirySlack is how much longer than its retention an event is held: calendar retentions are clamped at the ends
// of months, so what left the span at a month's end may be in it again for some hours.
const expirySlack = 4 * 24 * time.Hour

// expire removes the events at the front of a list that are past their retention: conditions no longer see them.
func (t *Task) expire(e *entry, kind int, def *catalog.Event, now row.Instant) {
	if def.Retention == nil {
		return
	}
	list := e.subject.Events[kind]
	start := def.Retention.Before(now)
	start.Int -= int64(expirySlack / time.Second)
	gone := 0
	for gone < len(list) && row.CompareTimes(list[gone].Time, start) < 0 {
		t.epoch.facts = append(t.epoch.facts,
			state.EventTombstone(e.subject.Table, e.subject.ID, def.Name, &list[gone]))
		gone++
	}
	if gone == 0 {
		return
	}
	e.subject.Events[kind] = slices.Delete(list, 0, gone)
	if e.ids != nil {
		e.ids[kind] = nil
	}
}
