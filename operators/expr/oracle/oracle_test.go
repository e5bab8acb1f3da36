package oracle

import (
	"testing"
	"time"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

// TestShift moves times by periods, by hand.
func TestShift(t *testing.T) {
	for _, c := range []struct {
		from, period string
		sign         int
		want         string
	}{
		{"2026-03-31T10:00:00Z", "1mo", -1, "2026-02-28T10:00:00Z"},
		{"2024-03-31T10:00:00Z", "1mo", -1, "2024-02-29T10:00:00Z"},
		{"2024-02-29T10:00:00Z", "1y", -1, "2023-02-28T10:00:00Z"},
		{"2024-02-29T10:00:00Z", "4y", 1, "2028-02-29T10:00:00Z"},
		{"2024-08-31T23:59:59.999999999Z", "6mo", -1, "2024-02-29T23:59:59.999999999Z"},
		{"2024-08-28T00:00:00Z", "6mo", -1, "2024-02-28T00:00:00Z"},
		{"2024-01-31T00:00:00Z", "1mo", 1, "2024-02-29T00:00:00Z"},
		{"2024-12-31T00:00:00Z", "14mo", 1, "2026-02-28T00:00:00Z"},
		{"2024-03-31T10:00:00Z", "90d", -1, "2024-01-01T10:00:00Z"},
	} {
		p, err := expr.ParsePeriod(c.period)
		if err != nil {
			t.Fatal(err)
		}
		from, _ := time.Parse(time.RFC3339Nano, c.from)
		if got := shift(from, p, c.sign, time.UTC).Format(time.RFC3339Nano); got != c.want {
			t.Errorf("%s moved by %d times %s is %s, not %s", c.from, c.sign, c.period, got, c.want)
		}
	}
}

// TestMeaning fixes what the interpreter says where people expect otherwise: nulls, errors, objects that are not
// there. A new cel-go that changes one of these changes the language.
func TestMeaning(t *testing.T) {
	contact := row.NewSchema("contact", []row.Field{
		{Name: "name", Type: row.Type{Kind: row.String}}, {Name: "score", Type: row.Type{Kind: row.Double}},
		{Name: "tags", Type: row.Type{Kind: row.List, Elem: &row.Type{Kind: row.String}}},
	})
	o, err := New(expr.Scope{Audience: contact, Change: contact})
	if err != nil {
		t.Fatal(err)
	}
	in := &expr.Input{Now: 1, Subject: make(row.Row, 3), After: make(row.Row, 3)}
	for source, want := range map[string]expr.Truth{
		`contact.score > 5.0`:                                 expr.Error,
		`!(contact.score > 5.0)`:                              expr.Error,
		`contact.score + 1.0 > 0.0`:                           expr.Error,
		`contact.score == 5.0`:                                expr.False,
		`contact.score != 5.0`:                                expr.True,
		`contact.score == null`:                               expr.True,
		`contact.tags == null`:                                expr.True,
		`has(contact.score)`:                                  expr.False,
		`contact.score > 5.0 && false`:                        expr.False,
		`false && contact.score > 5.0`:                        expr.False,
		`contact.score > 5.0 && true`:                         expr.Error,
		`contact.score > 5.0 || false`:                        expr.Error,
		`contact.score > 5.0 || true`:                         expr.True,
		`[1, 2].exists(x, contact.score > 5.0 || x == 2)`:     expr.True,
		`[1, 2].all(x, contact.score > 5.0)`:                  expr.Error,
		`[1, 2].exists_one(x, x == 1 || contact.score > 5.0)`: expr.Error,
		`contact.tags.exists(x, true)`:                        expr.Error,
		`contact.name.contains("a")`:                          expr.Error,
		`before == null`:                                      expr.True,
		`before.name == "a"`:                                  expr.Error,
		`has(before.name)`:                                    expr.False,
		`after != null && after.name != "a"`:                  expr.True,
		`9223372036854775807 + 1 > 0`:                         expr.Error,
		`1 / 0 == 1`:                                          expr.Error,
		`0.0 / 0.0 == 0.0 / 0.0`:                              expr.False,
		`0.0 / 0.0 < 1.0`:                                     expr.False,
		`[1][1] == 1`:                                         expr.Error,
	} {
		c, err := o.Compile(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got := c.Eval(in); got != want {
			t.Errorf("%s is %d, not %d", source, got, want)
		}
	}
}
