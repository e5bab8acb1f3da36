package decode

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestCaptures decodes every captured file and compares all changes, and the tables that they leave, with
// testdata/golden.
func TestCaptures(t *testing.T) {
	files, err := filepath.Glob("testdata/debezium/*.jsonl")
	if err != nil || len(files) < 19 {
		t.Fatalf("found %d captures, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		if name == "pg-avro-schemas.jsonl" {
			continue // schemas, no records
		}
		t.Run(strings.TrimSuffix(name, ".jsonl"), func(t *testing.T) {
			compare(t, strings.TrimSuffix(name, ".jsonl")+".txt", report(t, name))
		})
	}
}

// report decodes a capture and writes its changes and the tables that they leave.
func report(t *testing.T, name string) string {
	c := crm()
	d, s := New(c, Options{Schemas: captured(t)}), newStore()
	var b strings.Builder
	changes := decodeAll(t, d, capture(t, name))
	for i := range changes {
		s.apply(&changes[i])
		fmt.Fprintln(&b, describe(&changes[i]))
		if changes[i].Kind == engine.Bad && changes[i].Reason == "" {
			t.Errorf("%s: a bad change without a reason", name)
		}
	}
	stats := d.Stats()
	fmt.Fprintf(&b, "\nrecords=%d ignored=%d unmatched=%d bad=%d dropped=%d\n",
		stats.Records, stats.Ignored, stats.Unmatched, stats.Bad, s.dropped)
	for _, table := range c.Tables {
		for _, r := range s.table(table) {
			fmt.Fprintln(&b, table.Name, r)
		}
	}
	return b.String()
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("%s differs from line %d on:\n got %q\nwant %q", path, i+1, at(g, i), at(w, i))
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "the end"
}
