package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/connectors/decode"
	"github.com/weirstream/weir/connectors/httpapi"
	"github.com/weirstream/weir/connectors/kafka"
	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// process is one running worker with all that it needs: the only place where the parts are wired together.
type process struct {
	settings *Settings
	kafka    kafka.Config
	catalog  *catalog.Catalog
	log      *slog.Logger

	store   *state.Store
	worker  *engine.Worker
	counts  engine.Counts
	metrics *httpapi.Metrics
	session atomic.Pointer[kafka.Session]
	intake  atomic.Pointer[kafka.Intake]
	commits commitTimes
	failed  atomic.Int64 // sessions that ended with an error

	// observe is called after each commit, on the worker's goroutine; may be nil.
	observe func(parts []engine.Part)
}

// commitTimes remembers when each partition was last committed.
type commitTimes struct {
	mu sync.Mutex
	at map[int32]time.Time
}

const (
	startRetryMax = 5 * time.Second
	pollWait      = 500 * time.Millisecond
	timersOfEpoch = 5000
	// metricsInterval is the length of the intervals of the metrics topic.
	metricsInterval = row.Instant(time.Minute)
)

func newProcess(s *Settings, c *catalog.Catalog, log *slog.Logger) *process {
	p := &process{settings: s, catalog: c, log: log, kafka: kafkaConfig(s, log)}
	p.commits.at = map[int32]time.Time{}
	p.metrics = httpapi.NewMetrics(httpapi.Build(version()), p.snapshot)
	return p
}

func kafkaConfig(s *Settings, log *slog.Logger) kafka.Config {
	partitions := int32(0) // as the topics are, if they are there
	if s.PartitionsGiven {
		partitions = s.Partitions
	}
	return kafka.Config{
		Brokers: s.Brokers, App: s.App, Instance: s.Instance, StaticMember: s.StaticMember(),
		Partitions: partitions, Replication: s.Replication, Delivery: kafka.Delivery(s.Delivery),
		SessionTimeout: s.SessionTimeout, TransactionTimeout: s.TransactionTimeout,
		MaxRecordBytes: int32(s.RecordBytes), IntakeBytes: int64(s.IntakeBytes), Compression: s.Compression,
		SASL:   kafka.SASL{Mechanism: s.SASL.Mechanism, User: s.SASL.User, Password: kafka.Secret(s.SASL.Password)},
		TLS:    kafka.TLS(s.TLS),
		Logger: log,
	}
}

func (p *process) registryConfig() kafka.RegistryConfig {
	r := p.settings.Registry
	return kafka.RegistryConfig{URL: r.URL, User: r.User, Password: kafka.Secret(r.Password), TLS: p.kafka.TLS,
		Logger: p.log}
}

// run works until ctx ends. It returns nil after a clean stop.
func (p *process) run(ctx context.Context) (err error) {
	if p.kafka.Instance == "" {
		if p.kafka.Instance, err = instanceID(p.settings.State); err != nil {
			return err
		}
	}
	if err := p.kafka.Validate(); err != nil {
		return err
	}
	if r := p.registryConfig(); r.URL != "" {
		if err := r.Validate(); err != nil {
			return err
		}
	} else if decode.NeedsRegistry(p.catalog) {
		return errors.New("the catalog reads topics in Avro: set registry.url to the registry of their schemas")
	}
	memory := shareMemory(int64(p.settings.MemoryLimit))
	p.store, err = state.Open(filepath.Join(p.settings.State, "store"), state.Options{
		CacheBytes: memory.blocks, MemTableBytes: memory.memTable})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.store.Close()) }()
	if p.settings.Listen != "" {
		server, err := httpapi.Start(httpapi.Options{Listen: p.settings.Listen, Pprof: p.settings.Pprof,
			Metrics: p.metrics, Ready: p.ready, Log: p.log})
		if err != nil {
			return err
		}
		p.log.Info("metrics and health are served", "address", server.Addr())
		defer func() {
			closing, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			err = errors.Join(err, server.Close(closing))
		}()
	}
	partitions, err := p.ensureTopics(ctx)
	if err != nil || ctx.Err() != nil {
		return err
	}
	return p.work(ctx, partitions, memory)
}

// ensureTopics creates or checks the engine's topics. Brokers that can't be reached are waited for.
func (p *process) ensureTopics(ctx context.Context) (int32, error) {
	for pause := 250 * time.Millisecond; ; pause = min(2*pause, startRetryMax) {
		n, err := kafka.EnsureTopics(ctx, p.kafka)
		if err == nil || ctx.Err() != nil {
			return n, nil
		}
		if kafka.Permanent(err) {
			return 0, err
		}
		p.log.Warn("the brokers are not ready; trying again", "err", err, "pause", pause)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// work runs intake and the worker side by side; either's failure ends both.
func (p *process) work(ctx context.Context, partitions int32, memory memoryShares) error {
	changelog, err := kafka.OpenChangelog(ctx, p.kafka)
	if err != nil {
		return err
	}
	defer changelog.Close()
	format := emit.JSON
	if p.settings.OutputFormat == "msgpack" {
		format = emit.Msgpack
	}
	p.worker = engine.NewWorker(engine.WorkerConfig{
		Task: engine.TaskConfig{App: p.settings.App, Partitions: partitions, Format: format, Counts: &p.counts,
			CacheBytes: int(memory.subjects / int64(partitions)), MetricsInterval: metricsInterval},
		EpochRecords: p.settings.EpochRecords, EpochBytes: int64(p.settings.EpochBytes), EpochTimers: timersOfEpoch,
		PollWait: pollWait, RetryMax: startRetryMax, Logger: p.log,
		Now:       func() row.Instant { return row.At(time.Now()) },
		Committed: p.committed,
		Permanent: kafka.Permanent,
	}, p.catalog, p.store, changelog, func(ctx context.Context) (engine.Session, error) {
		s, err := kafka.OpenSession(ctx, p.kafka, partitions)
		if err != nil {
			return nil, err
		}
		if p.session.Swap(s) != nil {
			p.failed.Add(1)
		}
		return s, nil
	})
	p.log.Info("running", "instance", p.kafka.Instance, "partitions", partitions,
		"segments", len(p.catalog.Segments), "triggers", len(p.catalog.Triggers), "delivery", p.settings.Delivery)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	intake := make(chan error, 1)
	go func() {
		defer cancel()
		intake <- p.runIntake(ctx, partitions)
	}()
	err = p.worker.Run(ctx)
	cancel()
	err = errors.Join(err, <-intake)
	if err == nil {
		p.log.Info("stopped")
	}
	return err
}

// runIntake runs intake again and again until ctx ends: after a failure it goes on from its committed offsets.
func (p *process) runIntake(ctx context.Context, partitions int32) error {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, startRetryMax) {
		began := time.Now()
		err := p.intakeOnce(ctx, partitions)
		if ctx.Err() != nil {
			return nil
		}
		if kafka.Permanent(err) {
			return fmt.Errorf("intake failed: %w", err)
		}
		if time.Since(began) > time.Minute {
			pause = 100 * time.Millisecond
		}
		p.log.Warn("intake failed; starting it again", "err", err, "pause", pause)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (p *process) intakeOnce(ctx context.Context, partitions int32) error {
	commands := p.kafka.Topic("commands")
	topics := append(slices.Clone(p.catalog.Topics()), commands)
	o := decode.Options{RecordBytesMax: int(p.settings.RecordBytes), Commands: commands}
	if r := p.registryConfig(); r.URL != "" {
		registry, err := kafka.OpenRegistry(ctx, r)
		if err != nil {
			return err
		}
		o.Schemas = registry
	}
	in, err := kafka.OpenIntake(p.kafka, partitions, topics, func() engine.Decoder { return decode.New(p.catalog, o) })
	if err != nil {
		return err
	}
	defer in.Close()
	p.intake.Store(in)
	return in.Run(ctx)
}

// committed is called by the worker after each commit.
func (p *process) committed(parts []engine.Part, took time.Duration) {
	now := time.Now()
	p.metrics.ObserveCommit(took)
	p.commits.mu.Lock()
	for i := range parts {
		p.commits.at[parts[i].Partition] = now
	}
	p.commits.mu.Unlock()
	for i := range parts {
		part := &parts[i]
		for j := range part.Outputs {
			if part.Outputs[j].Topic == "memberships" || part.Outputs[j].Topic == "firings" {
				p.metrics.ObserveLatency(part.Outputs[j].Topic, now.Sub(part.Born[j].Time()))
			}
		}
	}
	if p.observe != nil {
		p.observe(parts)
	}
}

// ready tells whether the worker does its work.
func (p *process) ready() (ok bool, detail string) {
	if p.worker == nil {
		return false, "waiting for the brokers"
	}
	status := p.worker.Status()
	running, remaining := 0, int64(0)
	for _, phase := range status.Phases {
		if phase == engine.Running {
			running++
		}
	}
	for _, n := range status.Remaining {
		remaining += n
	}
	detail = fmt.Sprintf("restore: %d/%d partitions, %d records to go", running, len(status.Phases), remaining)
	return status.Joined && running == len(status.Phases), detail
}
