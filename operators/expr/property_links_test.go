package expr_test

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/operators/expr/oracle"
	"github.com/weirstream/weir/state/row"
)

// key is the i-th key of a type.
func key(kind row.Kind, i int) row.Value {
	if kind == row.Int {
		return row.OfInt(int64(i))
	}
	return row.OfString(fmt.Sprintf("k%d", i))
}

// drawTables draws the rows of the tables: some rows lead to others, some to none, some to one that is not there.
// The first contact is the subject, if there is one.
func (d *data) drawTables(t *rapid.T, now row.Instant, s expr.Scope) {
	for _, table := range s.Tables {
		id, _ := table.Schema.Field("id")
		var rows []row.Row
		if table.Schema.Name == s.Audience.Name && d.in.Subject != nil {
			rows = append(rows, d.in.Subject)
		}
		for range rapid.SampledFrom([]int{3, 2, 4, 1, 0}).Draw(t, "rows") {
			rows = append(rows, drawFields(t, now, table.Schema))
		}
		for i, r := range rows {
			r[id] = key(table.Schema.Fields[id].Type.Kind, i)
		}
		d.tables = append(d.tables, oracle.Table{Table: table, Key: id, Rows: rows})
	}
	for _, table := range d.tables {
		for _, l := range table.Table.Links {
			if !l.Many {
				d.drawLinks(t, table, l)
			}
		}
		slices.Reverse(table.Rows)
	}
	d.in.Linked = d.tables
}

// drawLinks draws what the rows of a table name by l.
func (d *data) drawLinks(t *rapid.T, from oracle.Table, l *expr.Link) {
	to := slices.IndexFunc(d.tables, func(o oracle.Table) bool { return o.Table == l.To })
	n := len(d.tables[to].Rows)
	for _, r := range from.Rows {
		r[l.Field] = row.Value{}
		if i := rapid.IntRange(0, n+1).Draw(t, "to"); i <= n { // there is no n-th row
			r[l.Field] = key(l.To.Schema.Fields[d.tables[to].Key].Type.Kind, i)
		}
	}
}

// traced follows links for a program, but shows of each row only what the program says it reads there, and notes
// when it follows a link of which it does not say that.
type traced struct {
	under expr.Rows
	reads expr.Reads
	shown map[*row.Value]origin // by the first field of the rows that were shown
	fault string
}

// origin is the whole row, and how it was reached.
type origin struct {
	whole row.Row
	links []*expr.Link
}

func newTraced(under expr.Rows, reads expr.Reads, whole, shown row.Row) *traced {
	t := &traced{under: under, reads: reads, shown: map[*row.Value]origin{}}
	if shown != nil {
		t.shown[&shown[0]] = origin{whole: whole}
	}
	return t
}

// One implements expr.Rows.
func (t *traced) One(l *expr.Link, from row.Row) row.Row {
	o, path := t.path(l, from)
	if path == nil {
		return nil
	}
	return t.show(t.under.One(l, o.whole), path)
}

// Many implements expr.Rows.
func (t *traced) Many(l *expr.Link, from row.Row) []row.Row {
	o, path := t.path(l, from)
	if path == nil {
		return nil
	}
	var rows []row.Row
	for _, r := range t.under.Many(l, o.whole) {
		rows = append(rows, t.show(r, path))
	}
	return rows
}

func (t *traced) path(l *expr.Link, from row.Row) (origin, *expr.Path) {
	o, ok := t.shown[&from[0]]
	if !ok {
		t.fault = fmt.Sprintf("it follows %s from a row that was not shown to it: %v", l.Name, from)
		return o, nil
	}
	links := append(slices.Clone(o.links), l)
	for i := range t.reads.Paths {
		if slices.Equal(t.reads.Paths[i].Links, links) {
			return o, &t.reads.Paths[i]
		}
	}
	t.fault = fmt.Sprintf("it follows %s, but does not say so", named(links))
	return o, nil
}

func (t *traced) show(whole row.Row, path *expr.Path) row.Row {
	if whole == nil {
		return nil
	}
	shown := slices.Clone(whole)
	for i := range shown {
		if !slices.Contains(path.Fields, i) {
			shown[i] = row.OfString("changed")
		}
	}
	t.shown[&shown[0]] = origin{whole, path.Links}
	return shown
}

func named(links []*expr.Link) string {
	text := ""
	for _, l := range links {
		text += "." + l.Name
	}
	return text
}

// soundPaths sees that every path stands once, behind those that it passes through, and that these read what the
// next row is found by.
func soundPaths(reads expr.Reads) string {
	seen := map[string][]int{"": reads.Fields}
	for _, p := range reads.Paths {
		name, last := named(p.Links), p.Links[len(p.Links)-1]
		before, ok := seen[named(p.Links[:len(p.Links)-1])]
		switch {
		case !ok:
			return fmt.Sprintf("%s stands before what it passes through", name)
		case !last.Many && !slices.Contains(before, last.Field):
			return fmt.Sprintf("%s is followed, but what it is found by is not read", name)
		case !slices.IsSorted(p.Fields) || len(slices.Compact(slices.Clone(p.Fields))) < len(p.Fields):
			return fmt.Sprintf("the fields of %s are out of order: %v", name, p.Fields)
		}
		if _, twice := seen[name]; twice {
			return fmt.Sprintf("%s stands twice", name)
		}
		seen[name] = p.Fields
	}
	return ""
}
