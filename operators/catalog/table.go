package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

// tableDraft is a table while it is being read.
type tableDraft struct {
	draft
	table   *Table
	source  sourceDraft
	fields  fieldsDraft
	keyType row.Type
	links   []linkDraft
}

// linkDraft is a link while it is being read.
type linkDraft struct {
	Link
	at, tableAt, fieldAt, reverseAt place
	target                          *tableDraft
}

// addTable reads a table.
func (b *builder) addTable(n *node, d draft, name *node) {
	o := b.object(n, describe("table", d), "kind", "name", "audience", "key", "source", "fields", "links")
	if name != nil && !b.variableName(name, "a table") {
		b.doubt(d.name)
		d.name = ""
	}
	t := &tableDraft{draft: d, source: b.source(o, tableSource)}
	t.table = &Table{Name: d.name, Audience: o.boolean("audience")}
	t.table.Source = t.source.Source
	t.fields = b.fields(o, true)
	b.key(o, t)
	t.table.Schema, t.table.Paths = t.fields.schema(d.name)
	t.table.KeyField, _ = t.table.Schema.Field(t.table.Key)
	if links := o.n.get("links"); links != nil {
		b.links(t, links)
	}
	b.tables = append(b.tables, t)
}

// key checks the key of a table. Its type is text where there is none, and the key is doubted.
func (b *builder) key(o *object, t *tableDraft) {
	t.keyType = row.Type{Kind: row.String}
	key, n := o.text("key", "the field that identifies a row", true)
	if n == nil {
		return
	}
	f, ok := t.fields.get(key)
	switch {
	case !ok && !b.doubtful[key]:
		b.fault(n.at, fmt.Sprintf("key %s is no field of %s", quoted(key), o.what), didYouMean(key, t.fields.names()))
	case ok && f.Type.Kind != row.String && f.Type.Kind != row.Int:
		b.fault(n.at, fmt.Sprintf("key %s of %s has the type %s", quoted(key), o.what, f.Type),
			"a key is a string or an int")
	case ok:
		t.table.Key, t.keyType = key, f.Type
	}
}

// links reads the links of a table; what they point to is checked when all tables are known.
func (b *builder) links(t *tableDraft, n *node) {
	what := describe("table", t.draft)
	if n.shape != isMap {
		b.fault(n.at, fmt.Sprintf("key \"links\" of %s must be a map of links, found %s", what, shown(n)),
			"links: {account: {table: account, field: account_id}}")
		return
	}
	for _, p := range n.pairs {
		name := fmt.Sprintf("link %s of %s", p.key.text, what)
		o := b.object(p.value, name, "table", "field", "reverse")
		if o == nil || !b.memberName(p.key, "a link") {
			b.doubt(p.key.text)
			continue
		}
		l := linkDraft{Link: Link{Name: p.key.text}, at: p.key.at}
		if _, taken := t.fields.get(l.Name); taken {
			b.fault(l.at, fmt.Sprintf("%s has the same name as a field of that table", name),
				"choose another name for the link")
		}
		table, tableNode := o.text("table", "the table that the link points to", true)
		field, fieldNode := o.text("field", "the field of this table that holds the other's key", true)
		if reverse, n := o.text("reverse", "", false); n != nil && b.memberName(n, "a link") {
			l.Reverse, l.reverseAt = reverse, n.at
		}
		if tableNode == nil || fieldNode == nil {
			b.doubt(l.Name)
			continue
		}
		l.Table, l.tableAt, l.Field, l.fieldAt = table, tableNode.at, field, fieldNode.at
		t.links = append(t.links, l)
	}
}

// findTable returns a table by name; nil, after a fault, if there is none.
func (b *builder) findTable(name string, at place, what string) *tableDraft {
	i := slices.IndexFunc(b.tables, func(t *tableDraft) bool { return t.name == name })
	if i >= 0 {
		return b.tables[i]
	}
	if !b.doubtful[name] {
		names := make([]string, len(b.tables))
		for i, t := range b.tables {
			names[i] = t.name
		}
		b.fault(at, fmt.Sprintf("%s: there is no table %s", what, quoted(name)), didYouMean(name, names))
	}
	return nil
}

// findAudience returns a table whose rows are subjects; nil, after a fault, if there is none.
func (b *builder) findAudience(name string, at place, what string) *tableDraft {
	t := b.findTable(name, at, what)
	if t == nil || t.table.Audience {
		return t
	}
	b.fault(at, fmt.Sprintf("%s: table %s is no audience", what, name), "give that table the key audience: true")
	return nil
}

// resolveLinks checks what the links of all tables point to.
func (b *builder) resolveLinks() {
	reverse := map[string]place{} // of table.name
	for _, t := range b.tables {
		for i := range t.links {
			b.resolveLink(t, &t.links[i], reverse)
			t.table.Links = append(t.table.Links, &t.links[i].Link)
		}
		slices.SortFunc(t.table.Links, func(a, b *Link) int { return strings.Compare(a.Name, b.Name) })
	}
}

func (b *builder) resolveLink(t *tableDraft, l *linkDraft, reverse map[string]place) {
	what := fmt.Sprintf("link %s of table %s", l.Name, t.name)
	f, ok := t.fields.get(l.Field)
	if !ok && !b.doubtful[l.Field] {
		b.fault(l.fieldAt, fmt.Sprintf("%s: %s is no field of table %s", what, quoted(l.Field), t.name),
			didYouMean(l.Field, t.fields.names()))
	}
	l.target = b.findTable(l.Table, l.tableAt, what)
	if l.target == nil {
		return
	}
	l.From, l.Target, l.Index = t.table, l.target.table, definitionID("link "+t.name+"."+l.Name)
	l.KeyField, _ = t.table.Schema.Field(l.Field)
	if ok && !b.doubtful[f.Name] && l.target.table.Key != "" && !b.doubtful[l.target.table.Key] &&
		f.Type.String() != l.target.keyType.String() {
		b.fault(l.fieldAt, fmt.Sprintf("%s: field %s has the type %s, the key of table %s is of type %s",
			what, f.Name, f.Type, l.Table, l.target.keyType), "both must have one type")
	}
	if l.Reverse == "" {
		return
	}
	taken := func(message string) {
		b.fault(l.reverseAt, fmt.Sprintf("the reverse %s of %s has the same name as %s", quoted(l.Reverse), what, message),
			"choose another name")
	}
	name := l.Table + "." + l.Reverse
	if _, ok := l.target.fields.get(l.Reverse); ok {
		taken("a field of table " + l.Table)
	} else if slices.ContainsFunc(l.target.links, func(o linkDraft) bool { return o.Name == l.Reverse }) {
		taken("a link of table " + l.Table)
	} else if at, ok := reverse[name]; ok {
		taken("another reverse, at " + at.String())
	} else {
		reverse[name] = l.reverseAt
	}
}

// linksOf returns the names by which rows of a table reach other tables, with their schemas.
func (b *builder) linksOf(t *tableDraft) map[string]*tableDraft {
	out := map[string]*tableDraft{}
	for _, l := range t.links {
		if l.target != nil {
			out[l.Name] = l.target
		}
	}
	for _, other := range b.tables {
		for _, l := range other.links {
			if l.target == t && l.Reverse != "" {
				out[l.Reverse] = other
			}
		}
	}
	return out
}

// linkTables makes the tables as conditions see them: each with the links of its own and those that lead back.
func (b *builder) linkTables() {
	tables := map[*tableDraft]*expr.Table{}
	for _, t := range b.tables {
		tables[t] = &expr.Table{Schema: t.table.Schema}
	}
	add := func(from, to *tableDraft, name string, l *Link, many bool) {
		tables[from].Links = append(tables[from].Links,
			&expr.Link{Name: name, To: tables[to], Many: many, Field: l.KeyField, ID: len(b.ways)})
		b.ways = append(b.ways, way{l, many})
	}
	for _, t := range b.tables {
		for i := range t.links {
			l := &t.links[i]
			if l.target == nil {
				continue
			}
			add(t, l.target, l.Name, &l.Link, false)
			if l.Reverse != "" {
				add(l.target, t, l.Reverse, &l.Link, true)
			}
		}
	}
	if len(b.ways) == 0 {
		return
	}
	for _, t := range b.tables {
		slices.SortFunc(tables[t].Links, func(a, b *expr.Link) int { return strings.Compare(a.Name, b.Name) })
		b.linked = append(b.linked, tables[t])
	}
}
