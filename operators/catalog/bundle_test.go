package catalog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const bundleTable = `kind: Table
name: contact
audience: true
key: id
source: {topic: contacts, format: json}
fields: {id: string, state: string}
`

// folder writes files into a new folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestBundleComesBack sends a catalog with a file of members of several pieces through a manifest: it means the same,
// and none of the folder is needed for that.
func TestBundleComesBack(t *testing.T) {
	var ids strings.Builder
	for i := range 120_000 {
		fmt.Fprintf(&ids, "contact-%d\n", i)
	}
	dir := folder(t, map[string]string{
		"tables.yaml":     bundleTable,
		"lists/list.yaml": "kind: Segment\nname: board\naudience: contact\nmembersFile: ../ids.csv\n",
		"ids.csv":         ids.String(),
	})
	b, c, err := LoadBundle(dir)
	if err != nil {
		t.Fatal(err)
	}
	b.Revision = 7
	pieces := map[string][]byte{}
	for _, f := range b.Files {
		all := []*Content{f.Text}
		for _, content := range f.Beside {
			all = append(all, content)
		}
		for _, content := range all {
			for n, piece := range content.Chunks {
				pieces[fmt.Sprint(content.Hash, n)] = piece
			}
		}
	}
	if len(pieces) < 5 {
		t.Fatalf("%d pieces: the file of members has too few to show anything", len(pieces))
	}
	value, err := b.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	chunk := func(hash string, n int) []byte { return pieces[fmt.Sprint(hash, n)] }
	got, err := ReadManifest(value, chunk)
	if err != nil {
		t.Fatal(err)
	}
	again, err := got.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	if again.Hash != c.Hash || again.Revision != 7 || got.Meaning != c.Hash {
		t.Errorf("got revision %d with the hash %x, want %x", again.Revision, again.Hash, c.Hash)
	}
	if m := again.Segment("board").Members; m.Len() != 120_000 || !m.Has("contact-119999") {
		t.Errorf("%d members came back", m.Len())
	}

	for key, piece := range pieces {
		pieces[key] = nil
		if _, err := ReadManifest(value, chunk); !errors.Is(err, ErrContent) {
			t.Fatalf("a piece is missing, and the error is %v", err)
		}
		pieces[key] = piece
	}
	other, err := pack(strings.NewReader("something else"))
	if err != nil {
		t.Fatal(err)
	}
	for key := range pieces {
		pieces[key] = other.Chunks[0]
	}
	if got, err = ReadManifest(value, chunk); err != nil {
		t.Fatal(err)
	}
	if _, err := got.Catalog(); !errors.Is(err, ErrContent) {
		t.Errorf("other pieces, and the error is %v", err)
	}
}

// TestMeaning shows which changes of a catalog give a segment other members, and which do not.
func TestMeaning(t *testing.T) {
	const base = bundleTable + `---
kind: Event
name: opened
source: {topic: events, format: json}
audience: {contact: contact_id}
retention: 90d
fields: {email: string, seconds: int}
---
kind: Segment
name: nd
audience: contact
where: contact.state == "ND"
---
kind: Segment
name: readers
audience: contact
where: opened.exists(o, o.email == "spring") && in_segment("nd")
`
	meanings := func(text string) (nd, readers uint64) {
		t.Helper()
		c, err := Parse([]File{{Name: "c.yaml", Text: []byte(text)}})
		if err != nil {
			t.Fatal(err)
		}
		return c.Segment("nd").Meaning(), c.Segment("readers").Meaning()
	}
	nd, readers := meanings(base)
	for _, c := range []struct {
		name, old, new  string
		nd, readersDiff bool
	}{
		{"layout", `contact.state == "ND"`, "contact.state  ==  \"ND\" // Dakota", false, false},
		{"condition", `contact.state == "ND"`, `contact.state == "MN"`, true, false}, // who names it follows it
		{"another field", "state: string}", "state: string, score: int}", false, false},
		{"a type that is read", "seconds: int}", "seconds: double}", false, true},
		{"retention", "retention: 90d", "retention: 80d", false, true},
		{"source", "topic: events", "topic: engagement", false, false},
	} {
		a, b := meanings(strings.Replace(base, c.old, c.new, 1))
		if (a != nd) != c.nd || (b != readers) != c.readersDiff {
			t.Errorf("%s: nd changes %v, readers %v; want %v, %v", c.name, a != nd, b != readers, c.nd, c.readersDiff)
		}
	}
}

// FuzzManifest reads hostile bytes: no panic, no bundle of what is none.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"format":1,"revision":2,"hash":"ff","files":[{"name":"a.yaml","sha256":"00","size":3,"chunks":1}]}`),
		[]byte{1, 2, 3})
	f.Fuzz(func(_ *testing.T, value, piece []byte) {
		b, err := ReadManifest(value, func(_ string, n int) []byte {
			if n > 3 {
				return nil
			}
			return piece
		})
		if err == nil {
			_, _ = b.Catalog()
		}
	})
}
