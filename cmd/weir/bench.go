package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/bench"
	"github.com/weirstream/weir/connectors/kafka"
)

// benchOptions is what the command line of bench says.
type benchOptions struct {
	brokers    string
	contacts   int
	segments   int
	triggers   int
	records    int64
	rate       string
	length     time.Duration
	workers    int
	partitions int32
	seed       uint64
	brokerPID  int
	listen     string
	keep       string
}

// benchCommand returns `weir bench`.
func (p *program) benchCommand() *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:   "bench --brokers HOST:PORT[,…]",
		Short: "Measure throughput, latency, memory and disk on a running broker",
		Long: `Bench makes a catalog and source topics of its own on a running broker, starts workers, and measures
  load    how fast a snapshot of all contacts is taken in
  drain   how fast a backlog of --records records is worked off that was there before the workers started
  rate    with --rate R: how long a record takes until what it caused can be read by a read-committed reader, at R
          records/s for the time of --for
and prints a table and a line of JSON. Its topics and state are deleted at the end. The load generator and the
reader run in this process, each worker in one of its own.`,
		Example: "  weir bench --brokers 127.0.0.1:9092\n" +
			"  weir bench --brokers 127.0.0.1:9092 --contacts 100000 --segments 1000 --rate 1000 --for 30s",
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.bench(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.brokers, "brokers", "", "brokers of the Kafka cluster to begin with (required)")
	f.IntVar(&o.contacts, "contacts", 20_000, "contacts")
	f.IntVar(&o.segments, "segments", 100, "segments, each of two to five conditions")
	f.IntVar(&o.triggers, "triggers", 20, "triggers")
	f.Int64Var(&o.records, "records", 200_000, "records of the drain phase; 0 leaves it out")
	f.StringVar(&o.rate, "rate", "max", "records a second of the rate phase; max leaves it out: drain only")
	f.DurationVar(&o.length, "for", 20*time.Second, "length of the rate phase")
	f.IntVar(&o.workers, "workers", 1, "workers")
	f.Int32Var(&o.partitions, "partitions", 16, "partitions of the topics")
	f.Uint64Var(&o.seed, "seed", 1, "seed of catalog and records")
	f.IntVar(&o.brokerPID, "broker-pid", 0, "the broker's process on this machine, to tell what it uses")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "address of metrics and profiles of the first worker")
	f.StringVar(&o.keep, "keep", "", "new folder to keep catalog, state and workers' logs in")
	return cmd
}

// check returns what is wrong with the options, and the rate.
func (o *benchOptions) check() (rate float64, err error) {
	if o.brokers == "" {
		return 0, usagef("missing: --brokers")
	}
	if o.rate != "max" {
		if rate, err = strconv.ParseFloat(o.rate, 64); err != nil || rate < 1 || rate > 1e6 {
			return 0, usagef("--rate: %q is neither max nor a number from 1 to 1000000", o.rate)
		}
	}
	for _, n := range []struct {
		flag      string
		value     int64
		low, high int64
	}{
		{"contacts", int64(o.contacts), 1, 100_000_000}, {"segments", int64(o.segments), 1, 100_000},
		{"triggers", int64(o.triggers), 0, 100_000}, {"records", o.records, 0, 1_000_000_000},
		{"workers", int64(o.workers), 1, 64}, {"partitions", int64(o.partitions), 1, 1000},
		{"for", int64(o.length.Seconds()), 1, 86_400},
	} {
		if n.value < n.low || n.value > n.high {
			return 0, usagef("--%s: %d is not from %d to %d", n.flag, n.value, n.low, n.high)
		}
	}
	return rate, nil
}

func (p *program) bench(ctx context.Context, o benchOptions) (err error) {
	rate, err := o.check()
	if err != nil {
		return err
	}
	dir := o.keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "weir-bench-"); err != nil {
			return fmt.Errorf("cannot make a folder for the benchmark: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return usagef("--keep %s is not empty: a benchmark begins from nothing", dir)
	}
	app := "bench-" + strings.ToLower(rand.Text()[:8])
	result, err := bench.Run(ctx, bench.Options{
		Kafka: kafka.Config{Brokers: strings.Split(o.brokers, ","), App: app, Instance: "bench",
			Logger: slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelError}))},
		Dir: dir, Seed: o.seed, Contacts: o.contacts, Segments: o.segments, Triggers: o.triggers, Backlog: o.records,
		Rate: rate, For: o.length, Workers: o.workers, Partitions: o.partitions, BrokerPID: o.brokerPID,
		Progress: p.stderr,
		Start: func(ctx context.Context, i int, catalog, state string) (bench.Worker, error) {
			return startBenchWorker(ctx, o, app, i, dir, catalog, state)
		},
	})
	if err != nil {
		return err
	}
	result.Command, result.Version = "weir bench "+o.commandLine(), version().String()
	return result.Write(p.stdout)
}

// commandLine returns the flags that repeat the measurement elsewhere.
func (o *benchOptions) commandLine() string {
	return fmt.Sprintf("--contacts %d --segments %d --triggers %d --records %d --rate %s --for %v --workers %d"+
		" --partitions %d --seed %d", o.contacts, o.segments, o.triggers, o.records, o.rate, o.length, o.workers,
		o.partitions, o.seed)
}

// benchWorker is a worker of a benchmark: this program, in a process of its own.
type benchWorker struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error
	log   string
}

// benchStop is how long a worker may take to end.
const benchStop = 15 * time.Second

// startBenchWorker starts the worker number i.
func startBenchWorker(ctx context.Context, o benchOptions, app string, i int,
	dir, catalog, state string) (*benchWorker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find this program: %w", err)
	}
	listen := "127.0.0.1:0"
	if i == 0 {
		listen = o.listen
	}
	w := &benchWorker{ended: make(chan struct{}), log: filepath.Join(dir, fmt.Sprintf("worker-%d.log", i+1))}
	log, err := os.OpenFile(w.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot make the worker's log: %w", err)
	}
	w.cmd = exec.CommandContext(ctx, self, "run", "--brokers", o.brokers, "--app", app, "--catalog", catalog,
		"--state", state, "--instance", fmt.Sprintf("w%d", i+1), "--listen", listen, "--pprof",
		"--partitions", strconv.Itoa(int(o.partitions)))
	w.cmd.Stdout, w.cmd.Stderr = log, log
	w.cmd.Cancel = func() error { return w.cmd.Process.Signal(syscall.SIGTERM) }
	w.cmd.WaitDelay = benchStop
	if err := w.cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	go func() {
		defer close(w.ended)
		w.err = errors.Join(w.cmd.Wait(), log.Close())
	}()
	return w, nil
}

// PID implements bench.Worker.
func (w *benchWorker) PID() int { return w.cmd.Process.Pid }

// Err implements bench.Worker.
func (w *benchWorker) Err() error {
	select {
	case <-w.ended:
		return errors.Join(fmt.Errorf("it said: %s", lastLine(w.log)), w.err)
	default:
		return nil
	}
}

// Stop implements bench.Worker.
func (w *benchWorker) Stop() error {
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-w.ended:
	case <-time.After(benchStop):
		_ = w.cmd.Process.Kill() // it has had its time
		<-w.ended
	}
	return w.err
}

// lastLine returns the last line of a file, as far as it can be read.
func lastLine(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return lines[len(lines)-1]
}
