package decode

import (
	"errors"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
)

// recordSchema returns the schema of a record with the fields.
func recordSchema(name, fields string) string {
	return `{"type":"record","name":"` + name + `","namespace":"shop","fields":[` + fields + `]}`
}

// avroRegistry has the schemas of testdata/scripts/avro.txt.
func avroRegistry() *registry {
	const id = `{"name":"id","type":"string"}`
	named := recordSchema("Named", id+`,{"name":"name","type":["null","string"]}`)
	connect := func(name, base, of, more string) string {
		return `{"name":"` + name + `","type":{"type":"` + base + `","connect.name":"` + of + `"` + more + `}}`
	}
	return &registry{
		refused: "the registry has no such schema",
		byGUID:  map[string]string{"11111111-2222-4333-8444-555555555555": named},
		byID: map[int]string{
			1: recordSchema("All", id+`,
				{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}},
				{"name":"fee","type":{"type":"fixed","name":"Fee","size":4,"logicalType":"decimal","precision":8,"scale":2}},
				{"name":"born","type":{"type":"int","logicalType":"date"}},
				{"name":"millis","type":{"type":"long","logicalType":"timestamp-millis"}},
				{"name":"micros","type":{"type":"long","logicalType":"timestamp-micros"}},
				{"name":"nanos","type":{"type":"long","logicalType":"timestamp-nanos"}},
				{"name":"color","type":{"type":"enum","name":"Color","symbols":["GREEN","RED"]}},
				{"name":"ratio","type":"double"}, {"name":"small","type":"float"}, {"name":"ok","type":"boolean"},
				{"name":"raw","type":"bytes"}, {"name":"tags","type":{"type":"array","items":"string"}},
				{"name":"props","type":{"type":"map","values":"string"}},
				{"name":"inner","type":{"type":"record","name":"Inner","fields":[{"name":"city","type":"string"}]}},
				{"name":"maybe","type":["null","Inner"]}`),
			2: named,
			3: recordSchema("Keyless", `{"name":"name","type":"string"}`),
			4: recordSchema("Key", id),
			5: `"string"`,
			6: `"null"`,
			7: recordSchema("Connect", id+","+connect("born", "int", "io.debezium.time.Date", "")+","+
				connect("millis", "long", "io.debezium.time.Timestamp", "")+","+
				connect("micros", "long", "io.debezium.time.MicroTimestamp", "")+","+
				connect("nanos", "long", "io.debezium.time.NanoTimestamp", "")+","+
				connect("since", "int", "io.debezium.time.Year", "")+","+
				connect("words", "string", "io.debezium.data.EnumSet", "")+","+
				connect("mask", "bytes", "io.debezium.data.Bits", "")+`,
				{"name":"price","type":{"type":"record","name":"VariableScaleDecimal","namespace":"io.debezium.data",
				"connect.name":"io.debezium.data.VariableScaleDecimal",
				"fields":[{"name":"scale","type":"int"},{"name":"value","type":"bytes"}]}},`+
				connect("amount", "bytes", "org.apache.kafka.connect.data.Decimal",
					`,"connect.parameters":{"scale":"1"}`)),
			8: recordSchema("Marked", id+`,{"name":"__op","type":"string"},{"name":"__deleted","type":"string"},
				{"name":"__source_lsn","type":"long"}`),
			9:  recordSchema("Other", `{"name":"other","type":"int"}`),
			10: recordSchema("Chain", id+`,{"name":"next","type":["null","Chain"]}`),
			11: `{"type":"record"}`,
			12: recordSchema("Universal", `{"name":"id","type":{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}}`),
			20: recordSchema("Opened", `{"name":"type","type":"string"},{"name":"contact_id","type":"string"},
				{"name":"id","type":"string"},{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
				{"name":"props","type":{"type":"map","values":"string"}}`),
		},
	}
}

func avroCatalog() *catalog.Catalog {
	path := func(s string) []string { return strings.Split(s, ".") }
	rows := table("row", "rows", "avro", "id", "id string, name string, amount string, fee double, born date, "+
		"millis timestamp, micros timestamp, nanos timestamp, color string, ratio double, small double, ok bool, "+
		"raw string, tags list(string), x string, city string, since date, words list(string), mask int, price double")
	rows.Paths = make([][]string, len(rows.Schema.Fields))
	rows.Paths[14], rows.Paths[15] = path("props.x"), path("inner.city")
	return &catalog.Catalog{Tables: []*catalog.Table{rows}, Events: []*catalog.Event{{
		Name: "opened", ID: path("id"), Time: path("at"), Schema: schema("opened", "email string"),
		Source: catalog.Source{
			Topic: "engagement", Format: "avro", Match: []catalog.Match{{Path: path("type"), Value: "opened"}},
		},
		Subjects: []catalog.SubjectPath{{Audience: "contact", Path: path("contact_id")}},
		Paths:    [][]string{path("props.email")},
	}}}
}

func TestAvro(t *testing.T) {
	script(t, New(avroCatalog(), Options{Schemas: avroRegistry()}), "avro.txt")
}

// TestCaptureByTheAvroFormat reads the capture by format: avro, and by format: debezium, which takes Avro where a
// registry is set.
func TestCaptureByTheAvroFormat(t *testing.T) {
	records := capture(t, "pg-avro-apicurio.jsonl")
	got := decodeAll(t, New(asFormat(crm(), "avro"), Options{Schemas: captured(t)}), records)
	want := decodeAll(t, New(crm(), Options{Schemas: captured(t)}), records)
	if len(got) != len(want) || len(got) < 20 {
		t.Fatalf("%d changes, want %d", len(got), len(want))
	}
	for i := range got {
		if a, b := describe(&got[i]), describe(&want[i]); a != b {
			t.Errorf("got %s, want %s", a, b)
		}
	}
}

// TestCaptureByTheCloudEventsFormat reads Debezium's CloudEvents by format: cloudevents, too.
func TestCaptureByTheCloudEventsFormat(t *testing.T) {
	records := capture(t, "pg-cloudevents.jsonl")
	got := decodeAll(t, New(asFormat(crm(), "cloudevents"), Options{}), records)
	want := decodeAll(t, New(crm(), Options{}), records)
	if len(got) != len(want) || len(got) < 10 {
		t.Fatalf("%d changes, want %d", len(got), len(want))
	}
	for i := range got {
		if a, b := describe(&got[i]), describe(&want[i]); a != b {
			t.Errorf("got %s, want %s", a, b)
		}
	}
}

func TestAvroWithoutRegistry(t *testing.T) {
	rec := capture(t, "pg-avro-apicurio.jsonl")[0]
	got := decodeRecord(New(crm(), Options{}), &rec)
	if !strings.HasPrefix(got, "bad expected JSON, found the wire format of a schema registry") {
		t.Error(got)
	}
	rec.Topic = "rows"
	got = decodeRecord(New(avroCatalog(), Options{}), &rec)
	if want := "bad expected a schema registry to be set, found Avro in its wire format: set registry.url"; got != want {
		t.Error(got)
	}
	if !NeedsRegistry(avroCatalog()) || NeedsRegistry(crm()) {
		t.Error("it is not the formats that tell whether a registry is needed")
	}
}

// TestRegistryIsAskedOncePerSchema counts what a Decoder asks: once for a schema, each time for one that is not there.
func TestRegistryIsAskedOncePerSchema(t *testing.T) {
	r := avroRegistry()
	d := New(avroCatalog(), Options{Schemas: r})
	known := engine.Record{Topic: "rows", Value: avroOf(t, r, `2 {"id":"r-1","name":null}`)}
	missing := engine.Record{Topic: "rows", Value: []byte("\x00\x00\x00\x00\x63\x02")}
	for range 3 {
		decodeRecord(d, &known)
		decodeRecord(d, &missing)
	}
	if r.asked != 1+3 {
		t.Errorf("asked %d times", r.asked)
	}
}

// TestInterruptedDecoding ends the wait for the registry, in a record's value and in its key: nothing is said of the
// record, and once there is an answer it is decoded as if nothing had been.
func TestInterruptedDecoding(t *testing.T) {
	r := avroRegistry()
	value, key := avroOf(t, r, `3 {"name":"Ada"}`), avroOf(t, r, `4 {"id":"r-9"}`)
	for name, rec := range map[string]engine.Record{
		"value":     {Topic: "rows", Value: value},
		"key":       {Topic: "rows", Key: key, Value: []byte(`{"name":"Ada"}`)},
		"tombstone": {Topic: "rows", Key: key},
	} {
		ended := errors.New("the wait has ended")
		r.err = ended
		d := New(avroCatalog(), Options{Schemas: r})
		out := d.Decode(&rec, make([]engine.Change, 2))
		if len(out) != 2 || !errors.Is(d.Err(), ended) || d.Stats().Bad != 0 {
			t.Errorf("%s: %d changes, %v, %+v", name, len(out)-2, d.Err(), d.Stats())
		}
		r.err = nil
		d.Decode(&rec, nil)
		if d.Err() != nil {
			t.Errorf("%s: still %v", name, d.Err())
		}
	}
}

// TestAvroThatGrows decodes few bytes that stand for very much.
func TestAvroThatGrows(t *testing.T) {
	for name, schema := range map[string]string{
		"nulls":         `{"type":"array","items":"null"}`,
		"empty records": `{"type":"array","items":{"type":"record","name":"E","fields":[]}}`,
		"long names": `{"type":"array","items":{"type":"record","name":"E","fields":[{"name":"` +
			strings.Repeat("n", 10_000) + `","type":"null"}]}}`,
	} {
		of, err := compileAvro(schema)
		if err != nil {
			t.Fatal(err)
		}
		var tp tape
		if tp.scanAvro([]byte("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"), of) || tp.fault != "too large" {
			t.Errorf("%s: %q after %d bytes", name, tp.fault, len(tp.built))
		}
		if cap(tp.built) > 8<<20 {
			t.Errorf("%s: %d bytes are held", name, cap(tp.built))
		}
	}
}
