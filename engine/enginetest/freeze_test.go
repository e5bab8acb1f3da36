package enginetest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

const freezeTables = `kind: Table
name: contact
audience: true
key: id
source: {topic: crm.contact, format: json}
fields: {id: string, state: string}
`

// frozenWorld is a partition whose catalog changes.
type frozenWorld struct {
	t       *testing.T
	store   *state.Store
	task    *engine.Task
	catalog *catalog.Catalog
	now     row.Instant
}

func newFrozenWorld(t *testing.T) *frozenWorld {
	store, err := state.OpenMem()
	check(t, err)
	t.Cleanup(func() { check(t, store.Close()) })
	return &frozenWorld{t: t, store: store, now: row.At(mustTime(t, "2026-01-01T00:00:00Z"))}
}

// open starts the task anew, with a catalog of these segments.
func (w *frozenWorld) open(segments ...string) {
	w.t.Helper()
	var text strings.Builder
	text.WriteString(freezeTables)
	for _, s := range segments {
		name, rest, _ := strings.Cut(s, " ")
		fmt.Fprintf(&text, "---\nkind: Segment\nname: %s\naudience: contact\n%s\n", name, rest)
	}
	w.catalog = parse(w.t, text.String())
	w.restart()
}

func (w *frozenWorld) restart() {
	w.t.Helper()
	cfg := engine.TaskConfig{App: "weir", CacheBytes: 1 << 20, Counts: &engine.Counts{}}
	task, err := engine.OpenTask(0, w.catalog, w.store, cfg)
	check(w.t, err)
	w.task = task
}

// sweep looks at the next page of one subject; false if there was nothing to do.
func (w *frozenWorld) sweep() bool {
	w.t.Helper()
	w.now++
	if _, sweeping := w.task.Sweeping(); !sweeping {
		return false
	}
	check(w.t, w.task.Sweep(w.now, 1))
	return true
}

func (w *frozenWorld) sweepAll() {
	w.t.Helper()
	for w.sweep() {
	}
}

func (w *frozenWorld) row(id, of string) {
	w.t.Helper()
	w.now++
	check(w.t, w.task.Apply(&engine.Change{Kind: engine.Upsert, Table: "contact", Key: id,
		Origin: engine.Origin{Topic: "crm.contact", Offset: int64(w.now)},
		Schema: w.catalog.Table("contact").Schema, Row: row.Row{row.OfString(id), row.OfString(of)}}, w.now))
}

func (w *frozenWorld) command(kind engine.ChangeKind, segment, id string) {
	w.t.Helper()
	w.now++
	check(w.t, w.task.Apply(&engine.Change{Kind: kind, Audience: "contact", Segment: segment, Key: id,
		Origin: engine.Origin{Topic: "weir.commands", Offset: int64(w.now)}}, w.now))
}

func (w *frozenWorld) expect(want ...string) {
	w.t.Helper()
	expectOps(w.t, commit(w.t, w.store, w.task), want...)
}

const (
	mnFrozen = "mn where: contact.state == \"MN\"\nfreeze: now"
	other    = "other where: contact.state == \"ND\""
	other2   = "other where: contact.state == \"nd\""
)

// TestFreezeNow freezes a segment when a partition that has subjects first sees it; other changes of the catalog leave
// it as it is, and another condition freezes it anew.
func TestFreezeNow(t *testing.T) {
	w := newFrozenWorld(t)
	w.open(other)
	w.row("c-1", "MN")
	w.row("c-2", "ND")
	w.expect("enter other row")

	w.open(other, mnFrozen)
	w.sweepAll()
	w.expect("enter mn catalog")
	w.row("c-1", "ND")
	w.row("c-2", "MN")
	w.row("c-3", "MN")
	w.command(engine.Add, "mn", "c-3")
	w.expect("enter other row", "leave other row", "enter mn command")

	w.open(other2, mnFrozen) // another segment changes
	w.sweepAll()
	w.expect("leave other catalog")

	w.open(other2, strings.Replace(mnFrozen, "MN", "ND", 1))
	w.sweepAll()
	w.expect() // c-1, who was frozen in, is frozen in again; c-3 stays by command

	w.open(other2)
	w.sweepAll()
	w.expect("leave mn catalog", "leave mn catalog")
	w.open(other2, mnFrozen)
	w.sweepAll()
	w.expect("enter mn catalog", "enter mn catalog") // c-2 and c-3 by their rows: edits went with the segment
	w.command(engine.Remove, "mn", "c-2")
	w.expect("leave mn command")
}

// TestFreezeIsResumed breaks off the first look at the subjects and goes on: all are evaluated as of the instant at
// which it began, and nobody twice.
func TestFreezeIsResumed(t *testing.T) {
	for _, committed := range []bool{true, false} {
		w := newFrozenWorld(t)
		w.open(other)
		w.row("c-1", "MN")
		w.row("c-2", "MN")
		w.row("c-3", "XX")
		w.expect()
		aged := "mn where: contact.state == \"MN\" && now < timestamp(\"2026-01-01T00:00:00.000000007Z\")\nfreeze: now"
		w.open(aged)
		w.sweep()
		if committed {
			w.expect("enter mn catalog")
		}
		w.now += 5 // the condition is no longer met
		w.restart()
		w.sweepAll()
		if committed {
			w.expect("enter mn catalog")
		} else {
			w.expect() // it was first seen when it was started again
		}
	}
}

// TestFreezeComesWhileSweeping freezes at an instant that comes while a changed catalog is brought over the subjects.
func TestFreezeComesWhileSweeping(t *testing.T) {
	w := newFrozenWorld(t)
	w.open(other)
	for _, id := range []string{"c-1", "c-2", "c-3", "c-4"} {
		w.row(id, "MN")
	}
	w.expect()
	w.open("mn where: contact.state == \"MN\"\nfreeze: 2026-01-01T00:00:00.000000006Z")
	w.sweepAll() // the sweep begins at the 5th nanosecond
	if _, err := w.task.Advance(w.now, true, 100); err != nil {
		t.Fatal(err)
	}
	w.row("c-5", "MN")
	w.expect("enter mn catalog", "enter mn catalog", "enter mn catalog", "enter mn time")
}

// TestEditsOfTheCatalog changes the lists of segments: who is on them follows, but for those of whom a command said
// otherwise.
func TestEditsOfTheCatalog(t *testing.T) {
	w := newFrozenWorld(t)
	w.open("board members: [c-1, c-2]", "nd where: contact.state == \"ND\"\nexclude: [c-1]")
	w.row("c-1", "ND")
	w.row("c-2", "MN")
	w.row("c-3", "MN")
	w.command(engine.Remove, "board", "c-1")
	w.command(engine.Add, "board", "c-3")
	w.command(engine.Add, "board", "c-4") // its row has not come yet
	w.expect("enter board row", "enter board row", "leave board command", "enter board command")

	w.open("board members: [c-1]", "nd where: contact.state == \"ND\"\ninclude: [c-3]")
	w.sweepAll()
	w.expect("enter nd catalog", "leave board catalog", "enter nd catalog")
	w.row("c-4", "MN")
	w.expect("enter board row")

	w.open("board where: contact.state == \"MN\"") // no list any more: what commands said is forgotten
	w.sweepAll()
	w.expect("leave nd catalog", "enter board catalog", "leave nd catalog")
	w.open("board members: []")
	w.sweepAll()
	w.expect("leave board catalog", "leave board catalog", "leave board catalog")
}

// TestDailySegmentOfAChangedCatalog publishes a segment that is refreshed daily, and edits it: both wait for the
// refresh.
func TestDailySegmentOfAChangedCatalog(t *testing.T) {
	daily := func(state string) string {
		return "daily where: contact.state == \"" + state + "\"\nrefresh: {daily: \"06:00\"}"
	}
	w := newFrozenWorld(t)
	w.open(other)
	w.row("c-1", "MN")
	w.row("c-2", "ND")
	w.expect("enter other row")
	const day = row.Instant(24 * 3600e9)
	midnight := row.At(mustTime(t, "2026-01-01T00:00:00Z"))
	advance := func(to row.Instant) {
		t.Helper()
		w.now = to
		if _, err := w.task.Advance(to, true, 100); err != nil {
			t.Fatal(err)
		}
	}
	w.open(other, daily("MN"))
	w.sweepAll()
	w.expect()
	advance(midnight + day)
	w.expect("enter daily time")
	w.open(other, daily("ND"))
	w.sweepAll()
	w.expect()
	advance(midnight + day + day/4 - 1)
	w.expect()
	advance(midnight + day + day/4)
	w.expect("leave daily time", "enter daily time")
	w.open(other)
	w.sweepAll()
	w.expect("leave daily catalog")
}
