package enginetest_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

const (
	sharedContacts   = 100_000
	sharedPartitions = 8
	sharedShare      = 512 // as a worker's: subjects that an epoch of a task brings the change to
	sharedTraffic    = 20  // records of others in each epoch of a task
)

// BenchmarkSharedAccount changes an account that 100,000 contacts share while records of others go on. An op is the
// change, brought to all contacts, every one of whom enters or leaves. It tells how many messages the change cost, in
// how many epochs of a task it was worked off, how large an epoch became and how long the records of others waited for
// one, and what the change took for each contact.
func BenchmarkSharedAccount(b *testing.B) {
	n := newShared(b)
	var messages, epochs, largest int
	var waits []time.Duration
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		n.traffic(1) // not to begin with what the last change left
		before := n.outputs
		industry := []string{"manufacturing", "retail"}[i%2]
		home := engine.Home("a-1", sharedPartitions)
		messages += n.epoch(home, []engine.Change{n.account("a-1", industry)})
		for n.working() {
			for p := range int32(sharedPartitions) {
				began := time.Now()
				messages += n.epoch(p, n.others(p, sharedTraffic))
				waits = append(waits, time.Since(began))
				epochs++
				largest = max(largest, n.bytes)
			}
		}
		if flips := n.outputs - before; flips < sharedContacts {
			b.Fatalf("%d contacts entered or left, not %d", flips, sharedContacts)
		}
	}
	b.StopTimer()
	slices.Sort(waits)
	b.ReportMetric(float64(messages)/float64(b.N), "messages/op")
	b.ReportMetric(float64(epochs)/float64(b.N)/sharedPartitions, "epochs/op")
	b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds())/1000, "ms-p99/epoch")
	b.ReportMetric(float64(largest)/1024, "KiB-max/epoch")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/sharedContacts, "ns/contact")
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapInuse)/(1<<20), "MiB-heap")
}

// shared is the tasks of an app, and an account that all contacts share.
type shared struct {
	b       *testing.B
	catalog *catalog.Catalog
	store   *state.Store
	tasks   []*engine.Task
	boxes   [][][]byte
	now     row.Instant
	offset  int64
	outputs int
	bytes   int // of the last epoch
}

const sharedCatalog = `kind: Table
name: contact
audience: true
key: id
source: {topic: contact, format: json}
fields: {id: string, score: int, account_id: string}
links: {account: {table: account, field: account_id}}
---
kind: Table
name: account
key: id
source: {topic: account, format: json}
fields: {id: string, industry: string}
---
kind: Segment
name: makers
audience: contact
where: contact.account.industry == "manufacturing"
---
kind: Segment
name: scored
audience: contact
where: contact.score > 50
`

func newShared(b *testing.B) *shared {
	b.Helper()
	c, err := catalog.Parse([]catalog.File{{Name: "shared.yaml", Text: []byte(sharedCatalog)}})
	must(b, err)
	s, err := state.Open(b.TempDir(), state.Options{})
	must(b, err)
	n := &shared{b: b, catalog: c, store: s, boxes: make([][][]byte, sharedPartitions), now: 1}
	b.Cleanup(func() {
		for _, t := range n.tasks {
			must(b, t.Close())
		}
		must(b, s.Close())
	})
	for p := range int32(sharedPartitions) {
		task, err := engine.OpenTask(p, c, s, engine.TaskConfig{App: "weir", Partitions: sharedPartitions,
			Format: emit.JSON, CacheBytes: 1 << 20, Counts: &engine.Counts{}})
		must(b, err)
		n.tasks = append(n.tasks, task)
	}
	changes := make([][]engine.Change, sharedPartitions)
	for i := range sharedContacts {
		ch := n.contact(i, 0)
		home := engine.Home(ch.Key, sharedPartitions)
		changes[home] = append(changes[home], ch)
	}
	for p, all := range changes {
		for page := range slices.Chunk(all, 1000) {
			n.epoch(int32(p), page)
		}
	}
	n.epoch(engine.Home("a-1", sharedPartitions), []engine.Change{n.account("a-1", "retail")})
	for n.working() {
		n.traffic(0)
	}
	return n
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (n *shared) change(table, key string, fields map[string]row.Value) engine.Change {
	schema := n.catalog.Table(table).Schema
	n.offset++
	c := engine.Change{Kind: engine.Upsert, Table: table, Key: key, Schema: schema, Row: make(row.Row, len(schema.Fields)),
		Origin: engine.Origin{Topic: table, Offset: n.offset}}
	fields["id"] = row.OfString(key)
	for name, v := range fields {
		i, _ := schema.Field(name)
		c.Row[i] = v
	}
	return c
}

func (n *shared) contact(i int, score int64) engine.Change {
	return n.change("contact", fmt.Sprint("c-", i),
		map[string]row.Value{"account_id": row.OfString("a-1"), "score": row.OfInt(score)})
}

func (n *shared) account(key, industry string) engine.Change {
	return n.change("account", key, map[string]row.Value{"industry": row.OfString(industry)})
}

// others returns changes of other contacts that a partition is the home of.
func (n *shared) others(p int32, count int) []engine.Change {
	var out []engine.Change
	for i := 0; len(out) < count; i++ {
		if c := n.contact((i*7919+int(n.offset))%sharedContacts, int64(i%40)); engine.Home(c.Key, sharedPartitions) == p {
			out = append(out, c)
		}
	}
	return out
}

func (n *shared) traffic(count int) {
	for p := range int32(sharedPartitions) {
		n.epoch(p, n.others(p, count))
	}
}

// working tells whether a task has work or messages left.
func (n *shared) working() bool {
	for p, t := range n.tasks {
		if len(n.boxes[p]) > 0 || t.Working() || t.Linking() || t.Serving() {
			return true
		}
	}
	return false
}

// epoch is one of a task, as a worker runs it. It returns how many messages it sent.
func (n *shared) epoch(p int32, changes []engine.Change) int {
	t := n.tasks[p]
	n.now++
	if t.Linking() || t.Serving() {
		must(n.b, t.Link(n.now, sharedShare))
	}
	must(n.b, t.Work(n.now, sharedShare))
	for _, m := range n.boxes[p] {
		must(n.b, t.Receive(m, n.now))
	}
	n.boxes[p] = nil
	for i := range changes {
		must(n.b, t.Apply(&changes[i], n.now))
	}
	n.bytes = t.Bytes()
	part := t.Effects()
	for _, m := range part.Messages {
		n.boxes[m.To] = append(n.boxes[m.To], m.Value)
	}
	n.outputs += len(part.Outputs)
	batch := n.store.NewBatch()
	must(n.b, batch.PutAll(p, part.Facts))
	must(n.b, batch.Commit())
	t.Applied()
	return len(part.Messages)
}
