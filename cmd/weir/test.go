package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/connectors/decode"
	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state"
)

// testOptions is what the command line of test says.
type testOptions struct {
	place    string // a folder, or one script
	catalog  string // the folder of the definitions; empty: that of the scripts
	run      string
	verbose  bool
	thorough bool
	format   string
}

// testCommand returns `weir test`.
func (p *program) testCommand() *cobra.Command {
	var o testOptions
	cmd := &cobra.Command{
		Use:   "test DIR",
		Short: "Test a catalog by the scripts that stand beside it",
		Long: "test runs all *.weir scripts under DIR, or the one script that is named, against the catalog in DIR: what\n" +
			"goes into the engine, moves of the clock, and what must come out. No Kafka is needed; the clock moves by the\n" +
			"scripts alone. Exit status: 0 if all pass, 1 if one fails.\n\n" + enginetest.Grammar,
		Example: "  weir test catalog/\n  weir test catalog/ --run 'vip|nurture' -v\n" +
			"  weir test tests/ --catalog catalog/ --format json > report.json",
		Args: args("the folder DIR of the scripts"),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.place = given[0]
			return p.test(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.catalog, "catalog", "", "folder of the definitions (default: the folder of the scripts)")
	f.StringVar(&o.run, "run", "", "only the scripts whose path below DIR, without .weir, matches this regular expression")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "print the scripts that pass too, and what each shows")
	f.BoolVar(&o.thorough, "thorough", false,
		"run each script in all ways (epochs of any size, restarts, restores, partitions), which must not make a difference")
	f.StringVar(&o.format, "format", "text", "`text|json`")
	return cmd
}

// scriptFile is one script to be run. Its path is as the user would write it, its name what --run looks at.
type scriptFile struct{ path, name string }

// scriptResult is what came of one script.
type scriptResult struct {
	File     string                `json:"file"`
	About    string                `json:"about,omitempty"`
	Passed   bool                  `json:"passed"`
	Seconds  float64               `json:"seconds"`
	Failures []*enginetest.Failure `json:"failures,omitempty"`
}

func (p *program) test(ctx context.Context, o testOptions) error {
	report, err := p.testReport(o)
	if err != nil {
		return err
	}
	files, err := scriptsOf(o)
	if err != nil {
		return err
	}
	definitions := o.catalog
	if definitions == "" {
		definitions = o.place
		if info, err := os.Stat(o.place); err == nil && !info.IsDir() {
			definitions = filepath.Dir(o.place)
		}
	}
	library := &enginetest.Library{Shared: os.DirFS(definitions),
		Own: sync.OnceValues(func() (*catalog.Catalog, error) { return catalog.Load(definitions) })}
	return report.all(runScripts(ctx, files, func(f scriptFile) scriptResult {
		return runScript(library, f, o.thorough)
	}))
}

// scriptsOf finds the scripts that the options ask for, in order of their paths.
func scriptsOf(o testOptions) ([]scriptFile, error) {
	wanted, err := regexp.Compile(o.run)
	if err != nil {
		return nil, usagef("--run: %v", err)
	}
	var files []scriptFile
	found := 0
	err = filepath.WalkDir(o.place, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != o.place && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".weir"):
			return nil
		}
		found++
		name, err := filepath.Rel(o.place, path)
		if err != nil || name == "." {
			name = filepath.Base(path)
		}
		name = strings.TrimSuffix(filepath.ToSlash(name), ".weir")
		if wanted.MatchString(name) {
			files = append(files, scriptFile{path: path, name: name})
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read the scripts: %w", err)
	case found == 0:
		return nil, fmt.Errorf("there are no scripts below %s: their names end in .weir; see 'weir test --help'", o.place)
	case len(files) == 0:
		return nil, fmt.Errorf("none of the %d scripts below %s matches --run %s", found, o.place, o.run)
	}
	return files, nil
}

// runScripts runs all scripts, as many at once as there are processors, and hands their results on in order. After the
// end of ctx no further script begins; the channel is closed after the last result.
func runScripts(ctx context.Context, files []scriptFile, run func(scriptFile) scriptResult) <-chan scriptResult {
	done := make([]chan scriptResult, len(files))
	for i := range done {
		done[i] = make(chan scriptResult, 1)
	}
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), len(files)) {
		go func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(files) {
					return
				}
				if ctx.Err() == nil {
					done[i] <- run(files[i])
					continue
				}
				done[i] <- scriptResult{File: files[i].path,
					Failures: enginetest.Failures(files[i].path, errors.New("not run: interrupted"))}
			}
		}()
	}
	out := make(chan scriptResult)
	go func() {
		defer close(out)
		for _, d := range done {
			out <- <-d
		}
	}()
	return out
}

// runScript reads and runs one script.
func runScript(library *enginetest.Library, f scriptFile, thorough bool) scriptResult {
	start := time.Now()
	about, err := tryScript(library, f, thorough)
	return scriptResult{File: f.path, About: about, Passed: err == nil, Seconds: time.Since(start).Seconds(),
		Failures: enginetest.Failures(f.path, err)}
}

func tryScript(library *enginetest.Library, f scriptFile, thorough bool) (about string, err error) {
	text, err := os.ReadFile(f.path)
	if err != nil {
		return "", fmt.Errorf("cannot read the script: %w", err)
	}
	s, err := library.Parse(f.path, text)
	if err != nil {
		return "", err
	}
	cfg := enginetest.Config{Plain: !thorough, Decoder: func(c *catalog.Catalog, recordBytes int) engine.Decoder {
		return decode.New(c, decode.Options{RecordBytesMax: recordBytes, Commands: enginetest.Commands})
	}}
	if thorough { // the runs that restart use a store on disk
		dir, err := os.MkdirTemp("", "weir-test-")
		if err != nil {
			return s.About, fmt.Errorf("cannot make a folder for the store: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		open := func() (*state.Store, error) { return state.Open(dir, state.Options{}) }
		cfg.Open, cfg.Reopen = open, open
	}
	return s.About, s.Run(cfg)
}
