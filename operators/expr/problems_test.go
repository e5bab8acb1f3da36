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

// TestFunctionsAreOfTheLanguage compiles the examples of the reference.
func TestFunctionsAreOfTheLanguage(t *testing.T) {
	str := typ(row.String)
	contact := row.NewSchema("contact", []row.Field{
		{Name: "state", Type: str}, {Name: "score", Type: typ(row.Int)}, {Name: "revenue", Type: typ(row.Double)},
		{Name: "opt_in", Type: typ(row.Bool)}, {Name: "birthdate", Type: row.Type{Kind: row.Timestamp, Date: true}},
		{Name: "customer_since", Type: typ(row.Timestamp)}, {Name: "renewal", Type: typ(row.Timestamp)},
		{Name: "tags", Type: row.Type{Kind: row.List, Elem: &str}}, {Name: "account_id", Type: str},
	})
	account := &expr.Table{Schema: row.NewSchema("account", []row.Field{{Name: "industry", Type: str}})}
	won := &expr.Table{Schema: row.NewSchema("opportunity", []row.Field{
		{Name: "status", Type: str}, {Name: "contact_id", Type: str},
	})}
	own := &expr.Table{Schema: contact, Links: []*expr.Link{
		{Name: "account", To: account, Field: 8}, {Name: "opportunities", To: won, Many: true, Field: 1},
	}}
	env, err := expr.NewEnv(expr.Scope{
		Audience: contact, Tables: []*expr.Table{own, account, won}, Segments: []string{"board"},
		Events: []expr.EventKind{
			{Schema: row.NewSchema("email_opened", []row.Field{{Name: "email", Type: str}})},
			{Schema: row.NewSchema("purchase", []row.Field{{Name: "amount", Type: typ(row.Double)}})},
		},
	})
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
