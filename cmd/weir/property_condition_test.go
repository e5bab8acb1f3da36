package main

import (
	"fmt"
	"math/bits"

	"pgregory.net/rapid"
)

var bit = rapid.Bool()

// pick draws a number below n, each as likely as the others: rapid's own ranges prefer small ones.
func (d *drawer) pick(n int) int {
	value := 0
	for range bits.Len(uint(n)) + 2 {
		value <<= 1
		if bit.Draw(d.t, "bit") {
			value |= 1
		}
	}
	return value % n
}

func (d *drawer) chance(n int) bool           { return d.pick(n) == n-1 }
func (d *drawer) of(choices ...string) string { return choices[d.pick(len(choices))] }
func (d *drawer) span() string                { return `"` + d.of(spans...) + `"` }
func (d *drawer) order() string               { return d.of("<", "<=", ">", ">=") }
func (d *drawer) kindName() string            { return kindNames[d.pick(2)] }

// bool draws a condition. scope is "", "row" or "event".
func (d *drawer) bool(depth int, scope string) string {
	if depth > 0 && !(d.w.linked && d.chance(2)) {
		switch d.pick(6) {
		case 0, 1:
			return "(" + d.bool(depth-1, scope) + " && " + d.bool(depth-1, scope) + ")"
		case 2:
			return "(" + d.bool(depth-1, scope) + " || " + d.bool(depth-1, scope) + ")"
		case 3:
			return "!(" + d.bool(depth-1, scope) + ")"
		}
	}
	switch {
	case scope == "row" && d.chance(2):
		return d.changeAtom()
	case scope == "event" && d.chance(2):
		return d.of(`event.s == "a"`, `event.n > 1`, `event.time > ago("1d")`, `event.time < now`, `event.s == contact.s`)
	}
	if n := len(d.w.segments); n > 0 && d.chance(6) {
		if c := &d.w.segments[d.pick(n)]; c.audience == d.audience {
			return fmt.Sprintf("in_segment(%q)", c.name)
		}
	}
	switch {
	case d.w.linked && !d.chance(3):
		return d.linkAtom()
	case d.audience != contactTable:
		return d.plainAtom(d.audience.name, d.audience)
	}
	if d.chance(2) {
		return d.rowAtom()
	}
	return d.eventAtom()
}

// changeAtom draws a condition on a row as it was and as it is.
func (d *drawer) changeAtom() string {
	if d.changed != contactTable {
		return d.of(`after.s == "a"`, `before == null`, `before.n < after.n`, `before.s != after.s`, `after == null`,
			`after.s == `+d.audience.name+`.s`, `has(after.n)`, `after.t > now`)
	}
	return d.of(`after.s == "a"`, `before == null`, `before.n < after.n`, `before.s != after.s`, `after == null`,
		`after.b`, `before.b == null`, `has(after.n)`)
}

func (d *drawer) rowAtom() string {
	switch d.pick(12) {
	case 0:
		return `contact.s ` + d.of("==", "!=") + ` "a"`
	case 1:
		return `contact.` + d.of("s", "n", "d", "b", "t", "day", "tags") + d.of(" == null", " != null")
	case 2:
		return "contact.n " + d.order() + " " + d.of("0", "1", "2")
	case 3:
		return "contact.d " + d.order() + " " + d.of("0.5", "1.0")
	case 4:
		return "contact.b"
	case 5:
		return "has(contact.n)"
	case 6, 7:
		return "contact.t " + d.order() + " " + d.of("now", "ago("+d.span()+")", "ahead("+d.span()+")")
	case 8:
		return "contact.day " + d.order() + " ago(" + d.span() + ")"
	case 9:
		return d.of(`"a" in contact.tags`, `contact.tags.size() > 1`, `contact.nums.sum() > 2`, `contact.nums.max() == 2`,
			`contact.nums.exists(x, x == contact.n)`)
	case 10:
		return "now - contact.t " + d.order() + ` duration("` + d.of("36h", "240h") + `")`
	}
	return d.of("now.getMonth() == 1", "now.getDayOfWeek() == 1", "now.getDate() > 28",
		"now.getMonth() == contact.day.getMonth()")
}

func (d *drawer) eventAtom() string {
	kind := d.kindName()
	switch d.pick(10) {
	case 0, 1:
		return kind + ".within(" + d.span() + ").size() " + d.of("==", ">", "<", ">=") + " " + d.of("0", "1", "2")
	case 2:
		return kind + ".size() " + d.order() + " " + d.of("1", "2")
	case 3, 4:
		return kind + ".within(" + d.span() + `).` + d.of("exists", "exists", "all") + `(e, e.s == "a")`
	case 5:
		return kind + ".exists(e, e.time " + d.order() + " " + d.of("ago", "ago", "ahead") + "(" + d.span() + "))"
	case 6:
		return kind + ".within(" + d.span() + ").map(e, e.n)." + d.of("sum", "max", "min") + "() >= 2"
	case 7:
		return `opened.exists(o, bought.exists(b, b.time > o.time && b.time - o.time < duration("24h")))`
	case 8:
		return kind + d.of(".first()", ".last()") + d.of(` == null`, `.s == "a"`, `.n > 1`)
	}
	return "now - " + kind + `.last().time ` + d.order() + ` duration("48h")`
}

func (d *drawer) trigger(name string) triggerCase {
	t := triggerCase{name: name, subject: contactTable, kind: d.pick(6), segment: d.pick(len(d.w.segments))}
	if d.w.linked && !d.chance(3) {
		d.drawVia(&t)
	} else if t.kind == onSegment {
		t.subject = d.w.segments[t.segment].audience
	}
	d.audience, d.changed = t.subject, t.table()
	switch t.kind {
	case onRow:
		t.actions = d.of("", "create", "update", "delete")
		if (t.actions == "" || t.actions == "update") && d.chance(2) {
			t.field = d.of("s", "n")
		}
		t.when = d.bool(1, "row")
	case onSegment:
		t.actions = d.of("", "enter", "leave")
		t.when = d.bool(1, "")
	case onDate, onAbsence:
		d.wait(&t)
	default:
		t.when = d.bool(1, "event")
	}
	if d.chance(3) || t.kind >= onDate && d.chance(2) {
		t.when = ""
	}
	if d.chance(4) {
		t.limit = limitCase{d.of("1h", "1d", "10d", "1mo"), 1 + d.pick(2)}
	}
	return t
}
