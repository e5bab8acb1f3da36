package enginetest

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state/row"
)

// Parse reads a script. shared holds the catalogs that scripts name with use; it may be nil if none does. The error
// joins all that is wrong, each as "file:line: message"; Failures takes it apart. What a
// script is made of: see Grammar.
func Parse(name string, text []byte, shared fs.FS) (*Script, error) {
	return (&Library{Shared: shared}).Parse(name, text)
}

func (p *parser) parse(text string) (*Script, error) {
	p.clock, p.lsn = row.Earliest, map[place]int64{}
	blocks := p.blocks(text)
	p.definitions(blocks)
	if len(p.errs) == 0 {
		for i := range blocks {
			p.block(&blocks[i])
		}
	}
	if err := errors.Join(p.errs...); err != nil {
		return nil, err
	}
	return p.script, nil
}

// block is a line with the indented lines below it.
type block struct {
	line  int
	word  string // the first word
	rest  string // what follows it
	lines []string
}

type parser struct {
	script  *Script
	library *Library
	errs    []error
	clock   row.Instant
	lsn     map[place]int64
	last    *engine.Record
}

func (p *parser) fail(line int, format string, args ...any) {
	p.errs = append(p.errs, &Failure{File: p.script.Name, Line: line, Message: fmt.Sprintf(format, args...)})
}

// blocks cuts the text into lines with what is indented below them. Comments at the start are what the script is about.
func (p *parser) blocks(text string) []block {
	var blocks []block
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, " \r\t")
		indented := strings.HasPrefix(line, "  ")
		switch {
		case line == "" && len(blocks) > 0 && blocks[len(blocks)-1].word == "catalog":
			b := &blocks[len(blocks)-1]
			b.lines = append(b.lines, "")
		case line == "":
		case strings.HasPrefix(line, "#"):
			if len(blocks) == 0 {
				p.script.About = strings.TrimSpace(p.script.About + " " + strings.TrimSpace(line[1:]))
			}
		case indented && len(blocks) == 0:
			p.fail(i+1, "an indented line belongs to a line above it, and there is none")
		case indented:
			b := &blocks[len(blocks)-1]
			for len(b.lines) < i-b.line { // comments in between keep their line
				b.lines = append(b.lines, "")
			}
			b.lines = append(b.lines, line[2:])
		default:
			word, rest, _ := strings.Cut(line, " ")
			blocks = append(blocks, block{line: i + 1, word: word, rest: strings.TrimSpace(rest)})
		}
	}
	return blocks
}

// definitions reads the catalog and the settings: they hold for the whole script, wherever they stand.
func (p *parser) definitions(blocks []block) {
	var files []catalog.File
	brought := false
	for i := range blocks {
		b := &blocks[i]
		switch b.word {
		case "use":
			file, err := p.library.file(b.rest)
			if err != nil {
				p.fail(b.line, "%v", err)
				continue
			}
			files = append(files, file)
		case "catalog":
			brought = true
			// Line numbers of faults are those of the script.
			text := strings.Repeat("\n", b.line) + strings.Join(b.lines, "\n") + "\n"
			files = append(files, catalog.File{Name: p.script.Name, Text: []byte(text), Open: p.library.open})
		case "set":
			p.set(b)
		}
	}
	if len(p.errs) > 0 {
		return
	}
	c, err := p.catalog(files, brought)
	if err != nil {
		p.errs = append(p.errs, err)
		return
	}
	p.script.catalog = c
}

// catalog returns the catalog made of files; brought tells that one of them is the script's and not shared.
func (p *parser) catalog(files []catalog.File, brought bool) (*catalog.Catalog, error) {
	switch {
	case brought:
		return catalog.Parse(files)
	case len(files) > 0:
		return p.library.use(files)
	}
	return p.library.own()
}

func (p *parser) set(b *block) {
	name, value, _ := strings.Cut(b.rest, " ")
	var err error
	switch name {
	case "metrics":
		p.script.metrics, err = time.ParseDuration(value)
	case "record-bytes":
		p.script.bytes, err = strconv.Atoi(value)
	default:
		p.fail(b.line, "unknown setting %q: there are metrics and record-bytes", name)
	}
	if err != nil {
		p.fail(b.line, "cannot read the value of %s: %v", name, err)
	}
}

// block reads one line, and what is below it, as a step.
func (p *parser) block(b *block) {
	if len(b.lines) > 0 && b.word != "catalog" && b.word != "expect" {
		p.fail(b.line+1, "nothing can be indented below %q", b.word)
	}
	switch b.word {
	case "use", "catalog", "set":
	case "at", "clock":
		p.at(b)
	case "row", "cdc", "delete", "event", "command", "record", "again":
		rec, err := p.record(b)
		switch {
		case err != nil:
			p.fail(b.line, "%v", err)
		case p.clock == row.Earliest:
			p.fail(b.line, "when does this happen? Give an instant with at first")
		default:
			p.last = rec
			p.step(step{line: b.line, kind: send, record: *rec})
		}
	case "expect":
		p.expect(b)
	case "members":
		words := strings.Fields(b.rest)
		if len(words) == 0 || p.script.catalog.Segment(words[0]) == nil {
			p.fail(b.line, "members needs a segment of the catalog")
			return
		}
		slices.Sort(words[1:])
		p.step(step{line: b.line, kind: members, segment: words[0], ids: words[1:]})
	default:
		p.fail(b.line, "unknown word %q: a line starts with use, catalog, set, at, row, cdc, delete, event, command, "+
			"record, again, clock, expect or members", b.word)
	}
}

func (p *parser) step(s step) {
	s.at = p.clock
	p.script.steps = append(p.script.steps, s)
}

func (p *parser) at(b *block) {
	at, err := parseInstant(b.rest)
	switch {
	case err != nil:
		p.fail(b.line, "%v", err)
	case at < p.clock:
		p.fail(b.line, "%s lies before %v: the clock never goes back", b.rest, p.clock)
	default:
		p.clock = at
		if b.word == "clock" {
			p.step(step{line: b.line, kind: tick})
		}
	}
}

// parseInstant reads an instant, or a date as its midnight.
func parseInstant(s string) (row.Instant, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return row.At(t), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, fmt.Errorf("%q is no instant such as 2026-01-01T10:00:00Z, and no date", s)
	}
	return row.At(t), nil
}

func (p *parser) expect(b *block) {
	s := step{line: b.line, kind: expect}
	if b.rest != "" && b.rest != "nothing" || b.rest == "nothing" && len(b.lines) > 0 {
		p.fail(b.line, "expect has indented lines below it, or is expect nothing")
		return
	}
	for i, line := range b.lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		e, err := parseExpectation(line, p.script.catalog)
		if err != nil {
			p.fail(b.line+1+i, "%v", err)
			continue
		}
		e.line = b.line + 1 + i
		if e.attribute("at") == nil && e.kind != "deadletter" {
			e.attributes = append(e.attributes, attribute{name: "at", instant: p.clock})
		}
		s.expected = append(s.expected, e)
	}
	if len(b.lines) == 0 && b.rest == "" {
		p.fail(b.line, "expect needs indented lines below it, or the word nothing")
	}
	p.step(s)
}
