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
	catalog  atomic.Pointer[catalog.Catalog] // in force, or to be with the start
	follow   bool                            // the topic of catalogs says what is in force
	bundle   *catalog.Bundle                 // what to publish if the topic is empty; nil: nothing
	log      *slog.Logger

	store   *state.Store
	worker  atomic.Pointer[engine.Worker]
	counts  engine.Counts
	metrics *httpapi.Metrics
	session atomic.Pointer[kafka.Session]
	intake  atomic.Pointer[kafka.Intake]
	decode  atomic.Pointer[decode.Options] // of the intake's decoders
	commits commitTimes
	started chan struct{} // closed when worker is there
	failed  atomic.Int64  // sessions that ended with an error

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
	p := &process{settings: s, log: log, kafka: kafkaConfig(s, log), started: make(chan struct{})}
	p.catalog.Store(c)
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
	}
	if c := p.catalog.Load(); c != nil {
		if err := p.usable(c); err != nil {
			return err
		}
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
	if !p.follow {
		return p.work(ctx, partitions, memory)
	}
	topic, err := p.openCatalog(ctx)
	if err != nil || ctx.Err() != nil {
		return err
	}
	defer topic.Close()
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel()
	following.Go(func() { p.followCatalog(ctx, topic) })
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
	c := p.catalog.Load()
	worker := engine.NewWorker(engine.WorkerConfig{
		Task: engine.TaskConfig{App: p.settings.App, Partitions: partitions, Format: format, Counts: &p.counts,
			CacheBytes: int(memory.subjects / int64(partitions)), MetricsInterval: metricsInterval,
			Progress: p.follow},
		EpochRecords: p.settings.EpochRecords, EpochBytes: int64(p.settings.EpochBytes), EpochTimers: timersOfEpoch,
		PollWait: pollWait, RetryMax: startRetryMax, Logger: p.log,
		Now:       func() row.Instant { return row.At(time.Now()) },
		Committed: p.committed,
		Swapped:   p.swapped,
		Permanent: kafka.Permanent,
	}, c, p.store, changelog, func(ctx context.Context) (engine.Session, error) {
		s, err := kafka.OpenSession(ctx, p.kafka, partitions)
		if err != nil {
			return nil, err
		}
		if p.session.Swap(s) != nil {
			p.failed.Add(1)
		}
		return s, nil
	})
	p.worker.Store(worker)
	close(p.started)
	p.log.Info("running", "instance", p.kafka.Instance, "partitions", partitions, "revision", c.Revision,
		"segments", len(c.Segments), "triggers", len(c.Triggers), "delivery", p.settings.Delivery)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	intake := make(chan error, 1)
	go func() {
		defer cancel()
		intake <- p.runIntake(ctx, partitions)
	}()
	err = worker.Run(ctx)
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
	o := &decode.Options{RecordBytesMax: int(p.settings.RecordBytes), Commands: p.kafka.Topic(kafka.TopicCommands)}
	if r := p.registryConfig(); r.URL != "" {
		registry, err := kafka.OpenRegistry(ctx, r)
		if err != nil {
			return err
		}
		o.Schemas = registry
	}
	c := p.catalog.Load()
	topics, decoders := sourcesOf(c, o)
	in, err := kafka.OpenIntake(p.kafka, partitions, c.Revision, topics, decoders)
	if err != nil {
		return err
	}
	defer in.Close()
	p.decode.Store(o)
	p.intake.Store(in)
	if now := p.catalog.Load(); now != c { // put in force meanwhile
		p.swapped(now)
	}
	return in.Run(ctx)
}

// sourcesOf returns what intake reads by a catalog, and what makes its decoders.
func sourcesOf(c *catalog.Catalog, o *decode.Options) (topics []string, decoders func() engine.Decoder) {
	return append(slices.Clone(c.Topics()), o.Commands), func() engine.Decoder { return decode.New(c, *o) }
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
	worker := p.worker.Load()
	if worker == nil {
		return false, "waiting for the brokers"
	}
	status := worker.Status()
	running, remaining := 0, int64(0)
	for _, phase := range status.Phases {
		if phase == engine.Running {
			running++
		}
	}
	for _, n := range status.Remaining {
		remaining += n
	}
	detail = fmt.Sprintf("restore: %d/%d partitions, %d records to go; catalog: revision %d", running,
		len(status.Phases), remaining, worker.Revision())
	return status.Joined && running == len(status.Phases), detail
}
