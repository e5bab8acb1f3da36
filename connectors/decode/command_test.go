package decode

import (
	"testing"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

func TestCommands(t *testing.T) {
	contact := &catalog.Table{Name: "contact", Audience: true, Schema: row.NewSchema("contact", []row.Field{
		{Name: "id", Type: row.Type{Kind: row.String}}}), Source: catalog.Source{Topic: "contacts", Format: "json"}}
	lead := &catalog.Table{Name: "lead", Audience: true, Schema: row.NewSchema("lead", []row.Field{
		{Name: "id", Type: row.Type{Kind: row.String}}}), Source: catalog.Source{Topic: "leads", Format: "json"}}
	contacts, leads := &catalog.Audience{Table: contact}, &catalog.Audience{Table: lead}
	c := &catalog.Catalog{Tables: []*catalog.Table{contact, lead}, Audiences: []*catalog.Audience{contacts, leads},
		Segments: []*catalog.Segment{{Name: "static", Audience: contacts}, {Name: "other", Audience: leads},
			{Name: "dynamic", Audience: contacts, Where: &expr.Program{}},
			{Name: "frozen", Audience: contacts, Where: &expr.Program{}, Freeze: &catalog.Freeze{}}}}
	c.Index()
	d := New(c, Options{Commands: "weir.commands"})
	for value, want := range map[string]engine.ChangeKind{
		`{"command":"erase","audience":"contact","id":"c-1"}`:                   engine.Erase,
		`{"command":"erase","audience":"account","id":"c-1"}`:                   engine.Bad,
		`{"command":"erase","audience":"contact"}`:                              engine.Bad,
		`{"command":"add","segment":"static","audience":"contact","id":"c-1"}`:  engine.Add,
		`{"command":"remove","segment":"frozen","audience":"contact","id":"c"}`: engine.Remove,
		`{"command":"add","segment":"dynamic","audience":"contact","id":"c-1"}`: engine.Bad,
		`{"command":"add","segment":"other","audience":"contact","id":"c-1"}`:   engine.Bad,
		`{"command":"add","segment":"unknown","audience":"contact","id":"c-1"}`: engine.Bad,
		`{"command":"remove","audience":"contact","id":"c-1"}`:                  engine.Bad,
		`{"command":"add","segment":"static","audience":"contact"}`:             engine.Bad,
		`{"command":"complete","journey":"j","audience":"contact","id":"c-1"}`:  engine.Bad,
		`{"command":"dance"}`: engine.Bad,
		`[]`:                  engine.Bad,
		`{"command":`:         engine.Bad,
	} {
		got := d.Decode(&engine.Record{Topic: "weir.commands", Value: []byte(value)}, nil)
		if len(got) != 1 || got[0].Kind != want {
			t.Errorf("%s: got %+v, want one change of kind %d", value, got, want)
			continue
		}
		edit, c := want == engine.Add || want == engine.Remove, got[0]
		if edit && (c.Segment == "" || c.Key == "" || c.Audience == "") {
			t.Errorf("%s: got %+v", value, c)
		}
	}
}
