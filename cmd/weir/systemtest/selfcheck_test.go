package systemtest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state/row"
)

// These tests show that the checker accepts what is right and finds each kind of fault: a checker that can't fail
// shows nothing. They need no broker: the output that is right is made from the model.

const (
	selfApp        = "self"
	selfPartitions = 4
)

// selfFeed returns what a feed of n records leaves in the source topics, by a log of its own.
func selfFeed(seed uint64, n int) (records []engine.Record, f *feed) {
	f = newFeed(seed, 60, 20)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	next := map[string]int64{}
	for len(records) < n {
		now = now.Add(20 * time.Millisecond)
		for _, m := range f.next(now) {
			p := engine.Home(string(m.key), selfPartitions)
			place := fmt.Sprint(m.topic, p)
			records = append(records, engine.Record{Topic: "src." + m.topic, Partition: p, Offset: next[place],
				Time: row.At(now), Key: m.key, Value: m.value})
			next[place]++
		}
	}
	return records, f
}

// perfect returns what must come out if every change is taken 5 ms after it was sent.
func perfect(t *testing.T, records []engine.Record) (*sources, []engine.Record) {
	t.Helper()
	s := newSources("src")
	models := map[string]*subject{}
	var made []selfOutput
	rows, seen := map[string]int{}, map[string]int{}
	for i := range records {
		if err := s.add(&records[i]); err != nil {
			t.Fatal(err)
		}
		for name, h := range s.subjects {
			audience, _, _ := strings.Cut(name, "/")
			if models[name] == nil {
				models[name] = newSubject(audience)
			}
			at := int64(records[i].Time) + 5_000_000
			if rows[name] < len(h.rows) {
				c := &h.rows[rows[name]]
				rows[name]++
				models[name].apply(c, at)
				made = append(made, selfOutput{name: name, at: at, change: c})
			}
			if seen[name] < len(h.events) {
				seen[name]++
				for _, c := range h.events {
					if c.origin == (origin{records[i].Topic, records[i].Partition, records[i].Offset}) {
						models[name].apply(c, at)
						made = append(made, selfOutput{name: name, at: at, change: c})
					}
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(models)) {
		m := models[name]
		m.advance(forever)
		for i := range m.deltas {
			made = append(made, selfOutput{name: name, at: m.deltas[i].at, delta: &m.deltas[i]})
		}
		for i := range m.firings {
			made = append(made, selfOutput{name: name, at: m.firings[i].at, firing: &m.firings[i]})
		}
	}
	slices.SortStableFunc(made, func(a, b selfOutput) int { return cmp.Compare(a.at, b.at) })
	return s, append(write(made), deadLetters(s)...)
}

// selfOutput is a record that must come out: one of the three is set.
type selfOutput struct {
	name   string
	at     int64
	change *change
	delta  *delta
	firing *firing
}

// write gives the outputs their numbers and writes them as weir does.
func write(made []selfOutput) []engine.Record {
	seqs := map[int32]int{}
	out := make([]engine.Record, 0, len(made))
	for i := range made {
		m := &made[i]
		audience, id, _ := strings.Cut(m.name, "/")
		p := engine.Home(id, selfPartitions)
		seqs[p]++
		v := map[string]any{"audience": audience, "id": id, "at": time.Unix(0, m.at).UTC(), "seq": seqs[p]}
		r := engine.Record{Topic: selfApp + ".firings", Partition: p, Key: []byte(m.name)}
		switch {
		case m.delta != nil:
			d := m.delta
			r.Topic, r.Key = selfApp+".memberships", []byte(d.segment+"/"+m.name)
			v["segment"], v["op"], v["spell"], v["since"] = d.segment, "leave", d.spell, time.Unix(0, d.since).UTC()
			if d.enter {
				v["op"] = "enter"
			}
			v["cause"] = cause(d.cause, d.origin)
		case m.firing != nil:
			v["trigger"], v["cause"] = m.firing.trigger, cause("event", m.firing.origin)
		default:
			writeMarker(v, audience, m.change)
		}
		r.Value = encode(v)
		r.Headers = []engine.Header{{Key: "ce_id", Value: fmt.Appendf(nil, "%d-%d", p, seqs[p])}}
		out = append(out, r)
	}
	return out
}

func cause(kind string, o origin) map[string]any {
	return map[string]any{"kind": kind, "topic": o.topic, "partition": o.partition, "offset": o.offset}
}

func writeMarker(v map[string]any, audience string, c *change) {
	v["cause"] = cause("row", c.origin)
	e := c.event
	if e == nil {
		v["trigger"], v["before"], v["after"] = audience+"-changed", c.before, c.after
		return
	}
	v["trigger"] = map[string]string{"visited": "visit", "bought": "buy"}[e.kind]
	if audience == "lead" {
		v["trigger"] = "lead-buy"
	}
	v["event"] = map[string]any{"id": e.id, "time": time.Unix(0, e.time).UTC(), "page": e.page, "amount": e.amount}
}

func deadLetters(s *sources) []engine.Record {
	var out []engine.Record
	for from, b := range s.bad {
		out = append(out, engine.Record{Topic: selfApp + ".deadletter", Key: b.key, Value: b.value,
			Headers: []engine.Header{
				{Key: "weir_source_topic", Value: []byte(from.topic)},
				{Key: "weir_source_partition", Value: fmt.Append(nil, from.partition)},
				{Key: "weir_source_offset", Value: fmt.Append(nil, from.offset)},
				{Key: "weir_error", Value: []byte("x")},
			}})
	}
	return out
}

func faultsOf(s *sources, outs []engine.Record) []string {
	c := newChecker(selfApp)
	for i := range outs {
		c.add(&outs[i])
	}
	return c.check(s)
}

// TestCheckerAcceptsWhatIsRight shows that the checker has nothing to say against the model's own output, and that the
// feed draws every kind of thing. It feeds 5,000 records without a broker.
func TestCheckerAcceptsWhatIsRight(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	records, f := selfFeed(seed, 5000)
	s, outs := perfect(t, records)
	if faults := faultsOf(s, outs); len(faults) > 0 {
		t.Fatalf("%d faults in what is right; the first: %s", len(faults), faults[0])
	}
	if s.markers != f.markers {
		t.Errorf("the feed counts %d changes that take effect, the sources %d", f.markers, s.markers)
	}
	if len(s.bad) != f.bad {
		t.Errorf("the feed counts %d bad records, the sources %d", f.bad, len(s.bad))
	}
	seen := map[string]bool{}
	for _, r := range outs {
		c := newChecker(selfApp)
		c.add(&r)
		for _, os := range c.subjects {
			seen[os[0].Segment+os[0].Trigger+os[0].Op] = true
		}
	}
	for _, r := range rules {
		if !seen[r.segment+"enter"] || !seen[r.segment+"leave"] && r.segment != "spender" {
			t.Errorf("nobody entered or nobody left segment %s", r.segment)
		}
	}
	for _, trigger := range []string{"moved-north", "big-buy", "became-hot", "cooled-while-hot"} {
		if !seen[trigger] {
			t.Errorf("trigger %s never fired", trigger)
		}
	}
}

// TestCheckerFindsFaults shows that each kind of fault is found. Each case spoils output that is right in one place.
func TestCheckerFindsFaults(t *testing.T) {
	records, _ := selfFeed(7, 1500)
	s, right := perfect(t, records)
	of := func(topic, with string) func(engine.Record) bool {
		return func(r engine.Record) bool {
			return r.Topic == selfApp+"."+topic && strings.Contains(string(r.Value), with)
		}
	}
	replace := func(old, with string) func(rs []engine.Record, i int) []engine.Record {
		return func(rs []engine.Record, i int) []engine.Record {
			rs[i].Value = []byte(strings.Replace(string(rs[i].Value), old, with, 1))
			return rs
		}
	}
	lose := func(rs []engine.Record, i int) []engine.Record { return slices.Delete(rs, i, i+1) }
	double := func(rs []engine.Record, i int) []engine.Record { return slices.Insert(rs, i, rs[i]) }
	cases := []struct {
		name  string
		which func(engine.Record) bool
		spoil func([]engine.Record, int) []engine.Record
	}{
		{"lost delta", of("memberships", ""), lose},
		{"lost firing", of("firings", ""), lose},
		{"lost dead letter", of("deadletter", ""), lose},
		{"doubled delta", of("memberships", ""), double},
		{"doubled firing", of("firings", ""), double},
		{"doubled dead letter", of("deadletter", ""), double},
		{"enter for leave", of("memberships", `"enter"`), replace(`"enter"`, `"leave"`)},
		{"wrong spell", of("memberships", `"spell":2`), replace(`"spell":2`, `"spell":1`)},
		{"early leave", of("memberships", `"recent"`), func(rs []engine.Record, i int) []engine.Record {
			return replace(`"at":"2026-01-01T00:00:`, `"at":"2026-01-01T00:01:`)(rs, i)
		}},
		{"wrong cause", of("memberships", `"kind":"time"`), replace(`"kind":"time"`, `"kind":"event"`)},
		{"wrong offset", of("firings", `"offset":1`), replace(`"offset":1`, `"offset":2`)},
		{"wrong image", of("firings", `"score":5`), replace(`"score":5`, `"score":4`)},
		{"wrong event", of("firings", `"page":"docs"`), replace(`"page":"docs"`, `"page":"home"`)},
		{"wrong id", of("memberships", `"id":"c-1"`), replace(`"id":"c-1"`, `"id":"c-2"`)},
		{"wrong partition", of("firings", ""), func(rs []engine.Record, i int) []engine.Record {
			rs[i].Partition = (rs[i].Partition + 1) % selfPartitions
			return rs
		}},
		{"spoilt dead letter", of("deadletter", ""), func(rs []engine.Record, i int) []engine.Record {
			rs[i].Value = []byte("other")
			return rs
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			outs := slices.Clone(right)
			i := slices.IndexFunc(outs, c.which)
			if i < 0 {
				t.Fatal("nothing to spoil")
			}
			if faults := faultsOf(s, c.spoil(outs, i)); len(faults) == 0 {
				t.Error("the checker found nothing")
			}
		})
	}
}
