package state

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The child of TestKill finds directory and seed in its environment.
const (
	childDir  = "WEIR_STATE_TEST_DIR"
	childSeed = "WEIR_STATE_TEST_SEED"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1) // it was to be killed
	}
	goleak.VerifyTestMain(m)
}

// child applies epochs without end and prints the number of each.
func child(dir string) error {
	seed, err := strconv.ParseUint(os.Getenv(childSeed), 10, 64)
	if err != nil {
		return err
	}
	s, err := Open(dir, Options{MemTableBytes: memTableMin})
	if err != nil {
		return err
	}
	r := crashRun{rng: rand.New(rand.NewPCG(seed, 2))}
	for n := range 100_000 {
		if err := r.tryApply(s, r.epoch(), n); err != nil {
			return err
		}
		if n%50 == 49 {
			if err := s.Flush(); err != nil {
				return err
			}
		}
		fmt.Println(n + 1)
	}
	return errors.New("was not killed")
}

// A process that is killed leaves the state as it was after one of its commits, not before its last flush. While it
// lives no other opens its directory.
func TestKill(t *testing.T) {
	dir, seed := t.TempDir(), uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	applied := killAfter(t, dir, seed, 180)
	s, err := Open(dir, Options{MemTableBytes: memTableMin})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	r := crashRun{t: t, rng: rand.New(rand.NewPCG(seed, 2))}
	found := r.applied(s)
	for range found {
		r.epochs = append(r.epochs, r.epoch())
	}
	if found < applied/50*50 || found == 0 {
		t.Errorf("%d epochs are there, %d were applied", found, applied)
	}
	r.expect(s, found)
}

// killAfter starts a child, kills it when it has applied so many epochs, and returns how many it has told of.
func killAfter(t *testing.T, dir string, seed uint64, epochs int) (applied int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, fmt.Sprint(childSeed, "=", seed))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if applied, err = strconv.Atoi(lines.Text()); err != nil {
			t.Error(err)
		}
		if applied == epochs {
			if _, err := Open(dir, Options{}); !errors.Is(err, ErrInUse) {
				t.Errorf("while the child lives: got %v", err)
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || applied < epochs {
		t.Fatalf("the child ended after %d epochs: %v", applied, err)
	}
	return applied
}
