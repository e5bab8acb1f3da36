package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/bench/generate"
	"github.com/weirstream/weir/operators/catalog"
)

// The first twenty seconds of the demo, replayed: every segment has members, the segments with short windows are
// left as time passes, and every trigger fires. So what the demo shows does show the language.
func TestDemoShowsEverything(t *testing.T) {
	c, err := demoDefinitions()
	if err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(t.TempDir(), "output.jsonl")
	r := weir(t, nil, "replay", "--catalog", "demo", "--output", output, demoRecords(t, 2000, 500, 20*time.Second))
	if r.code != 0 {
		t.Fatalf("status %d: %s", r.code, r.stderr)
	}
	effects := make(map[string]int)
	f, err := os.Open(output)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var line struct {
			Topic string
			Value struct {
				Segment, Trigger, Op string
				Cause                struct{ Kind string }
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		switch v := line.Value; line.Topic {
		case "weir.memberships":
			effects[v.Op+" "+v.Segment]++
			effects[v.Op+" "+v.Segment+" by "+v.Cause.Kind]++
		case "weir.firings":
			effects["fire "+v.Trigger]++
		case "weir.deadletter":
			t.Errorf("refused: %s", lines.Text())
		}
	}
	expectEffects(t, c, effects)
}

func expectEffects(t *testing.T, c *catalog.Catalog, effects map[string]int) {
	t.Helper()
	var expected []string
	for _, s := range c.Segments {
		expected = append(expected, "enter "+s.Name)
	}
	for _, name := range strings.Fields("browsing-now looks-at-prices quick-clickers") {
		expected = append(expected, "leave "+name)
	}
	expected = append(expected, "leave browsing-now by time", "enter vip-at-risk by segment")
	for _, tr := range c.Triggers {
		expected = append(expected, "fire "+tr.Name)
	}
	for _, e := range expected {
		if effects[e] == 0 {
			t.Errorf("none: %s", e)
		}
	}
	t.Log(effects)
}

// demoRecords writes what the demo's generator makes in a while as input of replay, and returns the file.
func demoRecords(t *testing.T, contacts, perSecond int, length time.Duration) string {
	t.Helper()
	begin := time.Date(2026, 5, 14, 12, 0, 0, 0, time.UTC)
	g := generate.New(generate.Options{Seed: 1, Contacts: contacts, Start: begin})
	path := filepath.Join(t.TempDir(), "input.jsonl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	put := func(at time.Time, r generate.Record) {
		key := r.Key
		if r.Topic == generate.TopicEngagement {
			key = fmt.Appendf(nil, "%q", r.Key)
		}
		fmt.Fprintf(w, `{"at":%q,"topic":%q,"key":%s,"value":%s}`+"\n", at.Format(time.RFC3339Nano), r.Topic, key, r.Value)
	}
	g.Load(func(r generate.Record) bool { put(begin, r); return true })
	step := time.Second / time.Duration(perSecond)
	for at := begin; at.Sub(begin) < length; at = at.Add(step) {
		put(at, g.Next(at))
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}
