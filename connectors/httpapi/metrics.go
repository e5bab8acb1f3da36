// Package httpapi serves a worker's metrics, health and profiles over HTTP. It is the only package that touches
// Prometheus: the engine counts in plain numbers, and a Snapshot of them is turned into metrics at each scrape.
package httpapi

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Build is what weir_build_info tells of the binary.
type Build struct{ Version, Revision, Go string }

// Metrics turns snapshots into Prometheus metrics and holds the histograms. Safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	latency  *prometheus.HistogramVec
	commit   prometheus.Histogram
}

// NewMetrics returns the metrics of one worker. source is called at each scrape, from any goroutine, and must
// be quick.
func NewMetrics(build Build, source func() Snapshot) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		latency: prometheus.NewHistogramVec(histogram("weir_end_to_end_latency_seconds",
			"Time from a source record's timestamp to the commit of the output that it caused.", 0.001), []string{"output"}),
		commit: prometheus.NewHistogram(histogram("weir_commit_duration_seconds",
			"Time that committing an epoch took.", 0.001)),
	}
	info := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "weir_build_info",
		Help:        "Always 1; the labels tell what the binary was made from.",
		ConstLabels: prometheus.Labels{"version": build.Version, "revision": build.Revision, "go": build.Go},
	}, func() float64 { return 1 })
	m.registry.MustRegister(m.latency, m.commit, info, &collector{source},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// histogram has classic buckets from lowest seconds up to about 30 000 times that, each twice the one before, and
// native buckets for servers that scrape those.
func histogram(name, help string, lowest float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: name, Help: help,
		Buckets:                         prometheus.ExponentialBuckets(lowest, 2, 16),
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  160,
		NativeHistogramMinResetDuration: time.Hour,
	}
}

// ObserveLatency counts one output record that was committed d after its source record's timestamp. Output is
// the topic without the application's prefix: "memberships", "firings".
func (m *Metrics) ObserveLatency(output string, d time.Duration) {
	m.latency.WithLabelValues(output).Observe(d.Seconds())
}

// ObserveCommit counts one commit that took d.
func (m *Metrics) ObserveCommit(d time.Duration) { m.commit.Observe(d.Seconds()) }

// handler serves the metrics; failures of a scrape go to log.
func (m *Metrics) handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ErrorHandling:     promhttp.ContinueOnError,
	})
}

// collector makes metrics of a snapshot.
type collector struct{ source func() Snapshot }

// The metrics of a snapshot. Alerts and dashboards rely on the names.
var (
	inputRecords    = desc("weir_input_records_total", "Records read from a source topic.", "input")
	inputLate       = desc("weir_late_events_total", "Events that were older than the retention of their kind.", "input")
	inputLag        = desc("weir_input_lag_records", "Records not yet read, to the last stable one.", "input", "partition")
	inputLagTime    = desc("weir_input_lag_seconds", "Age of the oldest record not yet read, or 0.", "input", "partition")
	decodeErrors    = desc("weir_decode_errors_total", "Records that could not be used.", "input", "reason")
	deadLetters     = desc("weir_dead_letters_total", "Records written to the dead-letter topic.", "input", "reason")
	duplicates      = desc("weir_duplicate_records_total", "Repeated deliveries without effect.", "input", "kind")
	transactions    = desc("weir_transactions_total", "Epochs by what came of them.", "outcome")
	changes         = desc("weir_membership_changes_total", "Membership changes by kind of cause.", "change", "origin")
	firings         = desc("weir_trigger_firings_total", "Firings of triggers, by kind of cause.", "origin")
	suppressed      = desc("weir_trigger_firings_suppressed_total", "Firings that the limit of their trigger held back.")
	partitions      = desc("weir_partitions", "Partitions of this worker by phase.", "state")
	restoring       = desc("weir_restore_remaining_records", "Changelog records still to read.", "partition")
	lastCommit      = desc("weir_last_commit_timestamp_seconds", "Time of the last commit.", "partition")
	storeBytes      = desc("weir_store_bytes", "Size of the local store.", "kind")
	timersPending   = desc("weir_timers_pending", "Subjects that wait for an instant.")
	timerLateness   = desc("weir_timer_lateness_seconds", "How late the longest overdue timer is; 0 if none is due.")
	catalogRevision = desc("weir_catalog_revision", "Revision of the catalog in force.")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{inputRecords, inputLate, inputLag, inputLagTime, decodeErrors, deadLetters,
		duplicates, transactions, changes, firings, suppressed, partitions, restoring, lastCommit, storeBytes, timersPending,
		timerLateness, catalogRevision} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := c.source()
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(catalogRevision, float64(s.CatalogRevision))
	gauge(timersPending, float64(s.TimersPending))
	gauge(timerLateness, s.TimerLateness.Seconds())
	collectInput(&s, counter, gauge)
	for _, t := range s.Transactions {
		counter(transactions, t.Count, t.Outcome)
	}
	for _, m := range s.Changes {
		counter(changes, m.Count, m.Change, m.Origin)
	}
	for _, f := range s.Firings {
		counter(firings, f.Count, f.Origin)
	}
	counter(suppressed, s.Suppressed)
	for _, p := range s.Phases {
		gauge(partitions, float64(p.Count), p.Phase)
	}
	for _, r := range s.Restores {
		gauge(restoring, float64(r.Remaining), number(r.Partition))
	}
	for _, l := range s.Commits {
		gauge(lastCommit, float64(l.At.UnixMilli())/1000, number(l.Partition))
	}
	for _, b := range s.Stores {
		gauge(storeBytes, float64(b.Bytes), b.Kind)
	}
}

// collectInput makes the metrics of what comes in.
func collectInput(s *Snapshot, counter func(*prometheus.Desc, uint64, ...string),
	gauge func(*prometheus.Desc, float64, ...string)) {
	for _, i := range s.Inputs {
		counter(inputRecords, i.Records, i.Topic)
		counter(inputLate, i.Late, i.Topic)
	}
	for _, f := range s.DecodeErrors {
		counter(decodeErrors, f.Count, f.Topic, f.Reason)
	}
	for _, f := range s.DeadLetters {
		counter(deadLetters, f.Count, f.Topic, f.Reason)
	}
	for _, d := range s.Duplicates {
		counter(duplicates, d.Count, d.Topic, d.Kind)
	}
	for _, l := range s.Lags {
		gauge(inputLag, float64(l.Records), l.Topic, number(l.Partition))
		gauge(inputLagTime, l.Age.Seconds(), l.Topic, number(l.Partition))
	}
}

func number(partition int32) string { return strconv.Itoa(int(partition)) }
