package catalog

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// write writes files below dir.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	leadTable = "kind: Table\nname: lead\naudience: true\nkey: id\nsource: {topic: leads, format: json}\n" +
		"fields: {id: string, score: int}\n"
	leadEvent = "kind: Event\nname: visit\nsource: {topic: web, format: json}\naudience: {lead: lead_id}\n"
)

func faultsOf(t *testing.T, err error) Faults {
	t.Helper()
	var faults Faults
	if !errors.As(err, &faults) {
		t.Fatalf("got %v, want Faults", err)
	}
	return faults
}

// Load reads all files of a folder and below, and nothing else.
func TestLoadFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"tables/lead.yaml": leadTable, "visit.YML": leadEvent, "README.md": "kind: Nothing", "x.yaml.bak": "kind: Nothing",
		".hidden/x.yaml": "kind: Nothing", ".hidden.yaml": "kind: Nothing", "empty.yaml": "",
	})
	c, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if c.Table("lead") == nil || c.Event("visit") == nil || len(c.Tables)+len(c.Events) != 2 {
		t.Errorf("got %d tables and %d events, want lead and visit", len(c.Tables), len(c.Events))
	}
	if got, want := c.Topics(), []string{"leads", "web"}; !slices.Equal(got, want) {
		t.Errorf("Topics() = %v, want %v", got, want)
	}
	if l := c.Layout("lead"); l == nil || len(l.Events) != 1 || l.Row != c.Table("lead").Schema {
		t.Errorf("Layout(lead) = %+v", l)
	}
}

// A mounted ConfigMap is a folder of links: it is read once, through them.
func TestLoadLinkedFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"..2026/lead.yaml": leadTable})
	for link, target := range map[string]string{"..data": "..2026", "lead.yaml": "..data/lead.yaml"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	outer := filepath.Join(t.TempDir(), "catalog")
	if err := os.Symlink(dir, outer); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, outer} {
		if c, err := Load(d); err != nil || len(c.Tables) != 1 {
			t.Errorf("Load(%s) = %v, %v; want one table", d, c, err)
		}
	}
}

// Faults name files as the user gave them, in order, with those that can't be read among them.
func TestLoadFaults(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, dir, map[string]string{"c/b.yaml": "kind: Tabel\nname: x\n", "c/a/z.yaml": "kind: Table\n\tname: x\n"})
	if err := os.Symlink("nowhere", filepath.Join(dir, "c", "d.yaml")); err != nil {
		t.Fatal(err)
	}
	_, err := Load("c")
	var files []string
	for _, f := range faultsOf(t, err) {
		files = append(files, f.File)
	}
	if want := []string{"c/a/z.yaml", "c/b.yaml", "c/d.yaml"}; !slices.Equal(files, want) {
		t.Errorf("faults in %v, want %v\n%v", files, want, err)
	}
}

func TestLoadNothing(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Join(dir, "absent")} {
		_, err := Load(d)
		if faults := faultsOf(t, err); len(faults) != 1 || faults[0].File != d || faults[0].Line != 0 {
			t.Errorf("Load(%s): %v, want one fault of the folder", d, err)
		}
	}
}

// Parse of no files is an empty catalog: a worker may start with one.
func TestParseNothing(t *testing.T) {
	c, err := Parse(nil)
	if err != nil || c.Revision != 1 || c.Topics() != nil || c.Table("x") != nil {
		t.Errorf("Parse(nil) = %+v, %v", c, err)
	}
}

func TestFileTooLarge(t *testing.T) {
	_, err := Parse([]File{{Name: "x.yaml", Text: make([]byte, fileBytesMax+1)}})
	if faults := faultsOf(t, err); len(faults) != 1 || !strings.Contains(faults[0].Message, "at most") {
		t.Errorf("got %v", err)
	}
}

// A catalog with more faults than anyone reads is cut, and says so.
func TestManyFaults(t *testing.T) {
	text := strings.Repeat("---\nkind: Wat\nname: x\n", faultsMax+500)
	_, err := Parse([]File{{Name: "x.yaml", Text: []byte(text)}})
	faults := faultsOf(t, err)
	if len(faults) != faultsMax+1 || faults[faultsMax].Message != "and 500 more faults" {
		t.Errorf("got %d faults, the last: %v", len(faults), faults[len(faults)-1])
	}
}

func TestFaultText(t *testing.T) {
	fs := Faults{{File: "a.yaml", Line: 2, Column: 3, Message: "m", Hint: "h"}, {File: "b", Message: "n"}}
	if got, want := fs.Error(), "a.yaml:2:3: m (hint: h)\nb: n"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}
