package generate

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// records returns the snapshot and n records of the stream, a millisecond apart.
func records(o Options, n int) []Record {
	g := New(o)
	var out []Record
	g.Load(func(r Record) bool { out = append(out, r); return true })
	now := g.start
	for range n {
		now = now.Add(time.Millisecond)
		out = append(out, g.Next(now))
	}
	return out
}

// envelope is what the tests look at of a change of a row.
type envelope struct {
	Op     string
	After  map[string]any
	Source struct {
		Snapshot, Table, Sequence string
		LSN                       uint64 `json:"lsn"`
	}
}

// event is an event of engagement.
type event struct {
	ID, Type  string
	ContactID string `json:"contact_id"`
	Time      time.Time
	Props     map[string]any
}

func decode[T any](t *testing.T, r Record) (v T) {
	t.Helper()
	if err := json.Unmarshal(r.Value, &v); err != nil {
		t.Fatalf("%s %s: %v: %s", r.Topic, r.Key, err, r.Value)
	}
	return v
}

// Records are kept here until all are made, so that this fails too if a record is overwritten by a later one.
func TestSameSeedSameRecords(t *testing.T) {
	a, b := records(Options{Seed: 7, Contacts: 500}, 5000), records(Options{Seed: 7, Contacts: 500}, 5000)
	for i := range a {
		if a[i].Topic != b[i].Topic || !bytes.Equal(a[i].Key, b[i].Key) || !bytes.Equal(a[i].Value, b[i].Value) {
			t.Fatalf("record %d differs:\n%s\n%s", i, a[i].Value, b[i].Value)
		}
		if !json.Valid(a[i].Value) {
			t.Fatalf("record %d is not JSON: %s", i, a[i].Value)
		}
	}
	c := records(Options{Seed: 8, Contacts: 500}, 5000)
	if slices.EqualFunc(a, c, func(x, y Record) bool { return bytes.Equal(x.Value, y.Value) }) {
		t.Error("another seed gives the same records")
	}
}

func TestSnapshotHasEachRowOnce(t *testing.T) {
	seen := make(map[string]int)
	for _, r := range records(Options{Seed: 1, Contacts: 300, Accounts: 20}, 0) {
		e := decode[envelope](t, r)
		if e.Op != "r" || e.Source.Snapshot != "true" {
			t.Fatalf("op %q, snapshot %q", e.Op, e.Source.Snapshot)
		}
		var key struct{ ID string }
		if err := json.Unmarshal(r.Key, &key); err != nil || key.ID != e.After["id"] {
			t.Fatalf("key %s of row %v (%v)", r.Key, e.After["id"], err)
		}
		seen[r.Topic+" "+key.ID]++
	}
	if len(seen) != 320 {
		t.Errorf("%d rows, expected 320", len(seen))
	}
	for row, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", row, n)
		}
	}
}

// New contacts are created in the stream, at the rate asked for, and take part in it.
func TestGrowth(t *testing.T) {
	const n = 20_000
	for growth, expected := range map[int]int{0: n * 5 / 1000, 50: n * 50 / 1000, -1: 0} {
		created, engaged := make(map[string]bool), 0
		for _, r := range records(Options{Seed: 4, Contacts: 100, Growth: growth}, n)[101:] {
			if r.Topic == TopicEngagement && created[string(r.Key)] {
				engaged++
			}
			if r.Topic != TopicContact {
				continue
			}
			if e := decode[envelope](t, r); e.Op == "c" {
				created[e.After["id"].(string)] = true
			}
		}
		if len(created) < expected*8/10 || len(created) > expected*12/10 || (engaged > 0) != (expected > 0) {
			t.Errorf("growth %d: %d created, expected about %d; %d events of them", growth, len(created), expected, engaged)
		}
	}
}

func TestLoadStopsWhenAsked(t *testing.T) {
	n := 0
	New(Options{Contacts: 100}).Load(func(Record) bool { n++; return n < 5 })
	if n != 5 {
		t.Errorf("%d records", n)
	}
}

// The keys of the envelope and of its source are those of a message that a real connector wrote.
func TestEnvelopeIsDebeziums(t *testing.T) {
	content, err := os.ReadFile("testdata/captured-update.json")
	if err != nil {
		t.Fatal(err)
	}
	var captured map[string]any
	if err := json.Unmarshal(content, &captured); err != nil {
		t.Fatal(err)
	}
	keys := func(m any) []string { return slices.Sorted(maps.Keys(m.(map[string]any))) }
	for _, r := range records(Options{Seed: 1, Contacts: 50}, 200) {
		if r.Topic == TopicEngagement {
			continue
		}
		made := decode[map[string]any](t, r)
		if got, want := keys(made), keys(captured); !slices.Equal(got, want) {
			t.Fatalf("envelope has %v, a real one %v", got, want)
		}
		if got, want := keys(made["source"]), keys(captured["source"]); !slices.Equal(got, want) {
			t.Fatalf("source has %v, a real one %v", got, want)
		}
	}
}

func TestPositionsRise(t *testing.T) {
	last := uint64(0)
	for _, r := range records(Options{Seed: 3, Contacts: 100}, 2000) {
		if r.Topic == TopicEngagement {
			continue
		}
		if e := decode[envelope](t, r); e.Source.LSN <= last {
			t.Fatalf("lsn %d after %d", e.Source.LSN, last)
		} else {
			last = e.Source.LSN
		}
	}
}

// Nobody opens what was not sent to him, or clicks in what he has not opened; ids are given once; all of an
// event's kinds come.
func TestEngagementIsCausal(t *testing.T) {
	type letter struct{ contact, email string }
	sent, opened, ids := make(map[letter]bool), make(map[letter]bool), make(map[string]bool)
	kinds := make(map[string]int)
	for _, r := range records(Options{Seed: 5, Contacts: 200}, 20_000) {
		if r.Topic != TopicEngagement {
			continue
		}
		e := decode[event](t, r)
		if string(r.Key) != e.ContactID || ids[e.ID] {
			t.Fatalf("key %s, event %+v", r.Key, e)
		}
		ids[e.ID] = true
		kinds[e.Type]++
		email, _ := e.Props["email"].(string)
		l := letter{e.ContactID, email}
		switch {
		case e.Type == "email_sent":
			sent[l] = true
		case e.Type == "email_opened" && sent[l]:
			opened[l] = true
		case e.Type == "email_opened", e.Type == "link_clicked" && !opened[l]:
			t.Fatalf("%s of %v, which was not there", e.Type, l)
		}
	}
	for _, kind := range strings.Fields(
		"email_sent email_opened link_clicked page_visited purchase form_submitted survey_submitted") {
		if kinds[kind] < 100 {
			t.Errorf("%s came %d times", kind, kinds[kind])
		}
	}
}

func TestSharesOfTheStream(t *testing.T) {
	const n = 50_000
	topics := make(map[string]int)
	for _, r := range records(Options{Seed: 9, Contacts: 10, Accounts: 1}, n)[11:] {
		topics[r.Topic]++
	}
	for topic, percent := range map[string]int{TopicEngagement: 80, TopicContact: 18, TopicAccount: 2} {
		if got := topics[topic]; got < n/100*percent*9/10 || got > n/100*percent*11/10 {
			t.Errorf("%s: %d of %d, expected about %d %%", topic, got, n, percent)
		}
	}
}

// A few contacts do more than the others, but none so much that its partition stands still.
func TestPopularityIsSkewed(t *testing.T) {
	const n = 100_000
	count := make(map[string]int)
	g := New(Options{Seed: 2, Contacts: 10_000})
	for range n {
		count[string(g.engagement(g.start).Key)]++
	}
	most := slices.Max(slices.Collect(maps.Values(count)))
	if average := n / len(count); most < 3*average || most > n/100 {
		t.Errorf("the busiest contact has %d events, the average is %d", most, average)
	}
}

func TestArenaHandsOutSeparateSlices(t *testing.T) {
	var a arena
	x := a.end(append(a.begin(10), "one"...))
	y := a.end(append(a.begin(10), "two"...))
	long := a.end(append(a.begin(10), bytes.Repeat([]byte{'z'}, 2*arenaSize)...))
	_ = append(x, "overrun"...)
	if string(x) != "one" || string(y) != "two" || len(long) != 2*arenaSize {
		t.Errorf("%q %q %d", x, y, len(long))
	}
}

func BenchmarkNext(b *testing.B) {
	g := New(Options{Seed: 1, Contacts: 100_000})
	now, size := g.start, 0
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Microsecond)
		size += len(g.Next(now).Value)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(size)/float64(b.N), "bytes/record")
}

func BenchmarkLoad(b *testing.B) {
	g, n := New(Options{Seed: 1, Contacts: 10_000}), 0
	b.ReportAllocs()
	for b.Loop() {
		g.Load(func(Record) bool { n++; return true })
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}
