package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weirstream/weir/bench/latency"
)

// effect is a membership change or a firing, as the demo shows it.
type effect struct {
	Op           effectOp
	Name         string // the segment's or the trigger's
	Audience, ID string
	Cause        string        // "event purchase", "row contact", "time", "segment vip"
	Latency      time.Duration // from the source record, or the due instant, to the committed output
}

// effectOp is what an effect is; its value is the mark that is printed.
type effectOp byte

const (
	entered effectOp = '+'
	left    effectOp = '-'
	fired   effectOp = '!'
)

// display prints what happens in a demo: effects as they come, not more than people can read, and the state of
// things every second. On a terminal that is one line that stays at the bottom; elsewhere it is a plain line. Safe for
// concurrent use.
type display struct {
	out      io.Writer
	terminal bool
	columns  int // of the terminal; longer status lines are cut
	perTick  int // effects printed between two ticks

	mu         sync.Mutex
	start      time.Time
	last       time.Time         // of the last tick
	records    uint64            // at the last tick
	printed    int               // since the last tick
	statusShow bool              // the status line stands at the bottom
	loaded     time.Time         // the tables had been sent; zero: not yet, or not told
	recent     latency.Histogram // since the last tick
	loading    latency.Histogram // of effects of the tables as they were at the beginning
	all        latency.Histogram // of the others
	sizes      map[string]int
	firings    map[string]int
	entries    uint64
	leaves     uint64
	first      time.Duration // until the first effect; negative: none yet
}

// newDisplay returns a display that begins at now and shows the segments called names from the beginning, with
// size 0. perSecond limits the effects that are printed.
func newDisplay(out io.Writer, terminal bool, perSecond int, names []string, now time.Time) *display {
	d := &display{
		out: out, terminal: terminal, columns: 120, perTick: perSecond, start: now, last: now,
		sizes: make(map[string]int), firings: make(map[string]int), first: -1,
	}
	for _, n := range names {
		d.sizes[n] = 0
	}
	return d
}

// Show counts e, which was seen at now, and prints it unless too many were printed since the last tick.
func (d *display) Show(e effect, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch e.Op {
	case entered:
		d.sizes[e.Name]++
		d.entries++
	case left:
		d.sizes[e.Name]--
		d.leaves++
	default:
		d.firings[e.Name]++
	}
	d.recent.Add(e.Latency)
	if d.loaded.IsZero() || now.Add(-e.Latency).Before(d.loaded) {
		d.loading.Add(e.Latency)
	} else {
		d.all.Add(e.Latency)
	}
	if d.first < 0 {
		d.first = now.Sub(d.start)
	}
	if d.printed++; d.printed <= d.perTick {
		d.line("%c %-20s %s %-8s because %s  (%s)", e.Op, e.Name, e.Audience, e.ID, e.Cause, brief(e.Latency))
	}
}

// Loaded tells that the tables as they are at the beginning had been sent at now: the summary shows the latency of
// what came after apart, as a full load measures throughput.
func (d *display) Loaded(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.loaded = now
}

// Tick prints how things stand at now; records is the number of source records taken so far.
func (d *display) Tick(records uint64, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	status := d.status(records, now)
	if hidden := d.printed - d.perTick; hidden > 0 {
		d.line("  … and %s more", thousands(uint64(hidden)))
	}
	if d.terminal {
		if len([]rune(status)) >= d.columns {
			status = string([]rune(status)[:d.columns-2]) + "…"
		}
		fmt.Fprintf(d.out, "\r\x1b[K%s", status)
		d.statusShow = true
	} else {
		d.line("%s", status)
	}
	d.records, d.last, d.printed, d.recent = records, now, 0, latency.Histogram{}
}

// status returns the line of a tick.
func (d *display) status(records uint64, now time.Time) string {
	var b strings.Builder
	rate := perSecond(records-d.records, now.Sub(d.last))
	fmt.Fprintf(&b, "%s %s records/s", clockTime(now.Sub(d.start)), thousands(rate))
	if d.recent.Count() > 0 {
		fmt.Fprintf(&b, "  p50 %s p99 %s", brief(d.recent.Quantile(0.5)), brief(d.recent.Quantile(0.99)))
	}
	for i, name := range d.largest() {
		if i == 6 {
			break
		}
		fmt.Fprintf(&b, "  %s %s", name, thousands(uint64(max(d.sizes[name], 0))))
	}
	return b.String()
}

// Final prints the summary of all that was shown until now.
func (d *display) Final(records uint64, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	took := now.Sub(d.start)
	d.line("")
	d.line("%s records in %s: %s a second", thousands(records), took.Round(100*time.Millisecond),
		thousands(perSecond(records, took)))
	if d.all.Count()+d.loading.Count() == 0 {
		d.line("nothing flowed: no membership changed and no trigger fired")
		return
	}
	d.line("%s entered, %s left, %s fired; the first after %s", thousands(d.entries), thousands(d.leaves),
		thousands(d.all.Count()+d.loading.Count()-d.entries-d.leaves), brief(d.first))
	const latency = "latency from source record to committed output"
	if d.loaded.IsZero() {
		d.latency(latency, &d.loading)
	} else {
		d.latency(latency, &d.all)
		d.latency("  while the tables were loaded", &d.loading)
	}
	d.line("")
	d.line("%-24s %10s", "SEGMENT", "MEMBERS")
	for _, name := range d.largest() {
		d.line("%-24s %10s", name, thousands(uint64(max(d.sizes[name], 0))))
	}
	d.line("")
	d.line("%-24s %10s", "TRIGGER", "FIRED")
	for _, name := range slices.Sorted(maps.Keys(d.firings)) {
		d.line("%-24s %10s", name, thousands(uint64(d.firings[name])))
	}
}

// Flowed tells whether anything was shown.
func (d *display) Flowed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all.Count()+d.loading.Count() > 0
}

// latency prints a line on l, if it holds any.
func (d *display) latency(what string, l *latency.Histogram) {
	if l.Count() > 0 {
		d.line("%s: p50 %s, p99 %s, max %s", what, brief(l.Quantile(0.5)), brief(l.Quantile(0.99)), brief(l.Max()))
	}
}

// largest returns the segments, those with most members first.
func (d *display) largest() []string {
	return slices.SortedFunc(maps.Keys(d.sizes), func(a, b string) int {
		return cmp.Or(cmp.Compare(d.sizes[b], d.sizes[a]), cmp.Compare(a, b))
	})
}

// line prints a line above the status line. Who runs a demo sees when its output is lost: nothing to report.
func (d *display) line(format string, args ...any) {
	if d.statusShow {
		fmt.Fprint(d.out, "\r\x1b[K")
		d.statusShow = false
	}
	fmt.Fprintln(d.out, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

func perSecond(n uint64, d time.Duration) uint64 {
	if d <= 0 {
		return 0
	}
	return uint64(float64(n)/d.Seconds() + 0.5)
}

// brief writes a latency with two or three digits: "340 µs", "3 ms", "1.2 s".
func brief(d time.Duration) string {
	switch {
	case d < 0:
		return "0 ms"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// clockTime writes a time since the start as minutes and seconds: "1:05".
func clockTime(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// thousands writes n with commas: "1,234,567".
func thousands(n uint64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
