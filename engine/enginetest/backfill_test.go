package enginetest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

const fillTables = `kind: Table
name: contact
audience: true
key: id
source: {topic: crm.contact, format: json}
fields: {id: string, a: int, t: timestamp}
`

// fillDef is a segment of a catalog that is drawn.
type fillDef struct {
	kind string // is, recent, names, both, frozen
	k    int64
	uses int // names, both: which segment, by its number
}

// fillCatalog is a drawn catalog: segments by their numbers, those that are named before those that name them.
type fillCatalog map[int]fillDef

func (c fillCatalog) text() string {
	var b strings.Builder
	b.WriteString(fillTables)
	for _, i := range slices.Sorted(maps.Keys(c)) {
		d := c[i]
		fmt.Fprintf(&b, "---\nkind: Segment\nname: s%d\naudience: contact\nwhere: ", i)
		switch d.kind {
		case "is", "frozen":
			fmt.Fprintf(&b, "contact.a == %d\n", d.k)
		case "recent":
			fmt.Fprintf(&b, "contact.t > ago(\"%dd\")\n", d.k)
		case "names":
			fmt.Fprintf(&b, "in_segment(\"s%d\")\n", d.uses)
		case "both":
			fmt.Fprintf(&b, "in_segment(\"s%d\") && contact.a < %d\n", d.uses, d.k)
		}
		if d.kind == "frozen" {
			b.WriteString("freeze: now\n")
		}
	}
	return b.String()
}

// fillRow is a contact's row.
type fillRow struct {
	a int64
	t row.Instant
}

// members tells which segments a contact is in.
func (c fillCatalog) members(r *fillRow, now row.Instant, frozen map[int]bool) map[int]bool {
	in := map[int]bool{}
	if r == nil {
		return in
	}
	for _, i := range slices.Sorted(maps.Keys(c)) {
		switch d := c[i]; d.kind {
		case "is":
			in[i] = r.a == d.k
		case "recent":
			in[i] = r.t+row.Instant(d.k)*day > now
		case "names":
			in[i] = in[d.uses]
		case "both":
			in[i] = in[d.uses] && r.a < d.k
		case "frozen":
			in[i] = frozen[i]
		}
	}
	maps.DeleteFunc(in, func(_ int, member bool) bool { return !member })
	return in
}

// fillState is what the model knows; a crash takes it back to the last commit.
type fillState struct {
	inForce fillCatalog
	rows    map[string]fillRow
	frozen  map[string]map[int]bool // by contact: the frozen segments that it was frozen into
	outputs []fillOutput
}

func (s fillState) clone() fillState {
	c := fillState{inForce: s.inForce, rows: maps.Clone(s.rows), frozen: map[string]map[int]bool{},
		outputs: slices.Clone(s.outputs)}
	for id, f := range s.frozen {
		c.frozen[id] = maps.Clone(f)
	}
	return c
}

type fillOutput struct {
	Segment, ID, Op string
	At              time.Time
	Spell           int
	Entered, Left   int
	Revision        int64
	Cause           struct{ Kind, Segment string }
}

// fillBench runs one drawn history.
type fillBench struct {
	t         *testing.T
	rnd       *rand.Rand
	store     *state.Store
	task      *engine.Task
	catalog   *catalog.Catalog
	drawn     fillCatalog // that the task has
	model     fillState
	committed fillState
	now       row.Instant
	offset    int64
	seen      int // outputs of the open epoch that the model has
	revision  int64
	evaluated map[string]bool // segments, while set
}

func (b *fillBench) open() {
	b.t.Helper()
	task, err := engine.OpenTask(0, b.catalog, b.store, engine.TaskConfig{App: "weir", CacheBytes: 20_000,
		Counts: &engine.Counts{}, Observe: func(s *catalog.Segment) {
			if b.evaluated != nil {
				b.evaluated[s.Name] = true
			}
		}})
	check(b.t, err)
	b.task, b.seen = task, 0
}

// draw makes another catalog of the one before: some segments go, come or change.
func (b *fillBench) draw() {
	next := fillCatalog{}
	for i := range 6 {
		old, had := b.drawn[i]
		switch {
		case had && b.rnd.IntN(3) > 0:
			next[i] = old
		case b.rnd.IntN(4) > 0:
			d := fillDef{kind: []string{"is", "recent", "frozen"}[b.rnd.IntN(3)], k: 1 + b.rnd.Int64N(4)}
			if i > 0 && b.rnd.IntN(2) == 0 {
				d.kind, d.uses = []string{"names", "both"}[b.rnd.IntN(2)], b.rnd.IntN(i)
			}
			next[i] = d
		}
	}
	for _, i := range slices.Sorted(maps.Keys(next)) { // what it names must be there
		d := next[i]
		if _, ok := next[d.uses]; (d.kind == "names" || d.kind == "both") && !ok {
			delete(next, i)
		}
	}
	b.drawn = next
	c, err := catalog.Parse([]catalog.File{{Name: "c.yaml", Text: []byte(next.text())}})
	check(b.t, err)
	b.revision++
	c.Revision = b.revision
	b.catalog = c
}

func (b *fillBench) elapse() { b.now += row.Instant(b.rnd.Int64N(int64(day))) | 1 }

// take gives the model what has come out since the last call, and returns it.
func (b *fillBench) take() []fillOutput {
	b.t.Helper()
	var out []fillOutput
	part := b.task.Effects()
	for _, o := range part.Outputs[b.seen:] {
		var v fillOutput
		check(b.t, json.Unmarshal(o.Value, &v))
		out = append(out, v)
	}
	b.seen = len(part.Outputs)
	b.model.outputs = append(b.model.outputs, out...)
	return out
}

// begin brings the task to where its catalog is in force.
func (b *fillBench) begin() {
	b.t.Helper()
	for b.task.Preparing() {
		before, unfinished := b.model.inForce, b.openBrackets()
		anew := func(i int, d fillDef) bool {
			return d.kind == "frozen" && (before[i] != d || unfinished[fmt.Sprintf("s%d", i)])
		}
		check(b.t, b.task.Sweep(b.now, 1+b.rnd.IntN(3)))
		if b.task.Preparing() {
			continue
		}
		b.model.inForce = b.drawn
		for id, r := range b.model.rows {
			for i, d := range b.drawn {
				if anew(i, d) {
					b.freeze(id, i, r.a == d.k)
				}
			}
		}
		for i, d := range b.drawn { // who has no row is frozen out
			for id := range b.model.frozen {
				if _, there := b.model.rows[id]; !there && anew(i, d) {
					b.freeze(id, i, false)
				}
			}
		}
	}
	b.model.inForce = b.drawn // also where there was nothing yet to bring it over
	b.take()
}

func (b *fillBench) freeze(id string, i int, chosen bool) {
	if b.model.frozen[id] == nil {
		b.model.frozen[id] = map[int]bool{}
	}
	b.model.frozen[id][i] = chosen
}

// send changes a contact's row, or deletes it, and checks that what the record is said to have caused is what it did.
func (b *fillBench) send() {
	b.t.Helper()
	b.begin()
	id := fmt.Sprintf("c-%02d", b.rnd.IntN(25))
	b.offset++
	c := engine.Change{Kind: engine.Upsert, Table: "contact", Key: id, Schema: b.catalog.Table("contact").Schema,
		Origin: engine.Origin{Topic: "crm.contact", Offset: b.offset}}
	var before, after *fillRow
	if r, ok := b.model.rows[id]; ok {
		before = &r
	}
	if b.rnd.IntN(6) == 0 {
		c.Kind = engine.Delete
		delete(b.model.rows, id)
	} else {
		after = &fillRow{a: 1 + b.rnd.Int64N(4), t: b.now - row.Instant(b.rnd.Int64N(int64(2*day)))}
		b.model.rows[id] = *after
		c.Row = row.Row{row.OfInt(after.a), row.OfString(id), row.OfTime(after.t.Time())}
	}
	_, err := b.task.Advance(b.now, false, 1000)
	check(b.t, err)
	b.take()
	check(b.t, b.task.Apply(&c, b.now))
	was := b.model.inForce.members(before, b.now, b.model.frozen[id])
	is := b.model.inForce.members(after, b.now, b.model.frozen[id])
	want := map[string]bool{}
	for i := range 6 {
		if was[i] != is[i] {
			want[fmt.Sprintf("%s s%d", map[bool]string{true: "enter", false: "leave"}[is[i]], i)] = true
		}
	}
	got := map[string]bool{}
	for _, o := range b.take() {
		if o.Cause.Kind == "row" || o.Cause.Kind == "segment" {
			got[o.Op+" "+o.Segment] = true
		}
	}
	if !maps.Equal(got, want) {
		b.t.Fatalf("a row of %s is said to have caused %v, but it caused %v\n%s", id, got, want, b.drawn.text())
	}
}

// sweep looks at some subjects. Only segments that change, and those that name one that does, may be evaluated.
func (b *fillBench) sweep() {
	b.t.Helper()
	b.begin()
	if _, sweeping := b.task.Sweeping(); !sweeping {
		return
	}
	_, err := b.task.Advance(b.now, true, 1000)
	check(b.t, err)
	b.take()
	open := b.openBrackets()
	for i := range 6 {
		if d, ok := b.drawn[i]; ok && (d.kind == "names" || d.kind == "both") && open[fmt.Sprintf("s%d", d.uses)] {
			open[fmt.Sprintf("s%d", i)] = true
		}
	}
	b.evaluated = map[string]bool{}
	check(b.t, b.task.Sweep(b.now, 1+b.rnd.IntN(6)))
	for name := range b.evaluated {
		if !open[name] {
			b.t.Fatalf("%s has not changed and was evaluated", name)
		}
	}
	b.evaluated = nil
	b.take()
}

func (b *fillBench) openBrackets() map[string]bool {
	open := map[string]bool{}
	for _, o := range b.model.outputs {
		switch o.Op {
		case "begin":
			open[o.Segment] = true
		case "end":
			delete(open, o.Segment)
		}
	}
	return open
}

func (b *fillBench) commit() {
	b.t.Helper()
	b.take()
	apply(b.t, b.store, b.task, b.task.Effects())
	b.seen, b.committed = 0, b.model.clone()
}

// crash loses what is not committed.
func (b *fillBench) crash() {
	b.t.Helper()
	b.model = b.committed.clone()
	b.open()
}

// check compares all that came out with what should.
func (b *fillBench) check() {
	b.t.Helper()
	held, spells := map[string]bool{}, map[string]int{}
	type counts struct{ entered, left int }
	open := map[string]*counts{}
	for n, o := range b.model.outputs {
		key := o.Segment + " " + o.ID
		switch o.Op {
		case "begin":
			if open[o.Segment] != nil {
				b.t.Fatalf("output %d: %s begins twice", n, o.Segment)
			}
			open[o.Segment] = &counts{}
			continue
		case "end":
			c := open[o.Segment]
			if c == nil || c.entered != o.Entered || c.left != o.Left {
				b.t.Fatalf("output %d: the end of %s is %+v, counted %+v", n, o.Segment, o, c)
			}
			delete(open, o.Segment)
			continue
		}
		enter := o.Op == "enter"
		if c := open[o.Segment]; o.Cause.Kind == "catalog" && c != nil {
			if enter {
				c.entered++
			} else {
				c.left++
			}
		} else if o.Cause.Kind == "catalog" && o.Cause.Segment == "" {
			b.t.Fatalf("output %d: %s changes by the catalog outside of a bracket", n, key)
		}
		if held[key] == enter {
			b.t.Fatalf("output %d: %s %s twice in a row", n, o.Op, key)
		}
		if held[key] = enter; enter {
			spells[key]++
		}
		if o.Spell != spells[key] {
			b.t.Fatalf("output %d: spell %d of %s, want %d", n, o.Spell, key, spells[key])
		}
	}
	if len(open) > 0 {
		b.t.Fatalf("brackets are open: %v", open)
	}
	for id := range 25 {
		id := fmt.Sprintf("c-%02d", id)
		var r *fillRow
		if held, ok := b.model.rows[id]; ok {
			r = &held
		}
		in := b.drawn.members(r, b.now, b.model.frozen[id])
		for i := range 6 {
			if held[fmt.Sprintf("s%d %s", i, id)] != in[i] {
				b.t.Fatalf("%s is in s%d: %v, want %v\n%s", id, i, !in[i], in[i], b.drawn.text())
			}
		}
	}
}

// TestBackfill draws histories of rows, moves of the clock, catalogs that change, commits and crashes, also in the
// middle of a back-fill and with another change before its end, and compares what comes out with a model.
func TestBackfill(t *testing.T) {
	seed := rand.Uint64()
	for run := range uint64(60) {
		b := &fillBench{t: t, rnd: rand.New(rand.NewPCG(seed, run)), now: row.At(mustTime(t, "2026-01-01T00:00:00Z"))}
		var err error
		b.store, err = state.OpenMem()
		check(t, err)
		b.draw()
		b.model = fillState{inForce: b.drawn, rows: map[string]fillRow{}, frozen: map[string]map[int]bool{}}
		b.committed = b.model.clone()
		b.open()
		t.Logf("seed %d, run %d", seed, run)
		for range 150 {
			b.elapse()
			switch n := b.rnd.IntN(20); {
			case n < 8:
				b.send()
			case n < 13:
				b.sweep()
			case n < 15:
				b.begin()
				_, err := b.task.Advance(b.now, true, 1000)
				check(t, err)
				b.take()
			case n < 17:
				b.commit()
			case n == 17:
				b.crash()
			default:
				b.commit()
				b.draw()
				check(t, b.task.Swap(b.catalog))
				b.seen = 0
			}
		}
		b.elapse()
		for _, sweeping := b.task.Sweeping(); sweeping; _, sweeping = b.task.Sweeping() {
			b.sweep()
		}
		_, err = b.task.Advance(b.now, true, 1000)
		check(t, err)
		b.commit()
		b.check()
		check(t, b.task.Close())
		check(t, b.store.Close())
		if t.Failed() {
			return
		}
	}
}
