package httpapi

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
)

// full has at least one figure of each kind.
func full() Snapshot {
	return Snapshot{
		CatalogRevision: 3,
		Inputs:          []Input{{"crm.public.contact", 120, 2}, {"engagement", 900, 0}},
		DecodeErrors:    []Fault{{"engagement", "type", 4}},
		DeadLetters:     []Fault{{"engagement", "type", 4}},
		Duplicates:      []Duplicate{{"engagement", "event", 7}},
		Lags:            []Lag{{"engagement", 0, 12, 1500 * time.Millisecond}, {"engagement", 1, 0, 0}},
		Transactions:    []Transactions{{"committed", 40}, {"aborted", 1}},
		Changes:         []Changes{{"enter", "event", 10}, {"leave", "time", 5}},
		Firings:         []Firings{{"row", 6}},
		Suppressed:      8,
		Phases:          []Phase{{"running", 60}, {"restoring", 4}},
		Restores:        []Restore{{7, 1000}},
		Commits:         []Commit{{0, time.Unix(1_800_000_000, 250_000_000)}},
		Stores:          []Store{{"live", 4096}},
		TimersPending:   11,
		TimerLateness:   20 * time.Millisecond,
	}
}

func newFull() *Metrics {
	m := NewMetrics(Build{"v1.0.0", "abc", "go1.26"}, full)
	m.ObserveLatency("memberships", 3*time.Millisecond)
	m.ObserveLatency("firings", 90*time.Second)
	m.ObserveCommit(4 * time.Millisecond)
	return m
}

// scrape returns what a Prometheus server without special wishes gets.
func scrape(m *Metrics) string {
	rec := httptest.NewRecorder()
	m.handler(slog.New(slog.DiscardHandler)).ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	return rec.Body.String()
}

func TestScrapeShowsEachFigure(t *testing.T) {
	body := scrape(newFull())
	for _, line := range []string{
		`weir_build_info{go="go1.26",revision="abc",version="v1.0.0"} 1`,
		`weir_catalog_revision 3`,
		`weir_input_records_total{input="engagement"} 900`,
		`weir_late_events_total{input="crm.public.contact"} 2`,
		`weir_decode_errors_total{input="engagement",reason="type"} 4`,
		`weir_dead_letters_total{input="engagement",reason="type"} 4`,
		`weir_duplicate_records_total{input="engagement",kind="event"} 7`,
		`weir_input_lag_records{input="engagement",partition="0"} 12`,
		`weir_input_lag_seconds{input="engagement",partition="0"} 1.5`,
		`weir_transactions_total{outcome="aborted"} 1`,
		`weir_membership_changes_total{change="leave",origin="time"} 5`,
		`weir_trigger_firings_total{origin="row"} 6`,
		`weir_trigger_firings_suppressed_total 8`,
		`weir_partitions{state="restoring"} 4`,
		`weir_restore_remaining_records{partition="7"} 1000`,
		`weir_last_commit_timestamp_seconds{partition="0"} 1.80000000025e+09`,
		`weir_store_bytes{kind="live"} 4096`,
		`weir_timers_pending 11`,
		`weir_timer_lateness_seconds 0.02`,
		`weir_end_to_end_latency_seconds_bucket{output="memberships",le="0.002"} 0`,
		`weir_end_to_end_latency_seconds_bucket{output="memberships",le="0.004"} 1`,
		`weir_end_to_end_latency_seconds_count{output="firings"} 1`,
		`weir_commit_duration_seconds_count 1`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("the scrape has no line %s", line)
		}
	}
	if t.Failed() {
		t.Log(body)
	}
}

func TestMetricNamesKeepTheConventions(t *testing.T) {
	families, err := newFull().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// Labels with many values make a metric costly, and ids of subjects are personal data: only these are allowed.
func TestLabelsAreFewAndNeverASubject(t *testing.T) {
	allowed := map[string]bool{"input": true, "partition": true, "reason": true, "kind": true, "outcome": true,
		"change": true, "origin": true, "state": true, "output": true, "version": true, "revision": true, "go": true}
	families, err := newFull().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "weir_") {
			continue // of the Go runtime and the process
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if !allowed[l.GetName()] {
					t.Errorf("%s has the label %s", f.GetName(), l.GetName())
				}
			}
		}
	}
}

func TestLatencyIsANativeHistogramToo(t *testing.T) {
	families, err := newFull().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetType() != dto.MetricType_HISTOGRAM {
			continue
		}
		for _, m := range f.GetMetric() {
			if h := m.GetHistogram(); len(h.GetBucket()) == 0 || len(h.GetPositiveDelta()) == 0 {
				t.Errorf("%s has %d classic buckets and %d native ones", f.GetName(), len(h.GetBucket()),
					len(h.GetPositiveDelta()))
			}
		}
	}
}

// A worker scraped before it has done anything shows zeros and no error.
func TestEmptySnapshot(t *testing.T) {
	body := scrape(NewMetrics(Build{}, func() Snapshot { return Snapshot{} }))
	if !strings.Contains(body, "weir_timers_pending 0\n") {
		t.Error(body)
	}
}
