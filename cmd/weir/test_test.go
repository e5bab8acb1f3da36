package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/enginetest"
)

const testedCatalog = `kind: Table
name: contact
audience: true
key: id
source: {topic: crm.contact, format: json}
fields: {id: string, state: string}
---
kind: Segment
name: nd
audience: contact
where: contact.state == "ND"
`

const passing = `# Who lives there is in.
at 2026-01-01
row contact {"id": "c-1", "state": "ND"}
expect
  enter nd c-1
members nd c-1
`

const failing = `# Who lives elsewhere is in, too.
at 2026-01-01
row contact {"id": "c-1", "state": "MN"}
row contact {"id": "c-2", "state": "ND"}
expect
  enter nd c-1
  enter nd c-2
`

// scripts makes a folder of the named files.
func scripts(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The demo's scripts show its segments and triggers; they pass, in all ways.
func TestDemoScripts(t *testing.T) {
	r := weir(t, nil, "test", "demo", "--thorough")
	if r.code != exitOK || r.stdout != "27 passed, 0 failed\n" || r.stderr != "" {
		t.Errorf("status %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

func TestTestPrintsWhatFails(t *testing.T) {
	dir := scripts(t, map[string]string{
		"catalog.yaml": testedCatalog, "a.weir": passing, "deep/b.weir": failing,
		"c.weir":         "at 2026-01-01\nrwo contact {}\nrow cotnact {}\n",
		".hidden/d.weir": "nonsense\n",
	})
	r := weir(t, nil, "test", dir)
	want := `FAIL DIR/c.weir
DIR/c.weir:2: unknown word "rwo": a line starts with use, catalog, set, at, row, cdc, delete, event, command, ` +
		`record, again, clock, expect or members
DIR/c.weir:3: there is no table "cotnact"
FAIL DIR/deep/b.weir: Who lives elsewhere is in, too.
DIR/deep/b.weir:5: what came out is not what is expected:
  want enter nd c-1 (line 6)
       enter nd c-2 at 2026-01-01T00:00:00Z since 2026-01-01T00:00:00Z spell 1 cause row/contact
1 passed, 2 failed
`
	if got := strings.ReplaceAll(r.stdout, dir, "DIR"); r.code != exitError || got != want || r.stderr != "" {
		t.Errorf("status %d, got\n%s\nwant\n%s\n%s", r.code, got, want, r.stderr)
	}

	r = weir(t, nil, "test", dir, "--run", "^a$", "-v")
	want = "ok   DIR/a.weir: Who lives there is in.\n1 passed, 0 failed\n"
	if got := strings.ReplaceAll(r.stdout, dir, "DIR"); r.code != exitOK || got != want {
		t.Errorf("status %d, got\n%s\nwant\n%s", r.code, got, want)
	}
	if r = weir(t, nil, "test", filepath.Join(dir, "a.weir")); r.code != exitOK || r.stdout != "1 passed, 0 failed\n" {
		t.Errorf("one script: status %d, %s%s", r.code, r.stdout, r.stderr)
	}
}

func TestTestAsJSON(t *testing.T) {
	dir := scripts(t, map[string]string{"catalog.yaml": testedCatalog, "a.weir": passing, "b.weir": failing})
	r := weir(t, nil, "test", dir, "--format", "json")
	var report struct {
		Passed, Failed int
		Scripts        []struct {
			File, About string
			Passed      bool
			Failures    []enginetest.Failure
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || r.code != exitError {
		t.Fatalf("status %d, %v in\n%s", r.code, err, r.stdout)
	}
	if report.Passed != 1 || report.Failed != 1 || len(report.Scripts) != 2 || !report.Scripts[0].Passed {
		t.Fatalf("%+v", report)
	}
	b := report.Scripts[1]
	if b.File != filepath.Join(dir, "b.weir") || b.About != "Who lives elsewhere is in, too." || b.Passed ||
		len(b.Failures) != 1 || b.Failures[0].Line != 5 || !strings.Contains(b.Failures[0].Diff, "want enter nd c-1") {
		t.Errorf("%+v", b)
	}
}

// What is wrong with the folder's catalog is told once, with its place, however many scripts it is about.
func TestTestOfABrokenCatalog(t *testing.T) {
	dir := scripts(t, map[string]string{
		"catalog.yaml": strings.Replace(testedCatalog, "contact.state", "contact.sate", 1),
		"a.weir":       passing, "b.weir": passing,
		"own.weir": "catalog\n" + indented(testedCatalog) + passing, // brings its own: not touched by it
	})
	r := weir(t, nil, "test", dir)
	if r.code != exitError || strings.Count(r.stdout, "catalog.yaml:11") != 1 ||
		!strings.HasSuffix(r.stdout, "1 passed, 2 failed\n") {
		t.Errorf("status %d\n%s", r.code, r.stdout)
	}
}

func indented(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ") + "\n"
}

func TestTestOfAnotherFolder(t *testing.T) {
	definitions := scripts(t, map[string]string{"crm.yaml": testedCatalog})
	dir := scripts(t, map[string]string{"a.weir": passing, "b.weir": "use crm\n" + passing})
	if r := weir(t, nil, "test", dir, "--catalog", definitions); r.code != exitOK || r.stdout != "2 passed, 0 failed\n" {
		t.Errorf("status %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

func TestTestWithoutScripts(t *testing.T) {
	dir := scripts(t, map[string]string{"catalog.yaml": testedCatalog, "a.weir": passing})
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"test", filepath.Join(dir, "no-such")}, exitError, "cannot read the scripts"},
		{[]string{"test", t.TempDir()}, exitError, "there are no scripts below"},
		{[]string{"test", dir, "--run", "xyz"}, exitError, "none of the 1 scripts below"},
		{[]string{"test", dir, "--run", "("}, exitUsage, "--run: error parsing regexp"},
		{[]string{"test", dir, "--format", "xml"}, exitUsage, `"xml" is not one of text, json`},
		{[]string{"test"}, exitUsage, "needs the folder DIR"},
	} {
		if r := weir(t, nil, c.args...); r.code != c.code || !strings.Contains(r.stderr, c.want) {
			t.Errorf("weir %v: status %d, %s", c.args, r.code, r.stderr)
		}
	}
}

// TestThousandScripts runs as many cases as data teams have; -v tells how long they took (seconds, if that).
func TestThousandScripts(t *testing.T) {
	files := map[string]string{"catalog.yaml": testedCatalog}
	for i := range 1000 {
		files[fmt.Sprintf("%03d.weir", i)] = passing
	}
	dir := scripts(t, files)
	start := time.Now()
	r := weir(t, nil, "test", dir)
	t.Logf("took %v", time.Since(start))
	if r.stdout != "1000 passed, 0 failed\n" {
		t.Errorf("status %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}
