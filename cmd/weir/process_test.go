package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/connectors/embedded"
	"github.com/weirstream/weir/connectors/kafka"
	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
)

// workerCatalog has nothing that time alone changes, so that what must come out follows from the input.
const workerCatalog = `
kind: Table
name: contact
audience: true
key: id
source: {topic: contacts, format: json}
fields: {id: string, state: string}
---
kind: Event
name: purchase
source: {topic: events, format: json, match: {type: purchase}}
audience: {contact: contact_id}
id: id
fields: {amount: double}
---
kind: Segment
name: nd
audience: contact
where: contact.state == "ND"
---
kind: Segment
name: big
audience: contact
where: purchase.map(p, p.amount).sum() >= 100.0
---
kind: Segment
name: big-nd
audience: contact
where: in_segment("nd") && in_segment("big")
---
kind: Trigger
name: bought
audience: contact
on: {event: purchase}
---
kind: Trigger
name: changed
audience: contact
on: {table: contact, actions: [create, update]}
`

// workbench is a broker in this process with source topics, and workers on it.
type workbench struct {
	t       *testing.T
	broker  *embedded.Broker
	catalog *catalog.Catalog
	dir     string
	out     *kafka.Producer
	fired   int // distinct purchases, and rows that differ from the one before
	state   map[string]string
	spent   map[string]float64
	sent    int
}

func newWorkbench(t *testing.T) *workbench {
	t.Helper()
	c, err := catalog.Parse([]catalog.File{{Name: "worker.yaml", Text: []byte(workerCatalog)}})
	if err != nil {
		t.Fatal(err)
	}
	broker, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	b := &workbench{t: t, broker: broker, catalog: c, dir: t.TempDir(), state: map[string]string{},
		spent: map[string]float64{}}
	cfg := kafka.Config{Brokers: []string{broker.Addr()}, Logger: slog.New(slog.DiscardHandler)}
	for _, topic := range []string{"contacts", "events"} {
		if err := kafka.CreateTopic(t.Context(), cfg, topic, 3, nil); err != nil {
			t.Fatal(err)
		}
	}
	if b.out, err = kafka.NewProducer(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.out.Close)
	return b
}

// feed sends n records about 40 contacts: rows, purchases, and every fifth purchase twice.
func (b *workbench) feed(n int) {
	b.t.Helper()
	send := func(topic, key, value string) {
		if err := b.out.Send(b.t.Context(), topic, []byte(key), []byte(value), nil); err != nil {
			b.t.Fatal(err)
		}
	}
	for range n {
		i := b.sent
		b.sent++
		id := fmt.Sprintf("c-%d", i*7%40)
		if i%4 == 0 {
			state := []string{"ND", "MN", "ND", "SD"}[i/4%4]
			if b.state[id] != state {
				b.fired++
			}
			b.state[id] = state
			send("contacts", id, fmt.Sprintf(`{"id":%q,"state":%q}`, id, b.state[id]))
			continue
		}
		amount := float64(i % 23)
		b.spent[id] += amount
		b.fired++
		event := fmt.Sprintf(`{"type":"purchase","id":"p-%d","contact_id":%q,"amount":%g}`, i, id, amount)
		send("events", id, event)
		if i%5 == 0 {
			send("events", id, event)
		}
	}
	if err := b.out.Flush(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// start runs a worker with the name; stop ends it and fails the test if it did not end well.
func (b *workbench) start(name string, change func(*Settings)) (p *process, stop func()) {
	b.t.Helper()
	s, err := demoSettings(b.broker.Addr(), filepath.Join(b.dir, name), "none")
	if err != nil {
		b.t.Fatal(err)
	}
	s.SessionTimeout, s.TransactionTimeout = 3*time.Second, 2*time.Second
	if change != nil {
		change(s)
	}
	p = newProcess(s, b.catalog, slog.New(slog.NewTextHandler(io.Discard, nil)))
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan error, 1)
	go func() { done <- p.run(ctx) }()
	return p, func() {
		b.t.Helper()
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("worker %s: %v", name, err)
		}
	}
}

// outputs reads the read-committed output until everything that was sent has come out, and returns it in order.
func (b *workbench) outputs(app string) (memberships, firings []engine.Record) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 60*time.Second)
	defer cancel()
	cfg := kafka.Config{Brokers: []string{b.broker.Addr()}, App: app, Logger: slog.New(slog.DiscardHandler)}
	tail, err := kafka.OpenTail(cfg, kafka.Committed, cfg.Topic("memberships"), cfg.Topic("firings"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer tail.Close()
	seen := map[string]bool{}
	for {
		batch, err := tail.Next(ctx)
		if err != nil {
			b.t.Fatalf("%d of %d firings came: %v", len(seen), b.fired, err)
		}
		for _, r := range batch {
			r.Key, r.Value = slices.Clone(r.Key), slices.Clone(r.Value)
			if strings.HasSuffix(r.Topic, "firings") {
				firings = append(firings, r)
				seen[causeOf(b.t, r)] = true
			} else {
				memberships = append(memberships, r)
			}
		}
		if end, err := tail.AtEnd(ctx); len(seen) >= b.fired && err == nil && end {
			return memberships, firings
		}
	}
}

// causeOf names the source record that a firing tells of.
func causeOf(t *testing.T, r engine.Record) string {
	var v struct {
		Cause struct {
			Topic     string
			Partition int32
			Offset    int64
		}
	}
	if err := json.Unmarshal(r.Value, &v); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(v.Cause)
}

// check compares what came out with what the input says: everything fired once, deltas alternate and count their
// stays, and they sum up to the memberships.
func (b *workbench) check(memberships, firings []engine.Record) {
	b.t.Helper()
	if len(firings) != b.fired {
		b.t.Errorf("%d firings, want %d: one for each purchase and each change of a row", len(firings), b.fired)
	}
	held, spells := map[string]bool{}, map[string]int{}
	for _, r := range memberships {
		var v struct {
			Segment, ID, Op string
			Spell           int
		}
		if err := json.Unmarshal(r.Value, &v); err != nil {
			b.t.Fatal(err)
		}
		if v.ID == "" {
			continue // a bracket of an edit
		}
		key, enter := v.Segment+"/"+v.ID, v.Op == "enter"
		if held[key] == enter {
			b.t.Errorf("%s: %s twice in a row", key, v.Op)
		}
		if held[key] = enter; enter {
			spells[key]++
		}
		if v.Spell != spells[key] {
			b.t.Errorf("%s: spell %d, want %d", key, v.Spell, spells[key])
		}
	}
	for id, state := range b.state {
		nd, big := state == "ND", b.spent[id] >= 100
		for segment, want := range map[string]bool{"nd": nd, "big": big, "big-nd": nd && big} {
			if held[segment+"/"+id] != want {
				b.t.Errorf("%s is a member of %s: %v, want %v", id, segment, !want, want)
			}
		}
	}
}

// A worker that loses its state, and workers that come and go, lose and double nothing.
func TestWorkersOnAnEmbeddedBroker(t *testing.T) {
	b := newWorkbench(t)
	b.feed(400)
	_, stop := b.start("one", nil)
	b.feed(400)
	b.outputs("weir")
	stop()
	b.feed(400)
	// Another state folder: everything is restored from the changelog. Its epochs are full after a few records.
	_, stopTwo := b.start("two", func(s *Settings) { s.EpochBytes = 2000 })
	b.feed(400)
	b.outputs("weir")
	_, stopThree := b.start("three", nil)
	b.feed(800)
	b.outputs("weir")
	stopTwo()
	b.feed(400)
	b.check(b.outputs("weir"))
	stopThree()
}

// At least once writes the same where nothing crashes.
func TestWorkerAtLeastOnce(t *testing.T) {
	b := newWorkbench(t)
	b.feed(300)
	_, stop := b.start("one", func(s *Settings) { s.Delivery = "at_least_once" })
	b.feed(300)
	b.check(b.outputs("weir"))
	stop()
}

// A changed catalog is brought over the subjects when a worker starts with it: who no longer belongs leaves, who now
// does enters, with cause catalog, and the revision grows.
func TestChangedCatalogIsSweptOverTheSubjects(t *testing.T) {
	b := newWorkbench(t)
	b.feed(400)
	_, stop := b.start("one", nil)
	b.outputs("weir")
	stop()
	changed := strings.Replace(workerCatalog, `contact.state == "ND"`, `contact.state == "MN"`, 1)
	c, err := catalog.Parse([]catalog.File{{Name: "worker.yaml", Text: []byte(changed)}})
	if err != nil {
		t.Fatal(err)
	}
	b.catalog = c
	_, stop = b.start("one", nil)
	defer stop()
	mn := 0
	for id, state := range b.state {
		if b.state[id] = "no"; state == "MN" {
			b.state[id] = "ND" // for check: who is in nd
			mn++
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for {
		all, firings := b.outputs("weir")
		entered, marked := 0, 0
		for _, r := range all {
			if v := string(r.Value); strings.Contains(v, `"cause":{"kind":"catalog"}`) {
				if marked++; strings.Contains(v, `"op":"enter"`) && strings.Contains(v, `"segment":"nd"`) {
					entered++
				}
				if !strings.Contains(v, `"revision":2`) {
					t.Errorf("a delta of the change has no revision 2: %s", v)
				}
			}
		}
		if entered < mn && ctx.Err() == nil {
			continue
		}
		if b.check(all, firings); marked <= entered {
			t.Errorf("%d deltas of the change, of which %d enter nd: nobody left", marked, entered)
		}
		return
	}
}
