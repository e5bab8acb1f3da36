//go:build system

package systemtest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test, built once.
var binary struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// weir returns the path of the built program. WEIR_SYSTEM_RACE=1 builds it with the race detector; WEIR_SYSTEM_BINARY
// names one that is built already.
func weir(t *testing.T) string {
	t.Helper()
	binary.once.Do(func() {
		if binary.path = os.Getenv("WEIR_SYSTEM_BINARY"); binary.path != "" {
			return
		}
		if binary.dir, binary.err = os.MkdirTemp("", "weir-system-bin-"); binary.err != nil {
			return
		}
		binary.path = filepath.Join(binary.dir, "weir")
		args := []string{"build", "-o", binary.path}
		if os.Getenv("WEIR_SYSTEM_RACE") != "" {
			args = append(args, "-race")
		}
		out, err := exec.Command("go", append(args, "github.com/weirstream/weir/cmd/weir")...).CombinedOutput()
		if err != nil {
			binary.err = fmt.Errorf("cannot build weir: %w\n%s", err, out)
		}
	})
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	return binary.path
}

// runFolder returns a folder for a test's state and logs, which is kept if the test fails.
func runFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "weir-system-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("state and logs are kept in %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("cannot clean up: %v", err)
		}
	})
	return dir
}

// writeCatalog writes a catalog of one file, in which SRC stands for the prefix of the source topics.
func writeCatalog(t *testing.T, dir, text, prefix string) string {
	t.Helper()
	folder := filepath.Join(dir, "catalog")
	if err := os.MkdirAll(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	text = strings.ReplaceAll(text, "SRC", prefix)
	if err := os.WriteFile(filepath.Join(folder, "catalog.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// worker is one weir run, started again and again with the same state.
type worker struct {
	t      *testing.T
	name   string
	dir    string // of state and logs
	args   []string
	listen string
	starts int
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process has ended
}

// newWorker returns a worker that is not started yet; more are further flags.
func newWorker(t *testing.T, b *broker, dir, name, app, catalog string, more ...string) *worker {
	t.Helper()
	w := &worker{t: t, name: name, dir: dir, listen: freeAddr(t)}
	w.args = append([]string{"run", "--brokers", b.addrs, "--catalog", catalog, "--state", filepath.Join(dir, name),
		"--instance", name, "--listen", w.listen, "--app", app, "--partitions", "8", "--session-timeout", "6s",
		"--transaction-timeout", "4s", "--log-format", "json"}, more...)
	t.Cleanup(func() {
		if w.running() {
			w.kill()
		}
	})
	return w
}

// start starts the worker. That it ends by itself fails the test.
func (w *worker) start() {
	w.t.Helper()
	log, err := os.Create(w.log(w.starts))
	if err != nil {
		w.t.Fatal(err)
	}
	w.starts++
	w.cmd = exec.Command(weir(w.t), w.args...)
	w.cmd.Stdout, w.cmd.Stderr = log, log
	w.cmd.Env = append(os.Environ(), "GORACE=halt_on_error=1", "GOTRACEBACK=all")
	if err := w.cmd.Start(); err != nil {
		w.t.Fatalf("cannot start worker %s: %v", w.name, err)
	}
	ended, cmd := make(chan struct{}), w.cmd
	w.ended = ended
	go func() {
		defer close(ended)
		defer log.Close()
		_ = cmd.Wait() // how it ended is in ProcessState
	}()
}

func (w *worker) log(start int) string {
	return filepath.Join(w.dir, fmt.Sprintf("%s.%02d.log", w.name, start))
}

func (w *worker) running() bool {
	if w.ended == nil {
		return false
	}
	select {
	case <-w.ended:
		return false
	default:
		return true
	}
}

// kill ends the worker as a crash would.
func (w *worker) kill() {
	w.t.Helper()
	w.check()
	if err := w.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		w.t.Fatalf("cannot kill worker %s: %v", w.name, err)
	}
	<-w.ended
}

// signal sends a signal to the worker, which must be running.
func (w *worker) signal(s os.Signal) {
	w.t.Helper()
	if err := w.cmd.Process.Signal(s); err != nil {
		w.t.Fatalf("cannot signal worker %s: %v", w.name, err)
	}
}

// terminate asks the worker to end, and checks that it does within 10 s and with status 0.
func (w *worker) terminate() {
	w.t.Helper()
	w.check()
	began := time.Now()
	w.signal(syscall.SIGTERM)
	select {
	case <-w.ended:
	case <-time.After(10 * time.Second):
		w.t.Errorf("worker %s runs on 10 s after SIGTERM; see %s", w.name, w.log(w.starts-1))
		_ = w.cmd.Process.Signal(syscall.SIGQUIT) // for the stacks in the log
		select {
		case <-w.ended:
		case <-time.After(10 * time.Second):
			_ = w.cmd.Process.Kill()
			<-w.ended
		}
		return
	}
	if code := w.cmd.ProcessState.ExitCode(); code != 0 {
		w.t.Errorf("worker %s ended with status %d after SIGTERM; see %s", w.name, code, w.log(w.starts-1))
	}
	w.t.Logf("worker %s ended %v after SIGTERM", w.name, time.Since(began).Round(time.Millisecond))
}

// check fails the test if the worker has ended by itself.
func (w *worker) check() {
	w.t.Helper()
	if w.cmd != nil && !w.running() {
		w.t.Fatalf("worker %s ended by itself with %v; see %s\n%s", w.name, w.cmd.ProcessState, w.log(w.starts-1),
			lastLines(w.log(w.starts-1), 20))
	}
}

// awaitReady waits until the worker says that it does its work.
func (w *worker) awaitReady(limit time.Duration) {
	w.t.Helper()
	await(w.t, limit, w.name+" is ready", func() (bool, string) {
		w.check()
		resp, err := http.Get("http://" + w.listen + "/readyz")
		if err != nil {
			return false, err.Error()
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode == http.StatusOK, strings.TrimSpace(string(body))
	})
}

// errorLines returns the lines of level ERROR that the worker logged, of all its starts, and what is no log line;
// those at times that were announced are left out.
func (w *worker) errorLines(announced func(time.Time) bool) (lines []string) {
	for i := range w.starts {
		f, err := os.Open(w.log(i))
		if err != nil {
			w.t.Fatal(err)
		}
		scan := bufio.NewScanner(f)
		scan.Buffer(nil, 1<<20)
		for scan.Scan() {
			var line struct {
				Level string
				Time  time.Time
			}
			if json.Unmarshal(scan.Bytes(), &line) != nil || line.Level == "ERROR" && !announced(line.Time) {
				lines = append(lines, fmt.Sprintf("%s: %s", filepath.Base(w.log(i)), scan.Text()))
			}
		}
		_ = f.Close()
	}
	return lines
}

func lastLines(path string, n int) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// await asks done again and again until it is true. Every 10 s it logs what is missing; after limit the test fails.
func await(t *testing.T, limit time.Duration, what string, done func() (bool, string)) {
	t.Helper()
	began, logged := time.Now(), time.Now()
	for {
		ok, state := done()
		if ok {
			return
		}
		if time.Since(began) > limit {
			t.Fatalf("not true after %v: %s: %s", limit, what, state)
		}
		if time.Since(logged) > 10*time.Second {
			logged = time.Now()
			t.Logf("waiting until %s: %s", what, state)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// partitions returns how many partitions the worker works on, by its own metrics; 0 if it does not answer.
func (w *worker) partitions() (n int) {
	resp, err := http.Get("http://" + w.listen + "/metrics")
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	scan := bufio.NewScanner(resp.Body)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		if value, ok := strings.CutPrefix(scan.Text(), `weir_partitions{state="running"} `); ok {
			n, _ = strconv.Atoi(value)
		}
	}
	return n
}
