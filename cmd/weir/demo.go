package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/bench/generate"
	"github.com/weirstream/weir/connectors/embedded"
	"github.com/weirstream/weir/connectors/kafka"
	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state/row"
)

// demoOptions is what the command line of the demo says.
type demoOptions struct {
	length   time.Duration
	contacts int
	rate     int
	seed     uint64
	port     int
	dir      string
	listen   string
	lines    int
}

const demoPartitions = 4

// demoCommand returns `weir demo`.
func (p *program) demoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run everything in one process: a broker, believable data, a catalog and the engine",
		Long: `Demo runs an embedded broker on the loopback (Kafka clients can attach), a generator of contacts, accounts
and engagement, an example catalog and one worker, and prints who enters and leaves which segment and which
trigger fires, with cause and latency. Ctrl-C, or --for, ends it with a summary. Nothing is left behind unless
--dir is given.`,
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.contacts < 1 || o.rate < 1 || o.length < 0 {
				return usagef("--contacts and --rate must be at least 1, and --for not negative")
			}
			return p.demo(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.DurationVar(&o.length, "for", 0, "end by itself after this time (default: on Ctrl-C)")
	f.IntVar(&o.contacts, "contacts", 2000, "contacts to begin with")
	f.IntVar(&o.rate, "rate", 500, "records a second after that")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the generator")
	f.IntVar(&o.port, "port", 0, "port of the broker on the loopback (default: a free one)")
	f.StringVar(&o.dir, "dir", "", "new folder to keep broker and state in (default: a temporary one, removed at the end)")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "address of /metrics, /livez and /readyz")
	f.IntVar(&o.lines, "lines", 12, "deltas and firings printed per second, at most")
	return cmd
}

// demo runs until ctx or its time ends.
func (p *program) demo(ctx context.Context, o demoOptions) (err error) {
	dir := o.dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "weir-demo-"); err != nil {
			return fmt.Errorf("cannot make a folder for the demo: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return usagef("--dir %s is not empty: a demo begins from nothing", dir)
	}
	c, err := demoDefinitions()
	if err != nil {
		return err
	}
	broker, err := embedded.Start(embedded.Options{Dir: filepath.Join(dir, "broker"), Port: o.port})
	if err != nil {
		return err
	}
	defer broker.Close()
	s, err := demoSettings(broker.Addr(), filepath.Join(dir, "state"), o.listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "broker %s (embedded; try: kcat -b %s -t weir.memberships -C)\n", broker.Addr(), broker.Addr())
	fmt.Fprintf(p.stdout, "%d segments, %d triggers over %d contacts; %d records/s follow\n\n", len(c.Segments),
		len(c.Triggers), o.contacts, o.rate)
	if o.length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.length)
		defer cancel()
	}
	return p.runDemo(ctx, o, c, s)
}

// demoDefinitions returns the embedded catalog.
func demoDefinitions() (*catalog.Catalog, error) {
	var files []catalog.File
	err := fs.WalkDir(demoCatalog, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := demoCatalog.ReadFile(path)
		files = append(files, catalog.File{Name: path, Text: text})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the demo's catalog: %w", err)
	}
	return catalog.Parse(files)
}

// demoSettings are the defaults with the demo's own addresses and folders.
func demoSettings(broker, state, listen string) (*Settings, error) {
	cmd := &cobra.Command{}
	addSettingFlags(cmd)
	for name, value := range map[string]string{"brokers": broker, "state": state, "listen": listen,
		"partitions": fmt.Sprint(demoPartitions), "log-level": "warn"} {
		if err := cmd.Flags().Set(name, value); err != nil {
			return nil, fmt.Errorf("cannot set %s of the demo: %w", name, err)
		}
	}
	bare := &program{lookupEnv: func(string) (string, bool) { return "", false }} // WEIR_… is for weir run
	s, _, err := bare.loadSettings(cmd.Flags())
	return s, err
}

// runDemo runs the engine and the generator side by side, and shows what comes of them.
func (p *program) runDemo(ctx context.Context, o demoOptions, c *catalog.Catalog, s *Settings) error {
	log := slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	names := make([]string, len(c.Segments))
	for i, segment := range c.Segments {
		names[i] = segment.Name
	}
	screen := newDisplay(p.stdout, isTerminal(p.stdout), o.lines, names, time.Now())
	worker := newProcess(s, c, log)
	worker.observe = func(parts []engine.Part) { show(screen, parts, time.Now()) }
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 2)
	go func() { defer cancel(); done <- worker.run(ctx) }()
	go func() {
		err := feed(ctx, worker.kafka, o, func() { screen.Loaded(time.Now()) })
		if err != nil {
			cancel()
		}
		done <- err
	}()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for running := true; running; {
		select {
		case <-ticker.C:
			screen.Tick(worker.records(), time.Now())
		case <-ctx.Done():
			running = false
		}
	}
	err := errors.Join(<-done, <-done)
	screen.Final(worker.records(), time.Now())
	if err == nil && !screen.Flowed() {
		err = errors.New("nothing flowed")
	}
	return err
}

// records returns the number of source records taken so far.
func (p *process) records() (n uint64) {
	p.counts.Topics(func(_ string, t *engine.TopicCounts) { n += uint64(t.Records.Load()) })
	return n
}

// feed writes the generator's records: first the tables, then the stream at its rate.
func feed(ctx context.Context, cfg kafka.Config, o demoOptions, loaded func()) error {
	for _, topic := range []string{generate.TopicAccount, generate.TopicContact, generate.TopicEngagement} {
		if err := kafka.CreateTopic(ctx, cfg, topic, demoPartitions, nil); err != nil {
			return stopped(ctx, err)
		}
	}
	out, err := kafka.NewProducer(cfg)
	if err != nil {
		return err
	}
	defer out.Close()
	g := generate.New(generate.Options{Seed: o.seed, Contacts: o.contacts, Start: time.Now()})
	send := func(r generate.Record) error { return out.Send(ctx, r.Topic, r.Key, r.Value, nil) }
	g.Load(func(r generate.Record) bool {
		err = send(r)
		return err == nil
	})
	if err == nil {
		err = out.Flush(ctx)
	}
	loaded()
	const beat = 10 * time.Millisecond
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	begin, sent := time.Now(), 0
	for err == nil {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			for due := int(now.Sub(begin).Seconds() * float64(o.rate)); sent < due && err == nil; sent++ {
				err = send(g.Next(time.Now()))
			}
			if err == nil {
				err = out.Flush(ctx)
			}
		}
	}
	return stopped(ctx, err)
}

// stopped returns nil if err only says that ctx has ended.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// show hands the deltas and firings of committed parts to the display.
func show(screen *display, parts []engine.Part, now time.Time) {
	for i := range parts {
		for j := range parts[i].Outputs {
			if e, ok := effectOf(&parts[i].Outputs[j], parts[i].Born[j], now); ok {
				screen.Show(e, now)
			}
		}
	}
}

// effectOf reads one output record.
func effectOf(o *engine.Output, born row.Instant, now time.Time) (effect, bool) {
	var v struct {
		Segment, Trigger, Audience, ID, Op string
		Cause                              struct{ Kind, Table, Event, Segment string }
	}
	if o.Topic != "memberships" && o.Topic != "firings" || json.Unmarshal(o.Value, &v) != nil {
		return effect{}, false
	}
	e := effect{Op: fired, Name: v.Trigger, Audience: v.Audience, ID: v.ID, Latency: now.Sub(born.Time()),
		Cause: strings.TrimSpace(v.Cause.Kind + " " + v.Cause.Table + v.Cause.Event + v.Cause.Segment)}
	if o.Topic == "memberships" {
		e.Name, e.Op = v.Segment, left
		if v.Op == "enter" {
			e.Op = entered
		}
	}
	return e, v.ID != "" // brackets of an edit are about no subject
}
