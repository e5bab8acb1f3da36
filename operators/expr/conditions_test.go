package expr_test

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/weirstream/weir/operators/expr"
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
		row.OfList([]row.Value{row.OfInt(1), row.OfInt(2), row.OfInt(3)}), {}, {},
	}
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

// TestConditions evaluates the conditions of testdata/conditions.txt.
func TestConditions(t *testing.T) {
	file, err := os.Open("testdata/conditions.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p := pairs(t)
	segment := p[indexOf(p, "segment")]
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
		program, problems := segment.env.Compile(source)
		if program == nil {
			t.Errorf("line %d: %s: %v", n, source, problems)
			continue
		}
		condition, err := segment.oracle.Compile(source)
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
