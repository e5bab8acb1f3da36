package enginetest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustTime(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	check(t, err)
	return at
}

// commit ends the task's epoch, as Replay and workers do, and returns what came out, but for brackets: "enter days
// row", "fire welcome catalog".
func commit(t *testing.T, s *state.Store, task *engine.Task) []string {
	t.Helper()
	return slices.DeleteFunc(commitAll(t, s, task), func(op string) bool {
		return strings.HasPrefix(op, "begin ") || strings.HasPrefix(op, "end ")
	})
}

// commitAll is commit with the brackets of what catalogs change: "begin days catalog", "end days catalog 1 0", with
// who entered and left by it.
func commitAll(t *testing.T, s *state.Store, task *engine.Task) []string {
	t.Helper()
	part := task.Effects()
	var ops []string
	for i := range part.Outputs {
		var v struct {
			Op, Segment, Trigger string
			Cause                struct{ Kind string }
			Entered, Left        int
		}
		check(t, json.Unmarshal(part.Outputs[i].Value, &v))
		if v.Trigger != "" {
			v.Op = "fire"
		}
		op := v.Op + " " + v.Segment + v.Trigger + " " + v.Cause.Kind
		if v.Op == "end" {
			op += fmt.Sprintf(" %d %d", v.Entered, v.Left)
		}
		ops = append(ops, op)
	}
	apply(t, s, task, part)
	return ops
}

// apply puts the facts of an epoch into the store.
func apply(t *testing.T, s *state.Store, task *engine.Task, part engine.Part) {
	t.Helper()
	b := s.NewBatch()
	for _, f := range part.Facts {
		check(t, b.Put(0, f))
	}
	check(t, b.Commit())
	task.Applied()
}

func expectOps(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("came out %q, want %q", got, want)
	}
}
