package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/connectors/decode"
	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// replayOptions is what the command line of replay says.
type replayOptions struct {
	catalog     string
	output      string
	app         string
	metrics     time.Duration
	epoch       int
	recordBytes int
	partitions  int32
}

// replayCommand returns `weir replay`.
func (p *program) replayCommand() *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:   "replay --catalog DIR [INPUT.jsonl|-]",
		Short: "Run a catalog over a file of records, without Kafka",
		Long: `Replay runs the same operators as the engine over a file of records; the clock moves only by the file.

Input, one JSON object a line, at never decreasing:
  {"at":"2026-01-01T00:00:00Z","topic":"crm.public.contact","key":…,"value":{…}}   a record
  {"at":"2026-02-01T00:00:00Z"}                                                    moves the clock
Output, in order: {"at":…,"topic":"weir.memberships","key":…,"value":{…}} for each record out, and each clock line
after all that became due up to it. Refused lines go to the deadletter topic of the output; the exit status is then 1.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := cmd.InOrStdin()
			if len(args) == 1 && args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("cannot read the input: %w", err)
				}
				defer func() { _ = f.Close() }()
				in = f
			}
			return replayTo(o, in, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.catalog, "catalog", "", "folder of the definitions (required)")
	f.StringVarP(&o.output, "output", "o", "", "file for the output (default: standard output)")
	f.StringVar(&o.app, "app", "weir", "prefix of the output topics")
	f.DurationVar(&o.metrics, "metrics", 0,
		"write a metrics record per definition and interval of this length (default none)")
	f.IntVar(&o.epoch, "epoch-records", 1000, "input lines of one epoch; the output does not depend on it")
	f.Int32Var(&o.partitions, "partitions", 1,
		"as if the topics had so many partitions; who is a member does not depend on it")
	f.IntVar(&o.recordBytes, "record-bytes", 1<<20, "a longer record is refused")
	_ = cmd.MarkFlagRequired("catalog")
	return cmd
}

// errRefused says that a replay went to its end but refused lines.
var errRefused = errors.New("lines were refused")

// replayTo runs a replay from in to the output file, or to out.
func replayTo(o replayOptions, in io.Reader, out io.Writer) (err error) {
	c, err := catalog.Load(o.catalog)
	if err != nil {
		return err
	}
	if o.output != "" {
		f, err := os.Create(o.output)
		if err != nil {
			return fmt.Errorf("cannot write the output: %w", err)
		}
		defer func() {
			if e := f.Close(); err == nil {
				err = e
			}
		}()
		out = f
	}
	return withStore("weir-replay-", func(store *state.Store) error { return runReplay(o, c, store, in, out) })
}

// withStore hands a store, in a folder of its own with a name that begins with prefix, to use, and removes it after.
func withStore(prefix string, use func(*state.Store) error) (err error) {
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return fmt.Errorf("cannot make a folder for the state: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store, err := state.Open(dir, state.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return use(store)
}

// runReplay runs the lines of in over the store.
func runReplay(o replayOptions, c *catalog.Catalog, store *state.Store, in io.Reader, out io.Writer) error {
	w := &lineWriter{w: bufio.NewWriterSize(out, 1<<16), app: o.app}
	counts := &engine.Counts{}
	r, err := engine.NewReplay(engine.ReplayConfig{
		EpochRecords: o.epoch,
		Task: engine.TaskConfig{App: o.app, Format: emit.JSON, CacheBytes: 64 << 20 / int(o.partitions), Counts: counts,
			Partitions: o.partitions, MetricsInterval: row.Instant(o.metrics)},
	}, c, store, decode.New(c, decode.Options{RecordBytesMax: o.recordBytes,
		Commands: o.app + ".commands"}), w.output)
	if err != nil {
		return err
	}
	if err := replayLines(r, in, row.Never); err != nil {
		return errors.Join(err, w.w.Flush(), r.Release())
	}
	if err := errors.Join(r.Close(), w.w.Flush()); err != nil {
		return err
	}
	if n := counts.Deadletters.Load(); n > 0 {
		return fmt.Errorf("%d %w: see the records of topic %s.deadletter in the output", n, errRefused, o.app)
	}
	return nil
}

// replayLines feeds the replay line by line, up to the last line that is not later than last.
func replayLines(r *engine.Replay, in io.Reader, last row.Instant) error {
	lines := bufio.NewReaderSize(in, 1<<16)
	for number := int64(1); ; number++ {
		raw, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read line %d of the input: %w", number, err)
		}
		if len(raw) == 0 {
			continue
		}
		line, err := parseLine(raw, r.Now())
		switch {
		case err != nil:
			err = r.Refuse(number, raw, fmt.Sprintf("line %d: %v", number, err))
		case line.at > last:
			return nil
		case line.clock:
			err = r.Clock(line.at)
		default:
			err = r.Record(line.at, &line.record)
		}
		if err != nil {
			return err
		}
	}
}
