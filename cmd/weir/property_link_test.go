package main

import (
	"fmt"
	"slices"

	"github.com/weirstream/weir/state/row"
)

// viaCase is a way from rows of a table to subjects, for triggers.
type viaCase struct {
	table, audience string
	links           []string
}

var viaCases = []viaCase{
	{"deal", "contact", []string{"contact"}}, {"deal", "contact", []string{"other"}},
	{"deal", "contact", []string{"account", "main"}}, {"deal", "contact", []string{"contact", "partner"}},
	{"item", "contact", []string{"deal", "contact"}}, {"item", "contact", []string{"deal", "account", "main"}},
	{"account", "contact", []string{"main"}}, {"account", "contact", []string{"parent", "main"}},
	{"lead", "contact", []string{"contact"}}, {"contact", "contact", []string{"partner"}},
	{"contact", "contact", []string{"account", "main"}}, {"item", "lead", []string{"lead"}},
}

// drawFocus draws which tables the conditions of a linked world are about: few, so that much happens to each.
func (d *drawer) drawFocus() {
	d.focus = map[*tableCase]bool{contactTable: true}
	for range 1 + d.pick(3) {
		var next []*tableCase
		for _, t := range tables {
			for _, way := range t.ways() {
				if d.focus[t] && (way.to == t || !d.focus[way.to]) {
					next = append(next, way.to)
				}
			}
		}
		d.focus[next[d.pick(len(next))]] = true
	}
}

// waysFrom returns how conditions get on from rows of a table within the focus.
func (d *drawer) waysFrom(t *tableCase) []wayCase {
	return slices.DeleteFunc(t.ways(), func(w wayCase) bool { return !d.focus[w.to] })
}

// linkAtom draws a condition on rows that links lead to from the subject's.
func (d *drawer) linkAtom() string {
	d.variable = 0
	return d.follow(d.audience.name, d.audience, 3)
}

// follow draws a condition on what links lead to from x, a row of t, in at most depth steps.
func (d *drawer) follow(x string, t *tableCase, depth int) string {
	ways := d.waysFrom(t)
	if depth == 0 || len(ways) == 0 || depth < 3 && d.chance(2) {
		return d.plainAtom(x, t)
	}
	way := ways[d.pick(len(ways))]
	x += "." + way.name
	if !way.many {
		if d.chance(6) {
			return d.of(x+" == null", x+" != null", "has("+x+")")
		}
		return d.follow(x, way.to, depth-1)
	}
	d.variable++
	v := fmt.Sprintf("v%d", d.variable)
	inner := d.follow(v, way.to, depth-1)
	switch d.pick(9) {
	case 8:
		return d.of(x+"[0].n > 1", x+".map("+v+", "+v+`.s)[0] == "a"`, x+`.map(`+v+", "+v+".n) == [1, 2]")
	case 0:
		return x + ".size() " + d.of("==", ">", "<", ">=") + " " + d.of("0", "1", "2")
	case 1, 2, 3:
		return x + d.of(".exists(", ".exists(", ".all(", ".exists_one(") + v + ", " + inner + ")"
	case 4:
		return x + ".filter(" + v + ", " + inner + ").size() " + d.of(">", ">=", "==") + " " + d.of("0", "1", "2")
	case 5:
		return x + ".map(" + v + ", " + v + ".n)." + d.of("sum", "max", "min") + "() " + d.order() + " " + d.of("1", "2")
	case 6:
		return x + ".filter(" + v + ", " + inner + ").map(" + v + ", " + v + ".n).sum() > " + d.of("0", "1", "2")
	}
	if d.audience == contactTable {
		return d.kindName() + ".exists(e, " + x + ".exists(" + v + ", " +
			d.of("e.s == "+v+".s", "e.time > "+v+".t", "e.n == "+v+".n && e.time > ago("+d.span()+")", inner) + "))"
	}
	return x + ".exists(" + v + ", " + v + d.of(".s == ", ".s != ") + d.audience.name + ".s && " + inner + ")"
}

// plainAtom draws a condition on the fields of x alone, a row of t.
func (d *drawer) plainAtom(x string, t *tableCase) string {
	moment := x + ".t"
	if t.field("t") < 0 {
		moment = "now"
	}
	switch d.pick(12) {
	case 0, 1, 2, 3:
		return x + ".s " + d.of("==", "==", "!=") + ` "` + d.of("a", "b") + `"`
	case 4, 5, 6:
		return x + ".n " + d.order() + " " + d.of("1", "2")
	case 7:
		return d.of("has("+x+".n)", x+".s == null", x+".n != null", "has("+x+".s)")
	case 8:
		return x + ".s " + d.of("==", "!=") + " " + d.audience.name + ".s"
	case 9:
		return "now - " + moment + " " + d.order() + ` duration("` + d.of("36h", "240h") + `")`
	}
	return moment + " " + d.order() + " " + d.of("now", "ago("+d.span()+")", "ahead("+d.span()+")")
}

// tablesUsed returns the tables whose rows the world's conditions and triggers are about.
func (d *drawer) tablesUsed() (used []*tableCase) {
	for _, t := range d.w.triggers {
		d.focus[t.subject] = true
		if t.via == nil {
			continue
		}
		at := tableOf(t.via.table)
		d.focus[at] = true
		for _, name := range t.via.links {
			at = tableOf(at.link(name).table)
			d.focus[at] = true
		}
	}
	for _, s := range d.w.segments {
		d.focus[s.audience] = true
	}
	for _, t := range tables {
		if d.focus[t] {
			used = append(used, t)
		}
	}
	return used
}

// foreign draws what a field holds that leads to a table: a key of it, one that no row has, or null.
func (d *drawer) foreign(to *tableCase) row.Value {
	switch {
	case d.chance(6):
		return row.Value{}
	case d.chance(10):
		return to.keyOf("9")
	}
	return to.keyOf(to.ids[d.pick(len(to.ids))])
}

// moveLinked draws a change of a row of any table.
func (d *drawer) moveLinked(m move) {
	m.table = d.used[d.pick(len(d.used))]
	m.subject = m.table.ids[d.pick(len(m.table.ids))]
	switch d.pick(12) {
	case 0:
		d.remove(m)
	case 1:
		d.rename(m)
	case 2:
		if d.w.debezium && d.chance(2) {
			d.truncate(&m)
			d.w.moves = append(d.w.moves, m)
		}
	case 3, 4, 5, 6:
		d.repoint(&m)
		d.w.moves = append(d.w.moves, m)
	default:
		d.upsert(&m)
		d.w.moves = append(d.w.moves, m)
	}
}

// repoint sends the last image of a row with another link.
func (d *drawer) repoint(m *move) {
	image := d.lastImage(m.table, m.subject)
	if image == nil || len(m.table.links) == 0 {
		d.upsert(m)
		return
	}
	l := &m.table.links[d.pick(len(m.table.links))]
	image[m.table.field(l.field)] = d.foreign(tableOf(l.table))
	m.what, m.image = upsert, image
	d.sendImage(m)
}

// seed draws rows of every table in use, at one instant.
func (d *drawer) seed() {
	for _, t := range d.used {
		for _, id := range t.ids {
			if !d.chance(6) {
				m := move{at: d.now, table: t, subject: id}
				d.upsert(&m)
				d.w.moves = append(d.w.moves, m)
			}
		}
	}
}

// drawVia makes a trigger one on rows that lead to the subject, or on leads.
func (d *drawer) drawVia(t *triggerCase) {
	t.kind = onRow
	if d.chance(6) {
		t.subject = leadTable
		return
	}
	t.via = &viaCases[d.pick(len(viaCases))]
	for range 4 { // rather one of the tables that much happens to
		if d.focus[tableOf(t.via.table)] {
			break
		}
		t.via = &viaCases[d.pick(len(viaCases))]
	}
	t.subject = tableOf(t.via.audience)
}

// truncate empties a table, as Debezium tells it.
func (d *drawer) truncate(m *move) {
	m.what, m.subject, m.lsn = truncation, "", d.position()
	d.send(m, m.table.topic, nil, d.envelope(m, "t", "after", nil))
}

// rename gives a row another key: it is deleted and comes anew.
func (d *drawer) rename(m move) {
	image := d.lastImage(m.table, m.subject)
	if image == nil {
		return
	}
	d.remove(m)
	m.subject = m.table.ids[d.pick(len(m.table.ids))]
	image[0] = m.table.keyOf(m.subject)
	m.what, m.image = upsert, image
	d.sendImage(&m)
	d.w.moves = append(d.w.moves, m)
}
