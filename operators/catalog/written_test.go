package catalog

import (
	"slices"
	"strings"
	"testing"
)

const writtenTables = `# Companies.
kind: Table
name: account
key: id
source: {topic: a, format: json}
fields: {id: string, industry: string, parent_id: string}
links: {parent: {table: account, field: parent_id}}
---
# People,
# one a row.
kind: Table
name: contact
audience: true
key: id
source: {topic: c, format: json}
fields: {id: string, account_id: string}
links: {account: {table: account, field: account_id, reverse: contacts}}
---
kind: Table
name: deal
key: id
source: {topic: d, format: json}
fields: {id: string, contact_id: string, status: string}
links: {contact: {table: contact, field: contact_id, reverse: deals}}
---
kind: Table
name: item
key: id
source: {topic: i, format: json}
fields: {id: string, deal_id: string}
links: {deal: {table: deal, field: deal_id, reverse: items}}
---
kind: Event
name: opened
source: {topic: e, format: json, match: {type: opened}}
audience: {contact: contact_id}
---
kind: Event
name: clicked
source: {topic: e, format: json, match: {type: clicked}}
audience: {contact: contact_id}
---
kind: Segment
name: readers
audience: contact
where: opened.size() > 0
---
kind: Segment
name: fans
audience: contact
where: in_segment("readers") && contact.account.industry == "zoo"
---
kind: Segment
name: dealers
audience: contact
where: contact.deals.exists(d, d.items.size() > 0)
---
kind: Trigger
name: item-sold
audience: contact
on: {table: item, actions: [create]}
via: deal.contact
---
kind: Trigger
name: became-fan
audience: contact
on: {segment: fans, actions: [enter]}
when: clicked.size() == 0
---
kind: Trigger
name: not-clicked
audience: contact
on: {absence: {after: opened, of: clicked, within: 1d}}
`

func TestNeeds(t *testing.T) {
	c, err := Parse([]File{{Name: "x.yaml", Text: []byte(writtenTables)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ kind, name, want string }{
		{"Table", "account", "account"},
		{"Table", "item", "account contact deal item"},
		{"Event", "opened", "account contact opened"},
		{"Segment", "readers", "account contact opened readers"},
		{"Segment", "fans", "account contact opened readers fans"},
		{"Segment", "dealers", "account contact deal item dealers"},
		{"Trigger", "item-sold", "account contact deal item item-sold"},
		{"Trigger", "became-fan", "account contact opened readers fans clicked became-fan"},
		{"Trigger", "not-clicked", "account contact opened clicked not-clicked"},
		{"Trigger", "fans", ""},
		{"Journey", "account", ""},
	} {
		var got []string
		for _, r := range c.Needs(Reference{test.kind, test.name}) {
			got = append(got, r.Name)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s %s needs %q, want %q", test.kind, test.name, got, test.want)
		}
	}
}

// What a definition needs, with it, is a catalog without faults.
func TestNeedsAreEnough(t *testing.T) {
	files := []File{{Name: "x.yaml", Text: []byte(writtenTables)}}
	c, err := Parse(files)
	if err != nil {
		t.Fatal(err)
	}
	definitions := Definitions(files)
	for _, d := range definitions {
		var texts []string
		for _, r := range c.Needs(d.Reference) {
			i := slices.IndexFunc(definitions, func(w Written) bool { return w.Reference == r })
			texts = append(texts, definitions[i].Text)
		}
		if _, err := Parse([]File{{Name: "y.yaml", Text: []byte(strings.Join(texts, "---\n"))}}); err != nil {
			t.Errorf("%s: %v", d.Name, err)
		}
	}
}

func TestDefinitions(t *testing.T) {
	text := "\ufeffkind: Table\r\nname: a\r\n---\n# Of b:\n#   all.\n\n# Not this.\n" +
		"kind: Segment\nname: b\n--- \nkind: Table\n---\n- no map\n---\nkind: [\n---\nname: c\nkind: Trigger # last\n"
	got := Definitions([]File{{Name: "x.yaml", Text: []byte(text)},
		{Name: "y.yaml", Text: []byte("kind: \xff\nname: d\n")}})
	want := []struct {
		Reference
		line  int
		about string
	}{{Reference{"Table", "a"}, 2, ""}, {Reference{"Segment", "b"}, 9, "Of b: all."}, {Reference{"Trigger", "c"}, 17, ""}}
	if len(got) != len(want) {
		t.Fatalf("%d definitions: %v", len(got), got)
	}
	for i, w := range want {
		g := &got[i]
		if g.Reference != w.Reference || g.Line != w.line || g.About() != w.about || g.File != "x.yaml" {
			t.Errorf("%v at %s:%d, %q, want %v", g.Reference, g.File, g.Line, g.About(), w)
		}
	}
}

func TestSame(t *testing.T) {
	one := func(text string) *Written {
		d := Definitions([]File{{Name: "x.yaml", Text: []byte("kind: Table\nname: t\n" + text)}})
		if len(d) != 1 {
			t.Fatalf("%d definitions in %q", len(d), text)
		}
		return &d[0]
	}
	const base = "fields: {id: string, n: int}\nlist: [a, b]\nempty:\n"
	for text, same := range map[string]bool{
		base: true,
		"# comment\nlist:\n  - a\n  - 'b'\nempty: null\nfields:\n  n: int\n  id: string\n": true,
		"fields: {id: string}\nlist: [a, b]\nempty:\n":                                     false,
		"fields: {id: string, n: double}\nlist: [a, b]\nempty:\n":                          false,
		"fields: {id: string, m: int}\nlist: [a, b]\nempty:\n":                             false,
		"fields: {id: string, n: int}\nlist: [b, a]\nempty:\n":                             false,
		"fields: {id: string, n: int}\nlist: [a, b, c]\nempty:\n":                          false,
		"fields: {id: string, n: int}\nlist: [a, b]\nempty: \"\"\n":                        false,
		base + "more: 1\n": false,
	} {
		a, b := one(base), one(text)
		if a.Same(b) != same || b.Same(a) != same {
			t.Errorf("same is %t and %t, want %t:\n%s", a.Same(b), b.Same(a), same, text)
		}
	}
}
