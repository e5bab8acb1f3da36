package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/weirstream/weir/bench/latency"
	"github.com/weirstream/weir/bench/report"
	"github.com/weirstream/weir/connectors/kafka"
	"github.com/weirstream/weir/engine"
)

const (
	sampleEvery = 50 * time.Millisecond
	stuckAfter  = 2 * time.Minute // without any progress a phase is given up
)

// sample is how things stand at one moment.
type sample struct {
	at             time.Time
	taken, worked  int64         // records of the input topic: written by intake, worked off by tasks
	worker, broker time.Duration // processor time since the start of the processes
	rss            int64
}

// sample asks brokers and processes.
func (r *run) sample(ctx context.Context) (s sample, b kafka.Backlog, err error) {
	if err := r.check(); err != nil {
		return s, b, err
	}
	if b, err = r.backlogs.Read(ctx); err != nil {
		return s, b, err
	}
	s.at, s.taken, s.worked = time.Now(), b.Worked+b.Input, b.Worked
	for _, w := range r.workers {
		u, err := report.UsageOf(w.PID())
		if err != nil {
			return s, b, err
		}
		s.worker += u.CPU
		s.rss += u.RSS
		r.report.PeakRSS = max(r.report.PeakRSS, u.PeakRSS)
	}
	if r.BrokerPID != 0 {
		u, err := report.UsageOf(r.BrokerPID)
		if err != nil {
			return s, b, err
		}
		s.broker = u.CPU
	}
	return s, b, nil
}

// drain starts the workers and measures how they work off the n source records that are there. The time runs from the
// first record that intake writes to the commit of the last one: starting and joining the group do not count. The
// processor time does count from the start.
func (r *run) drain(ctx context.Context, n int64) (*report.Phase, error) {
	before, _, err := r.sample(ctx) // no worker runs: of the broker only
	if err != nil {
		return nil, err
	}
	if err := r.start(ctx); err != nil {
		return nil, err
	}
	r.tell("working off %d records", n)
	samples, err := r.untilEmpty(ctx, before)
	if err != nil {
		return nil, err
	}
	first, last := samples[0], samples[len(samples)-1]
	half := first
	for _, s := range samples {
		if half = s; s.worked-before.worked >= (last.worked-before.worked)/2 {
			break
		}
	}
	p := &report.Phase{Records: n, Took: last.at.Sub(first.at), SecondHalf: rate(half, last), RSS: last.rss,
		WorkerCPU: float64(last.worker.Microseconds()) / float64(n),
		BrokerCPU: float64((last.broker - before.broker).Microseconds()) / float64(n)}
	p.PerSecond = float64(n) / max(p.Took, sampleEvery).Seconds()
	return p, r.count(ctx, p)
}

// untilEmpty samples, from the first record that intake writes, until nothing is left. Only samples that show progress
// are kept, so the last one is of the last commit.
func (r *run) untilEmpty(ctx context.Context, before sample) (samples []sample, err error) {
	seen := before
	seen.at = time.Now()
	for {
		s, b, err := r.sample(ctx)
		if err != nil {
			return nil, err
		}
		if s.worked > seen.worked || len(samples) == 0 && s.taken > seen.taken {
			seen = s
			samples = append(samples, s)
		}
		switch {
		case seen.worked > before.worked && b.Empty():
			return samples, nil
		case time.Since(seen.at) > stuckAfter:
			return nil, errors.New("the workers make no progress; their log says why")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(sampleEvery):
		}
	}
}

func rate(from, to sample) float64 {
	if took := to.at.Sub(from.at).Seconds(); took > 0 {
		return float64(to.worked-from.worked) / took
	}
	return 0
}

// count reads what came out since the last count.
func (r *run) count(ctx context.Context, p *report.Phase) (err error) {
	if r.tail == nil {
		r.tail, err = kafka.OpenTail(r.Kafka, kafka.Committed, r.Kafka.Topic(kafka.TopicMemberships),
			r.Kafka.Topic(kafka.TopicFirings))
		if err != nil {
			return err
		}
	}
	memberships, firings := r.memberships, r.firings
	for {
		end, err := r.tail.AtEnd(ctx)
		if err != nil {
			return err
		}
		if end {
			p.Memberships, p.Firings = r.memberships-memberships, r.firings-firings
			return nil
		}
		if err := r.read(ctx); err != nil {
			return err
		}
	}
}

// read takes what has come out.
func (r *run) read(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	records, err := r.tail.Next(waiting)
	now := time.Now()
	if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
		return err
	}
	for i := range records {
		if records[i].Topic == r.Kafka.Topic(kafka.TopicFirings) {
			r.firings++
		} else {
			r.memberships++
		}
		if r.tracker != nil {
			if place, ok := causeOf(&records[i]); ok {
				r.tracker.Seen(place, now)
			}
		}
	}
	return nil
}

// causeOf returns the source record that caused an output; not ok where time or another segment did.
func causeOf(rec *engine.Record) (p latency.Place, ok bool) {
	at := bytes.LastIndex(rec.Value, []byte(`"cause":{`))
	if at < 0 {
		return p, false
	}
	var c struct {
		Topic     string
		Partition int32
		Offset    int64
	}
	d := json.NewDecoder(bytes.NewReader(rec.Value[at+len(`"cause":`):]))
	if d.Decode(&c) != nil || c.Topic == "" {
		return p, false
	}
	return latency.Place{Topic: c.Topic, Partition: c.Partition, Offset: c.Offset}, true
}

// steady sends at a fixed rate and measures how long it takes until what a record caused can be read by a
// read-committed reader.
func (r *run) steady(ctx context.Context) (*report.Phase, error) {
	r.tell("sending %.0f records/s for %v", r.Rate, r.For)
	r.tracker = latency.NewTracker()
	first, _, err := r.sample(ctx)
	if err != nil {
		return nil, err
	}
	p := &report.Phase{Target: r.Rate}
	memberships, firings := r.memberships, r.firings
	reading, stop := context.WithCancel(ctx)
	read := make(chan error, 1)
	go func() {
		var err error
		for err == nil && reading.Err() == nil {
			err = r.read(reading)
		}
		if reading.Err() != nil {
			err = nil
		}
		read <- err
	}()
	p.Records, err = r.sender.Rate(ctx, r.Rate, r.For, func(rec engine.Record, sent time.Time) {
		r.tracker.Sent(latency.Place{Topic: rec.Topic, Partition: rec.Partition, Offset: rec.Offset}, sent)
	})
	var last sample
	if err == nil {
		last, err = r.caughtUp(ctx)
	}
	stop()
	if err := errors.Join(err, <-read); err != nil {
		return nil, err
	}
	if err := r.count(ctx, &report.Phase{}); err != nil {
		return nil, err
	}
	p.Memberships, p.Firings = r.memberships-memberships, r.firings-firings
	p.Took, p.PerSecond, p.RSS = last.at.Sub(first.at), rate(first, last), last.rss
	if n := float64(p.Records); n > 0 {
		p.WorkerCPU = float64((last.worker - first.worker).Microseconds()) / n
		p.BrokerCPU = float64((last.broker - first.broker).Microseconds()) / n
	}
	effects := r.tracker.Effects()
	p.Latency = report.QuantilesOf(&effects)
	r.tracker = nil
	return p, nil
}

// caughtUp waits until the workers have worked off all that was sent, and returns how things stood at the last
// progress.
func (r *run) caughtUp(ctx context.Context) (last sample, err error) {
	for {
		s, b, err := r.sample(ctx)
		if err != nil {
			return s, err
		}
		if s.worked > last.worked {
			last = s
		}
		if b.Empty() {
			return last, nil
		}
		if s.at.Sub(last.at) > stuckAfter {
			return last, errors.New("the workers make no progress; their log says why")
		}
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-time.After(sampleEvery):
		}
	}
}
