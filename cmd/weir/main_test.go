package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// result is what one run of the program left behind.
type result struct {
	code           int
	stdout, stderr string
}

// weir runs the program with an environment of its own ("NAME=value").
func weir(t *testing.T, env []string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p := &program{
		stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr,
		environ: func() []string { return env },
		lookupEnv: func(name string) (string, bool) {
			for _, v := range env {
				if n, value, _ := strings.Cut(v, "="); n == name {
					return value, true
				}
			}
			return "", false
		},
	}
	code := p.run(context.Background(), args)
	return result{code, stdout.String(), stderr.String()}
}

// write makes a file in a folder of the test and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExitStatus(t *testing.T) {
	for _, c := range []struct {
		args           string
		code           int
		stdout, stderr string // parts of what is printed
	}{
		{"", 0, "Available Commands", ""},
		{"--help", 0, "Available Commands", ""},
		{"help check", 0, "check DIR", ""},
		{"--version", 0, "weir ", ""},
		{"version", 0, "weir ", ""},
		{"chek demo", 2, "", `unknown command "chek" (did you mean check?)`},
		{"gibberish", 2, "", `unknown command "gibberish"; see`},
		{"check", 2, "", "needs the folder DIR"},
		{"check a b", 2, "", `does not take "b"`},
		{"check --schema", 0, "draft-07", ""},
		{"check --shema", 2, "", "unknown flag --shema (did you mean --schema?)"},
		{"check no-such-folder", 1, "", "no-such-folder"},
		{"version --wat", 2, "", "unknown flag --wat"},
		{"version -x", 2, "", "unknown shorthand flag"},
		{"explain", 2, "", "needs a segment, a trigger or --functions"},
		{"explain vip", 2, "", "needs --catalog"},
		{"explain vip --catalog demo --id c-1", 2, "", "needs both --input and --id"},
		{"explain vip --catalog demo --format xml", 2, "", `"xml" is not one of text, json`},
		{"explain vip --catalog demo --input x --id c-1 --at noon", 2, "", `"noon" is no RFC 3339 time`},
		{"explain vpi --catalog demo", 1, "", `no segment and no trigger "vpi" (did you mean vip?)`},
		{"explain welcome --catalog demo --input x --id c-1", 1, "", `no segment "welcome" to say why for`},
		{"explain vip --catalog demo --input no-such --id c-1", 1, "", "cannot read the input"},
		{"explain vip vip --catalog demo", 2, "", `does not take "vip"`},
		{"explain --functions", 0, "within", ""},
		{"replay", 2, "", `required flag(s) "catalog" not set`},
		{"replay --catalog demo a b", 2, "", "accepts at most 1"},
		{"replay --catalog no-such-folder", 1, "", "no-such-folder"},
		{"run", 2, "", "missing: --brokers"},
		{"config --broker a:1", 2, "", "did you mean --brokers?"},
		{"config --app", 2, "", "flag needs an argument"},
		{"config --format xml", 2, "", `"xml" is not one of table, json`},
	} {
		r := weir(t, nil, strings.Fields(c.args)...)
		if r.code != c.code || !strings.Contains(r.stdout, c.stdout) || !strings.Contains(r.stderr, c.stderr) {
			t.Errorf("weir %s: status %d, expected %d\nstdout: %s\nstderr: %s", c.args, r.code, c.code, r.stdout, r.stderr)
		}
		if (r.code == 0) != (r.stderr == "") {
			t.Errorf("weir %s: status %d and on stderr: %s", c.args, r.code, r.stderr)
		}
	}
}

func TestCheckPrintsEveryFault(t *testing.T) {
	path := write(t, "bad.yaml", "kind: Table\nname: contact\nkey: nope\n---\nkind: Sgement\nname: x\n")
	r := weir(t, nil, "check", filepath.Dir(path))
	if r.code != 1 || r.stdout != "" {
		t.Errorf("status %d, stdout %q", r.code, r.stdout)
	}
	lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
	if len(lines) < 3 {
		t.Fatalf("few faults:\n%s", r.stderr)
	}
	for _, line := range lines[:len(lines)-1] {
		if !strings.Contains(line, "bad.yaml:") {
			t.Errorf("no place in %q", line)
		}
	}
}

func TestDemoCatalogIsAShowcase(t *testing.T) {
	r := weir(t, nil, "check", "demo")
	if r.code != 0 {
		t.Fatalf("status %d\n%s", r.code, r.stderr)
	}
	if want := "ok: 2 tables, 7 events, 19 segments, 13 triggers\n"; r.stdout != want {
		t.Errorf("%q, expected %q", r.stdout, want)
	}
	c, err := demoDefinitions()
	if err != nil || len(c.Segments) != 19 || len(c.Triggers) != 13 {
		t.Errorf("what is embedded differs from the folder (%v)", err)
	}
}
