package expr_test

import (
	"sync"
	"testing"
	"time"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

// benchInput is a subject with a hundred events of each kind, one a day.
func benchInput() *expr.Input {
	now := at("2026-06-01T12:00:00Z")
	in := &expr.Input{Now: now, Subject: row.Row{
		row.OfString("ND"), row.OfInt(7), row.OfDouble(150.5), row.OfBool(true), row.OfTime(timeOf("2020-01-01T00:00:00Z")),
		row.OfTime(timeOf("1990-05-05T00:00:00Z")), row.OfList([]row.Value{row.OfString("vip")}), {}, {}, {},
	}}
	for range 2 {
		var events []row.Event
		for i := range 100 {
			events = append(events, row.Event{
				Time: row.OfTime(now.Time().Add(time.Duration(i-100) * days(1))), Seq: uint64(i),
				Fields: row.Row{row.OfString([]string{"spring", "autumn"}[i%2]), row.OfInt(int64(i)), {}, {}, {}},
			})
		}
		in.Events = append(in.Events, events)
	}
	in.Events = append(in.Events, nil)
	return in
}

func BenchmarkEval(b *testing.B) {
	env, err := expr.NewEnv(scopes()["segment"])
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct{ name, source string }{
		{"OneAtom", `contact.s == "ND"`},
		{"FourAtoms", `contact.s == "ND" && contact.n > 5 && contact.d >= 100.0 && contact.b`},
		{"Age", `contact.day <= ago("18y")`},
		{"WindowedExists", `opened.within("90d").exists(e, e.s == "spring")`},
		{"WindowedExistsNone", `opened.within("90d").exists(e, e.s == "winter")`},
		{"WindowedCount", `opened.within("90d").filter(e, e.s == "spring").size() >= 3`},
		{"Sequence", `opened.exists(x, bought.exists(y, y.time > x.time && y.time - x.time < duration("1h")))`},
		{"Sum", `opened.within("30d").map(e, e.n).sum() > 500`},
		{"CalendarWindow", `opened.within("6mo").exists(e, e.s == "winter")`},
	} {
		b.Run(c.name, func(b *testing.B) {
			p, problems := env.Compile(c.source)
			if p == nil {
				b.Fatal(problems)
			}
			in := benchInput()
			b.ReportAllocs()
			for b.Loop() {
				p.Eval(in)
			}
		})
	}
}

// benchRows are the account of benchInput's subject, its parent, and a hundred deals of the account: found at once, so
// that what is measured is the plan.
type benchRows struct {
	account, parent row.Row
	deals           []row.Row
}

func (r *benchRows) One(l *expr.Link, _ row.Row) row.Row {
	if l.Name == "parent" {
		return r.parent
	}
	return r.account
}

func (r *benchRows) Many(*expr.Link, row.Row) []row.Row { return r.deals }

func linkedInput() *expr.Input {
	in := benchInput()
	account := func(name string) row.Row {
		return row.Row{row.OfString(name), row.OfInt(1), {}, {}, {}, row.OfInt(1), row.OfInt(1), {}}
	}
	rows := &benchRows{account: account("retail"), parent: account("holding")}
	for i := range 100 {
		rows.deals = append(rows.deals, row.Row{row.OfString([]string{"won", "lost"}[i%2]), row.OfInt(1),
			row.OfDouble(float64(i)), {}, row.OfTime(in.Now.Time().Add(-days(i))), row.OfString("id"), {}, row.OfInt(1)})
	}
	in.Linked = rows
	return in
}

// BenchmarkLinked is BenchmarkEval for conditions with links.
func BenchmarkLinked(b *testing.B) {
	env, err := expr.NewEnv(scopes()["linked"])
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct{ name, source string }{
		{"Field", `contact.account.s == "retail"`},
		{"TwoHops", `contact.account.parent.s == "holding"`},
		{"Has", `has(contact.account.parent.s)`},
		{"ExistsNone", `contact.account.deals.exists(o, o.s == "open" && o.d > 50.0)`},
		{"ExistsRecent", `contact.account.deals.exists(o, o.s == "won" && o.t > ago("90d"))`},
		{"HopOfEach", `contact.account.deals.exists(o, o.account.parent.s == "shop")`},
		{"Count", `contact.account.deals.filter(o, o.s == "won").size() >= 3`},
		{"Sum", `contact.account.deals.map(o, o.d).sum() > 500.0`},
	} {
		b.Run(c.name, func(b *testing.B) {
			p, problems := env.Compile(c.source)
			if p == nil {
				b.Fatal(problems)
			}
			in := linkedInput()
			b.ReportAllocs()
			for b.Loop() {
				p.Eval(in)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	env, err := expr.NewEnv(scopes()["segment"])
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		env.Compile(`contact.s == "ND" && opened.within("90d").exists(e, e.s == "spring")`)
	}
}

// TestAllocations sees that the common conditions are evaluated without allocating.
func TestAllocations(t *testing.T) {
	env, err := expr.NewEnv(scopes()["linked"])
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{
		`contact.s == "ND" && contact.n > 5 && contact.d >= 100.0 && contact.b`,
		`contact.day <= ago("18y") && now - contact.t > duration("24h") && "vip" in contact.tags`,
		`opened.within("90d").exists(e, e.s == "spring") && !bought.within("6mo").exists(e, e.s == "winter")`,
		`opened.within("90d").last().s == "autumn" && now.getHours() >= 9`,
		`contact.account.parent.s == "holding" && has(contact.account.owner.s) && contact.account.parent != null`,
		`contact.account.deals.exists(o, o.s == "won" && o.t > ago("90d") && o.account.parent.s.startsWith("h"))`,
		`contact.account.deals.filter(o, o.s == "won").size() >= 3 && contact.account.deals.map(o, o.d).sum() > 500.0`,
	} {
		p, problems := env.Compile(source)
		if p == nil {
			t.Fatal(problems)
		}
		in := linkedInput()
		if n := testing.AllocsPerRun(100, func() { p.Eval(in) }); n > 0 {
			t.Errorf("%s: %v allocations", source, n)
		}
	}
}

// TestConcurrent evaluates one program at once on different subjects; the race detector looks on.
func TestConcurrent(t *testing.T) {
	env, err := expr.NewEnv(scopes()["segment"])
	if err != nil {
		t.Fatal(err)
	}
	source := `now.getMonth() == 5 && opened.within("90d").exists(e,
		e.n == contact.n && e.time.getHours(contact.zone) >= 0)`
	p, problems := env.Compile(source)
	if p == nil {
		t.Fatal(problems)
	}
	var wg sync.WaitGroup
	for n := range int64(8) {
		wg.Go(func() {
			in := benchInput()
			in.Subject[1], in.Subject[9] = row.OfInt(n*20), row.OfString("Europe/Berlin")
			for range 50 {
				if got, _ := p.Eval(in); (got == expr.True) != (n >= 1 && n <= 4) {
					t.Errorf("n %d: %v", n*20, got)
				}
			}
		})
	}
	wg.Wait()
}
