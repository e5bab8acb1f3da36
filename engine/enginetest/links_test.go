package enginetest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// TestLinksInAnyOrder runs the tasks of several partitions as live workers do: each takes its records and messages when
// it happens to, in epochs of its own, some of which are given up and done again. In
// the end everybody must be where one task alone puts them, and nothing may be left that nothing needs.
func TestLinksInAnyOrder(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("WEIR_LINKS_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	runs := 60
	if text := os.Getenv("WEIR_LINKS_RUNS"); text != "" {
		runs, _ = strconv.Atoi(text)
	}
	if testing.Short() {
		runs = 10
	}
	for i := range runs {
		seed := seed + uint64(i)
		if !t.Run(fmt.Sprintf("WEIR_LINKS_SEED=%d", seed), func(t *testing.T) { linksInAnyOrder(t, seed) }) {
			return
		}
	}
}

func linksInAnyOrder(t *testing.T, seed uint64) {
	text, err := os.ReadFile("testdata/links.yaml")
	check(t, err)
	c, err := catalog.Parse([]catalog.File{{Name: "links.yaml", Text: text}})
	check(t, err)
	r := rand.New(rand.NewPCG(seed, 7))
	changes := drawLinkChanges(c, r)
	alone := newNet(t, c, 1, r)
	shared := newNet(t, c, int32(2+r.IntN(5)), r)
	for _, n := range []*net{alone, shared} {
		for i := range changes {
			n.enqueue(&changes[i])
		}
		n.run()
	}
	if !maps.Equal(alone.members, shared.members) {
		for _, k := range slices.Sorted(maps.Keys(alone.members)) {
			if !shared.members[k] {
				t.Errorf("%d partitions: not a member: %s", len(shared.tasks), k)
			}
		}
		for _, k := range slices.Sorted(maps.Keys(shared.members)) {
			if !alone.members[k] {
				t.Errorf("%d partitions: a member without reason: %s", len(shared.tasks), k)
			}
		}
	}
	for _, f := range shared.faults {
		t.Error(f)
	}
}

// net is the tasks of an app, with what is on its way to them.
type net struct {
	t       *testing.T
	r       *rand.Rand
	store   *state.Store
	tasks   []*engine.Task
	inputs  [][]engine.Change
	boxes   [][][]byte // by receiver: what is committed and not taken, in the order of commits, as in a partition
	members map[string]bool
	faults  []string
	now     row.Instant
}

func newNet(t *testing.T, c *catalog.Catalog, partitions int32, r *rand.Rand) *net {
	t.Helper()
	s, err := state.OpenMem()
	check(t, err)
	n := &net{t: t, r: r, store: s, members: map[string]bool{}, inputs: make([][]engine.Change, partitions),
		boxes: make([][][]byte, partitions), now: 1}
	t.Cleanup(func() {
		for _, task := range n.tasks {
			check(t, task.Close())
		}
		check(t, s.Close())
	})
	for p := range partitions {
		task, err := engine.OpenTask(p, c, s, engine.TaskConfig{App: "weir", Partitions: partitions, Format: emit.JSON,
			CacheBytes: 1 << 12, Counts: &engine.Counts{}})
		check(t, err)
		n.tasks = append(n.tasks, task)
	}
	return n
}

func (n *net) enqueue(c *engine.Change) {
	home := engine.Home(c.Key, int32(len(n.tasks)))
	copied := *c
	copied.Origin.Offset = int64(len(n.inputs[home]))
	copied.Origin.Partition = home
	n.inputs[home] = append(n.inputs[home], copied)
}

// run lets tasks work in any order until nothing is left.
func (n *net) run() {
	for {
		var ready []int
		for i := range n.tasks {
			if len(n.inputs[i])+len(n.boxes[i]) > 0 || n.tasks[i].Working() {
				ready = append(ready, i)
			}
		}
		if len(ready) == 0 {
			return
		}
		n.epoch(ready[n.r.IntN(len(ready))])
	}
}

// epoch lets a task take some of what waits for it, and commits or gives up.
func (n *net) epoch(i int) {
	n.t.Helper()
	task := n.tasks[i]
	n.now++
	taken, input := 0, 0
	for range 1 + n.r.IntN(4) {
		check(n.t, task.Work(n.now, 1+n.r.IntN(3)))
		if taken < len(n.boxes[i]) && n.r.IntN(3) > 0 {
			check(n.t, task.Receive(n.boxes[i][taken], n.now))
			taken++
			continue
		}
		if input < len(n.inputs[i]) {
			c := n.inputs[i][input]
			check(n.t, task.Apply(&c, n.now))
			input++
		}
	}
	part := task.Effects()
	if n.r.IntN(8) == 0 {
		check(n.t, task.Reset())
		return
	}
	n.boxes[i] = n.boxes[i][taken:]
	n.inputs[i] = n.inputs[i][input:]
	for _, m := range part.Messages {
		n.boxes[m.To] = append(n.boxes[m.To], m.Value)
	}
	for k := range part.Outputs {
		n.output(part.Outputs[k].Value)
	}
	b := n.store.NewBatch()
	check(n.t, b.PutAll(int32(i), part.Facts))
	check(n.t, b.Commit())
	if task.Applied(); n.r.IntN(8) == 0 {
		check(n.t, task.Reset())
	}
}

func (n *net) output(value []byte) {
	var o struct{ Segment, ID, Op string }
	check(n.t, json.Unmarshal(value, &o))
	if o.Segment == "" {
		return
	}
	key := o.Segment + " " + o.ID
	if o.Op == "enter" == n.members[key] {
		n.faults = append(n.faults, "a second "+o.Op+" in a row: "+key)
	}
	if o.Op == "enter" {
		n.members[key] = true
	} else {
		delete(n.members, key)
	}
}

// drawLinkChanges draws rows that come, change, move and go.
func drawLinkChanges(c *catalog.Catalog, r *rand.Rand) []engine.Change {
	one := func(values ...string) string { return values[r.IntN(len(values))] }
	id := func(kind string, n int) string { return kind + strconv.Itoa(r.IntN(n)) }
	var out []engine.Change
	for range 30 + r.IntN(120) {
		table := one("contact", "contact", "account", "opportunity", "opportunity")
		change := engine.Change{Kind: engine.Upsert, Table: table, Schema: c.Table(table).Schema,
			Origin: engine.Origin{Topic: table}}
		fields := map[string]string{}
		switch table {
		case "contact":
			change.Key = id("c", 6)
			fields["state"], fields["account_id"] = one("ND", "MN"), one("", id("a", 4))
		case "account":
			change.Key = id("a", 4)
			fields["industry"], fields["parent_id"] = one("manufacturing", "retail"), one("", id("a", 4))
		case "opportunity":
			change.Key = id("o", 6)
			fields["contact_id"], fields["account_id"] = one("", id("c", 6)), one("", id("a", 4))
			fields["status"] = one("won", "open")
		}
		if r.IntN(6) == 0 {
			change.Kind = engine.Delete
		} else {
			change.Row = make(row.Row, len(change.Schema.Fields))
			fields["id"] = change.Key
			for name, v := range fields {
				if i, ok := change.Schema.Field(name); ok && v != "" {
					change.Row[i] = row.OfString(v)
				}
			}
			if i, ok := change.Schema.Field("revenue"); ok {
				change.Row[i] = row.OfInt(int64(r.IntN(100)))
			}
		}
		out = append(out, change)
	}
	return out
}
