package engine

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

const swapTables = `kind: Table
name: contact
audience: true
key: id
source: {topic: crm.contact, format: json}
fields: {id: string}
`

const swapEvents = `---
kind: Event
name: visited
source: {topic: events, format: json}
audience: {contact: contact_id}
fields: {}
---
kind: Trigger
name: visit
audience: contact
on: {event: visited}
`

func swapCatalog(t *testing.T, revision int64, text string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Parse([]catalog.File{{Name: "c.yaml", Text: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	c.Revision = revision
	return c
}

// swapWorker is a worker with one task over a store in memory, without a session.
func swapWorker(t *testing.T, c *catalog.Catalog) (*Worker, *workerTask) {
	t.Helper()
	store, err := state.OpenMem()
	if err != nil {
		t.Fatal(err)
	}
	cfg := WorkerConfig{Task: TaskConfig{App: "weir", CacheBytes: 1 << 20, Counts: &Counts{}},
		EpochBytes: 1 << 20, EpochTimers: 100, Logger: slog.New(slog.DiscardHandler),
		Now: func() row.Instant { return row.At(time.Unix(1_700_000_000, 0)) }}
	task, err := OpenTask(0, c, store, cfg.Task)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(task.Close(), store.Close()); err != nil {
			t.Error(err)
		}
	})
	w := NewWorker(cfg, c, store, nil, nil)
	w.tasks[0] = &workerTask{task: task, cancel: func() {}}
	return w, w.tasks[0]
}

// stepAndApply runs one epoch of the task and returns how many firings came out.
func (t *workerTask) stepAndApply(tb testing.TB, w *Worker) (firings int) {
	tb.Helper()
	var room epochRoom
	room.bytes.Store(w.config.EpochBytes)
	room.sweep.Store(int64(time.Second))
	if err := t.step(w.config.Now(), w.config.EpochTimers, &room); err != nil {
		tb.Fatal(err)
	}
	part := t.task.Effects()
	for i := range part.Outputs {
		if strings.HasSuffix(part.Outputs[i].Topic, "firings") {
			firings++
		}
	}
	if err := w.apply([]Part{part}, Outcome{}); err != nil {
		tb.Fatal(err)
	}
	t.records = t.records[t.taken:]
	return firings
}

// visit is an input record of an event that only the second revision knows.
func visit(c *catalog.Catalog) Record {
	change := Change{Kind: Occur, Revision: c.Revision, Audience: "contact", EventKind: "visited", Key: "c-1",
		Schema: c.Event("visited").Schema, Event: row.Event{ID: "v-1", Time: row.OfTime(time.Unix(1_600_000_000, 0))}}
	return Record{Key: []byte("c-1"), Value: AppendChange(nil, &change)}
}

// TestRecordsWaitForTheirRevision shows that a record of a kind that only the next revision knows is not lost in a task
// that has not got it yet.
func TestRecordsWaitForTheirRevision(t *testing.T) {
	first, second := swapCatalog(t, 1, swapTables), swapCatalog(t, 2, swapTables+swapEvents)
	w, task := swapWorker(t, first)
	task.records = []Record{visit(second)}
	if n := task.stepAndApply(t, w); n != 0 || task.taken != 0 || task.ahead != 2 {
		t.Fatalf("%d firings, %d records taken, waits for revision %d", n, task.taken, task.ahead)
	}
	w.Swap(second)
	if err := w.swap(); err != nil {
		t.Fatal(err)
	}
	if n := task.stepAndApply(t, w); n != 1 || len(task.records) != 0 || w.Revision() != 2 {
		t.Errorf("%d firings, %d records left, revision %d", n, len(task.records), w.Revision())
	}
}

// TestRecordsOfARefusedRevision shows that records are not held up by a revision that the worker can't use: they are
// taken as the one in force has them.
func TestRecordsOfARefusedRevision(t *testing.T) {
	first, second := swapCatalog(t, 1, swapTables), swapCatalog(t, 2, swapTables+swapEvents)
	w, task := swapWorker(t, first)
	task.records = []Record{visit(second)}
	task.stepAndApply(t, w)
	w.Refuse(2)
	if err := w.swap(); err != nil {
		t.Fatal(err)
	}
	if n := task.stepAndApply(t, w); n != 0 || len(task.records) != 0 || w.config.Task.Counts.Unknown.Load() != 1 {
		t.Errorf("%d firings, %d records left, %d unknown", n, len(task.records), w.config.Task.Counts.Unknown.Load())
	}
}

// TestSwapWaitsForWhatIsDue shows that everything due before a revision happens by the one before.
func TestSwapWaitsForWhatIsDue(t *testing.T) {
	timed := swapTables[:strings.LastIndex(swapTables, "fields")] + "fields: {id: string, t: timestamp}\n" +
		"---\nkind: Segment\nname: recent\naudience: contact\nwhere: contact.t > ago(\"1d\")\n"
	first := swapCatalog(t, 1, timed)
	w, task := swapWorker(t, first)
	sent := w.config.Now()
	change := Change{Kind: Upsert, Revision: 1, Table: "contact", Key: "c-1", Schema: first.Table("contact").Schema,
		Row: row.Row{row.OfString("c-1"), row.OfTime(sent.Time())}}
	task.records = []Record{{Key: []byte("c-1"), Value: AppendChange(nil, &change)}}
	task.stepAndApply(t, w)
	w.config.Now = func() row.Instant { return sent + row.Instant(48*time.Hour) }
	w.Swap(swapCatalog(t, 2, timed+swapEvents))
	if err := w.swap(); err != nil || w.Revision() != 1 {
		t.Fatalf("revision %d is in force while a timer is due: %v", w.Revision(), err)
	}
	task.stepAndApply(t, w)
	if err := w.swap(); err != nil || w.Revision() != 2 {
		t.Errorf("revision %d is in force: %v", w.Revision(), err)
	}
}

// resumed is a session that only notes what is resumed.
type resumed struct {
	Session
	partitions []int32
}

// Resume implements Session.
func (r *resumed) Resume(rs []Resumption) {
	for _, one := range rs {
		r.partitions = append(r.partitions, one.Partition)
	}
}

// TestPartitionWaitsForItsRevision shows that a worker does not bring a partition back to an older catalog, of which
// another worker has put the next revision in force before it got the partition.
func TestPartitionWaitsForItsRevision(t *testing.T) {
	first, second := swapCatalog(t, 1, swapTables), swapCatalog(t, 2, swapTables+swapEvents)
	w, other := swapWorker(t, second) // as the other worker would have left the store
	other.task.config.Progress = true
	if err := other.task.Reset(); err != nil {
		t.Fatal(err)
	}
	other.stepAndApply(t, w)

	w.config.Task.Progress, w.catalog = true, first
	late := &workerTask{cancel: func() {}}
	w.tasks[0] = late
	w.restored <- restoreResult{task: late}
	var s resumed
	for range 2 {
		if err := errors.Join(w.takeRestored(&s), w.swap()); err != nil {
			t.Fatal(err)
		}
		if late.task != nil || len(s.partitions) > 0 {
			t.Fatal("the partition was opened by an older catalog")
		}
	}
	w.Swap(second)
	if err := errors.Join(w.swap(), w.takeRestored(&s)); err != nil {
		t.Fatal(err)
	}
	if late.task == nil || len(s.partitions) != 1 {
		t.Fatal("the partition was not opened though its revision has come")
	}
	if _, sweeping := late.task.Sweeping(); sweeping {
		t.Error("the partition is swept, but it has the revision already")
	}
	if err := late.task.Close(); err != nil {
		t.Error(err)
	}
}
