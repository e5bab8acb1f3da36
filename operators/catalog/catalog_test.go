package catalog

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the expected results of testdata anew")

func read1(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// golden compares got with the file beside a case.
func golden(t *testing.T, yamlFile, got string) {
	t.Helper()
	file := strings.TrimSuffix(yamlFile, ".yaml") + ".txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := string(read1(t, file)); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func cases(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata/%s: %v", dir, err)
	}
	return files
}

// badCase returns the files that make a case of testdata/bad.
func badCase(t testing.TB, file string) []File {
	base := filepath.Base(file)
	files := []File{{Name: base, Text: read1(t, file)}}
	if !strings.HasPrefix(base, "alone-") {
		files = append(files, File{Name: "base.yaml", Text: read1(t, filepath.Join("testdata", "base.yaml"))})
	}
	return files
}

// Every catalog in testdata/bad is refused with just the faults in the file beside it.
func TestBad(t *testing.T) {
	for _, file := range cases(t, "bad") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			c, err := Parse(badCase(t, file))
			var faults Faults
			if !errors.As(err, &faults) || c != nil {
				t.Fatalf("Parse returned %v and %v, want no catalog and faults", c, err)
			}
			if strings.HasPrefix(filepath.Base(file), "condition-") {
				golden(t, file, places(faults))
				return
			}
			golden(t, file, faults.Error()+"\n")
		})
	}
}

// places returns the faults without what package expr says: what is wrong with a condition is tested there, where
// it stands in the file is tested here.
func places(faults Faults) string {
	var b strings.Builder
	for _, f := range faults {
		what, _, _ := strings.Cut(f.Message, ":")
		fmt.Fprintf(&b, "%s:%d:%d: %s\n", f.File, f.Line, f.Column, what)
	}
	return b.String()
}

// Every catalog in testdata/ok is read; the file beside it shows what was understood.
func TestOK(t *testing.T) {
	for _, file := range cases(t, "ok") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			c, err := Load(file)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, file, understood(c))
		})
	}
}

// understood returns the canonical text of a catalog and its look-ups.
func understood(c *Catalog) string {
	var b strings.Builder
	c.write(&b)
	fmt.Fprintf(&b, "topics %v\n", c.Topics())
	for _, a := range c.Audiences {
		fmt.Fprintf(&b, "audience %s\n", a.Table.Name)
		for i, f := range a.Table.Schema.Fields {
			fmt.Fprintf(&b, "  field %s: segments %s\n", f.Name, segmentNames(a, a.SegmentsReadingField(i)))
		}
		for i, e := range a.Events {
			fmt.Fprintf(&b, "  event %s: segments %s triggers %s absences %s\n", e.Name,
				segmentNames(a, a.SegmentsReadingEvent(i)), triggerNames(a.TriggersOnEvent(i)),
				triggerNames(a.TriggersOnAbsence(i)))
		}
		for i, s := range a.Segments {
			fmt.Fprintf(&b, "  segment %s: uses %s dependants %s triggers %s\n", s.Name,
				segmentNames(a, s.Uses), segmentNames(a, a.Dependants(i)), triggerNames(a.TriggersOnSegment(i)))
		}
		fmt.Fprintf(&b, "  rows: triggers %s dates %s\n", triggerNames(a.TriggersOnTable(a.Table.Name)),
			triggerNames(a.TriggersOnDate()))
	}
	return b.String()
}

func segmentNames(a *Audience, positions []int) []string {
	names := make([]string, len(positions))
	for i, p := range positions {
		names[i] = a.Segments[p].Name
	}
	return names
}

func triggerNames(triggers []*Trigger) []string {
	names := make([]string, len(triggers))
	for i, t := range triggers {
		names[i] = t.Name
	}
	return names
}
