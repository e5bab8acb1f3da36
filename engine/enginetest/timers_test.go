package enginetest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// stay is what a simple model knows of a contact: when its membership ends; 0: it has none.
type stay struct {
	id   string
	ends row.Instant
}

// TestManyTimers sets and moves tens of thousands of timers, more than fit in a page or stay in memory, and lets time
// pass in between by jumps, in epochs of any size and with restarts: every stay ends at its instant, once, in order of
// instant and id.
func TestManyTimers(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	store, err := state.OpenMem()
	check(t, err)
	defer store.Close()
	c := parse(t, strings.Replace(sweepCatalog, `contact.since > ago("20d")`, `contact.since == null`, 1))
	open := func() *engine.Task {
		cfg := engine.TaskConfig{App: "weir", CacheBytes: 1 << 20, Counts: &engine.Counts{}}
		task, err := engine.OpenTask(0, c, store, cfg)
		check(t, err)
		return task
	}
	task := open()
	const contacts, rounds = 12_000, 60
	day := row.Instant(24 * time.Hour)
	now := row.At(mustTime(t, "2026-01-01T00:00:00Z"))
	stays := make([]stay, contacts)
	for i := range stays {
		stays[i].id = fmt.Sprintf("c-%05d", i)
	}
	var want, got []string
	offset := int64(0)
	for range rounds {
		now += row.Instant(random.Int64N(int64(day)))
		want = append(want, end(stays, now)...)
		for done := false; !done; {
			done, err = task.Advance(now, true, 1+random.IntN(5000))
			check(t, err)
		}
		for range contacts / 40 {
			s := &stays[random.IntN(contacts)]
			since := now - row.Instant(random.Int64N(int64(9*day)))
			if s.ends == 0 {
				want = append(want, fmt.Sprintf("enter %s %v", s.id, now))
			}
			s.ends = since + 10*day
			check(t, task.Apply(&engine.Change{
				Kind: engine.Upsert, Table: "contact", Key: s.id, Schema: c.Table("contact").Schema,
				Origin: engine.Origin{Offset: offset}, Row: row.Row{row.OfString(s.id), row.OfTime(since.Time()), {}},
			}, now))
			offset++
		}
		if random.IntN(3) > 0 {
			continue // a larger epoch
		}
		got = append(got, took(t, store, task)...)
		if random.IntN(10) == 0 {
			task = open()
		}
	}
	now += 20 * day
	want = append(want, end(stays, now)...)
	_, err = task.Advance(now, true, 1<<30)
	check(t, err)
	got = append(got, took(t, store, task)...)
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("of %d outputs, %d expected, number %d differs: %q, should be %q",
				len(got), len(want), i, got[i:min(i+1, len(got))], want[i:min(i+1, len(want))])
		}
	}
}

// end ends the stays that are due up to now.
func end(stays []stay, now row.Instant) []string {
	var due []stay
	for i := range stays {
		if stays[i].ends != 0 && stays[i].ends <= now {
			due = append(due, stays[i])
			stays[i].ends = 0
		}
	}
	slices.SortFunc(due, func(a, b stay) int {
		if a.ends != b.ends {
			return int(min(max(a.ends-b.ends, -1), 1))
		}
		return strings.Compare(a.id, b.id)
	})
	var out []string
	for _, s := range due {
		out = append(out, fmt.Sprintf("leave %s %v", s.id, s.ends))
	}
	return out
}

// took ends the epoch and returns its deltas: "enter c-00001 2026-01-01T00:00:00Z".
func took(t *testing.T, s *state.Store, task *engine.Task) []string {
	t.Helper()
	var out []string
	part := task.Effects()
	for _, o := range part.Outputs {
		op := "leave"
		if strings.Contains(string(o.Value), `"op":"enter"`) {
			op = "enter"
		}
		out = append(out, fmt.Sprintf("%s %s %v", op, o.Key[strings.LastIndexByte(string(o.Key), '/')+1:], o.At))
	}
	apply(t, s, task, part)
	return out
}
