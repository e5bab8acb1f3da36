package expr_test

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/operators/expr/oracle"
	"github.com/weirstream/weir/state/row"
)

// tableInput is the subject that testdata/conditions.txt describes.
func tableInput() *data {
	event := func(t, s string, n int64, d row.Value) row.Event {
		return row.Event{Time: row.OfTime(timeOf(t)), Fields: row.Row{row.OfString(s), row.OfInt(n), d, {}, {}}}
	}
	d := &data{}
	d.in.Subject = row.Row{
		row.OfString("ND"), row.OfInt(7), row.OfDouble(150.5), row.OfBool(true), row.OfTime(timeOf("2025-12-01T12:00:00Z")),
		row.OfTime(timeOf("2008-03-31T00:00:00Z")), row.OfList([]row.Value{row.OfString("vip"), row.OfString("a")}),
		row.OfList([]row.Value{row.OfInt(1), row.OfInt(2), row.OfInt(3)}), {}, {}, row.OfString("k0"), row.OfInt(1),
		row.OfString("k1"),
	}
	d.tables = linkedTables(d.in.Subject)
	d.in.Linked = d.tables
	d.in.Events = [][]row.Event{
		{
			event("2026-01-01T00:00:00Z", "spring", 1, row.OfDouble(1.5)),
			event("2026-02-15T10:00:00Z", "autumn", 2, row.Value{}),
			event("2026-03-05T00:00:00Z", "future", 3, row.OfDouble(2.5)),
		},
		{
			event("2025-02-01T00:00:00Z", "old", 10, row.Value{}),
			event("2026-02-28T12:00:00Z", "book", 20, row.Value{}),
		},
		nil,
	}
	d.switches[0] = []row.Instant{at("2025-01-01T00:00:00Z"), at("2026-06-01T00:00:00Z")}
	return d
}

// linkedTables are the rows behind the links that testdata/conditions.txt describes.
func linkedTables(subject row.Row) oracle.Tables {
	s, i := row.OfString, row.OfInt
	contact := func(id, name string, account row.Value, boss row.Value) row.Row {
		return row.Row{s(name), i(3), {}, {}, {}, {}, {}, {}, {}, {}, s(id), account, boss}
	}
	account := func(id int64, name string, n int64, parent, owner row.Value) row.Row {
		return row.Row{s(name), i(n), {}, {}, {}, i(id), parent, owner}
	}
	deal := func(id, status string, worth row.Value, t string, contact, account row.Value) row.Row {
		return row.Row{s(status), {}, worth, {}, row.OfTime(timeOf(t)), s(id), contact, account}
	}
	tables := linked()
	return oracle.Tables{
		{Table: tables[0], Key: 10, Rows: []row.Row{
			subject, contact("k1", "MN", i(1), row.Value{}), contact("k2", "SD", i(2), s("k0")),
		}},
		{Table: tables[1], Key: 5, Rows: []row.Row{
			account(1, "retail", 100, i(2), s("k1")), account(2, "holding", 5, row.Value{}, s("k9")),
			account(3, "shop", 7, i(1), row.Value{}),
		}},
		{Table: tables[2], Key: 5, Rows: []row.Row{
			deal("d1", "won", row.OfDouble(1000), "2026-02-20T12:00:00Z", s("k0"), i(1)),
			deal("d2", "lost", row.OfDouble(200), "2026-01-10T00:00:00Z", s("k0"), i(1)),
			deal("d3", "won", row.Value{}, "2026-03-10T00:00:00Z", s("k1"), i(1)),
			deal("d4", "open", row.OfDouble(50), "2026-02-25T00:00:00Z", row.Value{}, i(2)),
		}},
	}
}

// TestConditions evaluates the conditions of testdata/conditions.txt.
func TestConditions(t *testing.T) {
	file, err := os.Open("testdata/conditions.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p := pairs(t)
	scope := p[indexOf(p, "linked")]
	now := at("2026-03-01T12:00:00Z")
	truths := map[string]expr.Truth{"true": expr.True, "false": expr.False, "error": expr.Error}
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Fields(line)
		source, note, _ := strings.Cut(strings.TrimSpace(line[strings.Index(line, fields[1])+len(fields[1]):]), "# ")
		want, until := truths[fields[0]], row.Never
		if fields[1] != "never" {
			until = at(fields[1])
		}
		program, problems := scope.env.Compile(source)
		if program == nil {
			t.Errorf("line %d: %s: %v", n, source, problems)
			continue
		}
		condition, err := scope.oracle.Compile(source)
		if err != nil {
			t.Fatalf("line %d: %v", n, err)
		}
		d := tableInput()
		if got, u := program.Eval(d.input(now)); got != want || u != until {
			t.Errorf("line %d: %s is %v until %v, not %v until %v", n, source, name(got), u, name(want), until)
		}
		if got := condition.Eval(d.input(now)); got != want {
			t.Errorf("line %d: %s: the oracle says %v", n, source, name(got))
		}
		if until == row.Never {
			continue
		}
		if before := condition.Eval(d.input(until - 1)); before != want {
			t.Errorf("line %d: %s: a nanosecond before %v it is %v", n, source, until, name(before))
		}
		if after := condition.Eval(d.input(until)); (after == want) != (strings.TrimSpace(note) == "step") {
			t.Errorf("line %d: %s: at %v it is %v", n, source, until, name(after))
		}
	}
}

func indexOf(ps []pair, name string) int {
	for i := range ps {
		if ps[i].name == name {
			return i
		}
	}
	return -1
}

func name(t expr.Truth) string { return [...]string{"false", "true", "error"}[t] }
