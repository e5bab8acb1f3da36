package expr_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/operators/expr/oracle"
	"github.com/weirstream/weir/state/row"
)

// cases is how many expressions the property is tried with: go test ./operators/expr -cases 100000.
var (
	cases     = flag.Int("cases", 0, "expressions that the property test tries; 0: as many as a quick run takes")
	firstSeed = flag.Int("seed", -1, "seed of the first sample; -1: a random one")
)

// pair is a scope's plan and oracle.
type pair struct {
	name   string
	scope  expr.Scope
	env    *expr.Env
	oracle *oracle.Oracle
}

func pairs(t testing.TB) []pair {
	var ps []pair
	for name, s := range scopes() {
		env, err := expr.NewEnv(s)
		if err != nil {
			t.Fatal(err)
		}
		o, err := oracle.New(s)
		if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, pair{name, s, env, o})
	}
	slices.SortFunc(ps, func(a, b pair) int { return len(a.name)*100 + int(a.name[0]) - len(b.name)*100 - int(b.name[0]) })
	return ps
}

// data is what an expression is evaluated on, at any time.
type data struct {
	in       expr.Input
	tables   oracle.Tables
	switches [2][]row.Instant // when the memberships of the segments turn
}

// input is d at an instant.
func (d *data) input(now row.Instant) *expr.Input {
	in := d.in
	in.Now = now
	in.Segment = func(i int) (bool, row.Instant) {
		member := false
		for _, s := range d.switches[i] {
			if s > now {
				return member, s
			}
			member = !member
		}
		return member, row.Never
	}
	return &in
}

// edges are the periods at which times matter: those of the expressions and of the retentions.
var edges = append([]string{"400d", "13mo"}, periods...)

// near draws a time near now plus or minus a period, or anywhere.
func near(t *rapid.T, now row.Instant) row.Value {
	jitter := time.Duration(rapid.SampledFrom([]int{0, 0, 1, -1}).Draw(t, "jitter"))
	switch rapid.IntRange(0, 9).Draw(t, "near") {
	case 0:
		return row.OfTime(timeOf(farTimes[rapid.IntRange(0, len(farTimes)-1).Draw(t, "far")]))
	case 1, 2:
		return row.OfTime(pickTime(t).Add(jitter))
	case 3:
		return row.OfTime(now.Time().Add(time.Duration(rapid.Int64Range(-int64(days(400)), int64(days(400))).Draw(t, "off"))))
	case 4:
		return row.OfTime(now.Time().Add(jitter))
	}
	p, _ := expr.ParsePeriod(rapid.SampledFrom(edges).Draw(t, "period"))
	v := p.Before(now)
	if rapid.IntRange(0, 3).Draw(t, "ahead") == 0 {
		v = p.After(now)
	}
	return row.OfTime(v.Time().Add(jitter))
}

func orNull(t *rapid.T, v func() row.Value) row.Value {
	if rapid.IntRange(0, 5).Draw(t, "null") == 0 {
		return row.Value{}
	}
	return v()
}

func drawFields(t *rapid.T, now row.Instant, s *row.Schema) row.Row {
	r := make(row.Row, len(s.Fields))
	for i, f := range s.Fields {
		r[i] = orNull(t, func() row.Value {
			if f.Name == "zone" {
				return row.OfString(rapid.SampledFrom([]string{"Europe/Paris", "nowhere", "+05:30"}).Draw(t, "zone"))
			}
			if f.Type.Kind == row.List {
				var vs []row.Value
				for range rapid.IntRange(0, 3).Draw(t, "len") {
					vs = append(vs, orNull(t, func() row.Value { return drawScalar(t, now, *f.Type.Elem) }))
				}
				return row.OfList(vs)
			}
			return drawScalar(t, now, f.Type)
		})
	}
	return r
}

func drawScalar(t *rapid.T, now row.Instant, typ row.Type) row.Value {
	switch typ.Kind {
	case row.Bool:
		return row.OfBool(rapid.Bool().Draw(t, "b"))
	case row.Int:
		return row.OfInt(rapid.SampledFrom([]int64{0, 1, 2, -1, 5, 1 << 62, -1 << 63, 1<<63 - 1}).Draw(t, "n"))
	case row.Double:
		zero := 0.0
		return row.OfDouble(rapid.SampledFrom([]float64{0, 1.5, -2, 1e300, 1 / zero, zero / zero, 5}).Draw(t, "d"))
	case row.String:
		return row.OfString(rapid.SampledFrom([]string{"", "a", "spring", "A b ", "ü"}).Draw(t, "s"))
	}
	v := near(t, now)
	if typ.Date {
		return row.OfTime(v.Time().Truncate(days(1)))
	}
	return v
}

func drawEvents(t *rapid.T, now row.Instant, s *row.Schema) []row.Event {
	var events []row.Event
	for i := range rapid.IntRange(0, 5).Draw(t, "events") {
		e := row.Event{Time: near(t, now), Seq: uint64(i), Fields: drawFields(t, now, s)}
		if rapid.Bool().Draw(t, "id") {
			e.ID = fmt.Sprintf("e%d", i)
		}
		if i > 0 && rapid.IntRange(0, 4).Draw(t, "tie") == 0 {
			e.Time = events[i-1].Time
		}
		events = append(events, e)
	}
	slices.SortStableFunc(events, func(a, b row.Event) int {
		if a.Before(&b) {
			return -1
		}
		return 1
	})
	return events
}

func drawData(t *rapid.T, now row.Instant, s expr.Scope) *data {
	d := &data{}
	maybe := func(schema *row.Schema) row.Row {
		if rapid.IntRange(0, 9).Draw(t, "missing") == 0 {
			return nil
		}
		return drawFields(t, now, schema)
	}
	d.in.Subject = maybe(s.Audience)
	if len(s.Tables) > 0 {
		d.drawTables(t, now, s)
	}
	for _, k := range s.Events {
		d.in.Events = append(d.in.Events, drawEvents(t, now, k.Schema))
	}
	if s.Change != nil {
		d.in.Before, d.in.After = maybe(s.Change), maybe(s.Change)
	}
	if s.Event != nil {
		d.in.Event = &row.Event{ID: "this", Time: near(t, now), Fields: drawFields(t, now, s.Event)}
	}
	for i := range d.switches {
		for range rapid.IntRange(0, 3).Draw(t, "switches") {
			v := near(t, now)
			d.switches[i] = append(d.switches[i], row.Clamp(v.Int, v.Nanos))
		}
		slices.Sort(d.switches[i])
		d.switches[i] = slices.Compact(d.switches[i])
	}
	return d
}

// times returns all times in d.
func (d *data) times() []row.Value {
	var ts []row.Value
	ofRow := func(r row.Row) {
		for _, v := range r {
			if v.Kind == row.Timestamp {
				ts = append(ts, v)
			}
			for _, e := range v.List {
				if e.Kind == row.Timestamp {
					ts = append(ts, e)
				}
			}
		}
	}
	ofRow(d.in.Subject)
	for _, table := range d.tables {
		for _, r := range table.Rows {
			ofRow(r)
		}
	}
	ofRow(d.in.Before)
	ofRow(d.in.After)
	for _, events := range d.in.Events {
		for _, e := range events {
			ts = append(ts, e.Time)
			ofRow(e.Fields)
		}
	}
	if d.in.Event != nil {
		ts = append(ts, d.in.Event.Time)
		ofRow(d.in.Event.Fields)
	}
	return ts
}

// probes returns instants in (now, until) at which a result might change.
func (d *data) probes(now, until row.Instant) []row.Instant {
	var ps []row.Instant
	add := func(i row.Instant) {
		for _, j := range []row.Instant{i - 1, i, i + 1} {
			if j > now && j < until && i != row.Never && i != row.Earliest {
				ps = append(ps, j)
			}
		}
	}
	add(now + 1)
	if until != row.Never {
		add(until - 1)
		add(now + (until-now)/2)
	}
	for _, v := range d.times() {
		i := row.Clamp(v.Int, v.Nanos)
		if i == row.Never || i == row.Earliest {
			continue
		}
		add(i)
		for _, text := range edges {
			p, _ := expr.ParsePeriod(text)
			b, a := p.Before(i), p.After(i)
			add(row.Clamp(b.Int, b.Nanos))
			add(row.Clamp(a.Int, a.Nanos))
		}
		add(row.At(i.Time().AddDate(0, 6, 0)))
		add(row.At(i.Time().AddDate(0, 1, 1)))
	}
	day := now.Time().Truncate(days(1))
	for i := range 40 {
		add(row.At(day.AddDate(0, 0, i)))
		add(row.At(day.AddDate(0, i, -day.Day()+1)))
		add(row.At(now.Time().Truncate(time.Hour).Add(time.Duration(i) * time.Hour)))
		add(row.At(day.AddDate(0, 0, i).Add(now.Time().Sub(day))))
	}
	for _, ss := range d.switches {
		for _, s := range ss {
			add(s)
		}
	}
	return ps
}

// check holds the plan against the oracle from now on, over hops of until; "" if they agree.
func check(
	eval func(*expr.Input) (expr.Truth, row.Instant), c *oracle.Condition, d *data, now row.Instant,
	sample func(n int) int,
) string {
	for hop := range 4 {
		got, until := eval(d.input(now))
		want := c.Eval(d.input(now))
		if got != want {
			return fmt.Sprintf("hop %d: at %v the plan says %v, the oracle %v", hop, now, got, want)
		}
		if until <= now {
			return fmt.Sprintf("hop %d: at %v until is %v, not later", hop, now, until)
		}
		ps := d.probes(now, until)
		for range min(len(ps), 40) {
			at := ps[sample(len(ps))]
			if later := c.Eval(d.input(at)); later != got {
				return fmt.Sprintf("hop %d: at %v the plan says %v until %v, but at %v the oracle says %v",
					hop, now, got, until, at, later)
			}
		}
		if until == row.Never {
			break
		}
		now = until
	}
	return ""
}

// checkReads changes all that p says it does not read and sees that nothing changes.
func checkReads(p *expr.Program, reads expr.Reads, d *data, now row.Instant) string {
	if fault := soundPaths(reads); fault != "" {
		return fault
	}
	before := d.input(now)
	after := d.input(now)
	after.Subject, after.Events = slices.Clone(before.Subject), slices.Clone(before.Events)
	for i := range after.Subject {
		if !slices.Contains(reads.Fields, i) {
			after.Subject[i] = row.OfString("changed")
		}
	}
	traced := newTraced(d.tables, reads, before.Subject, after.Subject)
	after.Linked = traced
	for i := range after.Events {
		if !slices.Contains(reads.Events, i) {
			after.Events[i] = nil
		}
	}
	segment := before.Segment
	after.Segment = func(i int) (bool, row.Instant) {
		member, until := segment(i)
		return member == slices.Contains(reads.Segments, i), until
	}
	truth, until := p.Eval(before)
	truth2, until2 := p.Eval(after)
	if traced.fault != "" {
		return traced.fault
	}
	if truth != truth2 || until != until2 {
		return fmt.Sprintf("%v until %v becomes %v until %v by what it does not read: %v",
			truth, until, truth2, until2, reads)
	}
	if !reads.Clock && len(reads.Segments) == 0 && until != row.Never {
		return fmt.Sprintf("it does not read the clock, but holds only until %v", until)
	}
	return ""
}

// mutant is a fault planted in the plan's side of the property, to see that the property would catch it.
type mutant struct {
	source func(string) string                                     // what the plan compiles instead
	result func(expr.Truth, row.Instant) (expr.Truth, row.Instant) // what it says instead
	rows   func(expr.Rows) expr.Rows                               // what it follows links by instead
	reads  func(*expr.Reads)                                       // what it says that it reads instead
}

// property tries a random expression on random data; it returns the disagreement, "" if there is none.
func property(t *rapid.T, ps []pair, m mutant, refused *int) string {
	p := drawPair(t, ps)
	g := &source{t: t, scope: p.scope}
	drawn := g.bool(rapid.IntRange(0, 3).Draw(t, "depth"))
	src := differs.Replace(drawn)
	planned := src
	if m.source != nil {
		planned = m.source(drawn)
	}
	program, problems := p.env.Compile(planned)
	condition, err := p.oracle.Compile(src)
	if err != nil {
		return fmt.Sprintf("the generator drew an expression that is not CEL: %v\n%s", err, src)
	}
	if program == nil {
		*refused++
		if len(problems) == 0 {
			return "refused without a problem: " + src
		}
		return ""
	}
	eval := m.eval(program)
	now := row.At(pickTime(t)) + row.Instant(rapid.SampledFrom([]int64{0, 0, 1, -1, 3600e9}).Draw(t, "shift"))
	d := drawData(t, now, p.scope)
	sample := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "probe") }
	fault := check(eval, condition, d, now, sample)
	if fault == "" && m.result == nil && m.rows == nil {
		reads := program.Reads()
		if m.reads != nil {
			m.reads(&reads)
		}
		fault = checkReads(program, reads, d, now)
	}
	if fault == "" {
		return ""
	}
	return fmt.Sprintf("%s\n%s: %s\nsubject %v\nbefore %v\nafter %v\nevents %v\ntables %v", fault, p.name, src,
		d.in.Subject, d.in.Before, d.in.After, d.in.Events, d.tables)
}

// drawPair draws a scope, one with links as often as one without.
func drawPair(t *rapid.T, ps []pair) pair {
	links := rapid.Bool().Draw(t, "links")
	var of []pair
	for _, p := range ps {
		if (len(p.scope.Tables) > 0) == links {
			of = append(of, p)
		}
	}
	return of[rapid.IntRange(0, len(of)-1).Draw(t, "scope")]
}

// eval is p.Eval with m's faults.
func (m mutant) eval(p *expr.Program) func(*expr.Input) (expr.Truth, row.Instant) {
	return func(in *expr.Input) (expr.Truth, row.Instant) {
		if m.rows != nil {
			in.Linked = m.rows(in.Linked)
		}
		result, until := p.Eval(in)
		if m.result != nil {
			result, until = m.result(result, until)
		}
		return result, until
	}
}

// TestPlanAgreesWithOracle is the main test of the package: on random expressions and data the plan says what
// cel-go's interpreter says, and until is never later than the next change of that. It searches twice: rapid.Check
// begins small and shrinks what it finds; the samples are larger from the start.
func TestPlanAgreesWithOracle(t *testing.T) {
	ps := pairs(t)
	refused, tried := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		tried++
		if fault := property(t, ps, mutant{}, &refused); fault != "" {
			t.Fatal(fault)
		}
	})
	sample := rapid.Custom(func(t *rapid.T) string { return property(t, ps, mutant{}, &refused) })
	first := *firstSeed
	if first < 0 {
		first = rand.IntN(1 << 40)
	}
	t.Logf("first seed %d (to repeat: -seed %d)", first, first)
	end := time.Now().Add(8 * time.Second)
	for seed := first; *cases == 0 && time.Now().Before(end) || tried < *cases; seed++ {
		tried++
		if fault := sample.Example(seed); fault != "" {
			t.Fatalf("-seed %d: %s", seed, fault)
		}
	}
	t.Logf("%d expressions, %d of them refused", tried, refused)
	if refused*20 > tried {
		t.Errorf("%d of %d expressions were refused: the property says little", refused, tried)
	}
}
