//go:build system

package systemtest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/connectors/kafka"
	"github.com/weirstream/weir/engine"
)

// TestSystemLinks shows that links lose nothing and double nothing over partitions, workers and crashes. Contacts,
// accounts and opportunities lead to one another across eight partitions of two workers, which are killed again and
// again while rows change and move. In the end everybody must be where the rows put them, by enters and leaves that
// alternate, and each change of an opportunity must have fired once, for the contact that it led to.
func TestSystemLinks(t *testing.T) {
	x := newChaos(t, setting(t, "WEIR_SYSTEM_LINK_RECORDS", 20_000), setting(t, "WEIR_SYSTEM_KILLS", 4))
	text, err := os.ReadFile("testdata/links/catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	x.catalog = writeCatalog(t, x.dir, string(text), x.prefix)
	topics := []string{"contact", "account", "opportunity"}
	x.createTopics(topics...)
	x.workers = []*worker{
		newWorker(t, x.broker, x.dir, "w1", x.app, x.catalog), newWorker(t, x.broker, x.dir, "w2", x.app, x.catalog),
	}
	for _, w := range x.workers {
		w.start()
		w.awaitReady(2 * time.Minute)
	}
	n := newLinkFeed(x.seed)
	x.feedLinks(n)
	x.awaitLinks(n)
	for _, w := range x.workers {
		w.terminate()
		for _, line := range w.errorLines(x.announced) {
			t.Error("a worker logged an error: ", line)
		}
	}
	x.readLinks(n).judge(t, n)
	t.Logf("%d records, %d kills, %d of them in an open transaction; %d firings", n.sent, x.killed, x.hits, len(n.fired))
}

// createTopics makes source topics of five partitions, which go when the test has passed.
func (x *chaos) createTopics(names ...string) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	topics := x.config.OwnTopics()
	for _, name := range names {
		if err := kafka.CreateTopic(ctx, x.config, x.prefix+"."+name, 5, nil); err != nil {
			x.t.Fatal(err)
		}
		topics = append(topics, x.prefix+"."+name)
	}
	x.t.Cleanup(func() {
		if x.t.Failed() {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := kafka.DeleteTopics(ctx, x.config, topics...); err != nil {
			x.t.Errorf("cannot clean up: %v", err)
		}
	})
}

// feedLinks sends all contacts, waits until they are known, so that every opportunity's change has somebody to fire
// for, and then the rest, with kills in between.
func (x *chaos) feedLinks(n *linkFeed) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	p, err := kafka.NewProducer(x.config)
	if err != nil {
		x.t.Fatal(err)
	}
	defer p.Close()
	send := func(m linkRow) {
		if err := p.Send(ctx, x.prefix+"."+m.table, []byte(m.key), m.value, nil); err != nil {
			x.t.Fatal(err)
		}
		n.sent++
	}
	for i := range linkContacts {
		send(n.contact(fmt.Sprintf("c-%d", i)))
	}
	if err := p.Flush(ctx); err != nil {
		x.t.Fatal(err)
	}
	x.awaitWorkedOff()
	for kill := range x.kills + 1 {
		for range x.records / (x.kills + 1) {
			send(n.next())
		}
		if err := p.Flush(ctx); err != nil {
			x.t.Fatal(err)
		}
		if kill < x.kills {
			x.kill()
		}
	}
}

// awaitWorkedOff waits until the workers have taken all that was sent.
func (x *chaos) awaitWorkedOff() {
	x.t.Helper()
	b, err := kafka.OpenBacklogs(x.config, x.prefix+".contact")
	if err != nil {
		x.t.Fatal(err)
	}
	defer b.Close()
	await(x.t, time.Minute, "all contacts are known", func() (bool, string) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		left, err := b.Read(ctx)
		if err != nil {
			return false, err.Error()
		}
		return left.Empty(), fmt.Sprintf("%+v", left)
	})
}

const (
	linkContacts      = 600
	linkAccounts      = 60
	linkOpportunities = 500
)

// linkRow is a record of a source topic; a nil value deletes.
type linkRow struct {
	table, key string
	value      []byte
}

// linkFeed draws rows and remembers how they stand.
type linkFeed struct {
	r             *rand.Rand
	contacts      map[string]map[string]any
	accounts      map[string]map[string]any
	opportunities map[string]map[string]any
	fired         map[string]int // contact, before and after -> firings that are due
	sent          int
}

func newLinkFeed(seed uint64) *linkFeed {
	return &linkFeed{r: rand.New(rand.NewPCG(seed, 1)), contacts: map[string]map[string]any{},
		accounts: map[string]map[string]any{}, opportunities: map[string]map[string]any{}, fired: map[string]int{}}
}

func (n *linkFeed) one(values ...any) any { return values[n.r.IntN(len(values))] }

func (n *linkFeed) account() any {
	if n.r.IntN(10) == 0 {
		return nil
	}
	return fmt.Sprintf("a-%d", n.r.IntN(linkAccounts))
}

func (n *linkFeed) contact(id string) linkRow {
	return put(n.contacts, "contact", id, map[string]any{"id": id, "state": n.one("ND", "MN", "SD", "IA"),
		"account_id": n.account()})
}

func put(rows map[string]map[string]any, table, id string, r map[string]any) linkRow {
	rows[id] = r
	value, _ := json.Marshal(r)
	return linkRow{table, id, value}
}

// next draws a change of a row.
func (n *linkFeed) next() linkRow {
	switch k := n.r.IntN(20); {
	case k < 6:
		return n.contact(fmt.Sprintf("c-%d", n.r.IntN(linkContacts)))
	case k < 8:
		id := fmt.Sprintf("a-%d", n.r.IntN(linkAccounts))
		if n.r.IntN(5) == 0 {
			delete(n.accounts, id)
			return linkRow{"account", id, nil}
		}
		return put(n.accounts, "account", id, map[string]any{"id": id, "industry": n.one("manufacturing", "retail", nil),
			"parent_id": n.account()})
	default:
		return n.opportunity(fmt.Sprintf("o-%d", n.r.IntN(linkOpportunities)))
	}
}

func (n *linkFeed) opportunity(id string) linkRow {
	before := n.opportunities[id]
	if n.r.IntN(10) == 0 {
		delete(n.opportunities, id)
		n.due(before, nil)
		return linkRow{"opportunity", id, nil}
	}
	r := map[string]any{"id": id, "contact_id": nil, "account_id": n.account(), "status": n.one("open", "won", "lost"),
		"revenue": n.r.IntN(100)}
	if n.r.IntN(10) > 0 {
		r["contact_id"] = fmt.Sprintf("c-%d", n.r.IntN(linkContacts))
	}
	n.due(before, r)
	return put(n.opportunities, "opportunity", id, r)
}

// due notes the firing that a change of an opportunity must make.
func (n *linkFeed) due(before, after map[string]any) {
	of := after
	if of == nil {
		of = before
	}
	if of["contact_id"] != nil && !maps.Equal(before, after) {
		n.fired[firingKey(of["contact_id"].(string), before, after)]++
	}
}

func firingKey(contact string, before, after any) string {
	b, _ := json.Marshal(before)
	a, _ := json.Marshal(after)
	return contact + " " + string(b) + " " + string(a)
}

// members returns who belongs to each segment as the rows stand: what the catalog's conditions say, in Go.
func (n *linkFeed) members() map[string]bool {
	in := map[string]bool{}
	for id, c := range n.contacts {
		account := n.accounts[fmt.Sprint(c["account_id"])]
		in["makers "+id] = account["industry"] == "manufacturing"
		parent := n.accounts[fmt.Sprint(account["parent_id"])]
		in["daughters-of-makers "+id] = parent["industry"] == "manufacturing"
		sum := 0
		for _, o := range n.opportunities {
			won, revenue := o["status"] == "won", o["revenue"].(int)
			if o["contact_id"] == id && won && revenue > 50 {
				in["winners "+id] = true
			}
			if account != nil && o["account_id"] == account["id"] && won {
				sum += revenue
			}
		}
		in["at-winning-accounts "+id] = sum > 100
		for other, o := range n.contacts {
			if account != nil && other != id && o["account_id"] == c["account_id"] && o["state"] == "ND" {
				in["has-colleague-in-nd "+id] = true
			}
		}
	}
	maps.DeleteFunc(in, func(_ string, member bool) bool { return !member })
	return in
}

// linkOutput is what came out.
type linkOutput struct {
	members map[string]bool
	spells  map[string]int
	fired   map[string]int
	seqs    map[int32]map[int64]bool
	faults  []string
}

func (x *chaos) readLinks(*linkFeed) *linkOutput {
	x.t.Helper()
	out := &linkOutput{members: map[string]bool{}, spells: map[string]int{}, fired: map[string]int{},
		seqs: map[int32]map[int64]bool{}}
	readAll(x.t, x.config, kafka.Committed, out.add, x.outputs()...)
	return out
}

func (out *linkOutput) add(r *engine.Record) {
	var o struct {
		Segment, ID, Op string
		Spell           int
		Seq             int64
		Before, After   map[string]any
	}
	if err := json.Unmarshal(r.Value, &o); err != nil {
		out.faults = append(out.faults, err.Error())
		return
	}
	seqs := out.seqs[r.Partition]
	if seqs == nil {
		seqs = map[int64]bool{}
		out.seqs[r.Partition] = seqs
	}
	if seqs[o.Seq] {
		out.faults = append(out.faults, fmt.Sprintf("partition %d has two outputs with seq %d", r.Partition, o.Seq))
	}
	seqs[o.Seq] = true
	if strings.HasSuffix(r.Topic, "firings") {
		out.fired[firingKey(o.ID, o.Before, o.After)]++
		return
	}
	if o.Op != "enter" && o.Op != "leave" {
		return
	}
	key := o.Segment + " " + o.ID
	enter := o.Op == "enter"
	if enter == out.members[key] {
		out.faults = append(out.faults, fmt.Sprintf("a second %s in a row: %s", o.Op, key))
	}
	if enter {
		out.members[key] = true
		out.spells[key]++
	} else {
		delete(out.members, key)
	}
	if o.Spell != out.spells[key] {
		out.faults = append(out.faults, fmt.Sprintf("%s of %s: spell %d, not %d", o.Op, key, o.Spell, out.spells[key]))
	}
}

// awaitLinks waits until everybody is where the rows put them and all has fired.
func (x *chaos) awaitLinks(n *linkFeed) {
	x.t.Helper()
	want := n.members()
	await(x.t, 2*time.Minute, "all memberships are as the rows stand", func() (bool, string) {
		for _, w := range x.workers {
			w.check()
		}
		out := x.readLinks(n)
		return maps.Equal(out.members, want) && maps.Equal(out.fired, n.fired),
			fmt.Sprintf("%d of %d memberships, %d of %d kinds of firings; wrong: %v", len(out.members), len(want),
				len(out.fired), len(n.fired), first(differing(out.members, want), 5))
	})
}

func (out *linkOutput) judge(t *testing.T, n *linkFeed) {
	t.Helper()
	for _, f := range first(out.faults, 20) {
		t.Error(f)
	}
	for _, k := range first(differing(out.members, n.members()), 20) {
		t.Errorf("the membership of %s is not as the rows stand", k)
	}
	for _, k := range first(differing(out.fired, n.fired), 20) {
		t.Errorf("fired %d times, not %d: %s", out.fired[k], n.fired[k], k)
	}
	for p, seqs := range out.seqs {
		if highest := slices.Max(slices.Collect(maps.Keys(seqs))); highest != int64(len(seqs)) {
			t.Errorf("partition %d has %d outputs, the last with seq %d", p, len(seqs), highest)
		}
	}
}

// differing returns the keys of which two maps say different things, in order.
func differing[V comparable](a, b map[string]V) []string {
	var keys []string
	for k := range a {
		if a[k] != b[k] {
			keys = append(keys, k)
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func first(s []string, n int) []string { return s[:min(len(s), n)] }
