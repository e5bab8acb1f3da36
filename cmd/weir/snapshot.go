package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/connectors/httpapi"
	"github.com/weirstream/weir/connectors/kafka"
	"github.com/weirstream/weir/engine"
)

// lagWait bounds how long a scrape waits for the brokers.
const lagWait = 2 * time.Second

// snapshot gathers what a scrape of /metrics reads.
func (p *process) snapshot() httpapi.Snapshot {
	s := httpapi.Snapshot{}
	p.counts.Topics(func(name string, t *engine.TopicCounts) {
		s.Inputs = append(s.Inputs, httpapi.Input{Topic: name, Records: uint64(t.Records.Load())})
		s.DeadLetters = append(s.DeadLetters,
			httpapi.Fault{Topic: name, Reason: "unusable", Count: uint64(t.Deadletters.Load())})
		s.Duplicates = append(s.Duplicates,
			httpapi.Duplicate{Topic: name, Kind: "record", Count: uint64(t.Duplicates.Load())},
			httpapi.Duplicate{Topic: name, Kind: "event", Count: uint64(t.RepeatedEvents.Load())},
			httpapi.Duplicate{Topic: name, Kind: "row", Count: uint64(t.Stale.Load())})
	})
	for i, cause := range engine.Causes {
		load := func(counts *[len(engine.Causes)]atomic.Int64) uint64 { return uint64(counts[i].Load()) }
		s.Changes = append(s.Changes,
			httpapi.Changes{Change: "enter", Origin: cause, Count: load(&p.counts.Entered)},
			httpapi.Changes{Change: "leave", Origin: cause, Count: load(&p.counts.Left)})
		s.Firings = append(s.Firings, httpapi.Firings{Origin: cause, Count: load(&p.counts.Fired)})
	}
	s.Suppressed = uint64(p.counts.Suppressed.Load())
	s.Transactions = []httpapi.Transactions{
		{Outcome: "committed", Count: uint64(p.counts.Commits.Load())},
		{Outcome: "aborted", Count: uint64(p.counts.Aborts.Load())},
		{Outcome: "failed", Count: uint64(p.failed.Load())},
	}
	p.commits.mu.Lock()
	for partition, at := range p.commits.at {
		s.Commits = append(s.Commits, httpapi.Commit{Partition: partition, At: at})
	}
	p.commits.mu.Unlock()
	s.Phases = []httpapi.Phase{{Phase: "restoring"}, {Phase: "running"}, {Phase: "standby"}, {Phase: "closed"}}
	if worker := p.worker.Load(); worker != nil {
		s.CatalogRevision = worker.Revision()
		p.snapshotWorker(worker, &s)
	}
	return s
}

func (p *process) snapshotWorker(worker *engine.Worker, s *httpapi.Snapshot) {
	status := worker.Status()
	for _, phase := range status.Phases {
		if phase == engine.Restoring {
			s.Phases[0].Count++
		} else {
			s.Phases[1].Count++
		}
	}
	for partition, n := range status.Remaining {
		s.Restores = append(s.Restores, httpapi.Restore{Partition: partition, Remaining: n})
	}
	s.TimerLateness = status.TimerLateness
	ctx, cancel := context.WithTimeout(context.Background(), lagWait)
	defer cancel()
	add := func(lags []kafka.Lag, err error) {
		if err != nil {
			p.log.Debug("cannot tell the lag", "err", err)
			return
		}
		for _, l := range lags {
			s.Lags = append(s.Lags, httpapi.Lag(l))
		}
	}
	if in := p.intake.Load(); in != nil {
		add(in.Lags(ctx))
	}
	if session := p.session.Load(); session != nil {
		add(session.Lags(ctx))
	}
}
