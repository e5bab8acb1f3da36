package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/connectors/decode"
	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state"
)

const scriptFolder = "testdata/scripts"

// TestScripts runs every script of testdata/scripts in all ways: what the language means, by example.
func TestScripts(t *testing.T) {
	var files []string
	err := filepath.WalkDir(scriptFolder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".weir") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 130 {
		t.Errorf("found %d scripts below %s, there should be at least 130", len(files), scriptFolder)
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, scriptFolder+"/"), ".weir")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := readScript(t, file)
			if err := s.Run(scriptConfig(t)); err != nil {
				t.Errorf("%s\n%v", s.About, err)
			}
		})
	}
}

// TestScriptOfManyEvents gives one contact so many events, late ones and duplicates among them, that ids are looked up
// by an index and not in the list.
func TestScriptOfManyEvents(t *testing.T) {
	var b strings.Builder
	b.WriteString(`use crm
catalog
  kind: Segment
  name: all-of-them
  audience: contact
  where: opened.size() == 100
  ---
  kind: Segment
  name: too-many
  audience: contact
  where: opened.size() > 100
at 2026-06-01
row contact {"id": "c-1"}
`)
	start := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	event := func(i int) {
		at := start.Add(time.Duration(i*37%100) * time.Hour) // not in order of time
		fmt.Fprintf(&b, "event opened {\"contact_id\": \"c-1\", \"id\": \"e-%d\", \"time\": %q}\n",
			i, at.Format(time.RFC3339))
	}
	for i := range 100 {
		event(i)
		if i%3 == 0 {
			event(i / 2)
		}
	}
	b.WriteString("expect\n  enter all-of-them c-1 cause {\"key\": \"e-99\"}\n")
	for i := range 100 {
		event(i)
	}
	b.WriteString("expect nothing\n")
	s, err := enginetest.Parse("many-events.weir", []byte(b.String()), os.DirFS(scriptFolder+"/catalogs"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(scriptConfig(t)); err != nil {
		t.Error(err)
	}
}

func readScript(t *testing.T, file string) *enginetest.Script {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := enginetest.Parse(file, text, os.DirFS(scriptFolder+"/catalogs"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// scriptConfig gives the runs that restart a store on disk, which is closed and opened again at every step.
func scriptConfig(t *testing.T) enginetest.Config {
	dir := t.TempDir()
	open := func() (*state.Store, error) { return state.Open(dir, state.Options{}) }
	return enginetest.Config{Open: open, Reopen: open, Decoder: func(c *catalog.Catalog, recordBytes int) engine.Decoder {
		return decode.New(c, decode.Options{RecordBytesMax: recordBytes, Commands: enginetest.Commands})
	}}
}
