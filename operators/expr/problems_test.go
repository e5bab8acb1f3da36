package expr_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

var problemLine = regexp.MustCompile(`^  \d+:\d+ `)

// TestProblems compiles the expressions of testdata/problems.txt.
func TestProblems(t *testing.T) {
	text, err := os.ReadFile("testdata/problems.txt")
	if err != nil {
		t.Fatal(err)
	}
	s := scopes()["segment"]
	s.Links = map[string]row.Schema{"account": {Name: "account"}}
	env, err := expr.NewEnv(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(text), "\n\n") {
		if scope, ok := strings.CutPrefix(strings.TrimSpace(block), "# scope "); ok {
			if env, err = expr.NewEnv(scopes()[scope]); err != nil {
				t.Fatal(err)
			}
		}
		if strings.HasPrefix(block, "#") {
			continue
		}
		var source, want []string
		for _, line := range strings.Split(strings.TrimRight(block, "\n"), "\n") {
			if problemLine.MatchString(line) {
				want = append(want, strings.TrimPrefix(line, "  "))
			} else {
				source = append(source, line)
			}
		}
		program, problems := env.Compile(strings.Join(source, "\n"))
		if program != nil {
			t.Errorf("%s is accepted", source)
		}
		var got []string
		for _, p := range problems {
			got = append(got, shown(p))
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s\n  %s\nnot\n  %s", strings.Join(source, "\n"), strings.Join(got, "\n  "), strings.Join(want, "\n  "))
		}
	}
}

func shown(p expr.Problem) string {
	s := fmt.Sprintf("%d:%d %s", p.Line, p.Column, p.Message)
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return s
}

// TestHostile refuses expressions that are too large or too deep.
func TestHostile(t *testing.T) {
	env, err := expr.NewEnv(scopes()["segment"])
	if err != nil {
		t.Fatal(err)
	}
	for name, source := range map[string]string{
		"deep parentheses": strings.Repeat("(", 10_000) + "true" + strings.Repeat(")", 10_000),
		"deep lists":       strings.Repeat("[", 500) + strings.Repeat("]", 500) + " == []",
		"long sum":         "contact.n" + strings.Repeat(" + 1", 8_000) + " > 0",
		"too long":         `contact.s == "` + strings.Repeat("a", 30_000) + `"`,
		"deep selection":   "contact" + strings.Repeat(".s", 5_000) + " == 1",
		"deep ternaries":   strings.Repeat("true ? ", 2_000) + "true" + strings.Repeat(" : false", 2_000),
	} {
		program, problems := env.Compile(source)
		if program != nil || len(problems) == 0 {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestLarge accepts what is long but plain.
func TestLarge(t *testing.T) {
	env, err := expr.NewEnv(scopes()["segment"])
	if err != nil {
		t.Fatal(err)
	}
	in := tableInput().input(at("2026-03-01T12:00:00Z"))
	doubled := `["ab"]` + strings.Repeat(".map(x, x + x)", 50) + `[0]`
	replaced := `["aa"]` + strings.Repeat(`.map(x, x.replace("a", "aaaaaaaaaa"))`, 20)
	macros := strings.Repeat("visited.exists(x, x.b && ", 30) + "x.b" + strings.Repeat(")", 30)
	for name, source := range map[string]string{
		"a chain of ||":   `contact.n == 7` + strings.Repeat(` || contact.n == 1`, 300),
		"a long list":     `contact.s in ["ND"` + strings.Repeat(`, "x"`, 2_000) + `]`,
		"a chain of &&":   `contact.s == "ND"` + strings.Repeat(` && contact.n < 100`, 300),
		"nested macros":   "contact.b || " + macros,
		"sane nesting":    strings.Repeat("(", 20) + "contact.b" + strings.Repeat(")", 20),
		"nested ternary":  strings.Repeat("contact.n == 1 ? false : ", 20) + "contact.b",
		"a doubled text":  doubled + ` == "" || contact.b`,
		"a replaced text": replaced + `.size() == 0 || contact.b`,
	} {
		program, problems := env.Compile(source)
		if program == nil {
			t.Errorf("%s: %v", name, problems)
			continue
		}
		if got, until := program.Eval(in); got != expr.True || until != row.Never {
			t.Errorf("%s is %v until %v", name, got, until)
		}
	}
}

// TestScopes refuses a scope in which one name means two things, and hides links and triggers' variables elsewhere.
func TestScopes(t *testing.T) {
	if _, err := expr.NewEnv(expr.Scope{Audience: contactSchema, Events: []expr.EventKind{
		{Schema: row.NewSchema("contact", nil)},
	}}); err == nil {
		t.Error("a table and an event kind of one name are accepted")
	}
	env, err := expr.NewEnv(expr.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	if p, problems := env.Compile("before == null"); p != nil || len(problems) == 0 {
		t.Error("before is in scope outside a trigger on a row")
	}
	if p, problems := env.Compile("1 < 2"); p == nil {
		t.Errorf("a constant condition is refused: %v", problems)
	}
}

// TestReads sees that a program says what it depends on.
func TestReads(t *testing.T) {
	env, err := expr.NewEnv(scopes()["segment"])
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{
		`contact.s == "ND" && contact.n > 1`:               "{[0 1] [] [] [] false}",
		`has(contact.d)`:                                   "{[2] [] [] [] false}",
		`opened.exists(contact, contact.s == "x")`:         "{[] [] [0] [] false}",
		`bought.size() > 0`:                                "{[] [] [1] [] true}",
		`opened.within("1d").size() > 0`:                   "{[] [] [0] [] true}",
		`in_segment("board") || contact.t < now`:           "{[4] [] [] [1] true}",
		`opened.exists(x, x.time > ago("1d"))`:             "{[] [] [0] [] true}",
		`contact == null`:                                  "{[] [] [] [] false}",
		`contact.tags.exists(s, s == contact.s)`:           "{[0 6] [] [] [] false}",
		`[opened.first()].exists(e, e.n == 1)`:             "{[] [] [0] [] false}",
		`contact.day.getMonth() == ahead("1d").getMonth()`: "{[5] [] [] [] true}",
	} {
		p, problems := env.Compile(source)
		if p == nil {
			t.Errorf("%s: %v", source, problems)
			continue
		}
		if got := fmt.Sprint(p.Reads()); got != want {
			t.Errorf("%s reads %s, not %s", source, got, want)
		}
		if p.Source() != source {
			t.Errorf("the source of %s is %s", source, p.Source())
		}
	}
}

// TestReadsOfLinks sees that a program says what it reads at the end of which links: fields of variables too, and what
// the next row is found by.
func TestReadsOfLinks(t *testing.T) {
	env, err := expr.NewEnv(scopes()["linkedchange"])
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{
		`contact.account.s == "x"`:                           "[account_id] account{s}",
		`contact.account == null`:                            "[account_id] account{}",
		`has(contact.account)`:                               "[account_id] account{}",
		`has(contact.account.parent.s)`:                      "[account_id] account{parent_id} account.parent{s}",
		`contact.account.parent.parent.n > 1`:                "[account_id] account{parent_id} account.parent{parent_id} account.parent.parent{n}",
		`contact.deals.size() > 1`:                           "[] deals{}",
		`contact.account.deals.size() > 1`:                   "[account_id] account{} account.deals{}",
		`contact.deals.exists(o, o.s == "x" && o.d > 1.0)`:   "[] deals{s,d}",
		`contact.deals.filter(o, o.b).map(o, o.n).sum() > 1`: "[] deals{n,b}",
		`contact.deals.map(o, o.account).exists(a, a.n > 1)`: "[] deals{account_id} deals.account{n}",
		`contact.deals.exists(o, o.contact.boss.s == "x")`:   "[] deals{contact_id} deals.contact{boss_id} deals.contact.boss{s}",
		`contact.account.s == "x" || contact.account.n == 1 && contact.boss.account.n == 1`: "[account_id boss_id] account{s,n} " +
			"boss{account_id} boss.account{n}",
		`[contact, contact.boss].exists(c, c.s == "x" && c.account.n == 1)`: "[s account_id boss_id] account{n} boss{s,account_id} " +
			"boss.account{n}",
		`(contact.b ? contact.account : contact.account.parent).n > 1`: "[b account_id] account{n,parent_id} account.parent{n}",
		`[[contact.account]][0][0].s == "x"`:                           "[account_id] account{s}",
		`(contact.deals + contact.account.deals).exists(o, o.b)`:       "[account_id] account{} account.deals{b} deals{b}",
		`[after, contact.deals[0]].exists(o, o.s == "x")`:              "[] deals{s}",
		`contact.reports.all(contact, contact.n > 1)`:                  "[] reports{n}",
		`[contact.account][0] == null`:                                 "[account_id] account{}",
		`after.s == "x" && before == null`:                             "[]",
	} {
		p, problems := env.Compile(source)
		if p == nil {
			t.Errorf("%s: %v", source, problems)
			continue
		}
		var fields []string
		for _, f := range p.Reads().Fields {
			fields = append(fields, contactSchema.Fields[f].Name)
		}
		got := fmt.Sprint(fields)
		for _, path := range p.Reads().Paths {
			got += " " + shownPath(path)
		}
		if got != want {
			t.Errorf("%s reads %s, not %s", source, got, want)
		}
	}
}

// TestManyLinks refuses a condition that follows more chains of links than anyone means.
func TestManyLinks(t *testing.T) {
	env, err := expr.NewEnv(scopes()["linked"])
	if err != nil {
		t.Fatal(err)
	}
	both := "contact"
	for range 12 {
		both = "[" + both + "].map(c, [c.boss, c.account.owner][0])[0]"
	}
	p, problems := env.Compile(both + " == null")
	if p != nil || len(problems) == 0 || !strings.Contains(problems[0].Message, "chains of links") {
		t.Errorf("accepted, or refused for another reason: %v", problems)
	}
}

// TestTables refuses tables that make no scope.
func TestTables(t *testing.T) {
	other := &expr.Table{Schema: row.NewSchema("other", nil)}
	contact := func(name string, to *expr.Table) []*expr.Table {
		return []*expr.Table{{Schema: contactSchema, Links: []*expr.Link{{Name: name, To: to, Field: 11}}}, other}
	}
	for name, tables := range map[string][]*expr.Table{
		"a link out of the scope":   contact("account", &expr.Table{Schema: accountSchema}),
		"a link called as a field":  contact("s", other),
		"a table that stands twice": {{Schema: contactSchema}, {Schema: contactSchema}},
	} {
		if _, err := expr.NewEnv(expr.Scope{Audience: contactSchema, Tables: tables}); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := expr.NewEnv(expr.Scope{Audience: contactSchema, Tables: contact("other", other)}); err != nil {
		t.Errorf("a sound scope is refused: %v", err)
	}
}

// TestFunctionsAreOfTheLanguage compiles the examples of the reference.
func TestFunctionsAreOfTheLanguage(t *testing.T) {
	str := typ(row.String)
	contact := row.NewSchema("contact", []row.Field{
		{Name: "state", Type: str}, {Name: "score", Type: typ(row.Int)}, {Name: "revenue", Type: typ(row.Double)},
		{Name: "opt_in", Type: typ(row.Bool)}, {Name: "birthdate", Type: row.Type{Kind: row.Timestamp, Date: true}},
		{Name: "customer_since", Type: typ(row.Timestamp)}, {Name: "renewal", Type: typ(row.Timestamp)},
		{Name: "tags", Type: row.Type{Kind: row.List, Elem: &str}},
	})
	env, err := expr.NewEnv(expr.Scope{Audience: contact, Segments: []string{"board"}, Events: []expr.EventKind{
		{Schema: row.NewSchema("email_opened", []row.Field{{Name: "email", Type: str}})},
		{Schema: row.NewSchema("purchase", []row.Field{{Name: "amount", Type: typ(row.Double)}})},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range expr.Functions() {
		if f.Name == "" || f.Signature == "" || f.Meaning == "" {
			t.Errorf("%q is not described", f.Name)
		}
		if p, problems := env.Compile(f.Example); p == nil {
			t.Errorf("%s: %s: %v", f.Name, f.Example, problems)
		}
	}
}
