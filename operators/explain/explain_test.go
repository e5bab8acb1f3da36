package explain_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/explain"
	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/operators/segment"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

var update = flag.Bool("update", false, "write the expected results of testdata anew")

func load(t *testing.T) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Load("testdata/catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func plan(t *testing.T, name string) *explain.Plan {
	t.Helper()
	p, err := explain.Of(load(t), name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func asJSON(t *testing.T, b *bytes.Buffer, v any) {
	t.Helper()
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s", file, got)
	}
}

// TestPlans compares the plans of all segments and triggers of testdata/catalog.yaml with testdata/plans.json.
func TestPlans(t *testing.T) {
	var b bytes.Buffer
	for _, name := range []string{"nd", "segment/engaged", "every-method", "moved", "trigger/large", "left", "board",
		"frozen", "daily", "birthday", "absent", "linked", "paid"} {
		asJSON(t, &b, plan(t, name))
	}
	golden(t, "testdata/plans.json", b.Bytes())
}

func TestPlanOfNothing(t *testing.T) {
	for _, name := range []string{"dn", "trigger/nd", "segment/left", "journey/nd"} {
		if p, err := explain.Of(load(t), name); err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// TestMeasure shows that costs are measured by numbers of events where events are read, and that what goes through
// all events of a subject takes longer with more of them.
func TestMeasure(t *testing.T) {
	watch := func(run func()) time.Duration {
		start := time.Now()
		run()
		return time.Since(start)
	}
	p := plan(t, "every-method")
	p.Measure(watch)
	m := p.Cost.Measured
	if len(m) != 3 || m[0].Events != 0 || m[2].Events != 100 || m[0].Nanoseconds <= 0 ||
		m[2].Nanoseconds < 10*m[0].Nanoseconds {
		t.Errorf("%+v", m)
	}
	for name, want := range map[string]int{"nd": 1, "moved": 1, "large": 1, "left": 0, "linked": 3, "paid": 1} {
		p := plan(t, name)
		p.Measure(watch)
		if got := len(p.Cost.Measured); got != want {
			t.Errorf("%s: %d measurements, want %d", name, got, want)
		}
	}
}

// TestWhy holds against testdata/why.json why a subject is in a segment and why not, as its memberships were settled.
func TestWhy(t *testing.T) {
	c := load(t)
	at := row.At(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
	s := &state.Subject{Table: "contact", ID: "c-1", Known: true, Events: [][]row.Event{nil, nil}}
	table := c.Table("contact").Schema
	s.Row = make(row.Row, len(table.Fields))
	set := func(name string, v row.Value) {
		i, _ := table.Field(name)
		s.Row[i] = v
	}
	set("id", row.OfString("c-1"))
	set("state", row.OfString("ND"))
	opened := 1 - indexOf(c, "bought")
	for _, ago := range []int{200, 30, -1} {
		s.Events[opened] = append(s.Events[opened], row.Event{Time: row.OfTime(at.Time().AddDate(0, 0, -ago)),
			Fields: row.Row{row.OfString("spring")}})
	}
	settle := segment.NewEvaluator(c.Audience("contact"), nil)
	settle.TouchAll()
	settle.Settle(s, at, nil)
	var b bytes.Buffer
	asJSON(t, &b, explain.WhyOf(c.Segment("engaged"), s, nil, at))
	asJSON(t, &b, explain.WhyOf(c.Segment("every-method"), s, nil, at))
	for _, name := range []string{"board", "frozen", "daily"} {
		asJSON(t, &b, explain.WhyOf(c.Segment(name), s, nil, at))
	}
	s.Row = nil
	settle.TouchAll()
	settle.Settle(s, at, nil)
	asJSON(t, &b, explain.WhyOf(c.Segment("nd"), s, nil, at))
	golden(t, "testdata/why.json", b.Bytes())
}

// someRows are linked rows: of one account, its two deals, or none at all.
type someRows struct {
	account row.Row
	deals   []row.Row
}

func (r *someRows) One(l *expr.Link, _ row.Row) row.Row {
	if l.Name == "parent" {
		return nil
	}
	return r.account
}

func (r *someRows) Many(*expr.Link, row.Row) []row.Row { return r.deals }

// TestWhyOfLinks holds against testdata/linked.json what the parts of a condition found at the end of links.
func TestWhyOfLinks(t *testing.T) {
	c := load(t)
	at := row.At(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
	s := &state.Subject{Table: "contact", ID: "c-1", Known: true, Events: [][]row.Event{nil, nil}}
	s.Row = made(c, "contact", map[string]row.Value{"id": row.OfString("c-1"), "account_id": row.OfString("a-1")})
	account := made(c, "account", map[string]row.Value{"id": row.OfString("a-1"), "industry": row.OfString("retail")})
	won := made(c, "deal", map[string]row.Value{"status": row.OfString("won"), "revenue": row.OfDouble(500)})
	lost := made(c, "deal", map[string]row.Value{"status": row.OfString("lost")})
	var b bytes.Buffer
	asJSON(t, &b, explain.WhyOf(c.Segment("linked"), s, &someRows{account, []row.Row{won, lost}}, at))
	asJSON(t, &b, explain.WhyOf(c.Segment("linked"), s, &someRows{}, at))
	golden(t, "testdata/linked.json", b.Bytes())
}

func made(c *catalog.Catalog, table string, values map[string]row.Value) row.Row {
	s := c.Table(table).Schema
	r := make(row.Row, len(s.Fields))
	for name, v := range values {
		i, _ := s.Field(name)
		r[i] = v
	}
	return r
}

func indexOf(c *catalog.Catalog, event string) int {
	for i, e := range c.Audience("contact").Events {
		if e.Name == event {
			return i
		}
	}
	return -1
}

// TestMethods shows that every method has its meaning, and is that of some part.
func TestMethods(t *testing.T) {
	plans, err := os.ReadFile("testdata/plans.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range explain.Methods {
		if m.Meaning == "" || !strings.Contains(string(plans), `"method": "`+string(m.Method)+`"`) {
			t.Errorf("%s: %q", m.Method, m.Meaning)
		}
	}
}
