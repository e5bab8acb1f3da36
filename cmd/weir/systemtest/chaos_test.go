//go:build system

package systemtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/weirstream/weir/connectors/kafka"
	"github.com/weirstream/weir/engine"
)

// Settings of the crash test, from the environment.
const (
	defaultRecords = 200_000 // WEIR_SYSTEM_RECORDS: records to send
	defaultKills   = 6       // WEIR_SYSTEM_KILLS: kills with SIGKILL
	killsMax       = 30      // more kills while none has hit an open transaction
	aheadShare     = 20      // the feed is ahead of what has come out by 1/aheadShare of all records at most
)

func setting(t *testing.T, name string, def int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return def
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, not a positive number", name, text)
	}
	return n
}

// TestSystemKills shows that crashes lose, double and reorder nothing. Two workers run on a real Kafka while records
// come as fast as they are worked off; one or the other is killed again and again, one is restarted cleanly, one hangs
// for longer than its session lasts and then goes on as if nothing had happened, and the broker is restarted. Then what
// a read-committed reader finds is compared with what the source topics alone say must be there.
func TestSystemKills(t *testing.T) {
	x := newChaos(t, setting(t, "WEIR_SYSTEM_RECORDS", defaultRecords), setting(t, "WEIR_SYSTEM_KILLS", defaultKills))
	x.createSources()
	x.workers = []*worker{
		newWorker(t, x.broker, x.dir, "w1", x.app, x.catalog), newWorker(t, x.broker, x.dir, "w2", x.app, x.catalog),
	}
	for _, w := range x.workers {
		w.start()
		w.awaitReady(2 * time.Minute)
	}
	x.watch()
	fed := make(chan error, 1)
	go func() { fed <- x.send() }()
	x.disturb()
	if err := <-fed; err != nil {
		t.Fatalf("cannot feed: %v", err)
	}
	x.settle()
	for _, w := range x.workers {
		w.terminate()
	}
	x.judge()
}

// chaos is one crash test.
type chaos struct {
	t       *testing.T
	seed    uint64
	turn    int // which worker is killed first, and for how long it is away
	broker  *broker
	dir     string
	app     string
	prefix  string // of the source topics
	catalog string
	config  kafka.Config
	records int
	kills   int
	workers []*worker

	allowed atomic.Int64 // changes that may be sent by now
	sent    atomic.Int64 // records
	markers atomic.Int64 // changes sent that take effect
	seen    atomic.Int64 // of them, those whose marker firing has come out
	deltas  atomic.Int64 // membership changes that have come out

	hits, killed, aborted int
	away                  []span // when errors are no surprise
	stop                  context.CancelFunc
	watching              sync.WaitGroup
}

func newChaos(t *testing.T, records, kills int) *chaos {
	t.Helper()
	x := &chaos{t: t, seed: uint64(time.Now().UnixNano()), broker: needBroker(t), dir: runFolder(t), records: records,
		kills: kills}
	x.allowed.Store(forever)
	if text := os.Getenv("WEIR_SYSTEM_SEED"); text != "" {
		var err error
		if x.seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("WEIR_SYSTEM_SEED: %v", err)
		}
	}
	t.Logf("seed %d: WEIR_SYSTEM_SEED=%[1]d draws the same %d records and faults (not the same timing)", x.seed, x.records)
	x.turn = int(x.seed % 6)
	x.app = fmt.Sprintf("t%x", x.seed&0xffffff)
	x.prefix = x.app + "-src"
	text, err := os.ReadFile("testdata/chaos/catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	x.catalog = writeCatalog(t, x.dir, string(text), x.prefix)
	x.config = x.broker.config(x.app)
	return x
}

// createSources makes the source topics, none with the engine's number of partitions but engagement: its plain keys
// show independently where a subject belongs.
func (x *chaos) createSources() {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for topic, partitions := range map[string]int32{"contact": 5, "lead": 3, "engagement": 8} {
		if err := kafka.CreateTopic(ctx, x.config, x.prefix+"."+topic, partitions, nil); err != nil {
			x.t.Fatal(err)
		}
	}
	x.t.Cleanup(func() {
		if x.t.Failed() {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := kafka.DeleteTopics(ctx, x.config, append(x.config.OwnTopics(), x.sources()...)...); err != nil {
			x.t.Errorf("cannot clean up: %v", err)
		}
	})
}

func (x *chaos) sources() []string {
	return []string{x.prefix + ".contact", x.prefix + ".lead", x.prefix + ".engagement"}
}

func (x *chaos) outputs() []string {
	return []string{x.config.Topic(kafka.TopicMemberships), x.config.Topic(kafka.TopicFirings)}
}

// send sends the records, never far ahead of what has come out: so the faults hit workers that are busy.
func (x *chaos) send() error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	p, err := kafka.NewProducer(x.config)
	if err != nil {
		return err
	}
	defer p.Close()
	f := newFeed(x.seed, 2000, 500)
	for n := 0; n < x.records; {
		for _, m := range f.next(time.Now()) {
			n++
			if err := p.Send(ctx, x.prefix+"."+m.topic, m.key, m.value, nil); err != nil {
				return err
			}
		}
		x.sent.Store(int64(n))
		x.markers.Store(int64(f.markers))
		for x.markers.Load()-x.seen.Load() > int64(x.records/aheadShare) || x.markers.Load() > x.allowed.Load() {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	return p.Flush(ctx)
}

// watch counts what comes out, as a read-committed reader sees it.
func (x *chaos) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	x.stop = cancel
	x.t.Cleanup(func() {
		cancel()
		x.watching.Wait()
	})
	tail, err := kafka.OpenTail(x.config, kafka.Committed, x.outputs()...)
	if err != nil {
		x.t.Fatal(err)
	}
	x.watching.Go(func() {
		defer tail.Close()
		c := newChecker(x.app)
		for {
			records, err := tail.Next(ctx)
			if err != nil {
				if !errors.Is(err, context.Canceled) {
					x.t.Errorf("cannot watch the outputs: %v", err)
				}
				return
			}
			for i := range records {
				c.add(&records[i])
			}
			clear(c.subjects) // only the counts are wanted
			clear(c.ids)
			x.seen.Store(int64(c.markers))
			x.deltas.Store(int64(c.deltas))
		}
	})
}

// disturb spreads the faults over the run: each comes when a further share of the changes has come out. What is sent
// waits for the fault after the next one, so that no fault finds all done.
func (x *chaos) disturb() {
	x.t.Helper()
	defer x.allowed.Store(forever)
	faults := x.kills + 3 // and a clean restart of a worker, one of the broker, and a worker that hangs
	goal := func(i int) int64 { return int64(0.8 * float64(x.records) * float64(i+1) / float64(faults+1)) }
	for i := 0; i < faults || x.hits == 0 && x.killed < killsMax; i++ {
		if x.allowed.Store(goal(i + 1)); i+1 >= faults {
			x.allowed.Store(forever)
		}
		if !x.awaitSeen(min(goal(i), goal(faults))) {
			break
		}
		switch i {
		case faults / 3:
			x.t.Logf("%d changes out: clean restart of %s", x.seen.Load(), x.workers[0].name)
			x.workers[0].terminate()
			x.workers[0].start()
		case faults * 2 / 3:
			w := x.workers[1]
			x.t.Logf("%d changes out: %s hangs for 9s, longer than its session lasts", x.seen.Load(), w.name)
			w.signal(syscall.SIGSTOP)
			time.Sleep(9 * time.Second) // how long it hangs
			w.signal(syscall.SIGCONT)
			x.announce(time.Now())
		case faults / 2:
			began := time.Now()
			if x.broker.restart(x.t) {
				x.t.Logf("%d changes out: the broker was restarted in %v", x.seen.Load(), time.Since(began).Round(time.Second))
				x.announce(began)
			} else {
				x.t.Log("the broker is not one that deploy/local/kafka.sh runs: it is not restarted")
			}
		default:
			x.kill()
		}
	}
}

// announce says that workers may log errors from the instant on and for a while from now: the broker was away, or they
// were and have lost their membership.
func (x *chaos) announce(from time.Time) {
	x.away = append(x.away, span{from, time.Now().Add(20 * time.Second)})
}

// span is a time in which errors are no surprise.
type span struct{ from, to time.Time }

func (x *chaos) announced(at time.Time) bool {
	return slices.ContainsFunc(x.away, func(s span) bool { return !at.Before(s.from) && !at.After(s.to) })
}

// awaitSeen waits until so many changes have come out, or all that were and will be sent; then it tells false.
func (x *chaos) awaitSeen(goal int64) (more bool) {
	x.t.Helper()
	await(x.t, 4*time.Minute, fmt.Sprintf("%d changes are out", goal), func() (bool, string) {
		for _, w := range x.workers {
			w.check()
		}
		all := x.sent.Load() >= int64(x.records) && x.seen.Load() >= x.markers.Load()
		more = !all
		return all || x.seen.Load() >= goal, fmt.Sprintf("%d records sent, %d changes sent, %d out", x.sent.Load(),
			x.markers.Load(), x.seen.Load())
	})
	return more
}

// kill kills a worker with SIGKILL and starts it again: at once, within the session timeout, or after it.
func (x *chaos) kill() {
	x.t.Helper()
	w := x.workers[(x.killed+x.turn)%len(x.workers)]
	pause := []time.Duration{0, 1500 * time.Millisecond, 7 * time.Second}[(x.killed+x.turn)%3]
	w.kill()
	x.killed++
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	open, err := kafka.OpenTransactions(ctx, x.config, w.name)
	if err != nil {
		x.t.Fatal(err)
	}
	x.hits += open
	x.t.Logf("%d changes out: killed %s (transaction open: %v), starting it again after %v", x.seen.Load(), w.name,
		open > 0, pause)
	time.Sleep(pause) // how long the worker is away
	w.start()
}

// settle waits until all that was sent has come out, and all that time alone does.
func (x *chaos) settle() {
	x.t.Helper()
	for _, w := range x.workers {
		w.awaitReady(time.Minute)
	}
	x.awaitSeen(forever)
	x.t.Logf("all %d changes of %d records are out; waiting for the windows to run out", x.seen.Load(), x.sent.Load())
	s, c := x.readSources(), x.readOutputs(kafka.Committed)
	want := int64(expected(c, s))
	await(x.t, time.Minute, fmt.Sprintf("%d membership changes are out", want), func() (bool, string) {
		return x.deltas.Load() >= want, fmt.Sprintf("%d out", x.deltas.Load())
	})
}

// expected returns how many membership changes the sources give, with the subjects' changes in the order and at the
// instants that the marker firings tell.
func expected(c *checker, s *sources) int {
	n := 0
	for name, h := range s.subjects {
		scratch := newChecker(c.app)
		n += len(scratch.replay(name, h, slices.Clone(c.subjects[name])).deltas)
	}
	return n
}

// judge compares what came out with what the source topics say.
func (x *chaos) judge() {
	x.t.Helper()
	s, c, all := x.readSources(), x.readOutputs(kafka.Committed), x.readOutputs(kafka.Uncommitted)
	x.aborted = all.deltas + all.firings - c.deltas - c.firings
	for _, fault := range c.check(s) {
		x.t.Error(fault)
	}
	if s.markers != int(x.markers.Load()) {
		x.t.Errorf("the source topics tell of %d changes that take effect, the feed of %d", s.markers, x.markers.Load())
	}
	starts := 0
	for _, w := range x.workers {
		starts += w.starts
		for _, line := range w.errorLines(x.announced) {
			x.t.Error("a worker logged an error: ", line)
		}
	}
	x.t.Logf("%d source records, %d changes, %d subjects, %d membership changes, %d firings, %d dead letters",
		x.sent.Load(), s.markers, len(s.subjects), c.deltas, c.firings, len(c.dead))
	x.t.Logf("%d kills, of which %d hit an open transaction; %d output records were written and aborted; %d starts",
		x.killed, x.hits, x.aborted, starts)
	if x.kills == 0 {
		return
	}
	if x.killed < x.kills {
		x.t.Errorf("only %d of %d kills came before everything was worked off: send more records", x.killed, x.kills)
	}
	if x.hits == 0 && x.aborted == 0 {
		x.t.Error("no kill hit an open transaction: the test shows nothing")
	}
}

func (x *chaos) readSources() *sources {
	x.t.Helper()
	s := newSources(x.prefix)
	readAll(x.t, x.config, kafka.Committed, func(r *engine.Record) {
		if err := s.add(r); err != nil {
			x.t.Fatal(err)
		}
	}, x.sources()...)
	return s
}

func (x *chaos) readOutputs(isolation kafka.Isolation) *checker {
	x.t.Helper()
	c := newChecker(x.app)
	readAll(x.t, x.config, isolation, c.add, append(x.outputs(), x.config.Topic(kafka.TopicDeadletter))...)
	return c
}

// readAll reads everything that the topics hold now, with a reader of its own.
func readAll(t *testing.T, cfg kafka.Config, isolation kafka.Isolation, each func(*engine.Record), topics ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	tail, err := kafka.OpenTail(cfg, isolation, topics...)
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Close()
	for {
		end, err := tail.AtEnd(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if end {
			return
		}
		waiting, cancel := context.WithTimeout(ctx, 2*time.Second)
		records, err := tail.Next(waiting)
		cancel()
		if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
			t.Fatalf("cannot read %v to its end: %v", topics, err)
		}
		for i := range records {
			each(&records[i])
		}
	}
}
