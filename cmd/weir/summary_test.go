package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

var startOfDemo = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func after(seconds float64) time.Time {
	return startOfDemo.Add(time.Duration(seconds * float64(time.Second)))
}

// A short demo, printed to a file: what a reader sees, line by line.
func TestDisplayInPlainLines(t *testing.T) {
	var out bytes.Buffer
	d := newDisplay(&out, false, 2, []string{"vip", "sixty-plus"}, startOfDemo)
	if d.Flowed() {
		t.Error("flowed before anything came")
	}
	d.Show(effect{entered, "vip", "contact", "c-17", "event purchase", 3 * time.Millisecond}, after(0.4))
	d.Show(effect{fired, "big-order", "contact", "c-17", "event purchase", 3 * time.Millisecond}, after(0.4))
	d.Show(effect{entered, "vip", "contact", "c-18", "row contact", 900 * time.Microsecond}, after(0.5))
	d.Show(effect{entered, "vip", "contact", "c-19", "row contact", time.Millisecond}, after(0.5))
	d.Tick(1500, after(1))
	d.Loaded(after(0.1))
	d.Show(effect{left, "vip", "contact", "c-17", "time", 1300 * time.Millisecond}, after(1.6))
	d.Tick(3500, after(2))
	d.Final(3500, after(2))
	if !d.Flowed() {
		t.Error("nothing flowed")
	}
	want := `+ vip                  contact c-17     because event purchase  (3 ms)
! big-order            contact c-17     because event purchase  (3 ms)
  … and 2 more
0:01 1,500 records/s  p50 1 ms p99 3 ms  vip 3  sixty-plus 0
- vip                  contact c-17     because time  (1.3 s)
0:02 2,000 records/s  p50 1.3 s p99 1.3 s  vip 2  sixty-plus 0

3,500 records in 2s: 1,750 a second
3 entered, 1 left, 1 fired; the first after 400 ms
latency from source record to committed output: p50 1.3 s, p99 1.3 s, max 1.3 s
  while the tables were loaded: p50 1 ms, p99 3 ms, max 3 ms

SEGMENT                     MEMBERS
vip                               2
sixty-plus                        0

TRIGGER                       FIRED
big-order                         1
`
	if got := out.String(); got != want {
		t.Errorf("printed:\n%s\nexpected:\n%s", got, want)
	}
}

// On a terminal the status line is painted over, and cut where it would wrap.
func TestDisplayOnATerminal(t *testing.T) {
	var out bytes.Buffer
	names := make([]string, 9)
	for i := range names {
		names[i] = fmt.Sprintf("a-rather-long-segment-name-%d", i)
	}
	d := newDisplay(&out, true, 10, names, startOfDemo)
	d.Tick(10, after(1))
	d.Show(effect{entered, names[8], "contact", "c-1", "time", 0}, after(1.2))
	d.Tick(20, after(2))
	parts := strings.Split(out.String(), "\r\x1b[K")
	if len(parts) != 4 || !strings.HasPrefix(parts[2], "+ a-rather-long-segment-name-8 contact c-1") ||
		!strings.HasSuffix(parts[2], "\n") || !strings.Contains(parts[3], "name-8 1") {
		t.Errorf("%q", parts)
	}
	for _, i := range []int{1, 3} {
		if n := len([]rune(parts[i])); n >= 120 || strings.Contains(parts[i], "\n") {
			t.Errorf("status line of %d columns: %q", n, parts[i])
		}
	}
}

func TestFinalSaysWhenNothingFlowed(t *testing.T) {
	var out bytes.Buffer
	d := newDisplay(&out, false, 10, nil, startOfDemo)
	d.Final(0, startOfDemo)
	if !strings.Contains(out.String(), "nothing flowed") {
		t.Error(out.String())
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

// Without word of when the tables were loaded, all effects count alike.
func TestFinalWithoutLoaded(t *testing.T) {
	var out bytes.Buffer
	d := newDisplay(&out, false, 10, nil, startOfDemo)
	d.Show(effect{fired, "welcome", "contact", "c-1", "row contact", 2 * time.Millisecond}, after(0.1))
	d.Final(1, after(1))
	if !strings.Contains(out.String(), "latency from source record to committed output: p50 2 ms, p99 2 ms, max 2 ms\n") ||
		strings.Contains(out.String(), "while") {
		t.Error(out.String())
	}
}
