package expr_test

import (
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/weirstream/weir/operators/expr"
)

// source draws well-typed expressions of the language as text.
type source struct {
	t     *rapid.T
	scope expr.Scope
	vars  []boundVar
	next  int
}

// boundVar is a variable of a macro that is in scope.
type boundVar struct{ name, typ string }

func (g *source) pick(n int) int { return rapid.IntRange(0, n-1).Draw(g.t, "c") }

func (g *source) of(choices ...string) string { return choices[g.pick(len(choices))] }

var periods = []string{"15m", "1h", "1d", "90d", "2w", "1mo", "6mo", "1y", "12mo", "30d"}

func (g *source) period() string { return `"` + g.of(periods...) + `"` }

// bind draws an expression with a fresh variable of a type.
func (g *source) bind(typ string, body func(name string) string) string {
	name := fmt.Sprintf("x%d", g.next)
	g.next++
	g.vars = append(g.vars, boundVar{name, typ})
	s := body(name)
	g.vars = g.vars[:len(g.vars)-1]
	return s
}

// bound returns the names of the variables of a type.
func (g *source) bound(typ string) []string {
	var names []string
	for _, v := range g.vars {
		if v.typ == typ {
			names = append(names, v.name)
		}
	}
	return names
}

func (g *source) bool(depth int) string {
	if depth <= 0 {
		return g.boolAtom(0)
	}
	switch g.pick(12) {
	case 0, 1:
		return "(" + g.bool(depth-1) + " && " + g.bool(depth-1) + ")"
	case 2, 3:
		return "(" + g.bool(depth-1) + " || " + g.bool(depth-1) + ")"
	case 4:
		return "!" + g.paren(g.bool(depth-1))
	case 5:
		return fmt.Sprintf("(%s ? %s : %s)", g.bool(depth-1), g.bool(depth-1), g.bool(depth-1))
	case 6, 7, 8:
		return g.quantified(depth)
	}
	return g.boolAtom(depth - 1)
}

func (g *source) paren(s string) string { return "(" + s + ")" }

// quantified draws exists, all or exists_one over some list.
func (g *source) quantified(depth int) string {
	macro := g.of("exists", "exists", "exists", "all", "exists_one")
	typ := g.of("event", "event", "event", "int", "time", "string")
	if len(g.scope.Tables) > 0 && g.pick(2) == 0 {
		typ = g.table()
	}
	return g.list(typ, depth-1) + "." + macro + "(" + g.bind(typ, func(name string) string {
		return name + ", " + g.bool(depth-1) + ")"
	})
}

var (
	orders   = []string{"<", "<=", ">", ">="}
	compares = []string{"<", "<=", ">", ">=", "==", "!="}
)

func (g *source) boolAtom(depth int) string {
	switch g.pick(18) {
	case 0:
		if g.pick(3) == 0 {
			return "\x01" + g.string(depth) + "\x02" + g.string(depth) + "\x03"
		}
		return g.string(depth) + " " + g.of("==", "<", ">=") + " " + g.string(depth)
	case 1, 2:
		return g.int(depth) + " " + g.of(compares...) + " " + g.int(depth)
	case 3:
		return g.double(depth) + " " + g.of(compares...) + " " + g.double(depth)
	case 4:
		return g.int(depth) + " " + g.of(orders...) + " " + g.double(depth)
	case 5, 6, 7, 8:
		return g.time(depth) + " " + g.of(compares...) + " " + g.time(depth)
	case 9:
		return g.dur(depth) + " " + g.of(compares...) + " " + g.dur(depth)
	case 10:
		return g.nullable() + g.of(" == null", " != null")
	case 11:
		if len(g.scope.Tables) > 0 && g.pick(3) == 0 {
			return "has(" + g.anyLink(2) + ")"
		}
		return "has(" + g.fieldOf("s", "n", "d", "b", "t") + ")"
	case 12:
		typ := g.of("int", "string", "time")
		return g.value(typ, depth) + " in " + g.list(typ, depth)
	case 13:
		return g.string(depth) + "." + g.of("contains", "startsWith", "endsWith", "matches") + "(" +
			g.of(`"a"`, `"sp"`, `""`, `"b$"`) + ")"
	case 14:
		return g.of(`in_segment("customers")`, `in_segment("board")`, "bool("+g.string(depth)+")",
			g.fieldOf("b")+" < "+g.fieldOf("b"), g.string(depth)+".matches("+g.string(depth)+")",
			"["+g.list("int", depth)+"] == ["+g.list("int", depth)+", contact.nums]",
			g.list("int", depth)+" in [contact.nums, [1]]", "contact.t in ["+g.time(depth)+", now]",
			g.list("time", depth)+" == ["+g.time(depth)+"]")
	case 15:
		typ := g.of("int", "string", "time")
		return g.list(typ, depth) + g.of(" == ", " != ") + g.list(typ, depth)
	case 16:
		return g.list(g.objects(), depth) + ".size() " + g.of(compares...) + " " + g.of("0", "1", "2", "3")
	}
	return g.fieldOf("b")
}

// object draws a row or an event.
func (g *source) object() string {
	choices := []string{
		"contact", "contact", "opened.first()", "opened.last()", `bought.within("90d").last()`, "visited[0]", "bought[1]",
		"contact", "[contact][0]", "(contact.b ? contact : contact)",
	}
	if len(g.scope.Tables) > 0 && g.pick(2) == 0 {
		return g.row(g.table(), 2)
	}
	if g.scope.Change != nil {
		choices = append(choices, "before", "after")
	}
	if g.scope.Event != nil {
		choices = append(choices, "event")
	}
	for range 4 {
		choices = append(choices, g.bound("event")...)
	}
	return g.of(choices...)
}

func (g *source) fieldOf(fields ...string) string { return g.object() + "." + g.of(fields...) }

// nullable draws what can be compared with null.
func (g *source) nullable() string {
	if g.pick(4) == 0 {
		return g.object()
	}
	if g.pick(4) == 0 {
		return "contact." + g.of("tags", "nums", "times")
	}
	return g.fieldOf("s", "n", "d", "b", "t")
}

func (g *source) value(typ string, depth int) string {
	switch typ {
	case "int":
		return g.int(depth)
	case "string":
		return g.string(depth)
	}
	return g.time(depth)
}

var accessors = []string{
	"getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek", "getHours", "getMinutes",
	"getSeconds",
}

var zones = []string{
	"", "", `"Europe/Berlin"`, `"America/New_York"`, `"Asia/Kolkata"`, `"-08:00"`, `"UTC"`, `"Australia/Lord_Howe"`,
	"contact.zone",
}

func (g *source) int(depth int) string {
	if names := g.bound("int"); len(names) > 0 && g.pick(3) == 0 {
		return g.of(names...)
	}
	if depth <= 0 {
		return g.of("0", "1", "2", "-1", "5", g.fieldOf("n"), g.fieldOf("n"), "9223372036854775807", "24", "100")
	}
	switch g.pick(10) {
	case 0, 1:
		return "(" + g.int(depth-1) + " " + g.of("+", "-", "*", "/", "%") + " " + g.int(depth-1) + ")"
	case 2:
		return g.list(g.of(g.objects(), g.objects(), "int", "string"), depth-1) + ".size()"
	case 3, 4:
		return g.time(depth-1) + "." + g.of(accessors...) + "(" + g.of(zones...) + ")"
	case 5:
		return g.paren(g.dur(depth-1)) + "." + g.of("getHours", "getMinutes", "getSeconds") + "()"
	case 6:
		return g.list("int", depth-1) + "." + g.of("sum", "min", "max") + "()"
	case 7:
		return g.of("int("+g.time(depth-1)+")", g.string(depth-1)+".size()", "contact.nums[0]", "-"+g.fieldOf("n"),
			"int("+g.double(depth-1)+")", "int("+g.string(depth-1)+")", "contact.t.getMilliseconds()",
			g.string(depth-1)+`.indexOf("a")`, "size("+g.list("event", depth-1)+")",
			`int(contact.t - contact.day)`, `(contact.t - contact.day).getMilliseconds()`, "visited[0].id",
			g.list("int", depth-1)+"["+g.int(0)+"]")
	case 8:
		return fmt.Sprintf("(%s ? %s : %s)", g.bool(depth-1), g.int(depth-1), g.int(depth-1))
	}
	return g.fieldOf("n")
}

func (g *source) double(depth int) string {
	if depth <= 0 {
		return g.of("0.0", "1.5", "-2.0", "1e300", g.fieldOf("d"), g.fieldOf("d"))
	}
	switch g.pick(6) {
	case 0, 1:
		return "(" + g.double(depth-1) + " " + g.of("+", "-", "*", "/") + " " + g.double(depth-1) + ")"
	case 2:
		return "double(" + g.int(depth-1) + ")"
	case 3:
		return g.of(g.list("int", depth-1)+".avg()", "double("+g.string(depth-1)+")")
	case 4:
		typ := g.objects()
		return g.list(typ, depth-1) + ".map(" + g.bind(typ, func(name string) string {
			return name + ", " + name + ".d)." + g.of("sum", "min", "max", "avg") + "()"
		})
	}
	return g.fieldOf("d")
}

func (g *source) string(depth int) string {
	if names := g.bound("string"); len(names) > 0 && g.pick(2) == 0 {
		return g.of(names...)
	}
	if depth <= 0 {
		return g.of(`"a"`, `"spring"`, `""`, g.fieldOf("s"), g.fieldOf("s"))
	}
	switch g.pick(6) {
	case 0:
		return "(" + g.string(depth-1) + " + " + g.string(depth-1) + ")"
	case 1:
		return g.string(depth-1) + g.of(".lowerAscii()", ".trim()", `.replace("a", "b")`, ".substring(1)")
	case 2:
		return "string(" + g.int(depth-1) + ")"
	case 3:
		return fmt.Sprintf("(%s ? %s : %s)", g.bool(depth-1), g.string(depth-1), g.string(depth-1))
	}
	return g.of(g.fieldOf("s"), g.fieldOf("s"), `"%d".format([`+g.int(depth-1)+`])`, "string(contact.t)",
		"string("+g.double(depth-1)+")", "string(contact.t - contact.day)", "opened.last().id", "visited[0].s",
		g.list("string", depth-1)+`.join("-")`, g.string(depth-1)+`.split("a")[0]`, g.string(depth-1)+".charAt(0)")
}

func (g *source) time(depth int) string {
	if names := g.bound("time"); len(names) > 0 && g.pick(3) == 0 {
		return g.of(names...)
	}
	event := append(g.bound("event"), g.bound("event")...)
	for i := range event {
		event[i] += ".time"
	}
	if depth <= 0 {
		return g.of(append(event, "now", "ago("+g.period()+")", "ago("+g.period()+")", "ahead("+g.period()+")",
			g.fieldOf("t"), "contact.day", `timestamp("2024-02-29T00:00:00Z")`, "opened.last().time")...)
	}
	switch g.pick(9) {
	case 0, 1, 2:
		return "(" + g.time(depth-1) + g.of(" + ", " - ") + g.dur(depth-1) + ")"
	case 3:
		return "(" + g.dur(depth-1) + " + " + g.time(depth-1) + ")"
	case 4:
		return fmt.Sprintf("(%s ? %s : %s)", g.bool(depth-1), g.time(depth-1), g.time(depth-1))
	case 5:
		return g.list("event", depth-1) + g.of(".first()", ".last()") + ".time"
	case 6:
		return g.of("contact.times[0]", "timestamp("+g.int(depth-1)+")", "timestamp("+g.time(depth-1)+")",
			"timestamp("+g.string(depth-1)+")", "visited[0].time")
	}
	return g.time(0)
}

func (g *source) dur(depth int) string {
	if depth <= 0 {
		return g.of(`duration("0s")`, `duration("1h")`, `duration("-36h")`, `duration("1ns")`,
			"("+g.time(0)+" - "+g.time(0)+")", "(now - contact.t)")
	}
	switch g.pick(6) {
	case 0, 1:
		return "(" + g.time(depth-1) + " - " + g.time(depth-1) + ")"
	case 2, 3:
		return "(" + g.dur(depth-1) + g.of(" + ", " - ") + g.dur(depth-1) + ")"
	}
	return g.dur(0)
}

// list draws a list of a type.
func (g *source) list(typ string, depth int) string {
	if typ == "event" {
		return g.events(depth)
	}
	if g.isTable(typ) {
		return g.rows(typ, depth)
	}
	fields := map[string]string{"int": "contact.nums", "string": "contact.tags", "time": "contact.times"}
	switch n := g.pick(6); {
	case depth <= 0 && n < 3:
		return fields[typ]
	case n < 2:
		var elems []string
		for range 1 + g.pick(3) {
			elems = append(elems, g.value(typ, depth-1))
		}
		return "[" + strings.Join(elems, ", ") + "]"
	case n == 2:
		return g.list(typ, depth-1) + ".filter(" + g.bind(typ, func(name string) string {
			return name + ", " + g.bool(depth-1) + ")"
		})
	case n == 3:
		return "(" + g.list(typ, depth-1) + " + " + g.list(typ, depth-1) + ")"
	}
	of := g.objects()
	return g.list(of, depth-1) + ".map(" + g.bind(of, func(name string) string {
		if g.pick(3) == 0 {
			return name + ", " + g.bool(depth-1) + ", " + g.value(typ, depth-1) + ")"
		}
		return name + ", " + g.value(typ, depth-1) + ")"
	})
}

func (g *source) events(depth int) string {
	kind := g.of("opened", "bought", "visited")
	if depth <= 0 {
		return g.of(kind, kind+".within("+g.period()+")")
	}
	switch g.pick(8) {
	case 0, 1, 2:
		return kind + ".within(" + g.period() + ")"
	case 3, 4:
		return g.events(depth-1) + ".filter(" + g.bind("event", func(name string) string {
			return name + ", " + g.bool(depth-1) + ")"
		})
	case 5:
		return fmt.Sprintf("(%s ? opened : opened.within(%s))", g.bool(depth-1), g.period())
	case 6:
		return g.events(depth-1) + ".within(" + g.period() + ")"
	}
	return kind
}

// instants are those at which calendars are hard.
var instants = []string{
	"2024-02-29T00:00:00Z", "2024-02-29T23:59:59.999999999Z", "2023-02-28T12:00:00Z", "2024-03-31T02:00:00Z",
	"2024-03-31T01:00:00Z", "2024-10-27T01:00:00Z", "2024-08-28T23:00:00Z", "2024-08-29T01:00:00Z",
	"2024-08-31T12:00:00Z", "2023-12-31T23:59:59Z", "2024-01-01T00:00:00Z", "2024-05-30T10:30:00Z",
	"2024-07-15T13:14:15.123456789Z", "2024-11-03T06:00:00Z", "2023-03-01T00:00:00Z", "2026-01-31T08:00:00Z",
}

// times far away, for the bounds of CEL's types.
var farTimes = []string{
	"0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "1930-05-05T00:00:00Z", "1731-11-10T03:00:00.5Z",
	"1970-01-01T00:00:00Z", "2261-12-31T00:00:00Z", "1700-01-01T00:00:00Z",
}

func pickTime(t *rapid.T) time.Time {
	return timeOf(instants[rapid.IntRange(0, len(instants)-1).Draw(t, "instant")])
}

// The marks \x01 a \x02 b \x03 stand for a != b. A mutant reads them as an inequality to which null is not different.
var (
	differs     = strings.NewReplacer("\x01", "", "\x02", " != ", "\x03", "")
	differsNull = strings.NewReplacer("\x01", "[", "\x02", "].exists(m, m != null && m != ", "\x03", ")")
)
