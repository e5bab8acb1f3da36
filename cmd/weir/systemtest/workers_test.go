//go:build system

package systemtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/connectors/kafka"
)

// TestSystemRebalance shows that workers may come and go while records flow: one worker, two, one. What comes out is
// compared with the sources as in TestSystemKills.
func TestSystemRebalance(t *testing.T) {
	x := newChaos(t, 40_000, 0)
	x.createSources()
	first := newWorker(t, x.broker, x.dir, "w1", x.app, x.catalog)
	second := newWorker(t, x.broker, x.dir, "w2", x.app, x.catalog)
	x.workers = []*worker{first}
	first.start()
	first.awaitReady(2 * time.Minute)
	x.watch()
	fed := make(chan error, 1)
	go func() { fed <- x.send() }()
	x.awaitSeen(8_000)
	second.start()
	second.awaitReady(time.Minute)
	x.workers = append(x.workers, second)
	await(t, time.Minute, "both workers own partitions", func() (bool, string) {
		a, b := first.partitions(), second.partitions()
		return a > 0 && b > 0, fmt.Sprintf("w1 has %d, w2 has %d", a, b)
	})
	x.t.Logf("%d changes out: w1 has %d partitions, w2 has %d", x.seen.Load(), first.partitions(), second.partitions())
	x.awaitSeen(20_000)
	first.terminate()
	x.workers = []*worker{second}
	await(t, time.Minute, "the second worker owns all partitions", func() (bool, string) {
		return second.partitions() == 8, fmt.Sprintf("w2 has %d", second.partitions())
	})
	x.t.Logf("%d changes out: w2 has all partitions", x.seen.Load())
	if err := <-fed; err != nil {
		t.Fatalf("cannot feed: %v", err)
	}
	x.settle()
	second.terminate()
	x.judge()
}

// TestSystemIdle shows that time alone ends a membership, at the exact instant and promptly, with no record arriving,
// also right after a restart. One event enters a contact into a window of 3 s; nothing else is ever sent.
func TestSystemIdle(t *testing.T) {
	b, dir := needBroker(t), runFolder(t)
	app := fmt.Sprintf("idle%x", time.Now().UnixNano()&0xffffff)
	cfg := b.config(app)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	topics := []string{app + "-src.contact", app + "-src.engagement"}
	for _, topic := range topics {
		if err := kafka.CreateTopic(ctx, cfg, topic, 2, nil); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := kafka.DeleteTopics(ctx, cfg, append(cfg.OwnTopics(), topics...)...); err != nil {
			t.Errorf("cannot clean up: %v", err)
		}
	})
	w := newWorker(t, b, dir, "w1", app, writeCatalog(t, dir, idleCatalog, app+"-src"))
	w.start()
	w.awaitReady(2 * time.Minute)
	p, err := kafka.NewProducer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	tail, err := kafka.OpenTail(cfg, kafka.Committed, cfg.Topic(kafka.TopicMemberships))
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Close()
	send(ctx, t, p, topics[0], "c-1", `{"id":"c-1"}`)
	for round := range 2 {
		at := time.Now().UTC().Truncate(time.Microsecond)
		send(ctx, t, p, topics[1], "c-1", fmt.Sprintf(`{"id":"e-%d","contact_id":"c-1","time":%q}`, round,
			at.Format(time.RFC3339Nano)))
		enter := nextDelta(ctx, t, tail)
		ends := at.Add(3 * time.Second)
		if enter.Op != "enter" || enter.Cause.Kind != "event" || enter.Until == nil || !enter.Until.Equal(ends) {
			t.Fatalf("round %d: the entry is %+v", round, enter)
		}
		if round == 1 {
			w.terminate()
			w.start()
		}
		leave := nextDelta(ctx, t, tail)
		late := time.Since(ends)
		t.Logf("round %d: the leave could be read %v after its instant", round, late.Round(time.Millisecond))
		if leave.Op != "leave" || leave.Cause.Kind != "time" || !leave.At.Equal(ends) || leave.Spell != round+1 {
			t.Fatalf("round %d: the leave is %+v", round, leave)
		}
		if round == 0 && late > 3*time.Second {
			t.Errorf("the leave came %v late", late)
		}
	}
	w.terminate()
}

const idleCatalog = `
kind: Table
name: contact
audience: true
key: id
source: {topic: SRC.contact, format: json}
fields: {id: string}
---
kind: Event
name: visited
source: {topic: SRC.engagement, format: json}
audience: {contact: contact_id}
id: id
time: time
fields: {id: string}
---
kind: Segment
name: here
audience: contact
where: visited.within("3s").size() > 0
`

func send(ctx context.Context, t *testing.T, p *kafka.Producer, topic, key, value string) {
	t.Helper()
	if err := p.Send(ctx, topic, []byte(key), []byte(value), nil); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

// nextDelta waits for the next membership change; there is one at a time.
func nextDelta(ctx context.Context, t *testing.T, tail *kafka.Tail) (o output) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
	defer cancel()
	for {
		records, err := tail.Next(ctx)
		if err != nil {
			t.Fatalf("no membership change came: %v", err)
		}
		if len(records) == 0 {
			continue
		}
		if len(records) > 1 {
			t.Fatalf("%d membership changes came at once", len(records))
		}
		if err := json.Unmarshal(records[0].Value, &o); err != nil {
			t.Fatal(err)
		}
		return o
	}
}

// TestSystemSharedState shows that two workers can't use one state folder: the second one ends at once and says why.
func TestSystemSharedState(t *testing.T) {
	b, dir := needBroker(t), runFolder(t)
	app := fmt.Sprintf("shared%x", time.Now().UnixNano()&0xffffff)
	catalog := writeCatalog(t, dir, idleCatalog, app+"-src")
	w := newWorker(t, b, dir, "w1", app, catalog)
	cleanTopics(t, b.config(app))
	w.start()
	w.awaitReady(2 * time.Minute)
	r := runWeir(t, nil, "run", "--brokers", b.addrs, "--catalog", catalog, "--state", dir+"/w1", "--instance", "w2",
		"--listen", freeAddr(t), "--app", app, "--partitions", "8")
	if r.status != 1 || !strings.Contains(r.stderr, dir+"/w1") {
		t.Errorf("status %d, and stderr does not name the folder:\n%s", r.status, r.stderr)
	}
	w.terminate()
}

// TestSystemWrongTopic shows that topics whose settings would lose data are refused, with the command that mends them.
func TestSystemWrongTopic(t *testing.T) {
	b, dir := needBroker(t), runFolder(t)
	app := fmt.Sprintf("wrong%x", time.Now().UnixNano()&0xffffff)
	cfg := b.config(app)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cleanTopics(t, cfg)
	if err := kafka.CreateTopic(ctx, cfg, cfg.Topic(kafka.TopicChangelog), 3,
		map[string]string{"cleanup.policy": "delete"}); err != nil {
		t.Fatal(err)
	}
	r := runWeir(t, nil, "run", "--brokers", b.addrs, "--catalog", writeCatalog(t, dir, idleCatalog, app+"-src"),
		"--state", dir+"/w1", "--listen", "none", "--app", app, "--partitions", "8")
	for _, part := range []string{"internal.changelog has cleanup.policy=delete", "--add-config cleanup.policy=compact",
		"--alter --topic " + cfg.Topic(kafka.TopicChangelog) + " --partitions 8"} {
		if !strings.Contains(r.stderr, part) {
			t.Errorf("stderr lacks %q:\n%s", part, r.stderr)
		}
	}
	if r.status != 1 {
		t.Errorf("status %d, not 1", r.status)
	}
}

// cleanTopics deletes the topics of an app when the test has ended.
func cleanTopics(t *testing.T, cfg kafka.Config) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := kafka.DeleteTopics(ctx, cfg, cfg.OwnTopics()...); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("cannot clean up: %v", err)
		}
	})
}

// TestSystemBench shows that the benchmark measures all its phases on a real broker, and leaves no topic and no file
// behind.
func TestSystemBench(t *testing.T) {
	b, tmp := needBroker(t), t.TempDir()
	r := runWeir(t, []string{"TMPDIR=" + tmp}, "bench", "--brokers", b.addrs, "--contacts", "300", "--segments", "20",
		"--records", "3000", "--rate", "200", "--for", "3s", "--partitions", "4")
	if r.status != 0 {
		t.Fatalf("status %d:\n%s", r.status, r.stderr)
	}
	type phase struct {
		Records, Memberships int64
		PerSecond            float64 `json:"records_per_s"`
		Latency              struct{ Count, P50 int64 }
	}
	var report struct{ Load, Drain, Rate phase }
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &report); err != nil {
		t.Fatalf("the last line is no JSON: %v\n%s", err, r.stdout)
	}
	if report.Load.Records != 330 || report.Load.Memberships == 0 || report.Drain.Records != 3000 ||
		report.Drain.PerSecond <= 0 || report.Rate.Records < 550 || report.Rate.Latency.Count == 0 {
		t.Errorf("the report is %+v", report)
	}
	left, err := filepath.Glob(filepath.Join(tmp, "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
