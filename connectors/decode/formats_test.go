package decode

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
)

// asFormat makes all sources of c another format's.
func asFormat(c *catalog.Catalog, format string) *catalog.Catalog {
	for _, t := range c.Tables {
		t.Source.Format = format
	}
	for _, e := range c.Events {
		e.Source.Format = format
	}
	return c
}

func TestMsgpack(t *testing.T) {
	c := jsonCatalog()
	c.Events = eventCatalog().Events[:1]
	script(t, New(asFormat(c, "msgpack"), Options{}), "msgpack.txt")
}

// TestMsgpackSaysWhatJSONSays decodes the rows and events of the JSON scripts from msgpack.
func TestMsgpackSaysWhatJSONSays(t *testing.T) {
	asJSON, asMsgpack := New(jsonCatalog(), Options{}), New(asFormat(jsonCatalog(), "msgpack"), Options{})
	for _, s := range []string{
		`{"id":"c-1","score":71,"revenue":1234.5,"opt_in":true,"born":"1985-12-10","since":"2019-03-01T12:00:00Z"}`,
		`{"id":"c-1","tags":["a","b"],"counts":[1,2,3],"address":{"city":"Köln"}}`,
		`{"id":"c-1","score":"x"}`, `{"id":"","score":1}`, `{"id":7}`, `{"id":"c","revenue":1}`, `[]`, `7`, `"x"`, `null`,
	} {
		want := decodeOne(asJSON, "contacts", nil, []byte(s))
		if got := decodeOne(asMsgpack, "contacts", nil, packedOf(t, s)); got != want {
			t.Errorf("%s: got %s, want %s", s, got, want)
		}
	}
}

func cloudCatalog() *catalog.Catalog {
	path := func(s string) []string { return strings.Split(s, ".") }
	opened := &catalog.Event{
		Name: "opened", ID: path("ce.id"), Schema: schema("opened", "email string, size int, source string"),
		Source: catalog.Source{
			Topic: "engagement", Format: "cloudevents", Match: []catalog.Match{{Path: path("ce.type"), Value: "opened"}},
		},
		Subjects: []catalog.SubjectPath{{Audience: "contact", Path: path("ce.subject")}},
		Paths:    [][]string{nil, nil, path("ce.source")},
	}
	contact := table("contact", "contacts", "cloudevents", "id", "id string, score int, source string")
	contact.Paths = [][]string{nil, nil, path("ce.source")}
	row := table("row", "cdc", "debezium", "id", "id string, score int")
	row.Source.Match = []catalog.Match{{Path: path("source.table"), Value: "contact"}}
	return &catalog.Catalog{Tables: []*catalog.Table{contact, row}, Events: []*catalog.Event{opened}}
}

func TestCloudEvents(t *testing.T) {
	script(t, New(cloudCatalog(), Options{}), "cloudevents.txt")
}

func TestMySQLRows(t *testing.T) {
	c := &catalog.Catalog{Tables: []*catalog.Table{table("t", "t", "debezium", "id",
		"id string, tiny bool, year int, enum string, words string, bits string, day date, ms timestamp, us timestamp, "+
			"zoned timestamp, json list(int), price double, word_list list(string), mask int, founded date")}}
	script(t, New(c, Options{}), "mysql.txt")
}

// TestChangesOfAllFormatsOwnTheirStrings overwrites records and buffers after decoding.
func TestChangesOfAllFormatsOwnTheirStrings(t *testing.T) {
	r := avroRegistry()
	for name, c := range map[string]struct {
		d   *Decoder
		rec engine.Record
	}{
		"avro": {
			New(avroCatalog(), Options{Schemas: r}),
			engine.Record{Topic: "rows", Value: avroOf(t, r, `2 {"id":"r-1","name":"Ada"}`)},
		},
		"avro key": {New(avroCatalog(), Options{Schemas: r}), engine.Record{
			Topic: "rows", Key: avroOf(t, r, `5 "r-1"`), Value: avroOf(t, r, `3 {"name":"Ada"}`),
		}},
		"msgpack": {
			New(asFormat(jsonCatalog(), "msgpack"), Options{}),
			engine.Record{Topic: "contacts", Value: packedOf(t, `{"id":"c-1","tags":["a","b"]}`)},
		},
		"cloudevents": {New(cloudCatalog(), Options{}), engine.Record{
			Topic: "engagement", Value: []byte(`{"email":"spring"}`), Headers: []engine.Header{
				{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_type", Value: []byte("opened")},
				{Key: "ce_subject", Value: []byte("c-1")}, {Key: "ce_id", Value: []byte("e-1")},
			},
		}},
		"track":    {New(callCatalog(), Options{}), scripted(t, "segment.txt", "calls", "track")},
		"identify": {New(callCatalog(), Options{}), scripted(t, "segment.txt", "calls", "identify")},
		"dataverse row": {
			New(entityCatalog(), Options{}), scripted(t, "dataverse.txt", "dataverse", "create"),
		},
		"dataverse event": {
			New(entityCatalog(), Options{}), scripted(t, "dataverse.txt", "dataverse", "an event: a created row"),
		},
	} {
		out := c.d.Decode(&c.rec, nil)
		if len(out) != 1 || out[0].Kind == engine.Bad {
			t.Fatalf("%s: %d changes, the first %s", name, len(out), describe(&out[0]))
		}
		want := strings.Clone(describe(&out[0]))
		for _, b := range [][]byte{
			c.rec.Key, c.rec.Value, c.d.tape.built[:cap(c.d.tape.built)], c.d.keyTape.built[:cap(c.d.keyTape.built)],
			c.d.composed[:cap(c.d.composed)], c.d.scratch[:cap(c.d.scratch)],
		} {
			clear(b)
		}
		for i := range c.rec.Headers {
			clear(c.rec.Headers[i].Value)
		}
		if got := describe(&out[0]); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
