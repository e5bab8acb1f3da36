package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/weirstream/weir/connectors/decode"
	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/operators/explain"
	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// explainWhy replays the input and says why the subject is in the segment or not.
func (p *program) explainWhy(o explainOptions, c *catalog.Catalog) error {
	at := row.Never
	if o.at != "" {
		var err error
		if at, err = parseAt(o.at); err != nil {
			return err
		}
	}
	s := c.Segment(o.name)
	if s == nil {
		var names []string
		for _, s := range c.Segments {
			names = append(names, s.Name)
		}
		return fmt.Errorf("there is no segment %q to say why for%s", o.name, didYouMean(o.name, names, ""))
	}
	in := p.stdin
	if o.input != "-" {
		f, err := os.Open(o.input)
		if err != nil {
			return fmt.Errorf("cannot read the input: %w", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	var why *explain.Why
	err := withStore("weir-explain-", func(store *state.Store) error {
		subject, at, err := p.subjectAt(s, o.id, c, store, in, at)
		if err != nil {
			return err
		}
		rows := &storedRows{catalog: c, store: store, overlay: store.NewOverlay(0)}
		why = explain.WhyOf(s, subject, rows, at)
		return errors.Join(rows.err, rows.overlay.Close())
	})
	if err != nil {
		return err
	}
	if o.format == "json" {
		return p.printJSON(why)
	}
	out := bufio.NewWriter(p.stdout)
	printWhy(out, why)
	return out.Flush()
}

// parseAt reads --at: an instant, or a date as its midnight.
func parseAt(text string) (row.Instant, error) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return row.At(t), nil
		}
	}
	return 0, usagef("--at: %q is no RFC 3339 time such as 2026-01-01T00:00:00Z, and no date", text)
}

// subjectAt replays the lines of in up to the instant at, row.Never for all of them, and returns a subject as it is
// then, and when that is.
func (p *program) subjectAt(s *catalog.Segment, id string, c *catalog.Catalog, store *state.Store, in io.Reader,
	at row.Instant) (*state.Subject, row.Instant, error) {
	counts := &engine.Counts{}
	r, err := engine.NewReplay(engine.ReplayConfig{
		EpochRecords: 1000,
		Task:         engine.TaskConfig{App: "weir", Format: emit.JSON, CacheBytes: 64 << 20, Counts: counts},
	}, c, store, decode.New(c, decode.Options{Commands: "weir.commands"}), func(*engine.Output) error { return nil })
	if err != nil {
		return nil, 0, err
	}
	if err := replayLines(r, in, at); err != nil {
		return nil, 0, err
	}
	if at == row.Never {
		at = r.Now()
	} else if err := r.Clock(at); err != nil {
		return nil, 0, err
	}
	if err := r.Close(); err != nil {
		return nil, 0, err
	}
	if n := counts.Deadletters.Load(); n > 0 {
		p.complain("weir: %s refused; weir replay shows them", count(int(n), "line"))
	}
	table := s.Audience.Table.Name
	subject, err := store.Load(0, c.Layout(table), table, id)
	if err == nil && subject == nil {
		err = fmt.Errorf("the input up to %v tells nothing of this %s: look at --id and --at", at, table)
	}
	return subject, at, err
}

// storedRows finds the rows that a subject leads to in the store of a replay that has ended. It keeps the first error.
type storedRows struct {
	catalog *catalog.Catalog
	store   *state.Store
	overlay *state.Overlay
	err     error
}

// One implements expr.Rows.
func (r *storedRows) One(l *expr.Link, from row.Row) row.Row {
	link, _ := r.catalog.Way(l)
	if key := from[link.KeyField].Key(); key != "" {
		return r.load(link.Target, key)
	}
	return nil
}

// Many implements expr.Rows.
func (r *storedRows) Many(l *expr.Link, from row.Row) []row.Row {
	link, _ := r.catalog.Way(l)
	keys, err := r.overlay.Refs(link.Index, from[link.Target.KeyField].Key(), "", 0)
	if err != nil {
		r.fail(err)
	}
	var rows []row.Row
	for _, key := range keys {
		if found := r.load(link.From, key); found != nil {
			rows = append(rows, found)
		}
	}
	return rows
}

func (r *storedRows) load(table *catalog.Table, key string) row.Row {
	found, err := r.store.Load(0, r.catalog.Layout(table.Name), table.Name, key)
	if err != nil {
		r.fail(err)
	}
	if found == nil {
		return nil
	}
	return found.Row
}

func (r *storedRows) fail(err error) {
	if r.err == nil {
		r.err = fmt.Errorf("cannot follow a link: %w", err)
	}
}
