package kafka

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/weirstream/weir/engine"
)

// waiting is a decoder that waits at the value "wait" until its context ends, as one does for a schema registry.
type waiting struct {
	lines
	ctx     context.Context
	reached chan<- struct{}
	err     error
}

func (w *waiting) Err() error { return w.err }

func (w *waiting) Decode(rec *engine.Record, out []engine.Change) []engine.Change {
	if w.err = nil; string(rec.Value) != "wait" {
		return w.lines.Decode(rec, out)
	}
	w.reached <- struct{}{}
	<-w.ctx.Done()
	w.err = w.ctx.Err()
	return out
}

// TestIntakeInterrupted ends intake while a record waits: nothing after it in its partition is written or committed, so
// that the next intake reads it, and all that follow, in order.
func TestIntakeInterrupted(t *testing.T) {
	w := newWorld(t, 4)
	topic := w.source("waits", 1)
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	reached := make(chan struct{}, 16)
	in, err := OpenIntake(w.cfg, w.partitions, 1, []string{topic}, func() engine.Decoder {
		return &waiting{ctx: ctx, reached: reached}
	})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	var result error
	running.Go(func() { result = in.Run(ctx) })
	w.feed(topic, 0, "a", "wait", "b")
	<-reached
	w.feed(topic, 0, "c")
	cancel()
	running.Wait()
	in.Close()
	if result != nil && !errors.Is(result, context.Canceled) {
		t.Fatal(result)
	}
	_, stop := w.intake("2", topic)
	var keys []string
	seen := map[int64]bool{}
	for _, c := range w.input(5) {
		if !seen[c.offset] {
			keys = append(keys, c.key)
		}
		seen[c.offset] = true
	}
	if len(seen) != 4 {
		t.Errorf("offsets %v, keys %v", seen, keys)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}
