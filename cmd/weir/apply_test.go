package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/connectors/kafka"
	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
)

// folder writes a catalog of one file into a folder of the workbench.
func (b *workbench) folder(name, text string) string {
	b.t.Helper()
	dir := filepath.Join(b.dir, name)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "catalog.yaml"), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return dir
}

// startFollower runs a worker as weir run does: the topic of catalogs says what is in force. dir may be empty.
func (b *workbench) startFollower(name, dir string) (p *process, stop func()) {
	b.t.Helper()
	s, err := demoSettings(b.broker.Addr(), filepath.Join(b.dir, name), "none")
	if err != nil {
		b.t.Fatal(err)
	}
	s.SessionTimeout, s.TransactionTimeout, s.Catalog = 3*time.Second, 2*time.Second, dir
	p = newProcess(s, nil, slog.New(slog.NewTextHandler(io.Discard, nil)))
	p.follow = true
	if dir != "" {
		bundle, c, err := catalog.LoadBundle(dir)
		if err != nil {
			b.t.Fatal(err)
		}
		p.bundle = bundle
		p.catalog.Store(c)
	}
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

// weir runs a command on the workbench's broker.
func (b *workbench) weir(want int, args ...string) string {
	b.t.Helper()
	r := weir(b.t, nil, append(args, "--brokers", b.broker.Addr())...)
	if r.code != want {
		b.t.Fatalf("weir %s: status %d, want %d\n%s%s", strings.Join(args, " "), r.code, want, r.stdout, r.stderr)
	}
	return r.stdout + r.stderr
}

func expectIn(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

// editedCatalog has another nd, no big-nd, and a segment that is new.
func editedCatalog() string {
	edited := strings.Replace(workerCatalog, `contact.state == "ND"`, `contact.state == "MN"`, 1)
	edited = strings.Replace(edited, "---\nkind: Segment\nname: big-nd\naudience: contact\n"+
		"where: in_segment(\"nd\") && in_segment(\"big\")\n", "", 1)
	return edited + "---\nkind: Segment\nname: sd\naudience: contact\nwhere: contact.state == \"SD\"\n"
}

// brackets gathers the brackets of edits by revision, segment and partition: "begin 2 nd 3".
func brackets(t *testing.T, memberships []engine.Record) map[string]int {
	t.Helper()
	n := map[string]int{}
	for _, r := range memberships {
		var v struct {
			Segment, ID, Op string
			Revision        int64
		}
		if err := json.Unmarshal(r.Value, &v); err != nil {
			t.Fatal(err)
		}
		if v.ID == "" {
			n[fmt.Sprintf("%s %d %s %d", v.Op, v.Revision, v.Segment, r.Partition)]++
		}
	}
	return n
}

// TestApply publishes an edit to two running workers while records flow: plan, diff and apply tell what it is, the
// memberships are those of the new definitions, and every segment that changes is bracketed once in each partition. A
// worker that is started with another folder than what is in force uses what is in force.
func TestApply(t *testing.T) {
	b := newWorkbench(t)
	first, edited := b.folder("first", workerCatalog), b.folder("edited", editedCatalog())
	expectIn(t, b.weir(2, "plan", "--catalog", first), "no catalog of weir is in force", "+ segment big-nd")
	expectIn(t, b.weir(1, "apply", "--yes", "--catalog", first), "no worker of weir has run")
	b.feed(400)
	one, stopOne := b.startFollower("one", first)
	b.outputs("weir")
	_, stopTwo := b.startFollower("two", "") // no folder: what is in force
	expectIn(t, b.weir(0, "plan", "--catalog", first), "nothing to change: revision 1 is in force")
	plan := b.weir(2, "plan", "--catalog", edited)
	expectIn(t, plan, "revision 1 is in force", "~ segment nd", "changed, back-fill", `- where: contact.state == "ND"`,
		`+ where: contact.state == "MN"`, "- segment big-nd", "removed, its members leave", "+ segment sd", "new, back-fill",
		"3 changes; 2 segments to back-fill, 1 to empty")
	expectIn(t, b.weir(2, "diff", "--catalog", edited), "~ segment nd", "  audience: contact", `+ where: contact.state == "MN"`)
	expectIn(t, b.weir(2, "apply", "--catalog", edited), "give --yes")

	fed := make(chan struct{})
	go func() { defer close(fed); b.feed(1200) }()
	applied := b.weir(0, "apply", "--yes", "--catalog", edited)
	<-fed
	expectIn(t, applied, "published revision 2", "revision 2 is in force: 4 of 4 partitions", "big-nd  0 entered,", "sd  ")
	expectIn(t, b.weir(0, "apply", "--yes", "--catalog", edited), "nothing to change: revision 2 is in force")
	b.feed(400)
	all, firings := b.outputs("weir")
	got := brackets(t, all)
	for _, segment := range []string{"nd", "big-nd", "sd"} {
		for p := range 4 {
			for _, op := range []string{"begin", "end"} {
				key := fmt.Sprintf("%s 2 %s %d", op, segment, p)
				if got[key] != 1 {
					t.Errorf("%q came %d times", key, got[key])
				}
				delete(got, key)
			}
		}
	}
	if len(got) > 0 {
		t.Errorf("more brackets than that: %v", got)
	}
	if len(firings) != b.fired {
		t.Errorf("%d firings, want %d", len(firings), b.fired)
	}
	b.checkMembers(all, map[string]func(id string) bool{
		"nd":     func(id string) bool { return b.state[id] == "MN" },
		"sd":     func(id string) bool { return b.state[id] == "SD" },
		"big":    func(id string) bool { return b.spent[id] >= 100 },
		"big-nd": func(string) bool { return false },
	})
	if _, detail := one.ready(); !strings.Contains(detail, "catalog: revision 2") {
		t.Errorf("ready says %q", detail)
	}
	stopOne()
	stopTwo()
	three, stopThree := b.startFollower("three", first) // an old folder
	b.feed(100)
	b.outputs("weir")
	if n := three.worker.Load().Revision(); n != 2 {
		t.Errorf("revision %d is in force after a start with an old folder", n)
	}
	stopThree()
}

// checkMembers compares who is a member by the deltas with who should be.
func (b *workbench) checkMembers(memberships []engine.Record, want map[string]func(id string) bool) {
	b.t.Helper()
	held := map[string]bool{}
	for _, r := range memberships {
		var v struct{ Segment, ID, Op string }
		if err := json.Unmarshal(r.Value, &v); err != nil {
			b.t.Fatal(err)
		}
		if v.ID == "" {
			continue
		}
		key := v.Segment + "/" + v.ID
		if held[key] == (v.Op == "enter") {
			b.t.Errorf("%s: %s twice in a row", key, v.Op)
		}
		held[key] = v.Op == "enter"
	}
	for id := range b.state {
		for segment, member := range want {
			if held[segment+"/"+id] != member(id) {
				b.t.Errorf("%s is a member of %s: %v, want %v", id, segment, !member(id), member(id))
			}
		}
	}
}

// TestRefusedRevision publishes a revision that this version can't compile: the worker says so and goes on with the one
// in force, and takes the next.
func TestRefusedRevision(t *testing.T) {
	b := newWorkbench(t)
	first := b.folder("first", workerCatalog)
	b.feed(100)
	one, stop := b.startFollower("one", first)
	defer stop()
	b.outputs("weir")
	bundle, _, err := catalog.LoadBundle(first)
	if err != nil {
		t.Fatal(err)
	}
	broken := *bundle
	broken.Files = []catalog.BundleFile{{Name: "a.yaml", Text: bundle.Files[0].Text}, bundle.Files[0]} // all twice
	broken.Meaning++
	cfg := kafka.Config{Brokers: []string{b.broker.Addr()}, Logger: slog.New(slog.DiscardHandler)}
	if _, err := kafka.PublishCatalog(t.Context(), cfg, 1, &broken); err != nil {
		t.Fatal(err)
	}
	b.feed(200)
	b.outputs("weir")
	if n := one.worker.Load().Revision(); n != 1 {
		t.Errorf("revision %d is in force", n)
	}
	expectIn(t, b.weir(0, "apply", "--yes", "--catalog", first), "revision 2 can't be read by this version",
		"published revision 3", "revision 3 is in force: 4 of 4")
	await(t, func() bool { return one.worker.Load().Revision() == 3 })
	b.feed(200)
	b.check(b.outputs("weir"))
}

// await waits for what another goroutine does.
func await(t *testing.T, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(60 * time.Second)
	for !done() {
		select {
		case <-ticker.C:
		case <-timeout:
			t.Fatal("it did not come about in 60 s")
		}
	}
}
