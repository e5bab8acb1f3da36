package expr_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/operators/expr/oracle"
	"github.com/weirstream/weir/state/row"
)

func TestSmoke(t *testing.T) {
	str := row.Type{Kind: row.String}
	contact := row.NewSchema("contact", []row.Field{{"id", str}, {"state", str}, {"score", row.Type{Kind: row.Int}}, {"revenue", row.Type{Kind: row.Double}}, {"opt_in", row.Type{Kind: row.Bool}}, {"birthdate", row.Type{Kind: row.Timestamp, Date: true}}, {"tags", row.Type{Kind: row.List, Elem: &str}}})
	opened := row.NewSchema("email_opened", []row.Field{{"email", str}, {"n", row.Type{Kind: row.Int}}})
	s := expr.Scope{Audience: contact, Events: []expr.EventKind{{Schema: opened, Retention: &expr.Period{Duration: 400 * 24 * time.Hour}}}, Segments: []string{"board"},
		Links: map[string]row.Schema{"account": {Name: "account"}}}
	env, err := expr.NewEnv(s)
	if err != nil {
		t.Fatal(err)
	}
	o, err := oracle.New(s)
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time { x, _ := time.Parse(time.RFC3339Nano, s); return x }
	now := row.At(at("2026-03-01T12:00:00Z"))
	in := &expr.Input{Now: now, Subject: row.Row{row.OfString("c1"), row.OfString("ND"), row.OfInt(5), {}, row.OfBool(true), row.OfTime(at("2008-03-31T00:00:00Z")), row.OfList([]row.Value{row.OfString("a")})},
		Events:  [][]row.Event{{{ID: "e1", Time: row.OfTime(at("2026-01-01T00:00:00Z")), Fields: row.Row{row.OfString("spring"), row.OfInt(1)}}, {ID: "e2", Time: row.OfTime(at("2026-02-01T00:00:00Z")), Fields: row.Row{row.OfString("x"), row.OfInt(2)}}}},
		Segment: func(i int) (bool, row.Instant) { return true, row.Never },
	}
	for _, src := range []string{
		`contact.state == "ND"`, `contact.score > 4 && contact.opt_in`, `contact.revenue > 1.0`, `contact.revenue != 1.0`, `contact.tags == null`, `"a" in contact.tags`, `null != contact.tags`,
		`email_opened.within("90d").exists(e, e.email == "spring")`, `email_opened.within("90d").size() >= 2`,
		`email_opened.exists_one(e, e.n == 1)`, `contact.birthdate <= ago("18y")`, `now.getMonth() == 2`, `(now - contact.birthdate).getHours() > 24`,
		`in_segment("board")`, `email_opened.map(e, e.n).sum() == 3`, `email_opened.last().email == "x"`, `email_opened.within("1mo").last() == null`,
		`contact.account == null`, `contact.revenue == 100`, `contact.stat == "x"`, `contct.state == "x"`, `in_segment("bord")`, `email_opened.within("9q").size() > 0`, `string(now) == ""`,
		`contact.score`, `contact.birthdate == "2020-01-01"`, `email_opened.within("3y").size() > 0`, `1 + `, `{"a": 1}.size() > 0`, `type(1) == int`, `dyn(1) == 1`, `duration("90d") > duration("1h")`,
		`contact.tags.exists(t, t.startsWith("a"))`, `"%s".format([contact.state]) == "ND"`, `contact.state.lowerAscii() == "nd"`, `has(contact.revenue)`, `[].size() == 0`, `[1,2].map(x, x * 2) == [2, 4]`,
		`contact.account.industry == "x"`, `contact.state == 5 && contact.foo == 1`, `contact.score == 1u`, `a.b.c`, `now.getHours("Europe/Nowhere") == 1`, `contact.state.matches("(")`,
	} {
		p, problems := env.Compile(src)
		c, err := o.Compile(src)
		if p == nil {
			for _, p := range problems {
				fmt.Printf("%-60s %d:%d %s | %s\n", src, p.Line, p.Column, p.Message, p.Hint)
			}
			continue
		}
		got, until := p.Eval(in)
		var want expr.Truth = 9
		if err == nil {
			want = c.Eval(in)
		}
		fmt.Printf("%-60s %v %v %v %v\n", src, got, want, until, p.Reads())
	}
}
