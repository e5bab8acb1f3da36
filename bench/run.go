// Package bench measures workers on a real broker: how fast they work off what is there, how long a source record takes
// until what it caused can be read, and what that costs in memory, processor time and disk.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/weirstream/weir/bench/latency"
	"github.com/weirstream/weir/bench/load"
	"github.com/weirstream/weir/bench/report"
	"github.com/weirstream/weir/connectors/kafka"
)

// Options say what to measure.
type Options struct {
	Kafka      kafka.Config  // App begins the names of all topics; they are deleted at the end
	Dir        string        // folder for catalog and state, made by the caller
	Seed       uint64        // of catalog and records
	Contacts   int           // subjects, at least 1
	Segments   int           // at least 1
	Triggers   int           // 0 is none
	Backlog    int64         // records of the drain phase; 0: no such phase
	Rate       float64       // records a second of the rate phase; 0: no such phase
	For        time.Duration // length of the rate phase
	Workers    int           // at least 1
	Partitions int32         // of the source topics
	BrokerPID  int           // the broker's process, to tell what it uses; 0: not told
	Progress   io.Writer     // told what is being done
	// Start starts the worker number i on the catalog folder, with its state in the given one.
	Start func(ctx context.Context, i int, catalog, state string) (Worker, error)
}

// Worker is a running worker.
type Worker interface {
	PID() int
	// Err returns nil while the worker runs, and afterwards why it ended.
	Err() error
	// Stop ends the worker cleanly and waits for it.
	Stop() error
}

// run is one benchmark.
type run struct {
	Options
	sender   *load.Sender
	producer *kafka.Producer
	backlogs *kafka.Backlogs
	tail     *kafka.Tail
	workers  []Worker
	tracker  *latency.Tracker // of the rate phase; nil before it
	report   report.Report

	memberships, firings int64 // read so far
}

// Run measures and returns what it found. The topics are deleted also where it fails.
func Run(ctx context.Context, o Options) (_ *report.Report, err error) {
	r := &run{Options: o}
	r.report = report.Report{Machine: report.Machine(), Contacts: o.Contacts, Segments: o.Segments, Triggers: o.Triggers,
		Workers: o.Workers, Seed: o.Seed}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	if err := r.phases(ctx); err != nil {
		return nil, err
	}
	return &r.report, nil
}

// phases runs one phase after the other.
func (r *run) phases(ctx context.Context) error {
	r.tell("sending %d contacts and their accounts", r.Contacts)
	n, err := r.sender.Snapshot(ctx)
	if err != nil {
		return err
	}
	if r.report.Load, err = r.drain(ctx, n); err != nil {
		return err
	}
	if r.Backlog > 0 {
		if err := r.stop(); err != nil {
			return err
		}
		r.tell("sending a backlog of %d records", r.Backlog)
		if err := r.sender.Backlog(ctx, r.Backlog, time.Now()); err != nil {
			return err
		}
		if r.report.Drain, err = r.drain(ctx, r.Backlog); err != nil {
			return err
		}
	}
	if r.Rate > 0 {
		if r.report.Rate, err = r.steady(ctx); err != nil {
			return err
		}
	}
	if err := r.stop(); err != nil {
		return err
	}
	if r.report.StateBytes, err = report.FolderBytes(filepath.Join(r.Dir, "state")); err != nil {
		return err
	}
	r.report.BytesPerSubject = r.report.StateBytes / int64(r.Contacts)
	return nil
}

func (r *run) tell(format string, args ...any) { fmt.Fprintf(r.Progress, format+"\n", args...) }

// open makes the topics and the catalog.
func (r *run) open(ctx context.Context) (err error) {
	for _, topic := range load.Topics(r.Kafka.App) {
		if err := kafka.CreateTopic(ctx, r.Kafka, topic, r.Partitions, nil); err != nil {
			return err
		}
	}
	spec := load.Spec{Seed: r.Seed, Segments: r.Segments, Triggers: r.Triggers, Prefix: r.Kafka.App}
	if err := os.MkdirAll(r.catalog(), 0o750); err != nil {
		return fmt.Errorf("cannot make the benchmark's folder: %w", err)
	}
	if err := os.WriteFile(filepath.Join(r.catalog(), "bench.yaml"), []byte(spec.Catalog()), 0o600); err != nil {
		return fmt.Errorf("cannot write the benchmark's catalog: %w", err)
	}
	if r.producer, err = kafka.NewProducer(r.Kafka); err != nil {
		return err
	}
	r.sender = load.NewSender(r.producer, r.Seed, r.Contacts, r.Kafka.App, time.Now())
	r.backlogs, err = kafka.OpenBacklogs(r.Kafka, load.Topics(r.Kafka.App)...)
	return err
}

func (r *run) catalog() string { return filepath.Join(r.Dir, "catalog") }

// start starts the workers.
func (r *run) start(ctx context.Context) error {
	for i := range r.Workers {
		state := filepath.Join(r.Dir, "state", fmt.Sprint(i+1))
		if err := os.MkdirAll(state, 0o750); err != nil {
			return fmt.Errorf("cannot make the folder of a worker's state: %w", err)
		}
		w, err := r.Start(ctx, i, r.catalog(), state)
		if err != nil {
			return fmt.Errorf("cannot start worker %d: %w", i+1, err)
		}
		r.workers = append(r.workers, w)
	}
	return nil
}

// stop ends the workers cleanly.
func (r *run) stop() (err error) {
	for i, w := range r.workers {
		if e := w.Stop(); e != nil {
			err = errors.Join(err, fmt.Errorf("worker %d did not end well: %w", i+1, e))
		}
	}
	r.workers = nil
	return err
}

// check tells of a worker that has ended by itself.
func (r *run) check() error {
	for i, w := range r.workers {
		if err := w.Err(); err != nil {
			return fmt.Errorf("worker %d ended by itself: %w", i+1, err)
		}
	}
	return nil
}

// close ends everything and deletes the topics.
func (r *run) close() error {
	err := r.stop()
	if r.producer != nil {
		r.producer.Close()
	}
	if r.backlogs != nil {
		r.backlogs.Close()
	}
	if r.tail != nil {
		r.tail.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return errors.Join(err, kafka.DeleteTopics(ctx, r.Kafka, append(r.Kafka.OwnTopics(), load.Topics(r.Kafka.App)...)...))
}
