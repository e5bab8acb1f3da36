package enginetest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
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
	c := mustCatalog(t, text)
	r := rand.New(rand.NewPCG(seed, 7))
	changes := drawLinkChanges(c, r)
	alone := newNet(t, c, 1, r)
	shared := newNet(t, c, int32(1+r.IntN(6)), r)
	if r.IntN(2) == 0 { // it begins with some of the segments, others than those that it ends with among them
		shared = newNet(t, mustCatalog(t, someSegments(string(text), r)), int32(len(shared.tasks)), r)
		shared.next, shared.swapped = c, make([]bool, len(shared.tasks))
	}
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
	for k, times := range shared.brackets {
		if times != 1 {
			t.Errorf("%d partitions: %d times %s", len(shared.tasks), times, k)
		}
	}
	for _, f := range shared.faults {
		t.Error(f)
	}
}

func mustCatalog(t *testing.T, text []byte) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Parse([]catalog.File{{Name: "links.yaml", Text: text}})
	check(t, err)
	return c
}

// someSegments leaves out some segments of a catalog and changes others.
func someSegments(text string, r *rand.Rand) []byte {
	var kept []string
	for _, doc := range strings.Split(text, "\n---\n") {
		if strings.Contains(doc, "kind: Segment") {
			switch r.IntN(4) {
			case 0, 1:
				continue
			case 2:
				doc = doc[:strings.Index(doc, "where:")] + `where: contact.account.parent.owner == null ||
  contact.opportunities.exists(o, o.account.industry == "retail" || o.contact.state == "ND")`
			}
		}
		kept = append(kept, doc)
	}
	return []byte(strings.ReplaceAll(strings.Join(kept, "\n---\n"), "parent.owner", "parent.parent"))
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
	enters  map[string]int
	calm    bool // no epoch is given up, and no task starts anew
	faults  []string
	now     row.Instant
	next    *catalog.Catalog // that each task changes to at some time; nil: none
	swapped []bool

	brackets map[string]int // partition, begin or end, segment -> how often
}

func newNet(t *testing.T, c *catalog.Catalog, partitions int32, r *rand.Rand) *net {
	t.Helper()
	s, err := state.OpenMem()
	check(t, err)
	n := &net{t: t, r: r, store: s, members: map[string]bool{}, enters: map[string]int{}, brackets: map[string]int{},
		inputs: make([][]engine.Change, partitions), boxes: make([][][]byte, partitions), now: 1}
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
	for epochs := 0; ; epochs++ {
		if epochs > 20_000 {
			n.t.Fatal("the tasks do not come to an end")
		}
		var ready []int
		for i := range n.tasks {
			_, sweeping := n.tasks[i].Sweeping()
			task := n.tasks[i]
			if len(n.inputs[i])+len(n.boxes[i]) > 0 || task.Working() || task.Linking() || task.Serving() || sweeping ||
				n.next != nil && !n.swapped[i] {
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
	if n.next != nil && !n.swapped[i] && (n.r.IntN(12) == 0 || len(n.inputs[i])+len(n.boxes[i]) == 0) {
		check(n.t, task.Swap(n.next))
		n.swapped[i] = true
	}
	for _, sweeping := task.Sweeping(); task.Preparing() && sweeping; {
		check(n.t, task.Sweep(n.now, 3))
	}
	if task.Linking() || task.Serving() {
		check(n.t, task.Link(n.now, 3+n.r.IntN(9)))
	}
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
	if _, sweeping := task.Sweeping(); sweeping {
		check(n.t, task.Sweep(n.now, 1+n.r.IntN(4)))
	}
	part := task.Effects()
	if !n.calm && n.r.IntN(20) == 0 {
		check(n.t, task.Reset())
		return
	}
	n.boxes[i] = n.boxes[i][taken:]
	n.inputs[i] = n.inputs[i][input:]
	for _, m := range part.Messages {
		n.boxes[m.To] = append(n.boxes[m.To], m.Value)
	}
	for k := range part.Outputs {
		n.output(i, part.Outputs[k].Value)
	}
	b := n.store.NewBatch()
	check(n.t, b.PutAll(int32(i), part.Facts))
	check(n.t, b.Commit())
	if task.Applied(); !n.calm && n.r.IntN(20) == 0 {
		check(n.t, task.Reset())
	}
}

func (n *net) output(task int, value []byte) {
	var o struct{ Segment, ID, Op string }
	check(n.t, json.Unmarshal(value, &o))
	if o.Segment == "" {
		return
	}
	key := o.Segment + " " + o.ID
	if o.Op == "begin" || o.Op == "end" {
		n.brackets[fmt.Sprint(task, " ", o.Op, " ", o.Segment)]++
		return
	}
	if o.Op == "enter" == n.members[key] {
		n.faults = append(n.faults, "a second "+o.Op+" in a row: "+key)
	}
	if o.Op == "enter" {
		n.members[key] = true
		n.enters[key]++
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
