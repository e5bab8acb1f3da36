package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

// tableCase is a table of the worlds: the same ones in all of them.
type tableCase struct {
	name     string
	audience bool
	topic    string
	fields   []row.Field // the first one is the key
	ids      []string    // of the rows that there may be; in digits if the key is an int
	links    []linkCase
}

// linkCase is a link of a table.
type linkCase struct {
	name, table, field string
	reverse            string // empty: nobody looks back
}

var (
	wordType = row.Type{Kind: row.String}
	intType  = row.Type{Kind: row.Int}
	timeType = row.Type{Kind: row.Timestamp}

	subjectIDs = []string{"c-1", "c-2"}

	contactTable = &tableCase{name: "contact", audience: true, topic: "rows", ids: subjectIDs, fields: []row.Field{
		{Name: "id", Type: wordType}, {Name: "s", Type: wordType}, {Name: "n", Type: intType},
		{Name: "d", Type: row.Type{Kind: row.Double}}, {Name: "b", Type: row.Type{Kind: row.Bool}},
		{Name: "t", Type: timeType}, {Name: "day", Type: row.Type{Kind: row.Timestamp, Date: true}},
		{Name: "tags", Type: row.Type{Kind: row.List, Elem: &wordType}},
		{Name: "nums", Type: row.Type{Kind: row.List, Elem: &intType}},
		{Name: "account_id", Type: wordType}, {Name: "second_id", Type: wordType}, {Name: "partner_id", Type: wordType},
	}, links: []linkCase{
		{"account", "account", "account_id", "contacts"}, {"second", "account", "second_id", ""},
		{"partner", "contact", "partner_id", "partners"},
	}}
	leadTable = plainTable("lead", []string{"l-1", "l-2"}, wordType,
		linkCase{"contact", "contact", "contact_id", "leads"}, linkCase{"account", "account", "account_id", "leads"})

	// tables are all tables; those behind the first are in the catalog of linked worlds only.
	tables = []*tableCase{contactTable, leadTable,
		plainTable("account", []string{"a-1", "a-2"}, wordType, linkCase{"parent", "account", "parent_id", "children"},
			linkCase{"owner", "owner", "owner_id", "accounts"}, linkCase{"main", "contact", "main_id", "mains"}),
		plainTable("deal", []string{"d-1", "d-2", "d-3"}, wordType, linkCase{"contact", "contact", "contact_id", "deals"},
			linkCase{"other", "contact", "other_id", "others"}, linkCase{"account", "account", "account_id", "deals"}),
		plainTable("item", []string{"2", "10"}, intType, linkCase{"deal", "deal", "deal_id", "items"},
			linkCase{"lead", "lead", "lead_id", "items"}),
		plainTable("owner", []string{"1", "2"}, intType),
	}
)

// plainTable is a table of a key, a word, a number, a time and links.
func plainTable(name string, ids []string, key row.Type, links ...linkCase) *tableCase {
	t := &tableCase{name: name, audience: name == "lead", topic: name + "s", ids: ids, links: links, fields: []row.Field{
		{Name: "id", Type: key}, {Name: "s", Type: wordType}, {Name: "n", Type: intType}, {Name: "t", Type: timeType}}}
	for _, l := range links {
		f := row.Field{Name: l.field, Type: wordType}
		if l.table == "owner" {
			f.Type = intType
		}
		t.fields = append(t.fields, f)
	}
	return t
}

func tableOf(name string) *tableCase {
	return tables[slices.IndexFunc(tables, func(t *tableCase) bool { return t.name == name })]
}

func (t *tableCase) field(name string) int {
	return slices.IndexFunc(t.fields, func(f row.Field) bool { return f.Name == name })
}

// link returns a link of the table's own.
func (t *tableCase) link(name string) *linkCase {
	return &t.links[slices.IndexFunc(t.links, func(l linkCase) bool { return l.name == name })]
}

// keyOf is a key of the table as its fields hold it.
func (t *tableCase) keyOf(id string) row.Value {
	if t.fields[0].Type.Kind == row.Int {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			panic(err) // one of the test's own
		}
		return row.OfInt(n)
	}
	return row.OfString(id)
}

// wayCase is a link as conditions follow it from a table.
type wayCase struct {
	name string
	to   *tableCase
	many bool
}

// ways returns how conditions get on from rows of the table.
func (t *tableCase) ways() (out []wayCase) {
	for _, l := range t.links {
		out = append(out, wayCase{l.name, tableOf(l.table), false})
	}
	for _, from := range tables {
		for _, l := range from.links {
			if l.table == t.name && l.reverse != "" {
				out = append(out, wayCase{l.reverse, from, true})
			}
		}
	}
	return out
}

// write writes the table as a user would.
func (t *tableCase) write(b *strings.Builder, format string, linked bool) {
	fmt.Fprintf(b, "---\nkind: Table\nname: %s\naudience: %v\nkey: id\nsource: {topic: %s, format: %s}\nfields:\n",
		t.name, t.audience, t.topic, format)
	for _, f := range t.fields {
		fmt.Fprintf(b, "  %s: %s\n", f.Name, f.Type)
	}
	if !linked || len(t.links) == 0 {
		return
	}
	b.WriteString("links:\n")
	for _, l := range t.links {
		fmt.Fprintf(b, "  %s: {table: %s, field: %s", l.name, l.table, l.field)
		if l.reverse != "" {
			fmt.Fprintf(b, ", reverse: %s", l.reverse)
		}
		b.WriteString("}\n")
	}
}

// linkedTables are the tables as the interpreter sees them, in the order of tables.
var linkedTables = func() []*expr.Table {
	out := make([]*expr.Table, len(tables))
	for i, t := range tables {
		out[i] = &expr.Table{Schema: row.NewSchema(t.name, t.fields)}
	}
	for i, t := range tables {
		for _, l := range t.links {
			to := slices.Index(tables, tableOf(l.table))
			out[i].Links = append(out[i].Links, &expr.Link{Name: l.name, To: out[to], Field: t.field(l.field)})
			if l.reverse != "" {
				out[to].Links = append(out[to].Links,
					&expr.Link{Name: l.reverse, To: out[i], Many: true, Field: t.field(l.field)})
			}
		}
	}
	for _, t := range out {
		slices.SortFunc(t.Links, func(a, b *expr.Link) int { return strings.Compare(a.Name, b.Name) })
	}
	return out
}()
