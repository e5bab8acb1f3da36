package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/connectors/decode"
	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// errUnfit says that the drawn catalog is refused: such a world shows nothing.
var errUnfit = errors.New("the catalog is refused")

// fault is something that is made wrong on purpose between the world and the engine. The zero fault is none.
type fault struct {
	name    string
	catalog func(string) string                             // the engine's catalog, not the model's
	change  func(c *engine.Change, rec *engine.Record) bool // changes what was decoded; false: drops it
	record  func(n int, rec *engine.Record)                 // changes the record number n
	clock   func(row.Instant) (row.Instant, bool)           // changes a move of the clock; false: drops it
	restore func([]state.Fact) []state.Fact                 // changes what is restored
	message func() func(m *engine.Message) bool             // changes what tasks tell each other; false: drops it
	model   func(*model)
}

// check runs the world and compares it with the model, and its second run with the first.
func (w *world) check(f fault) error {
	text := w.catalog
	if f.catalog != nil {
		text = f.catalog(text)
	}
	c, err := catalog.Parse([]catalog.File{{Name: "drawn.yaml", Text: []byte(text)}})
	if err != nil {
		return fmt.Errorf("%w: %w", errUnfit, err)
	}
	var order []int
	for _, a := range c.Audiences {
		for _, s := range a.Segments {
			order = append(order, slices.Index(segmentNames(w), s.Name))
		}
	}
	m, err := newModel(w, order)
	if err != nil {
		return fmt.Errorf("the oracle refuses what the engine took: %w", err)
	}
	if f.model != nil {
		f.model(m)
	}
	first := &propertyRun{world: w, fault: f, catalog: c, epoch: 1}
	if err := first.all(); err != nil {
		return err
	}
	w.deltas, w.led = strings.Count(first.text.String(), "\n"), first.led()
	for i := range w.moves {
		if err := m.step(&w.moves[i], first.outputs[i]); err != nil {
			return fmt.Errorf("move %d: %w", i, err)
		}
	}
	second := &propertyRun{world: w, fault: f, catalog: c, epoch: w.epoch, disturbed: true}
	if err := second.all(); err != nil {
		return fmt.Errorf("disturbed: %w", err)
	}
	if a, b := first.text.String(), second.text.String(); a != b {
		return fmt.Errorf("disturbed, it came out otherwise: %s", firstDifference(a, b))
	}
	return w.checkSpread(f, c, first)
}

// led counts the outputs about subjects that a row of another table, or another row, gave rise to.
func (r *propertyRun) led() (n int) {
	for _, d := range slices.Concat(r.outputs...) {
		if c := &d.value.Cause; c.Kind == "row" && (c.Table != d.value.Audience || c.Key != d.value.ID) {
			n++
		}
	}
	return n
}

// firstDifference shows the first lines that differ.
func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return fmt.Sprintf("output %d\n  first %s\n  now   %s", i, as[i], bs[i])
		}
	}
	return "one is longer"
}

// String describes the world for whoever looks for the fault.
func (w *world) String() string {
	var b strings.Builder
	b.WriteString(w.catalog)
	for i, m := range w.moves {
		fmt.Fprintf(&b, "%3d %v", i, m.at)
		if m.what != clockMove {
			fmt.Fprintf(&b, " %s@%d %s %s", m.record.Topic, m.record.Offset, m.record.Key, m.record.Value)
		}
		if w.cuts[i] != noCut {
			fmt.Fprintf(&b, "  (before it, in the second run: %s)", cutNames[w.cuts[i]])
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "second run: %d moves an epoch\n", w.epoch)
	return b.String()
}

// propertyRun is one run of a world.
type propertyRun struct {
	world     *world
	fault     fault
	catalog   *catalog.Catalog
	epoch     int
	disturbed bool

	partitions int32 // 0: one
	message    func(m *engine.Message) bool

	store     *state.Store
	replay    *engine.Replay
	facts     map[string]state.Fact // by partition and key
	homes     map[string]int32      // their partitions
	keys      []string              // in the order of their last facts
	move      int
	committed int // moves that are
	outputs   [][]*delivery
	text      strings.Builder
}

func (r *propertyRun) all() (err error) {
	r.outputs = make([][]*delivery, len(r.world.moves)+1)
	r.facts, r.homes = map[string]state.Fact{}, map[string]int32{}
	if r.store, err = state.OpenMem(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.store.Close()) }()
	if err := r.start(0); err != nil {
		return err
	}
	for i := range r.world.moves {
		if r.disturbed {
			if err := r.disturb(i); err != nil {
				return err
			}
		}
		if err := r.step(i); err != nil {
			return err
		}
	}
	r.move = len(r.world.moves)
	if err := errors.Join(r.replay.Flush(), r.replay.Release()); err != nil {
		return err
	}
	return r.leftover()
}

// step makes one move.
func (r *propertyRun) step(i int) error {
	r.move = i
	m := &r.world.moves[i]
	if m.what == clockMove {
		at, ok := m.at, true
		if r.fault.clock != nil {
			at, ok = r.fault.clock(at)
		}
		if !ok {
			return nil
		}
		return r.replay.Clock(at)
	}
	rec := m.record
	if r.fault.record != nil {
		r.fault.record(i, &rec)
	}
	return r.replay.Deliver(m.at, &rec)
}

// start begins a task and a decoder, which go on with move i. The decoder is shown the record before it, as intake
// must: a tombstone that follows a delete says nothing, one that stands alone deletes.
func (r *propertyRun) start(i int) error {
	var d engine.Decoder = decode.New(r.catalog, decode.Options{Commands: "weir.commands"})
	if i > 0 {
		d.Decode(&r.world.moves[i-1].record, nil)
	}
	if r.fault.change != nil {
		d = &faultyDecoder{Decoder: d, change: r.fault.change}
	}
	cfg := engine.ReplayConfig{EpochRecords: r.epoch, Facts: r.commit,
		Task: engine.TaskConfig{App: "weir", Format: emit.JSON, CacheBytes: 1 << 16, Counts: &engine.Counts{},
			Partitions: r.partitions}}
	if r.fault.message != nil && r.message == nil {
		r.message = r.fault.message()
	}
	cfg.Message = r.message
	var err error
	r.replay, err = engine.NewReplay(cfg, r.catalog, r.store, d, r.write)
	return err
}

// commit follows the facts of an epoch, as the compacted changelog does. The epoch ends with the present move.
func (r *propertyRun) commit(partition int32, facts []state.Fact) {
	r.committed = r.move + 1
	for _, f := range facts {
		key := fmt.Sprint(partition, " ", string(f.Key))
		if _, ok := r.facts[key]; ok {
			r.keys = slices.DeleteFunc(r.keys, func(k string) bool { return k == key })
		}
		r.keys = append(r.keys, key)
		r.homes[key] = partition
		r.facts[key] = state.Fact{Key: bytes.Clone(f.Key), Value: bytes.Clone(f.Value)}
	}
}

func (r *propertyRun) write(o *engine.Output) error {
	if o.Topic == "" {
		return nil
	}
	fmt.Fprintf(&r.text, "%v %s %s %s", o.At, o.Topic, o.Key, o.Value)
	for _, h := range o.Headers {
		fmt.Fprintf(&r.text, " %s=%s", h.Key, h.Value)
	}
	r.text.WriteByte('\n')
	d, err := deliveryOf(o)
	if err == nil {
		r.outputs[r.move] = append(r.outputs[r.move], d)
	}
	return err
}

// disturb does before move i what the world says.
func (r *propertyRun) disturb(i int) error {
	c := r.world.cuts[i]
	if c == noCut {
		return nil
	}
	if c != crash {
		r.move = i - 1
		if err := r.replay.Flush(); err != nil {
			return err
		}
	}
	if c == flush {
		return nil
	}
	if err := r.replay.Release(); err != nil {
		return err
	}
	from := i
	switch c {
	case restore:
		if err := r.restore(); err != nil {
			return err
		}
	case crash:
		from = max(0, r.committed-2) // intake delivers at least once
	}
	if err := r.start(from); err != nil {
		return err
	}
	for n := from; n < i; n++ {
		if n < r.committed && r.world.moves[n].what == clockMove {
			continue
		}
		if err := r.step(n); err != nil {
			return err
		}
	}
	return nil
}

// restore makes the store anew from the changelog.
func (r *propertyRun) restore() error {
	if err := r.store.Close(); err != nil {
		return err
	}
	var err error
	if r.store, err = state.OpenMem(); err != nil {
		return err
	}
	b := r.store.NewBatch()
	for p := range max(r.partitions, 1) {
		var facts []state.Fact
		for _, k := range r.keys {
			if r.homes[k] == p {
				facts = append(facts, r.facts[k])
			}
		}
		if r.fault.restore != nil {
			facts = r.fault.restore(facts)
		}
		if err := b.PutAll(p, facts); err != nil {
			return err
		}
	}
	return b.Commit()
}

// faultyDecoder changes what the decoder found.
type faultyDecoder struct {
	engine.Decoder
	change func(c *engine.Change, rec *engine.Record) bool
}

// Decode implements engine.Decoder.
func (d *faultyDecoder) Decode(rec *engine.Record, out []engine.Change) []engine.Change {
	n := len(out)
	out = d.Decoder.Decode(rec, out)
	kept := out[:n]
	for i := n; i < len(out); i++ {
		if d.change(&out[i], rec) {
			kept = append(kept, out[i])
		}
	}
	return kept
}
