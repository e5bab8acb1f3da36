//go:build system

package systemtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir/connectors/kafka"
	"github.com/weirstream/weir/engine"
)

// publishing is a run in which a catalog is published to workers under load, one of which is killed meanwhile.
type publishing struct {
	t          *testing.T
	contacts   int
	cfg        kafka.Config
	topic      string
	begun      atomic.Int64 // brackets that have been opened, as a read-committed reader sees it
	ended      atomic.Int64
	filled     atomic.Int64 // deltas by the catalog
	mu         sync.Mutex
	rows       map[string][2]int // by contact: bucket and score, as last sent
	sent       atomic.Int64
	membership map[string]bool   // segment/contact
	brackets   map[string]int    // op, revision, segment and partition
	faults     map[string]string // by kind: one of them
}

// newSegments is how many segments are published at once.
const newSegments = 100

// TestSystemCatalog adds 100 segments, edits one and removes one while two workers run over some ten thousand contacts
// and rows go on changing, and kills a worker in the middle of the back-fill. Who is a member in the end is what the
// rows say; every segment that changes is bracketed exactly once in each partition; and one that does not change has no
// delta by the catalog. WEIR_SYSTEM_CONTACTS is the number of contacts, 20,000 if it is not set.
func TestSystemCatalog(t *testing.T) {
	b, dir := needBroker(t), runFolder(t)
	app := fmt.Sprintf("cat%x", time.Now().UnixNano()&0xffffff)
	x := &publishing{t: t, contacts: 20_000, cfg: b.config(app), topic: app + "-src.contact", rows: map[string][2]int{},
		membership: map[string]bool{}, brackets: map[string]int{}, faults: map[string]string{}}
	if n, err := strconv.Atoi(os.Getenv("WEIR_SYSTEM_CONTACTS")); err == nil {
		x.contacts = n
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := kafka.CreateTopic(ctx, x.cfg, x.topic, 4, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := kafka.DeleteTopics(ctx, x.cfg, append(x.cfg.OwnTopics(), x.topic)...); err != nil {
			t.Errorf("cannot clean up: %v", err)
		}
	})
	first := writeCatalog(t, filepath.Join(dir, "1"), publishedCatalog(1), app+"-src")
	second := writeCatalog(t, filepath.Join(dir, "2"), publishedCatalog(2), app+"-src")
	w1, w2 := newWorker(t, b, dir, "w1", app, first), newWorker(t, b, dir, "w2", app, first)
	for _, w := range []*worker{w1, w2} {
		w.start()
		w.awaitReady(2 * time.Minute)
	}
	watching := x.watch(ctx)
	stopFeed := x.feed(ctx)
	await(t, 4*time.Minute, "all contacts are loaded", func() (bool, string) {
		n := x.sent.Load()
		return n > int64(x.contacts)+2000, fmt.Sprintf("%d records sent", n)
	})
	await(t, time.Minute, "both workers own partitions", func() (bool, string) {
		a, b := w1.partitions(), w2.partitions()
		return a > 0 && b > 0, fmt.Sprintf("w1 has %d, w2 has %d", a, b)
	})
	began := time.Now()
	out := make(chan string, 1)
	go func() {
		text, err := exec.CommandContext(ctx, weir(t), "apply", "--yes", "--brokers", b.addrs, "--app", app, "--catalog",
			second).CombinedOutput()
		if err != nil {
			text = fmt.Appendf(text, "\nfailed: %v", err)
		}
		out <- string(text)
	}()
	await(t, time.Minute, "the back-fill is under way", func() (bool, string) {
		return x.filled.Load() > 500, fmt.Sprintf("%d begun, %d deltas", x.begun.Load(), x.filled.Load())
	})
	w2.kill()
	t.Logf("killed w2 %v after the publishing: %d brackets open, %d closed, %d deltas of the catalog seen",
		time.Since(began).Round(time.Millisecond), x.begun.Load(), x.ended.Load(), x.filled.Load())
	if x.ended.Load() >= 8*(newSegments+2) {
		t.Error("the back-fill was over before the worker was killed: the test shows nothing")
	}
	time.Sleep(time.Second) // how long the worker is away
	w2.start()
	text := <-out
	t.Logf("applied in %v:\n%s", time.Since(began).Round(time.Millisecond), lastOf(text, 12))
	if !strings.Contains(text, "revision 2 is in force: 8 of 8 partitions") {
		t.Error("weir apply does not say that the revision is in force")
	}
	stopFeed()
	await(t, 2*time.Minute, "the memberships are what the rows say", func() (bool, string) {
		wrong, example := x.wrong()
		return wrong == 0, fmt.Sprintf("%d are not, for instance %s", wrong, example)
	})
	w1.terminate()
	w2.terminate()
	cancel()
	<-watching
	x.judge()
}

// lastOf returns the last lines of a text.
func lastOf(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// publishedCatalog is a revision: the second has 100 segments more, another "edited", and no "removed".
func publishedCatalog(revision int) string {
	var s strings.Builder
	s.WriteString("kind: Table\nname: contact\naudience: true\nkey: id\nsource: {topic: SRC.contact, format: json}\n" +
		"fields: {id: string, bucket: int, score: int}\n")
	add := func(name, where string) {
		fmt.Fprintf(&s, "---\nkind: Segment\nname: %s\naudience: contact\nwhere: %s\n", name, where)
	}
	add("same", "contact.score >= 50")
	if revision == 1 {
		add("edited", "contact.bucket < 10")
		add("removed", "contact.bucket < 5")
		return s.String()
	}
	add("edited", "contact.bucket < 20")
	for i := range newSegments {
		add(fmt.Sprintf("new-%02d", i), fmt.Sprintf("contact.bucket == %d || contact.score >= %d", i, 95+i%5))
	}
	return s.String()
}

// member tells whether a contact is to be a member of a segment of the second revision.
func member(segment string, r [2]int) bool {
	switch segment {
	case "same":
		return r[1] >= 50
	case "edited":
		return r[0] < 20
	case "removed":
		return false
	}
	i, _ := strconv.Atoi(strings.TrimPrefix(segment, "new-"))
	return r[0] == i || r[1] >= 95+i%5
}

// feed sends all contacts, and then changes of them, until it is stopped.
func (x *publishing) feed(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		p, err := kafka.NewProducer(x.cfg)
		if err != nil {
			done <- err
			return
		}
		defer p.Close()
		rnd := rand.New(rand.NewPCG(1, 1))
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for n := 0; ctx.Err() == nil; {
			for range 20 {
				id := fmt.Sprintf("c-%d", n)
				if n >= x.contacts {
					id = fmt.Sprintf("c-%d", rnd.IntN(x.contacts))
				}
				n++
				r := [2]int{rnd.IntN(newSegments), rnd.IntN(100)}
				x.mu.Lock()
				x.rows[id] = r
				x.mu.Unlock()
				value := fmt.Sprintf(`{"id":%q,"bucket":%d,"score":%d}`, id, r[0], r[1])
				if err := p.Send(context.WithoutCancel(ctx), x.topic, []byte(id), []byte(value), nil); err != nil {
					done <- err
					return
				}
			}
			x.sent.Store(int64(n))
			if n >= x.contacts {
				<-ticker.C
			}
		}
		done <- p.Flush(context.WithoutCancel(ctx))
	}()
	return func() {
		cancel()
		if err := <-done; err != nil {
			x.t.Errorf("cannot feed: %v", err)
		}
	}
}

// watch reads the memberships as they come out, and notes what they say.
func (x *publishing) watch(ctx context.Context) (done chan struct{}) {
	tail, err := kafka.OpenTail(x.cfg, kafka.Committed, x.cfg.Topic(kafka.TopicMemberships))
	if err != nil {
		x.t.Fatal(err)
	}
	done = make(chan struct{})
	go func() {
		defer close(done)
		defer tail.Close()
		for {
			records, err := tail.Next(ctx)
			if err != nil {
				if !errors.Is(err, context.Canceled) {
					x.t.Errorf("cannot watch the outputs: %v", err)
				}
				return
			}
			for i := range records {
				x.add(&records[i])
			}
		}
	}()
	return done
}

func (x *publishing) add(r *engine.Record) {
	var o struct {
		Segment, ID, Op string
		Revision        int64
		Cause           struct{ Kind string }
	}
	if err := json.Unmarshal(r.Value, &o); err != nil {
		x.faults["unreadable"] = err.Error()
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	key := o.Segment + "/" + o.ID
	switch {
	case o.ID == "":
		x.brackets[fmt.Sprintf("%s %d %s %d", o.Op, o.Revision, o.Segment, r.Partition)]++
		if o.Op == "begin" {
			x.begun.Add(1)
		} else {
			x.ended.Add(1)
		}
		return
	case x.membership[key] == (o.Op == "enter"):
		x.faults["twice in a row"] = o.Op + " " + key
	case o.Cause.Kind == "catalog":
		x.filled.Add(1)
		place := fmt.Sprintf("2 %s %d", o.Segment, r.Partition)
		if x.brackets["begin "+place] != 1 || x.brackets["end "+place] != 0 {
			x.faults["a delta by the catalog outside of its bracket"] = key
		}
	}
	x.membership[key] = o.Op == "enter"
}

// wrong counts memberships that are not what the rows say.
func (x *publishing) wrong() (n int, example string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	segments := []string{"same", "edited", "removed"}
	for i := range newSegments {
		segments = append(segments, fmt.Sprintf("new-%02d", i))
	}
	for id, r := range x.rows {
		for _, segment := range segments {
			if key := segment + "/" + id; x.membership[key] != member(segment, r) {
				n, example = n+1, key
			}
		}
	}
	return n, example
}

func (x *publishing) judge() {
	x.t.Helper()
	for what, example := range x.faults {
		x.t.Errorf("%s: %s", what, example)
	}
	want := map[string]int{}
	for p := range 8 {
		for _, op := range []string{"begin", "end"} {
			want[fmt.Sprintf("%s 2 edited %d", op, p)] = 1
			want[fmt.Sprintf("%s 2 removed %d", op, p)] = 1
			for i := range newSegments {
				want[fmt.Sprintf("%s 2 new-%02d %d", op, i, p)] = 1
			}
		}
	}
	wrong := 0
	for key, n := range want {
		if x.brackets[key] != n {
			wrong++
			x.t.Logf("%q came %d times", key, x.brackets[key])
		}
	}
	if wrong > 0 || len(x.brackets) != len(want) {
		x.t.Errorf("%d of %d brackets did not come once, and there are %d kinds of them", wrong, len(want), len(x.brackets))
	}
	x.t.Logf("%d contacts, %d records, %d deltas of the catalog", x.contacts, x.sent.Load(), x.filled.Load())
}
