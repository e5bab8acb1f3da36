package enginetest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// Config is what a run needs from its caller.
type Config struct {
	// Decoder makes a decoder for the catalog. recordBytes bounds a record; 0: the decoder's own limit.
	Decoder func(c *catalog.Catalog, recordBytes int) engine.Decoder
	// Open opens an empty store and Reopen opens it again after it was closed; nil: stores in memory, whose restart is
	// that of the task alone.
	Open   func() (*state.Store, error)
	Reopen func() (*state.Store, error)
	// Plain runs the script in the plain way alone: enough for who tests definitions and not the engine.
	Plain bool
}

// way is one of the ways in which a script runs. None may make a difference.
type way struct {
	name     string
	epoch    int   // steps of an epoch
	restart  bool  // the task starts anew after each step
	restored bool  // the store is made anew from the changelog after each step
	parts    int32 // partitions; 0: one
}

var ways = []way{
	{name: "one epoch per step", epoch: 1},
	{name: "epochs of three steps", epoch: 3},
	{name: "all in one epoch", epoch: math.MaxInt},
	{name: "restarted after each step", epoch: 1, restart: true},
	{name: "restored from the changelog after each step", epoch: 1, restored: true},
	{name: "in five partitions", epoch: 1, parts: 5},
	{name: "in five partitions, restored from the changelog after each step", epoch: 1, restored: true, parts: 5},
}

// Run runs the script in all ways: plain, in epochs of any size, restarted and restored after every step, and in
// several partitions. What comes out must be what the script expects, and the same in all ways, to the byte; in several
// partitions the same for every subject. The error says what is not, naming file and line; Failures takes it apart.
func (s *Script) Run(cfg Config) error {
	var plain, effects []string
	ways := ways
	if cfg.Plain {
		ways = ways[:1]
	}
	for i, w := range ways {
		r := &run{script: s, config: cfg, way: w, check: i == 0}
		err := errors.Join(r.all(), r.close())
		if i == 0 {
			plain, effects = r.bytes(), r.effects()
		} else if err == nil && w.parts > 0 {
			err = s.sameAs(effects, r.effects(), w)
		} else if err == nil {
			err = s.sameAs(plain, r.bytes(), w)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Script) sameAs(plain, other []string, w way) error {
	for i := range max(len(plain), len(other)) {
		a, b := "nothing", "nothing"
		if i < len(plain) {
			a = plain[i]
		}
		if i < len(other) {
			b = other[i]
		}
		if a != b {
			return &Failure{File: s.Name, Message: fmt.Sprintf("output number %d differs when run %s:", i+1, w.name),
				Diff: fmt.Sprintf("\n  plain %s\n  then  %s", a, b)}
		}
	}
	return nil
}

// run is one run of a script in one way.
type run struct {
	script  *Script
	config  Config
	way     way
	check   bool // compare with what the script expects
	store   *state.Store
	replay  *engine.Replay
	log     changelog
	outputs []*output
	seen    int // outputs that an expect has looked at
	now     row.Instant
	line    int // of the step at hand
}

func (r *run) bytes() []string {
	lines := make([]string, len(r.outputs))
	for i, o := range r.outputs {
		lines[i] = o.bytes()
	}
	return lines
}

// effects returns what came out as far as it does not depend on the number of partitions: memberships and firings,
// without their numbers and without why, with the line that made them; each subject's in order.
func (r *run) effects() []string {
	var lines []string
	for _, o := range r.outputs {
		if o.topic == "memberships" || o.topic == "firings" {
			lines = append(lines, o.effect())
		}
	}
	slices.SortStableFunc(lines, func(a, b string) int {
		a, _, _ = strings.Cut(a, "\t")
		b, _, _ = strings.Cut(b, "\t")
		return strings.Compare(a, b)
	})
	return lines
}

func (r *run) all() error {
	if err := r.open(false); err != nil {
		return err
	}
	for i := range r.script.steps {
		s := &r.script.steps[i]
		r.now, r.line = s.at, s.line
		if err := r.step(s); err != nil {
			return err
		}
		if s.kind != send && s.kind != tick {
			continue
		}
		if err := r.disturb(i); err != nil {
			return r.failure(s, "", "%v", err)
		}
	}
	if err := r.replay.Close(); err != nil {
		return &Failure{File: r.script.Name, Message: err.Error()}
	}
	if r.check {
		if d := compare(nil, r.outputs[r.seen:]); d != "" {
			return &Failure{File: r.script.Name, Message: "the script ends, but more came out than it expects:", Diff: d}
		}
	}
	return r.storeAgrees()
}

// step does or checks one step.
func (r *run) step(s *step) error {
	var err error
	switch s.kind {
	case send:
		rec := s.record
		err = r.replay.Deliver(s.at, &rec)
	case tick:
		err = r.replay.Clock(s.at)
	case expect:
		if !r.check {
			return nil
		}
		d := compare(s.expected, r.outputs[r.seen:])
		r.seen = len(r.outputs)
		if d != "" {
			return r.failure(s, d, "what came out is not what is expected:")
		}
	case members:
		if got := r.members()[s.segment]; r.check && !slices.Equal(got, s.ids) {
			return r.failure(s, fmt.Sprintf("\n  want %s\n  got  %s", orNone(s.ids), orNone(got)),
				"the members of %s are others than expected:", s.segment)
		}
	}
	if err != nil {
		return r.failure(s, "", "%v", err)
	}
	return nil
}

func (r *run) failure(s *step, diff, format string, args ...any) error {
	return &Failure{File: r.script.Name, Line: s.line, Message: fmt.Sprintf(format, args...), Diff: diff}
}

func orNone(ids []string) string {
	if len(ids) == 0 {
		return "(none)"
	}
	return strings.Join(ids, " ")
}

// release gives up the replay before it is started again, if it is.
func (r *run) release() error {
	if !r.way.restart && !r.way.restored {
		return nil
	}
	return r.replay.Release()
}

// disturb restarts or restores, as the way says, after the step number i.
func (r *run) disturb(i int) error {
	if err := r.release(); err != nil {
		return err
	}
	switch {
	case r.way.restart && r.config.Reopen != nil:
		if err := r.store.Close(); err != nil {
			return err
		}
		store, err := r.config.Reopen()
		if err != nil {
			return err
		}
		r.store = store
		return r.start()
	case r.way.restart:
		return r.start()
	case r.way.restored:
		if err := r.store.Close(); err != nil {
			return err
		}
		if err := r.open(true); err != nil {
			return err
		}
		// Compaction removes what was taken back, after a while: restored from with and without.
		if i%2 == 1 {
			r.log.compact()
		}
	}
	return nil
}

// open opens an empty store, fills it from the changelog if asked, and starts the task.
func (r *run) open(restore bool) error {
	open := state.OpenMem
	if r.config.Open != nil && r.way.restart {
		open = r.config.Open
	}
	store, err := open()
	if err != nil {
		return err
	}
	r.store = store
	if restore {
		if err := r.log.restore(store); err != nil {
			return fmt.Errorf("cannot restore: %w", err)
		}
	}
	return r.start()
}

func (r *run) start() error {
	cfg := engine.ReplayConfig{
		EpochRecords: r.way.epoch,
		Task: engine.TaskConfig{App: "weir", Format: emit.JSON, CacheBytes: 1 << 20, Counts: &engine.Counts{},
			Partitions: r.way.parts, MetricsInterval: row.Instant(r.script.metrics)},
	}
	if r.way.restored {
		cfg.Facts = r.log.append
	}
	d := r.config.Decoder(r.script.catalog, r.script.bytes)
	replay, err := engine.NewReplay(cfg, r.script.catalog, r.store, d, r.write)
	r.replay = replay
	return err
}

func (r *run) write(o *engine.Output) error {
	if o.Topic == "" { // a move of the clock
		return nil
	}
	out, err := outputOf(o)
	if err == nil {
		out.line = r.line
		r.outputs = append(r.outputs, out)
	}
	return err
}

func (r *run) close() error {
	if r.store == nil {
		return nil
	}
	return r.store.Close()
}

// members returns who is a member of each segment by the outputs, in order of id.
func (r *run) members() map[string][]string {
	all := map[string][]string{}
	for _, o := range r.outputs {
		if o.topic != "memberships" {
			continue
		}
		segment, id := o.text("segment"), o.text("id")
		at, held := slices.BinarySearch(all[segment], id)
		switch op := o.text("op"); {
		case op == "enter" && !held:
			all[segment] = slices.Insert(all[segment], at, id)
		case op == "leave" && held:
			all[segment] = slices.Delete(all[segment], at, at+1)
		}
	}
	return all
}

// storeAgrees compares the bitmaps of the store with what came out.
func (r *run) storeAgrees() error {
	all := r.members()
	for _, s := range r.script.catalog.Segments {
		var held []string
		for p := range max(r.way.parts, 1) {
			err := r.store.Members(p, s.ID, func(id string) bool {
				held = append(held, id)
				return true
			})
			if err != nil {
				return err
			}
		}
		slices.Sort(held)
		if !slices.Equal(held, all[s.Name]) {
			return &Failure{File: r.script.Name,
				Message: fmt.Sprintf("run %s, the store holds other members of %s than came out:", r.way.name, s.Name),
				Diff:    fmt.Sprintf("\n  store    %s\n  came out %s", orNone(held), orNone(all[s.Name]))}
		}
	}
	return nil
}
