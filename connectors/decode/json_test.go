package decode

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state/row"
)

func jsonCatalog() *catalog.Catalog {
	contact := table("contact", "contacts", "json", "id", "id string, score int, revenue double, opt_in bool, "+
		"born date, since timestamp, tags list(string), counts list(int), city string")
	contact.Paths = make([][]string, len(contact.Schema.Fields))
	contact.Paths[8] = []string{"address", "city"}
	return &catalog.Catalog{Tables: []*catalog.Table{
		contact,
		table("number", "numbers", "json", "id", "id int, name string"),
	}}
}

func TestJSONRows(t *testing.T) {
	script(t, New(jsonCatalog(), Options{}), "json-rows.txt")
}

func TestJSONRowsThatAreBad(t *testing.T) {
	d := New(jsonCatalog(), Options{RecordBytesMax: 2000})
	script(t, d, "json-rows-bad.txt")
	for value, want := range map[string]string{
		strings.Repeat("[", 101) + strings.Repeat("]", 101): "bad invalid JSON at byte 100: nested too deeply",
		`{"id":"` + strings.Repeat("x", 2000) + `"}`:        "bad the record has 2009 bytes, more than the allowed 2000",
	} {
		if got := decodeOne(d, "contacts", nil, []byte(value)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	want := "bad unknown topic: no table or event of the catalog reads it"
	if got := decodeOne(d, "elsewhere", nil, []byte(`{}`)); got != want {
		t.Error(got)
	}
}

func eventCatalog() *catalog.Catalog {
	path := func(s string) []string { return strings.Split(s, ".") }
	event := func(name string, match []catalog.Match, subjects []catalog.SubjectPath, fields string,
		paths ...string) *catalog.Event {
		e := &catalog.Event{
			Name: name, Source: catalog.Source{Topic: "engagement", Format: "json", Match: match},
			Subjects: subjects, ID: path("id"), Time: path("time"), Schema: schema(name, fields),
		}
		for _, p := range paths {
			e.Paths = append(e.Paths, path(p))
		}
		return e
	}
	contact := []catalog.SubjectPath{{Audience: "contact", Path: path("contact_id")}}
	both := append(contact[:1:1], catalog.SubjectPath{Audience: "lead", Path: path("who.lead")})
	is := func(p string, v any) catalog.Match { return catalog.Match{Path: path(p), Value: v} }
	return &catalog.Catalog{Events: []*catalog.Event{
		event("opened", []catalog.Match{is("type", "opened")}, contact,
			"email string, journey string", "props.email", "props.journey"),
		event("any_mail", []catalog.Match{is("channel", "mail"), is("version", int64(2))}, contact,
			"size int", "props.size"),
		event("visited", []catalog.Match{is("type", "visited"), is("bot", nil), is("live", true), is("rate", 0.5)}, both,
			"url string", "url"),
	}}
}

func TestEvents(t *testing.T) {
	d := New(eventCatalog(), Options{})
	script(t, d, "events.txt")
	if s := d.Stats(); s.Unmatched != 4 || s.Bad != 7 || s.Records != 18 {
		t.Errorf("stats: %+v", s)
	}
}

func TestEventKindWithoutConditionsAndWithoutValue(t *testing.T) {
	c := &catalog.Catalog{Events: []*catalog.Event{{
		Name: "ping", Source: catalog.Source{Topic: "pings", Format: "json"}, Schema: row.NewSchema("ping", nil),
		Subjects: []catalog.SubjectPath{{Audience: "contact", Path: []string{"c"}}},
	}}}
	script(t, New(c, Options{}), "event-without-conditions.txt")
}

// TestRowsAndEventsOfOneTopic reads a topic as a table and as an event kind at once.
func TestRowsAndEventsOfOneTopic(t *testing.T) {
	c := jsonCatalog()
	c.Events = []*catalog.Event{{
		Name: "scored", Source: catalog.Source{
			Topic: "contacts", Format: "json", Match: []catalog.Match{{Path: []string{"score"}, Value: int64(9)}},
		},
		Subjects: []catalog.SubjectPath{{Audience: "contact", Path: []string{"id"}}}, Schema: schema("scored", "score int"),
	}}
	script(t, New(c, Options{}), "rows-and-events.txt")
}

func TestBadChangesCarryTheRecord(t *testing.T) {
	d := New(jsonCatalog(), Options{})
	rec := engine.Record{
		Topic: "contacts", TopicID: [16]byte{1}, Partition: 3, Offset: 44, Time: moment,
		Key: []byte("the key"), Value: []byte(`{"id":`), Headers: []engine.Header{{Key: "h", Value: []byte("v")}},
	}
	out := d.Decode(&rec, nil)
	if len(out) != 1 || out[0].Kind != engine.Bad {
		t.Fatalf("%+v", out)
	}
	c := out[0]
	want := engine.Origin{Topic: "contacts", TopicID: [16]byte{1}, Partition: 3, Offset: 44, Time: moment}
	if c.Origin != want || c.Key != "the key" || string(c.RawKey) != "the key" || string(c.Raw) != `{"id":` ||
		len(c.Headers) != 1 || c.Headers[0].Key != "h" {
		t.Errorf("%+v", c)
	}
}

// TestChangesOwnTheirStrings overwrites the record after decoding, as a client's buffers are.
func TestChangesOwnTheirStrings(t *testing.T) {
	d := New(jsonCatalog(), Options{})
	value := []byte(`{"id":"c-1","tags":["x","\u0079"],"address":{"city":"Bonn"}}`)
	rec := engine.Record{Topic: "contacts", Value: value}
	out := d.Decode(&rec, nil)
	clear(rec.Value)
	d.Decode(&engine.Record{Topic: "contacts", Value: []byte(`{"id":"zzzz","tags":["\u0061"]}`)}, nil)
	_, got, _ := strings.Cut(describe(&out[0]), " ")
	if want := `upsert contact "c-1" (unknown) id="c-1" tags=["x" "y"] city="Bonn"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRefusedFormats(t *testing.T) {
	for format, want := range map[string]string{
		"protobuf": "bad the source format protobuf can't be read",
		"avro":     `upsert contact "c" (unknown) id="c"`,
	} {
		c := &catalog.Catalog{Tables: []*catalog.Table{table("contact", "c", format, "id", "id string")}}
		if got := decodeOne(New(c, Options{}), "c", nil, []byte(`{"id":"c"}`)); got != want {
			t.Errorf("%s: %s", format, got)
		}
	}
	mixed := &catalog.Catalog{Tables: []*catalog.Table{
		table("a", "t", "json", "id", "id string"), table("b", "t", "debezium", "id", "id string"),
	}}
	want := "bad the catalog reads this topic both as debezium and as json: give it one format"
	if got := decodeOne(New(mixed, Options{}), "t", nil, []byte(`{"id":"c"}`)); got != want {
		t.Error(got)
	}
}
