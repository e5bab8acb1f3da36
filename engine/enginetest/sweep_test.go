package enginetest_test

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

const sweepCatalog = `kind: Table
name: contact
audience: true
key: id
source: {topic: crm.contact, format: json}
fields: {id: string, state: string, since: timestamp}
---
kind: Segment
name: days
audience: contact
where: contact.since > ago("10d")
---
kind: Segment
name: weeks
audience: contact
where: contact.since > ago("20d")
---
kind: Trigger
name: welcome
audience: contact
on: {segment: nd}
---
kind: Segment
name: nd
audience: contact
where: contact.state == "ND"
`

func parse(t *testing.T, text string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Parse([]catalog.File{{Name: "c.yaml", Text: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSweep brings a changed catalog over a subject: the segment that is gone ends, the one that is edited changes,
// both with the cause catalog, as do the firings. The segment that stays keeps its timer, though another was due
// before.
func TestSweep(t *testing.T) {
	day := row.At(mustTime(t, "2026-01-02T00:00:00Z")) - row.At(mustTime(t, "2026-01-01T00:00:00Z"))
	start := row.At(mustTime(t, "2026-01-01T00:00:00Z"))
	store, err := state.OpenMem()
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	c := parse(t, sweepCatalog)
	cfg := engine.TaskConfig{App: "weir", CacheBytes: 1 << 20, Counts: &engine.Counts{}}
	open := func(c *catalog.Catalog) *engine.Task {
		task, err := engine.OpenTask(0, c, store, cfg)
		if err != nil {
			t.Fatal(err)
		}
		return task
	}
	task := open(c)
	check(t, task.Apply(&engine.Change{
		Kind: engine.Upsert, Table: "contact", Key: "c-1", Schema: c.Table("contact").Schema,
		Row: row.Row{row.OfString("c-1"), row.OfTime(start.Time()), row.OfString("MN")}, // in order of name
	}, start))
	expectOps(t, commit(t, store, task), "enter days row", "enter weeks row")

	edited := strings.Replace(sweepCatalog, `contact.state == "ND"`, `contact.state == "MN"`, 1)
	days := "---\nkind: Segment\nname: days\naudience: contact\nwhere: contact.since > ago(\"10d\")\n"
	edited = strings.Replace(edited, days, "", 1)
	task = open(parse(t, edited))
	if _, err := task.NextDue(); err != nil { // a worker asks: the timers are read
		t.Fatal(err)
	}
	now := start + day
	for _, sweeping := task.Sweeping(); sweeping; _, sweeping = task.Sweeping() {
		check(t, task.Sweep(now, 10))
	}
	expectOps(t, commit(t, store, task), "leave days catalog", "enter nd catalog", "fire welcome catalog")

	if _, err := task.Advance(start+30*day, true, 100); err != nil {
		t.Fatal(err)
	}
	expectOps(t, commit(t, store, task), "leave weeks time")
}

// TestSweepOfAnAudienceThatIsGone removes an audience with all that is about it, and then makes it a table without
// subjects: in both cases its members leave, and nothing is awaited of them any more.
func TestSweepOfAnAudienceThatIsGone(t *testing.T) {
	const lead = `---
kind: Table
name: lead
audience: true
key: id
source: {topic: crm.lead, format: json}
fields: {id: string, since: timestamp}
`
	const recent = "---\nkind: Segment\nname: recent\naudience: lead\nwhere: lead.since > ago(\"10d\")\n"
	for name, after := range map[string]string{
		"removed":     sweepCatalog,
		"no audience": sweepCatalog + strings.Replace(lead, "audience: true\n", "", 1),
	} {
		t.Run(name, func(t *testing.T) {
			start := row.At(mustTime(t, "2026-01-01T00:00:00Z"))
			store, err := state.OpenMem()
			check(t, err)
			defer store.Close()
			cfg := engine.TaskConfig{App: "weir", CacheBytes: 1 << 20, Counts: &engine.Counts{}}
			c := parse(t, sweepCatalog+lead+recent)
			task, err := engine.OpenTask(0, c, store, cfg)
			check(t, err)
			for i, id := range []string{"l-1", "l-2", "l-3"} {
				check(t, task.Apply(&engine.Change{
					Kind: engine.Upsert, Table: "lead", Key: id, Schema: c.Table("lead").Schema,
					Origin: engine.Origin{Offset: int64(i)}, Row: row.Row{row.OfString(id), row.OfTime(start.Time())},
				}, start))
			}
			expectOps(t, commit(t, store, task), "enter recent row", "enter recent row", "enter recent row")
			check(t, task.Swap(parse(t, after)))
			for _, sweeping := task.Sweeping(); sweeping; _, sweeping = task.Sweeping() {
				check(t, task.Sweep(start+day, 2))
			}
			expectOps(t, commitAll(t, store, task), "begin recent catalog", "leave recent catalog", "leave recent catalog",
				"leave recent catalog", "end recent catalog 0 3")
			if due, err := store.NextDue(0); err != nil || due != row.Never {
				t.Errorf("something is due at %v, %v", due, err)
			}
			check(t, task.Close())
		})
	}
}
