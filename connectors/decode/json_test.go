package decode

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state/row"
)

// moment is the timestamp of the records of these tests: 2026-01-02T03:04:05Z.
const moment = row.Instant(1767323045_000_000_000)

// decodeOne decodes one record, "<nil>" standing for no bytes, and describes the changes without their place.
func decodeOne(d *Decoder, topic, key, value string) string {
	rec := engine.Record{Topic: topic, Time: moment}
	if key != "<nil>" {
		rec.Key = []byte(key)
	}
	if value != "<nil>" {
		rec.Value = []byte(value)
	}
	var lines []string
	for _, c := range d.Decode(&rec, nil) {
		_, text, _ := strings.Cut(describe(&c), " ")
		lines = append(lines, text)
	}
	return strings.Join(lines, "\n")
}

type example struct{ name, key, value, want string }

func run(t *testing.T, d *Decoder, topic string, examples []example) {
	t.Helper()
	dump(t, topic, examples)
	for _, e := range examples {
		if got := decodeOne(d, topic, e.key, e.value); got != e.want {
			t.Errorf("%s:\n got %s\nwant %s", e.name, got, e.want)
		}
	}
}

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
	d := New(jsonCatalog(), Options{})
	run(t, d, "contacts", []example{
		{
			"all types", "", `{"id":"c-1","score":3,"revenue":1.5,"opt_in":true,"born":"1985-12-10",
				"since":"2024-01-01T00:00:00+01:00","tags":["a",null],"counts":[1,2.0],"address":{"city":"K\u00f6ln"},"other":{}}`,
			`upsert contact "c-1" (unknown) id="c-1" score=3 revenue=1.5 opt_in=true born=1985-12-10T00:00:00Z ` +
				`since=2023-12-31T23:00:00Z tags=["a" null] counts=[1 2] city="Köln"`,
		},
		{"int for a double", "", `{"id":"c","revenue":7}`, `upsert contact "c" (unknown) id="c" revenue=7`},
		{"integral float for an int", "", `{"id":"c","score":3.0}`, `upsert contact "c" (unknown) id="c" score=3`},
		{"null and absent", "", `{"id":"c","score":null,"tags":null}`, `upsert contact "c" (unknown) id="c"`},
		{"the last of two members", "", `{"id":"a","id":"b"}`, `upsert contact "b" (unknown) id="b"`},
		{"empty list", "", `{"id":"c","tags":[]}`, `upsert contact "c" (unknown) id="c" tags=[]`},
		{"date of days", "", `{"id":"c","born":5822}`, `upsert contact "c" (unknown) id="c" born=1985-12-10T00:00:00Z`},
		{"time of milliseconds", "", `{"id":"c","since":1706781600500}`,
			`upsert contact "c" (unknown) id="c" since=2024-02-01T10:00:00.5Z`},
		{"time without zone", "", `{"id":"c","since":"2024-02-01 10:00:00.5"}`,
			`upsert contact "c" (unknown) id="c" since=2024-02-01T10:00:00.5Z`},
		{"the row's key counts", `"x"`, `{"id":"c"}`, `upsert contact "c" (unknown) id="c"`},
		{"tombstone, JSON key", `"c-1"`, "<nil>", `delete contact "c-1" (unknown)`},
		{"tombstone, bare key", `c-1`, "<nil>", `delete contact "c-1" (unknown)`},
		{"tombstone, number", `17`, "<nil>", `delete contact "17" (unknown)`},
		{"tombstone, bare text that looks like a number", `1e5`, "<nil>", `delete contact "1e5" (unknown)`},
		{"tombstone, object", `{"id":"c-1"}`, "<nil>", `delete contact "c-1" (unknown)`},
		{"tombstone, number in an object", `{"id":17}`, "<nil>", `delete contact "17" (unknown)`},
		{"tombstone, wrapped", `{"schema":null,"payload":{"id":"c-1"}}`, "<nil>", `delete contact "c-1" (unknown)`},
		{"tombstone, wrapped scalar", `{"schema":{"type":"string"},"payload":"c-1"}`, "<nil>", `delete contact "c-1" (unknown)`},
		{"null value", `c-1`, "null", `delete contact "c-1" (unknown)`},
		{"tombstone without key", "<nil>", "<nil>",
			"bad table contact: record key: missing key: a record without a value must have a key"},
		{"tombstone with another key", `{"x":1}`, "<nil>",
			"bad table contact: record key: missing key: a record without a value must have a key"},
		{"tombstone with a key of bytes", "\x00\x01", "<nil>",
			"bad table contact: record key: the record's key is neither JSON nor text"},
		{"tombstone with a list as key", "[1]", "<nil>",
			"bad table contact: record key: expected a string or a whole number, found an array"},
	})
	run(t, d, "numbers", []example{
		{"int key", "", `{"id":12,"name":"n"}`, `upsert number "12" (unknown) id=12 name="n"`},
		{"int key as a float", "", `{"id":12.0}`, `upsert number "12" (unknown) id=12`},
		{"int key in a tombstone", `"12"`, "<nil>", `delete number "12" (unknown)`},
		{"int key as a float in a tombstone", `{"id":12.0}`, "<nil>", `delete number "12" (unknown)`},
		{"text for an int key", `c-1`, "<nil>",
			"bad table number: record key: expected an int as the record's key, found other text"},
	})
}

func TestJSONRowsThatAreBad(t *testing.T) {
	d := New(jsonCatalog(), Options{RecordBytesMax: 2000})
	run(t, d, "contacts", []example{
		{"number for a string", "", `{"id":7}`, "bad table contact: id: expected a string, found a number"},
		{"string for an int", "", `{"id":"c","score":"3"}`, "bad table contact: score: expected an int, found a string"},
		{"fraction for an int", "", `{"id":"c","score":3.5}`, "bad table contact: score: " + outOfInt},
		{"too large an int", "", `{"id":"c","score":9223372036854775808}`, "bad table contact: score: " + outOfInt},
		{"string for a double", "", `{"id":"c","revenue":"1.5"}`, "bad table contact: revenue: expected a double, found a string"},
		{"too large a double", "", `{"id":"c","revenue":1e999}`,
			"bad table contact: revenue: expected a double, found a number beyond its range"},
		{"number for a boolean", "", `{"id":"c","opt_in":1}`, "bad table contact: opt_in: expected a boolean, found a number"},
		{"string that is no date", "", `{"id":"c","born":"yesterday"}`,
			"bad table contact: born: expected a date as RFC 3339, found another string"},
		{"boolean for a time", "", `{"id":"c","since":true}`, "bad table contact: since: expected a timestamp, found a boolean"},
		{"fraction for a time", "", `{"id":"c","since":1.5}`,
			"bad table contact: since: expected a timestamp, found a number that is not whole"},
		{"string for a list", "", `{"id":"c","tags":"[]"}`, "bad table contact: tags: expected a list, found a string"},
		{"wrong element", "", `{"id":"c","tags":["a",{}]}`, "bad table contact: tags[1]: expected a string, found an object"},
		{"wrong at a path", "", `{"id":"c","address":{"city":1}}`,
			"bad table contact: address.city: expected a string, found a number"},
		{"no key", "c", `{"score":1}`, "bad table contact: id: missing key: it is null or absent"},
		{"null key", "", `{"id":null}`, "bad table contact: id: missing key: it is null or absent"},
		{"empty key", "", `{"id":""}`, "bad table contact: id: missing key: it is empty"},
		{"no object", "", `[1]`, "bad expected an object, found an array"},
		{"empty value", "", "", "bad invalid JSON at byte 0: the text ends early"},
		{"trailing text", "", `{"id":"c"} x`, "bad invalid JSON at byte 11: text after the end of the value"},
		{"cut off", "", `{"id":"c`, "bad invalid JSON at byte 8: a string has no end"},
		{"deep", "", strings.Repeat("[", 101) + strings.Repeat("]", 101), "bad invalid JSON at byte 100: nested too deeply"},
		{"Avro", "", "\x00\x00\x00\x00\x01\x02\x03", "bad expected JSON, found the wire format of a schema registry " +
			"(Avro, Protobuf): use the JSON converter on this topic"},
		{"oversize", "", `{"id":"` + strings.Repeat("x", 2000) + `"}`,
			"bad the record has 2009 bytes, more than the allowed 2000"},
	})
	if got := decodeOne(d, "elsewhere", "k", `{}`); got != "bad unknown topic: no table or event of the catalog reads it" {
		t.Error(got)
	}
}

func eventCatalog() *catalog.Catalog {
	path := func(s string) []string { return strings.Split(s, ".") }
	event := func(name string, match []catalog.Match, subjects []catalog.SubjectPath, fields string, paths ...string) *catalog.Event {
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
		event("opened", []catalog.Match{is("type", "opened")}, contact, "email string, journey string", "props.email", "props.journey"),
		event("any_mail", []catalog.Match{is("channel", "mail"), is("version", int64(2))}, contact, "size int", "props.size"),
		event("visited", []catalog.Match{is("type", "visited"), is("bot", nil), is("live", true), is("rate", 0.5)}, both, "url string", "url"),
	}}
}

func TestEvents(t *testing.T) {
	d := New(eventCatalog(), Options{})
	run(t, d, "engagement", []example{
		{
			"one kind", "", `{"type":"opened","contact_id":"c-1","id":"e-1","time":"2026-01-01T00:00:00Z","props":{"email":"spring"}}`,
			`occur opened contact "c-1" id="e-1" time=2026-01-01T00:00:00Z email="spring"`,
		},
		{
			"no id and no time", "", `{"type":"opened","contact_id":"c-1"}`,
			`occur opened contact "c-1" id="" time=2026-01-02T03:04:05Z `,
		},
		{
			"null id and time", "", `{"type":"opened","contact_id":"c-1","id":null,"time":null,"props":null}`,
			`occur opened contact "c-1" id="" time=2026-01-02T03:04:05Z `,
		},
		{
			"numbers as names", "", `{"type":"opened","contact_id":17,"id":9007199254740993,"time":1767225600000}`,
			`occur opened contact "17" id="9007199254740993" time=2026-01-01T00:00:00Z `,
		},
		{
			"two kinds", "", `{"type":"opened","channel":"mail","version":2.0,"contact_id":"c-1","props":{"email":"x","size":3}}`,
			`occur opened contact "c-1" id="" time=2026-01-02T03:04:05Z email="x"` + "\n" +
				`occur any_mail contact "c-1" id="" time=2026-01-02T03:04:05Z size=3`,
		},
		{
			"two kinds, one bad", "", `{"type":"opened","channel":"mail","version":2,"contact_id":"c-1","props":{"email":"x","size":"3"}}`,
			`occur opened contact "c-1" id="" time=2026-01-02T03:04:05Z email="x"` + "\n" +
				`bad event any_mail: props.size: expected an int, found a string`,
		},
		{
			"two audiences", "", `{"type":"visited","live":true,"rate":0.50,"contact_id":"c-1","who":{"lead":"l-1"},"url":"/"}`,
			`occur visited contact "c-1" id="" time=2026-01-02T03:04:05Z url="/"` + "\n" +
				`occur visited lead "l-1" id="" time=2026-01-02T03:04:05Z url="/"`,
		},
		{
			"one of two audiences", "", `{"type":"visited","live":true,"rate":5e-1,"contact_id":null,"who":{"lead":"l-1"},"bot":null}`,
			`occur visited lead "l-1" id="" time=2026-01-02T03:04:05Z `,
		},
		{
			"none of two audiences", "", `{"type":"visited","live":true,"rate":0.5,"contact_id":"","who":{}}`,
			`bad event visited: missing key: nothing at contact_id or who.lead`,
		},
		{
			"a subject that is none", "", `{"type":"visited","live":true,"rate":0.5,"contact_id":true,"who":{"lead":"l-1"}}`,
			`bad event visited: contact_id: expected a string or a whole number, found a boolean` + "\n" +
				`occur visited lead "l-1" id="" time=2026-01-02T03:04:05Z `,
		},
		{"a condition fails", "", `{"type":"visited","live":true,"rate":0.5,"bot":"x","contact_id":"c"}`, ""},
		{"another type of value", "", `{"type":["opened"],"contact_id":"c-1"}`, ""},
		{"no kind", "", `{"type":"bounced","contact_id":"c-1"}`, ""},
		{"no value", "c-1", "<nil>", ""},
		{"time that is none", "", `{"type":"opened","contact_id":"c","time":"soon"}`,
			"bad event opened: time: expected a timestamp as RFC 3339, found another string"},
		{"id that is none", "", `{"type":"opened","contact_id":"c","id":{}}`,
			"bad event opened: id: expected a string or a whole number, found an object"},
		{"no subject", "", `{"type":"opened"}`, "bad event opened: missing key: nothing at contact_id"},
		{"no JSON", "", `opened`, "bad invalid JSON at byte 0: no value begins so"},
	})
	if s := d.Stats(); s.Unmatched != 4 || s.Bad != 7 || s.Records != 18 {
		t.Errorf("stats: %+v", s)
	}
}

func TestEventKindWithoutConditionsAndWithoutValue(t *testing.T) {
	c := &catalog.Catalog{Events: []*catalog.Event{{
		Name: "ping", Source: catalog.Source{Topic: "pings", Format: "json"}, Schema: row.NewSchema("ping", nil),
		Subjects: []catalog.SubjectPath{{Audience: "contact", Path: []string{"c"}}},
	}}}
	run(t, New(c, Options{}), "pings", []example{
		{"an event without fields", "", `{"c":"c-1"}`, `occur ping contact "c-1" id="" time=2026-01-02T03:04:05Z `},
		{"no value", "k", "<nil>", "bad event ping: missing key: the record has no value"},
	})
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
	run(t, New(c, Options{}), "contacts", []example{
		{"both", "", `{"id":"c","score":9}`, `upsert contact "c" (unknown) id="c" score=9` + "\n" +
			`occur scored contact "c" id="" time=2026-01-02T03:04:05Z score=9`},
		{"the row alone", "", `{"id":"c","score":8}`, `upsert contact "c" (unknown) id="c" score=8`},
	})
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
	rec := engine.Record{Topic: "contacts", Value: []byte(`{"id":"c-1","tags":["x","\u0079"],"address":{"city":"Bonn"}}`)}
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
		"avro":        "bad the source format avro can't be read: use debezium or json",
		"cloudevents": "bad the source format cloudevents can't be read: use debezium or json",
	} {
		c := &catalog.Catalog{Tables: []*catalog.Table{table("contact", "c", format, "id", "id string")}}
		if got := decodeOne(New(c, Options{}), "c", "k", `{"id":"c"}`); got != want {
			t.Errorf("%s: %s", format, got)
		}
	}
	mixed := &catalog.Catalog{Tables: []*catalog.Table{
		table("a", "t", "json", "id", "id string"), table("b", "t", "debezium", "id", "id string"),
	}}
	want := "bad the catalog reads this topic both as debezium and as json: give it one format"
	if got := decodeOne(New(mixed, Options{}), "t", "k", `{"id":"c"}`); got != want {
		t.Error(got)
	}
}
