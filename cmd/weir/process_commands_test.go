package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/weirstream/weir/operators/catalog"
)

const listCatalog = workerCatalog + `---
kind: Segment
name: board
audience: contact
members: [c-0, c-1]
`

// command sends a command about the segment board.
func (b *workbench) command(verb, id string) {
	b.t.Helper()
	value := fmt.Sprintf(`{"command":%q,"segment":"board","audience":"contact","id":%q}`, verb, id)
	if err := b.out.Send(b.t.Context(), "weir.commands", []byte("contact/"+id), []byte(value), nil); err != nil {
		b.t.Fatal(err)
	}
	if err := b.out.Flush(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// awaitBoard waits until the members of board, by the deltas, are those wanted.
func (b *workbench) awaitBoard(want map[string]bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 60*time.Second)
	defer cancel()
	for {
		members := map[string]bool{}
		deltas, _ := b.outputs("weir")
		for _, r := range deltas {
			var v struct{ Segment, ID, Op string }
			if err := json.Unmarshal(r.Value, &v); err != nil {
				b.t.Fatal(err)
			}
			switch {
			case v.Segment != "board":
			case v.Op == "enter":
				members[v.ID] = true
			default:
				delete(members, v.ID)
			}
		}
		if maps.Equal(members, want) {
			return
		}
		if ctx.Err() != nil {
			b.t.Fatalf("the members are %v, want %v", members, want)
		}
	}
}

// Commands find their subjects in whatever partition, and what they said outlives the worker that took them.
func TestCommandsOnAnEmbeddedBroker(t *testing.T) {
	b := newWorkbench(t)
	c, err := catalog.Parse([]catalog.File{{Name: "worker.yaml", Text: []byte(listCatalog)}})
	if err != nil {
		t.Fatal(err)
	}
	b.catalog = c
	b.feed(400)
	_, stop := b.start("one", nil)
	want := map[string]bool{}
	for _, id := range []string{"c-0", "c-1"} {
		if _, there := b.state[id]; there {
			want[id] = true
		}
	}
	b.awaitBoard(want)
	for i := range 12 {
		id := fmt.Sprintf("c-%d", i+2)
		b.command("add", id)
		if _, there := b.state[id]; there {
			want[id] = true
		}
	}
	b.command("remove", "c-0")
	delete(want, "c-0")
	b.awaitBoard(want)
	stop()
	_, stop = b.start("two", nil) // another state folder: everything is restored from the changelog
	defer stop()
	for i := range 6 {
		id := fmt.Sprintf("c-%d", i+2)
		b.command("remove", id)
		delete(want, id)
	}
	b.awaitBoard(want)
	if len(want) < 2 {
		t.Errorf("only %v are left: the test shows little", want)
	}
}
