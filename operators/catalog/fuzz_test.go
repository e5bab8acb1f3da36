package catalog

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever the text, Parse returns a catalog or faults that have a place within it, and never panics; nor does
// Definitions.
func FuzzParse(f *testing.F) {
	for _, dir := range []string{".", "ok", "bad"} {
		for _, file := range cases(f, dir) {
			if strings.HasPrefix(filepath.Base(file), "alone-deep") {
				continue
			}
			f.Add(read1(f, file))
		}
	}
	base := File{Name: "base.yaml", Text: read1(f, filepath.Join("testdata", "base.yaml"))}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<14 {
			return
		}
		for _, d := range Definitions([]File{{Name: "x.yaml", Text: text}}) {
			if d.Line < 1 || d.Text == "" || !d.Same(&d) {
				t.Errorf("definition %v at line %d is not itself: %q", d.Reference, d.Line, d.Text)
			}
		}
		c, err := Parse([]File{base, {Name: "x.yaml", Text: text}})
		if err == nil {
			if c == nil || c.Hash == 0 {
				t.Fatal("neither a catalog nor faults")
			}
			return
		}
		var faults Faults
		if !errors.As(err, &faults) || len(faults) == 0 {
			t.Fatalf("got %v, want faults", err)
		}
		lines := strings.Count(string(text), "\n") + strings.Count(string(text), "\r") + 1 // at most
		for _, fault := range faults {
			if fault.File == "x.yaml" && (fault.Line > lines || fault.Line < 1 || fault.Column < 1) {
				t.Errorf("fault out of the text: %v", fault)
			}
			if strings.Contains(fault.Message, "cannot read this YAML document: ") {
				t.Logf("parser panicked: %v", fault)
			}
		}
	})
}
