//go:build system

package systemtest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// result is what a run of the program left behind.
type result struct {
	status         int
	stdout, stderr string
}

// runWeir runs the built program to its end, with an environment of its own and further variables.
func runWeir(t *testing.T, env []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, weir(t), args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		last := stderr.String()
		t.Fatalf("weir %s did not end by itself: %v\n%s", strings.Join(args, " "), err, last[max(0, len(last)-3000):])
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// TestSystemCommands shows what users meet on the command line of the built program: statuses and messages.
func TestSystemCommands(t *testing.T) {
	dir := runFolder(t)
	good := writeCatalog(t, dir+"/good", idleCatalog, "src")
	bad := writeCatalog(t, dir+"/bad", idleCatalog+badDefinitions, "src")
	for _, c := range []struct {
		name           string
		env            []string
		args           []string
		status         int
		stdout, stderr []string // parts
	}{
		{"config", []string{"WEIR_APP=mine"}, []string{"config", "--brokers", "k1:9092"}, 0,
			[]string{"k1:9092", "--brokers", "mine", "WEIR_APP", "exactly_once", "default"}, nil},
		{"a sound catalog", nil, []string{"check", good}, 0, []string{"1 table, 1 event, 1 segment"}, nil},
		{"all faults of a catalog", nil, []string{"check", bad}, 1, nil,
			[]string{"catalog.yaml:24:11", "catalog.yaml:30:8", "catalog.yaml:35:23", "nothere", "contcat", "2d3"}},
		{"all faults when a worker starts", nil,
			[]string{"run", "--brokers", "127.0.0.1:1", "--catalog", bad, "--state", dir + "/state", "--listen", "none"}, 1, nil,
			[]string{"catalog.yaml:24:11", "catalog.yaml:30:8", "catalog.yaml:35:23"}},
		{"no settings", nil, []string{"run"}, 2, nil, []string{"--brokers", "--state"}},
		{"a wrong flag", nil, []string{"run", "--brokrs", "x"}, 2, nil, []string{"--brokers"}},
		{"a wrong value", nil, []string{"run", "--brokers", "x", "--partitions", "none"}, 2, nil,
			[]string{"partitions", "brokers"}},
		{"a wrong variable", []string{"WEIR_DELIVERY=twice"}, []string{"config"}, 2, nil, []string{"delivery", "twice"}},
		{"a wrong command", nil, []string{"rum"}, 2, nil, []string{"run"}},
		{"a missing input", nil, []string{"replay", "--catalog", good, dir + "/none.jsonl"}, 1, nil, []string{"none.jsonl"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := runWeir(t, c.env, c.args...)
			if r.status != c.status {
				t.Errorf("status %d, not %d", r.status, c.status)
			}
			for _, part := range c.stdout {
				if !strings.Contains(r.stdout, part) {
					t.Errorf("stdout lacks %q:\n%s", part, r.stdout)
				}
			}
			for _, part := range c.stderr {
				if !strings.Contains(r.stderr, part) {
					t.Errorf("stderr lacks %q:\n%s", part, r.stderr)
				}
			}
		})
	}
}

// badDefinitions has a fault in each of its three definitions.
const badDefinitions = `---
kind: Segment
name: one
audience: nothere
where: "true"
---
kind: Segment
name: two
audience: contact
where: contcat.id == "x"
---
kind: Segment
name: three
audience: contact
where: visited.within("2d3").size() > 0
`

// TestSystemDemo shows that the demo runs by itself, ends by itself with a summary and status 0, and leaves no file and
// no process behind.
func TestSystemDemo(t *testing.T) {
	tmp := t.TempDir()
	began := time.Now()
	r := runWeir(t, []string{"TMPDIR=" + tmp}, "demo", "--for", "5s")
	if r.status != 0 {
		t.Fatalf("status %d:\n%s", r.status, r.stderr)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("a demo of 5 s took %v", took)
	}
	for _, part := range []string{"SEGMENT", "TRIGGER", "p99"} {
		if !strings.Contains(r.stdout, part) {
			t.Errorf("the summary lacks %q:\n%s", part, r.stdout)
		}
	}
	left, err := os.ReadDir(tmp)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		t.Errorf("the demo left %s behind", f.Name())
	}
}
