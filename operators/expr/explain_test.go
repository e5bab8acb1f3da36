package expr_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

var update = flag.Bool("update", false, "write the expected results of testdata anew")

// explained are the conditions of testdata/explain.txt, by scope.
var explained = []struct{ scope, source string }{
	{"segment", `contact.s == "ND"`},
	{"segment", "contact.s == \"ND\"\n  && (contact.n > 5 || !(contact.b && has(contact.d)))\n  && true"},
	{"segment", `opened.within("90d").exists(e, e.s == "spring") && !bought.within("6mo").exists(e, true)`},
	{"segment", `opened.exists(o, bought.within("30d").exists(b, b.time > o.time))`},
	{"segment", `opened.within("30d").size() > 3 || opened.filter(e, e.n > 1).within("1y").size() > 9`},
	{"segment", `contact.day <= ago("18y") && now - contact.t > duration("24h")`},
	{"segment", `contact.day.getMonth() == now.getMonth() && ago("1h").getHours("Europe/Paris") >= 9`},
	{"segment", `contact.s.lowerAscii() == "nd" && contact.s.startsWith("N")`},
	{"segment", `in_segment("board") && !!(contact.b || in_segment("customers"))`},
	{"segment", `(contact.s == ")(" || contact.s == r"\") && contact.s != "\")" // a ) in a comment` + "\n && contact.b"},
	{"calendar", `opened.map(e, e.n).sum() > 5 && (contact.b ? contact.n > 1 : contact.n > 2)`},
	{"change", `after.s == "won" && (before == null || before.s != "won")`},
	{"event", `event.s == "nps" && event.n <= 6 && contact.b`},
	{"linked", `contact.account.parent.s == "x" && (has(contact.boss.boss.n) || contact.account == null)`},
	{"linked", `contact.account.deals.exists(o, o.s == "won" && o.d > 500.0 && o.t > ago("90d"))`},
	{"linked", `contact.deals.filter(o, o.contact.account.n > 1).size() > 2
  && contact.deals.exists(o, o.account.deals.size() > 1)`},
	{"linked", `contact.deals.exists(o, opened.within("30d").exists(e, e.time > o.t))
  || [1].exists(x, contact.deals.size() > x)`},
	{"linkedchange", `after.s == "won"
  && contact.deals.map(o, o.contact).exists(c, c == null || c.boss.id == after.contact_id)`},
}

// TestExplain compares what conditions are taken apart into with testdata/explain.txt.
func TestExplain(t *testing.T) {
	var b strings.Builder
	for _, c := range explained {
		env, err := expr.NewEnv(scopes()[c.scope])
		if err != nil {
			t.Fatal(err)
		}
		p, problems := env.Compile(c.source)
		if p == nil {
			t.Fatalf("%s: %v", c.source, problems)
		}
		fmt.Fprintf(&b, "# %s\n%s\n", c.scope, c.source)
		describe(&b, scopes()[c.scope], p.Explain(), 1)
		b.WriteString("\n")
	}
	const file = "testdata/explain.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func describe(b *strings.Builder, s expr.Scope, p *expr.Part, depth int) {
	fmt.Fprintf(b, "%s%d:%d ", strings.Repeat("    ", depth), p.Line, p.Column)
	if p.Op == expr.Leaf {
		fmt.Fprintf(b, "%q", p.Source)
	} else {
		b.WriteString(string(p.Op))
	}
	fmt.Fprintf(b, " nodes %d", p.Nodes)
	r := p.Reads()
	for _, f := range r.Fields {
		fmt.Fprintf(b, " field %s", s.Audience.Fields[f].Name)
	}
	for _, path := range r.Paths {
		fmt.Fprintf(b, " path %s", shownPath(path))
	}
	for _, k := range r.Segments {
		fmt.Fprintf(b, " segment %s", s.Segments[k])
	}
	for _, name := range p.Change {
		fmt.Fprintf(b, " change %s", name)
	}
	for _, h := range p.History {
		window := "all"
		if h.Window != nil {
			window = h.Window.String()
		}
		fmt.Fprintf(b, " history %s %s", s.Events[h.Kind].Schema.Name, window)
	}
	for _, t := range p.Ticks {
		fmt.Fprintf(b, " tick %s", t.Sort)
		if t.Kind >= 0 {
			fmt.Fprintf(b, " %s", s.Events[t.Kind].Schema.Name)
		}
		if t.Period != nil {
			fmt.Fprintf(b, " %s", *t.Period)
		}
		for _, text := range []string{t.Unit, t.Zone} {
			if text != "" {
				fmt.Fprintf(b, " %s", text)
			}
		}
	}
	for _, f := range p.Functions {
		fmt.Fprintf(b, " function %s", f)
	}
	if p.Nested {
		b.WriteString(" nested")
	}
	b.WriteString("\n")
	for _, part := range p.Parts {
		describe(b, s, part, depth+1)
	}
}

// shownPath is as in "account.deals{s,d}".
func shownPath(p expr.Path) string {
	var fields []string
	for _, f := range p.Fields {
		fields = append(fields, p.Links[len(p.Links)-1].To.Schema.Fields[f].Name)
	}
	return fmt.Sprintf("%s{%s}", p, strings.Join(fields, ","))
}

// TestPartsAreTheWhole shows, for conditions drawn at random, that what the parts are joined to is what the condition
// is, that the whole taken apart depends on what the condition depends on, and that each text is that of its part: it
// compiles, where it stands alone, to the same.
func TestPartsAreTheWhole(t *testing.T) {
	ps := pairs(t)
	rapid.Check(t, func(rt *rapid.T) {
		p := drawPair(rt, ps)
		g := &source{t: rt, scope: p.scope}
		text := differs.Replace(g.bool(rapid.IntRange(0, 4).Draw(rt, "depth")))
		program, _ := p.env.Compile(text)
		if program == nil {
			return
		}
		now := row.At(pickTime(rt))
		in := drawData(rt, now, p.scope).input(now)
		root := program.Explain()
		want, _ := program.Eval(in)
		if got, _ := root.Eval(in); got != want {
			rt.Fatalf("%s\nis %v, taken apart %v", text, want, got)
		}
		if got, want := fmt.Sprint(root.Reads()), fmt.Sprint(program.Reads()); got != want {
			rt.Fatalf("%s\nreads %s, taken apart %s", text, want, got)
		}
		joined(rt, p, root, in)
	})
}

func joined(t *rapid.T, p pair, part *expr.Part, in *expr.Input) expr.Truth {
	result, _ := part.Eval(in)
	alone, problems := p.env.Compile(part.Source)
	if alone == nil {
		t.Fatalf("the text of a part is no condition: %s: %v", part.Source, problems)
	}
	if got, _ := alone.Eval(in); got != result {
		t.Fatalf("the text of a part is another: %s is %v, the part %v", part.Source, got, result)
	}
	counts := map[expr.Truth]int{}
	for _, below := range part.Parts {
		counts[joined(t, p, below, in)]++
	}
	want := result
	switch part.Op {
	case expr.And:
		want = junction(counts, expr.False, expr.True)
	case expr.Or:
		want = junction(counts, expr.True, expr.False)
	case expr.Not:
		want = map[expr.Truth]expr.Truth{expr.True: expr.False, expr.False: expr.True, expr.Error: expr.Error}[only(counts)]
	}
	if want != result {
		t.Fatalf("%s is %v, but its parts make %v", part.Source, result, want)
	}
	return result
}

func only(counts map[expr.Truth]int) expr.Truth {
	for truth := range counts {
		return truth
	}
	return expr.Error
}

func junction(counts map[expr.Truth]int, decisive, neutral expr.Truth) expr.Truth {
	switch {
	case counts[decisive] > 0:
		return decisive
	case counts[expr.Error] > 0:
		return expr.Error
	}
	return neutral
}
