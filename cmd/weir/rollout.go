package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/weirstream/weir/connectors/kafka"
	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/emit"
)

// rollout is how far a published revision has come, by what the workers write.
type rollout struct {
	revision   int64
	partitions int

	mu       sync.Mutex
	records  int
	subjects map[int64]int64 // by partition: done
	done     map[int64]bool
	segments map[string]*turnover
}

// turnover is who entered and left a segment by a revision.
type turnover struct{ entered, left int64 }

func newRollout(revision int64, partitions int32) *rollout {
	return &rollout{revision: revision, partitions: int(partitions), subjects: map[int64]int64{}, done: map[int64]bool{},
		segments: map[string]*turnover{}}
}

// follow reads until the revision, or a later one, is in force in all partitions.
func (r *rollout) follow(ctx context.Context, tail *kafka.Tail) error {
	var ends kafka.Ends
	for {
		batch, err := tail.Next(ctx)
		if err != nil {
			return err
		}
		for i := range batch {
			if err := r.add(&batch[i]); err != nil {
				return err
			}
		}
		if ends == nil && r.over() {
			// The brackets of a partition come in one transaction with its last progress, but in another topic.
			if ends, err = tail.Ends(ctx); err != nil {
				return err
			}
		}
		if ends != nil && tail.Reached(ends) {
			return nil
		}
	}
}

// add takes one record of the memberships or the metrics topic.
func (r *rollout) add(rec *engine.Record) error {
	contentType := emit.JSON.ContentType()
	for _, h := range rec.Headers {
		if h.Key == "content-type" {
			contentType = string(h.Value)
		}
	}
	f, err := emit.Read(contentType, rec.Value)
	if err != nil {
		return fmt.Errorf("cannot read a record of %s: %w", rec.Topic, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case f["op"] == "end":
		name, _ := f["segment"].(string)
		entered, _ := f["entered"].(int64)
		left, _ := f["left"].(int64)
		if r.segments[name] == nil {
			r.segments[name] = &turnover{}
		}
		r.segments[name].entered += entered
		r.segments[name].left += left
	case f["kind"] == "catalog":
		name, _ := f["name"].(string)
		if n, err := strconv.ParseInt(name, 10, 64); err != nil || n < r.revision {
			return nil
		}
		partition, _ := f["partition"].(int64)
		r.records++
		r.subjects[partition], _ = f["subjects"].(int64)
		if f["done"] == true {
			r.done[partition] = true
		}
	}
	return nil
}

func (r *rollout) over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.done) >= r.partitions
}

// heard returns how many records have told of the revision.
func (r *rollout) heard() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.records
}

// line tells how far the revision is.
func (r *rollout) line() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	subjects := int64(0)
	for _, n := range r.subjects {
		subjects += n
	}
	return fmt.Sprintf("%d of %d partitions, %d subjects", len(r.done), r.partitions, subjects)
}

// bar is line with a bar before it.
func (r *rollout) bar() string {
	const width = 30
	r.mu.Lock()
	full := width * len(r.done) / max(r.partitions, 1)
	r.mu.Unlock()
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "] " + r.line()
}

// summary writes who entered and left which segment.
func (r *rollout) summary(w io.Writer) {
	line := r.line()
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(w, "revision %d is in force: %s\n", r.revision, line)
	names, width := make([]string, 0, len(r.segments)), 0
	for name := range r.segments {
		names, width = append(names, name), max(width, len(name))
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(w, "  %-*s  %d entered, %d left\n", width, name, r.segments[name].entered, r.segments[name].left)
	}
}
