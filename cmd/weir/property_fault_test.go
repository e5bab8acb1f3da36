package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// faults are what the property must find, each within so many histories. They are planted beside the engine: in what it
// is told, in its catalog alone, in what it restores, or in the model.
var faults = []plantedFault{
	{fault{name: "timers never come due", clock: func(at row.Instant) (row.Instant, bool) { return at, false }}, 60},
	{fault{name: "the clock stops one nanosecond early",
		clock: func(at row.Instant) (row.Instant, bool) { return at - 1, true }}, 400},
	{fault{name: "windows end one nanosecond late", change: func(c *engine.Change, _ *engine.Record) bool {
		if c.Kind == engine.Occur {
			c.Event.Time = row.OfTime(c.Event.Time.Time().Add(1))
		}
		return true
	}}, 60},
	{fault{name: "retention is ignored", catalog: without("retention: ")}, 150},
	{fault{name: "ids of events are ignored", change: func(c *engine.Change, _ *engine.Record) bool {
		c.Event.ID = ""
		return true
	}}, 150},
	{fault{name: "records delivered twice count twice", record: func(n int, rec *engine.Record) {
		rec.Offset = int64(n)
	}}, 150},
	{fault{name: "the image that comes last wins", change: func(c *engine.Change, _ *engine.Record) bool {
		c.Version = row.Version{}
		return true
	}}, 60},
	{fault{name: "rows of a snapshot are created", change: func(c *engine.Change, _ *engine.Record) bool {
		c.Snapshot = false
		return true
	}}, 250},
	{fault{name: "values that were not sent are null", change: func(c *engine.Change, _ *engine.Record) bool {
		c.Keep = nil
		return true
	}}, 150},
	{fault{name: "deleted rows stay", change: func(c *engine.Change, _ *engine.Record) bool {
		return c.Kind != engine.Delete
	}}, 60},
	{fault{name: "late events are dropped", change: func(c *engine.Change, rec *engine.Record) bool {
		return c.Kind != engine.Occur || !c.Event.Time.Time().Before(rec.Time.Time())
	}}, 60},
	{fault{name: "triggers see what was before", model: func(m *model) { m.whenFirst = true }}, 60},
	{fault{name: "!= leaves out null", catalog: replaced(` != "a"`, ` in ["b", "c"]`)}, 150},
	{fault{name: "> is read as >=", catalog: replaced("e.time > ", "e.time >= ")}, 1000},
	{fault{name: "a month is thirty days", catalog: replaced(`"1mo"`, `"30d"`)}, 600},
	{fault{name: "fields limit nothing", catalog: replaced(", fields: [s]", "")}, 400},
	{fault{name: "leaving fires as entering does", catalog: replaced("actions: [enter]", "actions: [leave]")}, 150},
	{fault{name: "offsets go forward only", catalog: replaced("offset: -", "offset: ")}, 250},
	{fault{name: "dates come once", catalog: replaced(", every: 1mo", "")}, 250},
	{fault{name: "all events of a subject belong together",
		catalog: replaced(", by: {after: s, of: s}", "")}, 250},
	{fault{name: "limits are ignored", catalog: without("limit: ")}, 600},
	{fault{name: "commands are dropped", change: func(c *engine.Change, _ *engine.Record) bool {
		return c.Kind != engine.Add && c.Kind != engine.Remove
	}}, 60},
	{fault{name: "erasing does no more than deleting", change: func(c *engine.Change, _ *engine.Record) bool {
		if c.Kind == engine.Erase {
			c.Kind, c.Table = engine.Delete, c.Audience
		}
		return true
	}}, 250},
	{fault{name: "lists of members are empty", catalog: replaced("c-1", "c-9")}, 60},
	{fault{name: "ids are not included", catalog: without("include: ")}, 60},
	{fault{name: "ids are not excluded", catalog: without("exclude: ")}, 60},
	{fault{name: "nothing is frozen", catalog: without("freeze: ")}, 60},
	{fault{name: "what is refreshed daily is continuous", catalog: without("refresh: ")}, 60},
	{fault{name: "it is a refresh at another time of day", catalog: replaced(`"06:00"`, `"06:01"`)}, 150},
	{fault{name: "zones are ignored", catalog: without("timezone: ")}, 150},
	{fault{name: "clocks never change", catalog: replaced("Europe/Berlin", "+01:00")}, 250},
	{fault{name: "a restore loses what commands said", restore: changedStatus(func(m *state.Membership) {
		m.Edit = state.NoEdit
	})}, 150},
	{fault{name: "a restore loses who was frozen in", restore: changedStatus(func(m *state.Membership) {
		m.Chosen = false
	})}, 600},
	{fault{name: "a restore loses the instants of freezing", restore: func(fs []state.Fact) []state.Fact {
		return slices.DeleteFunc(fs, func(f state.Fact) bool {
			k, err := state.ParseKey(f.Key)
			return err == nil && k.Kind == state.FreezeKind
		})
	}}, 250},
	{fault{name: "a restore loses the first fact", restore: func(fs []state.Fact) []state.Fact {
		return fs[min(1, len(fs)):]
	}}, 60},
	{fault{name: "a restore loses the last fact", restore: func(fs []state.Fact) []state.Fact {
		return fs[:max(0, len(fs)-1)]
	}}, 60},
}

// plantedFault is a fault, and how many histories may pass before it is found.
type plantedFault struct {
	fault
	within int
}

// changedStatus changes every membership that is restored.
func changedStatus(change func(*state.Membership)) func([]state.Fact) []state.Fact {
	return func(facts []state.Fact) []state.Fact {
		out := slices.Clone(facts)
		for i, f := range out {
			k, err := state.ParseKey(f.Key)
			if err != nil || k.Kind != state.StatusKind || f.Value == nil {
				continue
			}
			ms, ws, _ := state.DecodeStatusFact(f.Value)
			for j := range ms {
				change(&ms[j])
			}
			out[i] = state.StatusFact(k.Table, k.ID, ms, ws...)
		}
		return out
	}
}

func replaced(old, with string) func(string) string {
	return func(text string) string { return strings.ReplaceAll(text, old, with) }
}

// without drops the lines that start with a prefix.
func without(prefix string) func(string) string {
	return func(text string) string {
		var kept []string
		for _, line := range strings.Split(text, "\n") {
			if !strings.HasPrefix(line, prefix) {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "\n")
	}
}

// TestPropertyFindsPlantedFaults shows that TestProperty can fail: each planted fault is found within its number of
// histories. The seeds are fixed, so that the test always does the same.
func TestPropertyFindsPlantedFaults(t *testing.T) {
	generator := rapid.Custom(drawWorld)
	var worlds []*world
	most := 250
	if testing.Short() {
		most = 60
	}
	for seed := range most { // without a fault there is nothing to find
		worlds = append(worlds, generator.Example(seed))
		if err := worlds[seed].check(fault{}); err != nil && !errors.Is(err, errUnfit) {
			t.Fatalf("history %d without a fault: %v\n%s", seed, err, worlds[seed])
		}
	}
	for _, f := range slices.Concat(faults, linkFaults) {
		if testing.Short() && f.within > most {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			for seed := range f.within {
				if seed == len(worlds) {
					worlds = append(worlds, generator.Example(seed))
				}
				if f.catalog != nil && f.catalog(worlds[seed].catalog) == worlds[seed].catalog {
					continue // there is nothing to plant it in
				}
				err := worlds[seed].check(f.fault)
				if err == nil || errors.Is(err, errUnfit) {
					continue
				}
				why, _, _ := strings.Cut(err.Error(), "\n")
				t.Logf("found by history %d: %s", seed, why)
				return
			}
			t.Errorf("not found by %d histories", f.within)
		})
	}
}
