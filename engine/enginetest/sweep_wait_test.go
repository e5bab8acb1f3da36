package enginetest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

const waitTables = `kind: Table
name: contact
audience: true
key: id
source: {topic: crm.contact, format: json}
fields: {id: string, since: timestamp}
---
kind: Event
name: cart
source: {topic: shop, format: json, match: {type: cart}}
audience: {contact: contact_id}
fields: {}
---
kind: Event
name: ordered
source: {topic: shop, format: json, match: {type: ordered}}
audience: {contact: contact_id}
fields: {}
`

func dateTrigger(offset string) string {
	return "---\nkind: Trigger\nname: date\naudience: contact\non: {date: contact.since, offset: " + offset + "}\n"
}

func absenceTrigger(within string) string {
	return "---\nkind: Trigger\nname: absence\naudience: contact\non: {absence: {after: cart, of: ordered, within: " +
		within + "}}\n"
}

const otherSegment = "---\nkind: Segment\nname: all\naudience: contact\nwhere: 'true'\n"

// waitBench is a store over which catalogs change.
type waitBench struct {
	t     *testing.T
	store *state.Store
	task  *engine.Task
	c     *catalog.Catalog
	now   row.Instant
	n     int64
}

func newWaitBench(t *testing.T, text string) *waitBench {
	store, err := state.OpenMem()
	check(t, err)
	t.Cleanup(func() { check(t, store.Close()) })
	b := &waitBench{t: t, store: store, now: row.At(mustTime(t, "2026-01-01T00:00:00Z"))}
	b.open(text)
	return b
}

// open starts a task with a catalog, as a worker that starts does.
func (b *waitBench) open(text string) {
	b.t.Helper()
	b.openWith(waitTables, text)
}

func (b *waitBench) openWith(tables, text string) {
	b.t.Helper()
	b.c = parse(b.t, tables+text)
	var err error
	b.task, err = engine.OpenTask(0, b.c, b.store, engine.TaskConfig{App: "weir", CacheBytes: 1 << 20,
		Counts: &engine.Counts{}})
	check(b.t, err)
}

// sweep brings the catalog over the subjects after some days.
func (b *waitBench) sweep(days int) {
	b.t.Helper()
	b.now += row.Instant(days) * day
	for _, sweeping := b.task.Sweeping(); sweeping; _, sweeping = b.task.Sweeping() {
		check(b.t, b.task.Sweep(b.now, 1))
	}
}

const day = row.Instant(24 * time.Hour)

func (b *waitBench) apply(c engine.Change) {
	b.t.Helper()
	b.n++
	c.Origin.Offset, c.Key = b.n, "c-1"
	check(b.t, b.task.Apply(&c, b.now))
}

// row sends the contact with a date that comes after some days.
func (b *waitBench) row(days int) {
	b.apply(engine.Change{Kind: engine.Upsert, Table: "contact", Schema: b.c.Table("contact").Schema,
		Row: row.Row{row.OfString("c-1"), row.OfTime((b.now + row.Instant(days)*day).Time())}})
}

func (b *waitBench) event(kind string) {
	b.apply(engine.Change{Kind: engine.Occur, Audience: "contact", EventKind: kind, Schema: b.c.Event(kind).Schema,
		Event: row.Event{Time: row.OfTime(b.now.Time()), Fields: row.Row{}}})
}

// expect lets some days pass and compares what fired since the last call: "date 3" is the trigger date on the 3rd.
func (b *waitBench) expect(days int, want ...string) {
	b.t.Helper()
	b.now += row.Instant(days) * day
	_, err := b.task.Advance(b.now, true, 1000)
	check(b.t, err)
	part := b.task.Effects()
	var got []string
	for i := range part.Outputs {
		var v struct{ Trigger string }
		check(b.t, json.Unmarshal(part.Outputs[i].Value, &v))
		if v.Trigger != "" {
			got = append(got, fmt.Sprintf("%s %d", v.Trigger, part.Outputs[i].At.Time().YearDay()))
		}
	}
	apply(b.t, b.store, b.task, part)
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		b.t.Errorf("fired %q, want %q", got, want)
	}
}

// TestSweepBeginsToWait brings new triggers over a subject whose date and event are older: what is to come fires, what
// is past does not.
func TestSweepBeginsToWait(t *testing.T) {
	b := newWaitBench(t, "")
	b.row(9)
	b.event("cart")
	b.expect(0)
	b.open(dateTrigger("-2d") + absenceTrigger("5d"))
	b.sweep(3)
	b.expect(0)
	b.expect(20, "absence 6", "date 8")

	b = newWaitBench(t, "")
	b.row(9)
	b.event("cart")
	b.expect(0)
	b.open(dateTrigger("-6d") + absenceTrigger("3d"))
	b.sweep(3) // both are due just now, and were before the trigger was seen
	b.expect(20)
}

// TestSweepKeepsWhatCameDue shows that triggers which a changed catalog leaves as they are fire at their own instants,
// also if these came while no worker ran; and not twice.
func TestSweepKeepsWhatCameDue(t *testing.T) {
	b := newWaitBench(t, dateTrigger("-2d")+absenceTrigger("5d"))
	b.row(9)
	b.event("cart")
	b.expect(0)
	b.open(dateTrigger("-2d") + absenceTrigger("5d") + otherSegment)
	b.sweep(6)
	b.expect(0, "absence 6")
	b.expect(20, "date 8")
	b.open(dateTrigger("-2d") + absenceTrigger("5d"))
	b.sweep(1)
	b.expect(20)
}

// TestSweepEndsOldWaits shows that an edited trigger waits for what it now says alone, and one that is gone for
// nothing.
func TestSweepEndsOldWaits(t *testing.T) {
	b := newWaitBench(t, dateTrigger("-2d")+absenceTrigger("5d"))
	b.row(9)
	b.event("cart")
	b.expect(0)
	b.open(dateTrigger("-1d") + absenceTrigger("6d"))
	b.sweep(6) // the old wait ended before, the new one ends now: it was not seen
	b.expect(0)
	b.expect(20, "date 9")

	b = newWaitBench(t, dateTrigger("-2d")+absenceTrigger("5d"))
	b.row(9)
	b.event("cart")
	b.expect(0)
	b.open("")
	b.sweep(1)
	b.expect(20)
	if s, err := b.store.Load(0, b.c.Layout("contact"), "contact", "c-1"); err != nil || len(s.Watches) > 0 {
		t.Errorf("got %+v, %v: a watch is left", s, err)
	}
}

// TestSweepOfAnotherType shows that what the new type of a field does not read is no date, until the row comes again.
func TestSweepOfAnotherType(t *testing.T) {
	b := newWaitBench(t, dateTrigger("-2d"))
	b.now += row.Instant(time.Hour)
	b.row(9)
	b.expect(0)
	b.openWith(strings.Replace(waitTables, "since: timestamp", "since: date", 1), dateTrigger("-2d"))
	b.sweep(1)
	b.expect(20)
	b.now -= b.now % day
	b.row(5)
	b.expect(20, "date 25")
}

// TestSweepForgetsLimits shows that a limit goes on over a changed catalog, and that its firings are forgotten with it.
func TestSweepForgetsLimits(t *testing.T) {
	limited := "---\nkind: Trigger\nname: cart\naudience: contact\non: {event: cart}\n"
	b := newWaitBench(t, limited+"limit: {per: 10d}\n")
	b.event("cart")
	b.expect(0, "cart 1")
	b.open(limited + "limit: {per: 5d}\n")
	b.sweep(1)
	b.event("cart")
	b.expect(0)
	b.now += 4 * day
	b.event("cart")
	b.expect(0, "cart 6")
	b.open(limited)
	b.sweep(0)
	b.event("cart")
	b.expect(0, "cart 6")
	b.open(limited + "limit: {per: 5d}\n")
	b.sweep(0)
	b.event("cart")
	b.event("cart")
	b.expect(0, "cart 6")
}

// TestEraseForgetsWaits shows that nothing fires for an erased subject, and that its limit begins anew.
func TestEraseForgetsWaits(t *testing.T) {
	limited := "---\nkind: Trigger\nname: cart\naudience: contact\non: {event: cart}\nlimit: {per: 10d}\n"
	b := newWaitBench(t, dateTrigger("-2d")+absenceTrigger("5d")+limited)
	b.row(9)
	b.event("cart")
	b.expect(1, "cart 1")
	b.apply(engine.Change{Kind: engine.Erase, Audience: "contact"})
	b.expect(1)
	if s, err := b.store.Load(0, b.c.Layout("contact"), "contact", "c-1"); err != nil || s != nil {
		t.Errorf("got %+v, %v: something is left", s, err)
	}
	b.event("cart")
	b.expect(20, "cart 3", "absence 8")
}
