package report

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/weirstream/weir/bench/latency"
)

// Report is what a benchmark found. A phase that was not run is nil.
type Report struct {
	Command  string `json:"command"`
	Version  string `json:"version"`
	Machine  string `json:"machine"`
	Contacts int    `json:"contacts"`
	Segments int    `json:"segments"`
	Triggers int    `json:"triggers"`
	Workers  int    `json:"workers"`
	Seed     uint64 `json:"seed"`

	Load  *Phase `json:"load,omitempty"`  // the snapshot of all contacts and accounts
	Drain *Phase `json:"drain,omitempty"` // a stream that was there before the workers started
	Rate  *Phase `json:"rate,omitempty"`  // a stream at a fixed rate

	StateBytes      int64 `json:"state_bytes"`       // on disk, of all workers, after a clean stop
	BytesPerSubject int64 `json:"bytes_per_subject"` // of them
	PeakRSS         int64 `json:"peak_rss_bytes"`    // of the largest worker
}

// Phase is what one part of a benchmark found.
type Phase struct {
	Records     int64         `json:"records"` // source records
	Took        time.Duration `json:"took_ns"` // from the first commit of the phase to the last
	PerSecond   float64       `json:"records_per_s"`
	SecondHalf  float64       `json:"second_half_per_s,omitempty"` // over the second half of the records
	Memberships int64         `json:"memberships"`                 // membership changes that came out
	Firings     int64         `json:"firings"`
	WorkerCPU   float64       `json:"worker_cpu_us_per_record"`
	BrokerCPU   float64       `json:"broker_cpu_us_per_record,omitempty"`
	RSS         int64         `json:"rss_bytes"` // of all workers, at the phase's end
	Target      float64       `json:"target_per_s,omitempty"`
	Latency     *Quantiles    `json:"latency,omitempty"` // from sending a source record to reading what it caused
}

// Quantiles are what is told of a histogram.
type Quantiles struct {
	Count uint64        `json:"count"`
	P50   time.Duration `json:"p50_ns"`
	P90   time.Duration `json:"p90_ns"`
	P99   time.Duration `json:"p99_ns"`
	P999  time.Duration `json:"p999_ns"`
	Max   time.Duration `json:"max_ns"`
}

// QuantilesOf returns what is told of h.
func QuantilesOf(h *latency.Histogram) *Quantiles {
	return &Quantiles{h.Count(), h.Quantile(0.5), h.Quantile(0.9), h.Quantile(0.99), h.Quantile(0.999), h.Max()}
}

// Machine describes the machine as far as figures depend on it.
func Machine() string {
	return fmt.Sprintf("%s/%s, %d cores, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
}

// Write writes the report as a table for people and then as one line of JSON.
func (r *Report) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "contacts\t%d\nsegments\t%d\ntriggers\t%d\nworkers\t%d\nmachine\t%s\n\n", r.Contacts, r.Segments,
		r.Triggers, r.Workers, r.Machine)
	phases := []struct {
		name string
		of   *Phase
	}{{"load", r.Load}, {"drain", r.Drain}, {"rate", r.Rate}}
	fmt.Fprintln(t, strings.Join([]string{"PHASE", "RECORDS", "RECORDS/S", "2ND HALF", "DELTAS/REC", "FIRINGS/REC",
		"WORKER CPU", "BROKER CPU", "RSS", "P50", "P90", "P99", "P99.9", "MAX"}, "\t"))
	for _, p := range phases {
		if p.of != nil {
			p.of.write(t, p.name)
		}
	}
	fmt.Fprintf(t, "\nstate on disk\t%s\nbytes per subject\t%d\npeak RSS\t%s\n", mebibytes(r.StateBytes),
		r.BytesPerSubject, mebibytes(r.PeakRSS))
	if err := t.Flush(); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("cannot encode the report: %w", err)
	}
	_, err = fmt.Fprintf(w, "\n%s\n", line)
	return err
}

func (p *Phase) write(w io.Writer, name string) {
	cells := []string{name, fmt.Sprint(p.Records), fmt.Sprintf("%.0f", p.PerSecond), orNone(p.SecondHalf, "%.0f"),
		each(p.Memberships, p.Records), each(p.Firings, p.Records), fmt.Sprintf("%.0f us", p.WorkerCPU),
		orNone(p.BrokerCPU, "%.0f us"), mebibytes(p.RSS)}
	if l := p.Latency; l != nil {
		for _, d := range []time.Duration{l.P50, l.P90, l.P99, l.P999, l.Max} {
			cells = append(cells, d.Round(100*time.Microsecond).String())
		}
	}
	fmt.Fprintln(w, strings.Join(cells, "\t"))
}

func orNone(v float64, format string) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

func each(n, of int64) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(n)/float64(of))
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
