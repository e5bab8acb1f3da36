//go:build system

package systemtest

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// chapter is a section of a tutorial: its blocks of commands, each with the output that the text shows after it.
type chapter struct {
	title  string
	blocks []block
}

type block struct {
	commands string
	shown    []string // lines
}

// readTutorial returns the chapters of a Markdown text.
func readTutorial(t *testing.T, path string) (chapters []chapter) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	chapters = append(chapters, chapter{})
	language := "" // of the block at hand; empty outside
	for line := range strings.Lines(string(text)) {
		c := &chapters[len(chapters)-1]
		title, isTitle := strings.CutPrefix(line, "## ")
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && language == "":
			if language = strings.TrimSpace(fence); language == "sh" {
				c.blocks = append(c.blocks, block{})
			}
		case isFence:
			language = ""
		case language == "sh":
			c.blocks[len(c.blocks)-1].commands += line
		case language == "json":
			b := &c.blocks[len(c.blocks)-1]
			b.shown = append(b.shown, strings.TrimSpace(line))
		case isTitle:
			chapters = append(chapters, chapter{title: strings.TrimSpace(title)})
		}
	}
	return chapters
}

// shell is one bash, in which blocks of commands run one after the other, jobs in the background across them.
type shell struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string // what it prints; closed when it has ended
}

// blockLimit bounds a block; one of them may fetch Kafka.
const blockLimit = 4 * time.Minute

const blockEnd = "the block has ended"

// newShell starts a bash that stops at the first failing command. When the test ends it is killed with its jobs.
func newShell(t *testing.T, dir string, env ...string) *shell {
	t.Helper()
	s := &shell{t: t, cmd: exec.Command("bash", "-eu", "-o", "pipefail", "-s"), lines: make(chan string, 1000)}
	r, w, err := os.Pipe() // servers that it starts may hold the other end: bash alone is waited for
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Dir, s.cmd.Env = dir, append(os.Environ(), env...)
	s.cmd.Stdout, s.cmd.Stderr = w, w
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	go func() {
		defer close(s.lines)
		scan := bufio.NewScanner(r)
		scan.Buffer(nil, 1<<20)
		for scan.Scan() {
			s.lines <- scan.Text()
		}
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		_ = s.cmd.Wait() // how it ended does not matter any more
		r.Close()
	})
	return s
}

// run runs a block of commands and returns what it printed; the test fails if a command does.
func (s *shell) run(commands string) (printed []string) {
	s.t.Helper()
	if _, err := io.WriteString(s.in, "{\n"+commands+"\n} </dev/null\necho; echo '"+blockEnd+"'\n"); err != nil {
		s.t.Fatalf("cannot run %s: %v", commands, err)
	}
	limit := time.After(blockLimit)
	for {
		select {
		case line, ok := <-s.lines:
			switch {
			case !ok:
				s.t.Fatalf("a command failed of\n%s\n%s", commands, strings.Join(printed, "\n"))
			case line == blockEnd:
				return printed
			case line != "":
				printed = append(printed, line)
			}
		case <-limit:
			s.t.Fatalf("these commands take longer than %v:\n%s\n%s", blockLimit, commands, strings.Join(printed, "\n"))
		}
	}
}

// follow runs the blocks of a chapter, and holds what they print to what the text shows. Times and places differ from
// run to run, and records of different subjects come in any order.
func (s *shell) follow(c chapter, ports *strings.Replacer) {
	s.t.Helper()
	for _, b := range c.blocks {
		began := time.Now()
		printed := s.run(ports.Replace(b.commands))
		s.t.Logf("%s, %v: %s", c.title, time.Since(began).Round(100*time.Millisecond), strings.Join(printed, "\n\t"))
		if b.shown == nil {
			continue
		}
		records := slices.DeleteFunc(printed, func(line string) bool { return !strings.HasPrefix(line, "{") })
		if got, want := timeless(records), timeless(b.shown); !slices.Equal(got, want) {
			s.t.Errorf("the tutorial shows other output than comes out:\n got %s\nwant %s", strings.Join(got, "\n     "),
				strings.Join(want, "\n     "))
		}
	}
}

var varying = regexp.MustCompile(`"(at|since|until)":"[^"]*"|"(partition|offset|seq)":\d+`)

func timeless(records []string) (lines []string) {
	for _, r := range records {
		lines = append(lines, varying.ReplaceAllStringFunc(r, func(pair string) string {
			name, _, _ := strings.Cut(pair, ":")
			return name
		}))
	}
	slices.Sort(lines)
	return lines
}
