package kafka

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/connectors/embedded"
)

// crashCommand is a shell command that kills the real broker and starts it again, for instance
// "deploy/local/kafka.sh kill 9092; deploy/local/kafka.sh start 9092". Without it the crash test has an embedded
// broker.
const crashCommand = "WEIR_TEST_CRASH"

// crashable returns a world whose broker crash takes down and brings back.
func crashable(t *testing.T) (w *world, crash func()) {
	t.Helper()
	w = bareWorld(t)
	if command := os.Getenv(crashCommand); command != "" && !onEmbedded() {
		return w, func() {
			if out, err := exec.Command("bash", "-c", command).CombinedOutput(); err != nil {
				t.Errorf("cannot crash the broker: %v: %s", err, out)
			}
		}
	}
	dir := t.TempDir()
	b, err := embedded.Start(embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	_, port, err := net.SplitHostPort(b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	w.cfg.Brokers = []string{b.Addr()}
	return w, func() {
		b.Close()
		if b, err = embedded.Start(embedded.Options{Dir: dir, Port: n}); err != nil {
			t.Errorf("cannot start the broker again: %v", err)
		}
	}
}

// Brokers that crash and come back lose nothing and double nothing. The worker does what the engine does: after an
// error it closes the session, opens a new one and goes on from what is committed.
func TestBrokersCrash(t *testing.T) {
	const partitions, n, crashes = 2, 2000, 2
	w, crash := crashable(t)
	w.cfg.Partitions = partitions
	var err error
	if w.partitions, err = EnsureTopics(w.ctx, w.cfg); err != nil {
		t.Fatal(err)
	}
	var helpers sync.WaitGroup
	var crashed atomic.Int32
	var epochs atomic.Int64
	helpers.Go(func() {
		for range crashes {
			for begun := epochs.Load(); epochs.Load() < begun+20 && w.ctx.Err() == nil; {
				time.Sleep(time.Millisecond)
			}
			crash()
			crashed.Add(1)
		}
	})
	feed := w.client()
	w.admin = w.client()
	helpers.Go(func() {
		for i := range n {
			for p := range int32(partitions) {
				r := &kgo.Record{Topic: w.cfg.Topic(TopicInput), Partition: p, Key: []byte("k"), Value: []byte(strconv.Itoa(i))}
				feed.Produce(w.ctx, r, func(_ *kgo.Record, err error) {
					if err != nil {
						t.Errorf("cannot feed: %v", err)
					}
				})
			}
			for i%50 == 0 && i/50 > int(epochs.Load()) && w.ctx.Err() == nil {
				time.Sleep(time.Millisecond) // spread over the crashes
			}
		}
	})
	sessions := 0
	next := make(map[int32]int64) // by partition: the first record that is not committed
	for done := false; !done; {
		sessions++
		if err := w.work(next, &epochs, func() bool {
			done = next[0]+next[1] == partitions*n && crashed.Load() == crashes
			return done
		}); err != nil {
			t.Logf("session %d: %v", sessions, err)
		}
		if w.ctx.Err() != nil {
			t.Fatalf("gave up after %v", next)
		}
	}
	helpers.Wait()
	for p, values := range w.committed(TopicFirings, partitions*n) {
		for i, v := range values {
			if v != strconv.Itoa(i) {
				t.Fatalf("partition %d has %q as number %d", p, v, i)
			}
		}
	}
}

// work runs epochs in one session until it fails or all is done.
func (w *world) work(next map[int32]int64, epochs *atomic.Int64, done func() bool) error {
	s, err := OpenSession(w.ctx, w.cfg, w.partitions)
	if err != nil {
		return err
	}
	defer s.Close()
	for !done() {
		p, err := s.Poll(w.ctx, 50*time.Millisecond, 100)
		if err != nil {
			return err
		}
		s.Resume(started(p.Assigned))
		if len(p.Records) == 0 {
			w.committedOffsets(next) // of a commit whose outcome was unknown
		}
		parts := echo(p.Records)
		o, err := s.Commit(w.ctx, parts)
		if err != nil {
			return err
		}
		epochs.Add(1)
		for i := range parts {
			if o.Committed && parts[i].Next >= 0 {
				next[parts[i].Partition] = parts[i].Next
			}
		}
	}
	return nil
}

// committedOffsets takes up what the group has committed. It asks in vain while the broker is away.
func (w *world) committedOffsets(next map[int32]int64) {
	offsets, err := kadm.NewClient(w.admin).FetchOffsets(w.ctx, w.cfg.App)
	if err != nil {
		return
	}
	for p := range next {
		if o, ok := offsets.Lookup(w.cfg.Topic(TopicInput), p); ok {
			next[p] = o.At
		}
	}
}
