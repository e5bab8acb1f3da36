package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The definitions, the records and the output that the README shows belong together: what it says is what weir does.
func TestReadmeShowsWhatIsSo(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var catalogs, records []string
	for _, block := range fences(string(text)) {
		switch {
		case block.language == "yaml":
			catalogs = append(catalogs, block.text)
		case strings.HasPrefix(block.text, `{"at"`):
			records = append(records, block.text)
		}
	}
	if len(catalogs) != 2 || len(records) != 4 {
		t.Fatalf("%d yaml blocks and %d blocks of records, want 2 and 4", len(catalogs), len(records))
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "readme.yaml"), []byte(strings.Join(catalogs, "---\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(records); i += 2 {
		var out, complaints bytes.Buffer
		status := run(t.Context(), []string{"replay", "--catalog", dir}, strings.NewReader(records[i]), &out, &complaints)
		if status != exitOK || out.String() != records[i+1] {
			t.Errorf("status %d, %s\n got %s\nwant %s", status, complaints.String(), out.String(), records[i+1])
		}
	}
}

// fence is a fenced block of a Markdown text.
type fence struct{ language, text string }

func fences(text string) (blocks []fence) {
	for {
		_, rest, found := strings.Cut(text, "\n```")
		if !found {
			return blocks
		}
		language, rest, _ := strings.Cut(rest, "\n")
		body, rest, _ := strings.Cut(rest, "\n```")
		blocks = append(blocks, fence{language, body + "\n"})
		text = rest
	}
}
