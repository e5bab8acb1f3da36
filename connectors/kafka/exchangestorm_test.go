package kafka

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state"
)

// mailer is a worker as the engine is one, as far as messages go: it sends on each input record as a message, writes
// out each message that comes, and restores from the changelog how far its tasks have read.
type mailer struct {
	*world
	name    string
	s       *Session
	restore *Changelog
	next    map[int32]int64 // of the tasks that run: their places in the exchange topic
}

// begin opens a session.
func (m *mailer) begin() {
	cfg := m.cfg
	cfg.Instance = m.name
	s, err := OpenSession(m.ctx, cfg, m.partitions)
	if err != nil {
		m.Fatal(err)
	}
	m.s, m.next = s, make(map[int32]int64)
}

// die ends the session as a crash does: the group is not told, and what is open stays open.
func (m *mailer) die() {
	m.s.exchange.close()
	m.s.cl.Close()
	m.s = nil
}

// start restores a task from the changelog and resumes it.
func (m *mailer) start(p int32) {
	var next int64
	if err := m.restore.Restore(m.ctx, p, 0, func(facts []state.Fact, _ int64) (err error) {
		for _, f := range facts {
			next, err = strconv.ParseInt(string(f.Value), 10, 64)
		}
		return err
	}, nil); err != nil {
		m.Fatal(err)
	}
	m.next[p] = next
	m.s.Resume([]engine.Resumption{{Partition: p, Exchange: next, Topic: m.s.exchange.topic.id}})
}

// poll polls once and returns the epoch of what came.
func (m *mailer) poll(recordsMax int) ([]engine.Part, error) {
	poll, err := m.s.Poll(m.ctx, 20*time.Millisecond, recordsMax)
	if err != nil {
		return nil, err
	}
	for _, p := range poll.Revoked {
		delete(m.next, p)
	}
	for _, p := range poll.Assigned {
		m.start(p)
	}
	parts := make(map[int32]*engine.Part)
	part := func(p int32) *engine.Part {
		if parts[p] == nil {
			parts[p] = &engine.Part{Partition: p, Next: -1, Exchange: -1}
		}
		return parts[p]
	}
	for _, r := range poll.Records {
		p := part(r.Partition)
		p.Next = r.Offset + 1
		to, _, _ := strings.Cut(string(r.Value), " ")
		n, err := strconv.Atoi(to)
		if err != nil {
			m.Fatal(err)
		}
		p.Messages = append(p.Messages, engine.Message{To: int32(n), Value: r.Value})
	}
	for _, r := range poll.Exchange {
		p := part(r.Partition)
		if r.Offset < max(m.next[r.Partition], p.Exchange) {
			m.Errorf("message %d of partition %d came again", r.Offset, r.Partition)
		}
		p.Exchange = r.Offset + 1
		p.Outputs = append(p.Outputs, engine.Output{Topic: TopicFirings, Value: r.Value})
		p.Facts = []state.Fact{{Key: []byte("exchange"), Value: strconv.AppendInt(nil, p.Exchange, 10)}}
	}
	epoch := make([]engine.Part, 0, len(parts))
	for _, p := range parts {
		epoch = append(epoch, *p)
	}
	slices.SortFunc(epoch, func(a, b engine.Part) int { return cmp.Compare(a.Partition, b.Partition) })
	return epoch, nil
}

// step is one epoch, which does not always end well.
func (m *mailer) step(random *rand.Rand) error {
	epoch, err := m.poll(1 + random.IntN(60))
	if err != nil || len(epoch) == 0 {
		return err
	}
	switch random.IntN(12) {
	case 0: // as one with a partition that has just been lost
		epoch = append(epoch, timers(999, "not mine"))
	case 1: // everything is written, but the offsets are refused
		if m.s.txn != nil && m.s.holdsAll(epoch) {
			return m.refused(epoch)
		}
	}
	o, err := m.s.Commit(m.ctx, epoch)
	for _, p := range epoch {
		if err == nil && o.Committed && p.Exchange >= 0 {
			m.next[p.Partition] = p.Exchange
		}
	}
	return err
}

// refused writes an epoch and then aborts it.
func (m *mailer) refused(epoch []engine.Part) error {
	err := m.s.txn.Begin()
	if err != nil {
		return err
	}
	if _, err = m.s.produce(m.ctx, epoch); err == nil {
		_, err = m.s.abort(m.ctx)
	}
	return err
}

// calamity ends a worker's session: well, by a crash between two epochs, or by one in the middle of one.
func (w *world) calamity(random *rand.Rand, m *mailer) {
	kind := random.IntN(3)
	w.Logf("worker %s ends, kind %d", m.name, kind)
	switch kind {
	case 0:
		m.s.Close()
		m.s = nil
		return
	case 1:
		if epoch, err := m.poll(20); err == nil && m.s.txn != nil && m.s.txn.Begin() == nil {
			_, err = m.s.produce(m.ctx, epoch)
			w.Logf("an epoch of %d parts is left open, error %v", len(epoch), err)
		}
	}
	m.die()
}

// storm runs two workers over what is fed, which stop, crash, and take partitions from one another, until all is done.
func (w *world) storm(random *rand.Rand, restore *Changelog, done func() bool) {
	mailers := []*mailer{{world: w, name: "a", restore: restore}, {world: w, name: "b", restore: restore}}
	for turn, calamities := 0, 0; !done(); turn++ {
		m := mailers[random.IntN(len(mailers))]
		switch {
		case w.ctx.Err() != nil:
			w.Fatal("gave up")
		case m.s == nil && (m.name == "a" || random.IntN(20) == 0):
			m.begin()
		case m.s == nil:
		case calamities < 6 && random.IntN(60) == 0:
			calamities++
			w.calamity(random, m)
		default:
			if err := m.step(random); err != nil {
				w.Logf("worker %s: %v", m.name, err)
				if Permanent(err) && !errors.Is(err, w.ctx.Err()) {
					w.Fatal(err)
				}
				m.s.Close()
				m.s = nil
			}
		}
	}
	for _, m := range mailers {
		if m.s != nil {
			m.s.Close()
		}
	}
}

// Through aborts, rebalances, crashes and new sessions every message arrives exactly once, those of a sender in order.
func TestExchangeStorm(t *testing.T) {
	const partitions, each = 4, 1500
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(t, partitions)
	restore, err := OpenChangelog(w.ctx, w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer restore.Close()
	want := make(map[string][]string) // by sender and receiver
	for from := range int32(partitions) {
		var values []string
		for i := range each {
			to := random.IntN(partitions)
			v := fmt.Sprintf("%d from %d: %d", to, from, i)
			values = append(values, v)
			want[v[:8]] = append(want[v[:8]], v)
		}
		w.write(TopicInput, from, values...)
	}
	arrived, reader := 0, w.client(kgo.ConsumeTopics(w.cfg.Topic(TopicFirings)))
	w.storm(random, restore, func() bool {
		arrived += reader.PollFetches(atHand).NumRecords()
		return arrived >= partitions*each
	})
	got := make(map[string][]string)
	for p, values := range w.committed(TopicFirings, partitions*each) {
		for _, v := range values {
			if !strings.HasPrefix(v, fmt.Sprint(p)) {
				t.Errorf("partition %d got %q", p, v)
			}
			got[v[:8]] = append(got[v[:8]], v)
		}
	}
	for k := range want {
		if !slices.Equal(got[k], want[k]) {
			t.Errorf("%s: got %d messages, want %d: %.200q", k, len(got[k]), len(want[k]), got[k])
		}
	}
}
