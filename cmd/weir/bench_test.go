package main

import (
	"strings"
	"testing"
)

// TestBenchRefusesWrongUse shows that wrong flags of bench are named before anything is started.
func TestBenchRefusesWrongUse(t *testing.T) {
	for _, c := range []struct{ args, stderr string }{
		{"bench", "--brokers"},
		{"bench --brokers k:1 --rate fast", `--rate: "fast"`},
		{"bench --brokers k:1 --rate 0", `--rate: "0"`},
		{"bench --brokers k:1 --workers 0", "--workers: 0 is not from 1 to 64"},
		{"bench --brokers k:1 --contacts -3", "--contacts: -3"},
		{"bench --brokers k:1 --for 10ms", "--for"},
		{"bench more", `"more"`},
	} {
		r := weir(t, nil, strings.Fields(c.args)...)
		if r.code != exitUsage || !strings.Contains(r.stderr, c.stderr) {
			t.Errorf("%s: status %d, stderr %q", c.args, r.code, r.stderr)
		}
	}
}
