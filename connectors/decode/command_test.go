package decode

import (
	"testing"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state/row"
)

func TestCommands(t *testing.T) {
	contact := &catalog.Table{Name: "contact", Audience: true, Schema: row.NewSchema("contact", []row.Field{
		{Name: "id", Type: row.Type{Kind: row.String}}}), Source: catalog.Source{Topic: "contacts", Format: "json"}}
	c := &catalog.Catalog{Tables: []*catalog.Table{contact}, Audiences: []*catalog.Audience{{Table: contact}}}
	c.Index()
	d := New(c, Options{Commands: "weir.commands"})
	for value, want := range map[string]engine.ChangeKind{
		`{"command":"erase","audience":"contact","id":"c-1"}`:             engine.Erase,
		`{"command":"erase","audience":"lead","id":"c-1"}`:                engine.Bad,
		`{"command":"erase","audience":"contact"}`:                        engine.Bad,
		`{"command":"add","segment":"s","audience":"contact","id":"c-1"}`: engine.Bad,
		`{"command":"dance"}`:                                             engine.Bad,
		`[]`:                                                              engine.Bad,
		`{"command":`:                                                     engine.Bad,
	} {
		got := d.Decode(&engine.Record{Topic: "weir.commands", Value: []byte(value)}, nil)
		if len(got) != 1 || got[0].Kind != want {
			t.Errorf("%s: got %+v, want one change of kind %d", value, got, want)
		}
	}
}
