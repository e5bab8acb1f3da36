package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirstream/weir/connectors/decode"
	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/operators/catalog"
)

const scriptFolder = "testdata/scripts"

// TestScripts runs every script of testdata/scripts in five ways: what the language means, by example.
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
	if len(files) < 90 {
		t.Errorf("found %d scripts below %s, there should be at least 90", len(files), scriptFolder)
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, scriptFolder+"/"), ".weir")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := readScript(t, file)
			if err := s.Run(scriptConfig()); err != nil {
				t.Errorf("%s\n%v", s.About, err)
			}
		})
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

func scriptConfig() enginetest.Config {
	return enginetest.Config{Decoder: func(c *catalog.Catalog, recordBytes int) engine.Decoder {
		return decode.New(c, decode.Options{RecordBytesMax: recordBytes})
	}}
}
