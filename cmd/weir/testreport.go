package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// testReport writes what came of the scripts of weir test.
type testReport struct {
	out            io.Writer
	json, verbose  bool
	passed, failed int
	results        []scriptResult  // json
	told           map[string]bool // failures that were printed: those of a catalog are those of each of its scripts
}

func (p *program) testReport(o testOptions) (*testReport, error) {
	if err := oneOf(o.format, []string{"text", "json"}); err != nil {
		return nil, usagef("--format: %v", err)
	}
	return &testReport{out: p.stdout, json: o.format == "json", verbose: o.verbose, told: map[string]bool{}}, nil
}

// all reports the results and fails if one of them is a failure.
func (r *testReport) all(results <-chan scriptResult) error {
	start := time.Now()
	var failed error
	for result := range results { // to the end: who sends must not be left waiting
		if result.Passed {
			r.passed++
		} else {
			r.failed++
		}
		if r.json {
			r.results = append(r.results, result)
		} else if err := r.one(&result); failed == nil {
			failed = err
		}
	}
	if failed != nil {
		return failed
	}
	if err := r.end(time.Since(start)); err != nil {
		return err
	}
	if r.failed > 0 {
		return silentError{}
	}
	return nil
}

func (r *testReport) one(s *scriptResult) error {
	about := ""
	if s.About != "" {
		about = ": " + s.About
	}
	if s.Passed {
		if !r.verbose {
			return nil
		}
		_, err := fmt.Fprintf(r.out, "ok   %s%s\n", s.File, about)
		return err
	}
	if _, err := fmt.Fprintf(r.out, "FAIL %s%s\n", s.File, about); err != nil {
		return err
	}
	for _, f := range s.Failures {
		text := f.Error()
		if r.told[text] {
			continue
		}
		r.told[text] = true
		if _, err := fmt.Fprintln(r.out, text); err != nil {
			return err
		}
	}
	return nil
}

func (r *testReport) end(took time.Duration) error {
	if !r.json {
		_, err := fmt.Fprintf(r.out, "%d passed, %d failed\n", r.passed, r.failed)
		return err
	}
	e := json.NewEncoder(r.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Passed  int            `json:"passed"`
		Failed  int            `json:"failed"`
		Seconds float64        `json:"seconds"`
		Scripts []scriptResult `json:"scripts"`
	}{r.passed, r.failed, took.Seconds(), r.results})
}
