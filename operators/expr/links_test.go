package expr_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

// TestReadsOfLinks sees that a program says what it reads at the end of which links: fields of variables too, and what
// the next row is found by.
func TestReadsOfLinks(t *testing.T) {
	env, err := expr.NewEnv(scopes()["linkedchange"])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ source, reads string }{
		{`contact.account.s == "x"`, "[account_id] account{s}"},
		{`contact.account == null`, "[account_id] account{}"},
		{`has(contact.account)`, "[account_id] account{}"},
		{`has(contact.account.parent.s)`, "[account_id] account{parent_id} account.parent{s}"},
		{
			`contact.account.parent.parent.n > 1`,
			"[account_id] account{parent_id} account.parent{parent_id} account.parent.parent{n}",
		},
		{`contact.deals.size() > 1`, "[] deals{}"},
		{`contact.account.deals.size() > 1`, "[account_id] account{} account.deals{}"},
		{`contact.deals.exists(o, o.s == "x" && o.d > 1.0)`, "[] deals{s,d}"},
		{`contact.deals.filter(o, o.b).map(o, o.n).sum() > 1`, "[] deals{n,b}"},
		{`contact.deals.map(o, o.account).exists(a, a.n > 1)`, "[] deals{account_id} deals.account{n}"},
		{
			`contact.deals.exists(o, o.contact.boss.s == "x")`,
			"[] deals{contact_id} deals.contact{boss_id} deals.contact.boss{s}",
		},
		{
			`contact.account.s == "x" || contact.account.n == 1 && contact.boss.account.n == 1`,
			"[account_id boss_id] account{s,n} boss{account_id} boss.account{n}",
		},
		{
			`[contact, contact.boss].exists(c, c.s == "x" && c.account.n == 1)`,
			"[s account_id boss_id] account{n} boss{s,account_id} boss.account{n}",
		},
		{
			`(contact.b ? contact.account : contact.account.parent).n > 1`,
			"[b account_id] account{n,parent_id} account.parent{n}",
		},
		{`[[contact.account]][0][0].s == "x"`, "[account_id] account{s}"},
		{
			`(contact.deals + contact.account.deals).exists(o, o.b)`,
			"[account_id] account{} account.deals{b} deals{b}",
		},
		{`[after, contact.deals[0]].exists(o, o.s == "x")`, "[] deals{s}"},
		{`contact.reports.all(contact, contact.n > 1)`, "[] reports{n}"},
		{`[contact.account][0] == null`, "[account_id] account{}"},
		{`after.s == "x" && before == null`, "[]"},
	} {
		p, problems := env.Compile(c.source)
		if p == nil {
			t.Errorf("%s: %v", c.source, problems)
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
		if got != c.reads {
			t.Errorf("%s reads %s, not %s", c.source, got, c.reads)
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
