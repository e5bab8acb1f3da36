package decode

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine"
)

// BenchmarkDecode measures one record at a time; the buffer of changes is used again, as intake does.
func BenchmarkDecode(b *testing.B) {
	debezium := capture(b, "pg-full-schemaless.jsonl")
	schemas := capture(b, "pg-default-schemas.jsonl")
	pick := func(records []engine.Record, topic string, offset int64) engine.Record {
		for _, r := range records {
			if r.Topic == topic && r.Offset == offset {
				return r
			}
		}
		b.Fatal("no such record")
		return engine.Record{}
	}
	event := engine.Record{Topic: "engagement", Time: moment, Value: []byte(
		`{"type":"opened","contact_id":"c-000123456","id":"9b2f6c1e-8a44-4c7d-9e0b-2f4a7b1c5d6e",` +
			`"time":"2026-01-01T12:00:00.123Z",` +
			`"props":{"email":"spring","journey":"nurture"},"ua":"Mozilla/5.0"}`)}
	avro := capture(b, "pg-avro-apicurio.jsonl")
	packed := event
	packed.Value = packedOf(b, string(event.Value))
	structured := engine.Record{Topic: "engagement", Time: moment, Value: []byte(
		`{"specversion":"1.0","id":"9b2f6c1e-8a44-4c7d-9e0b-2f4a7b1c5d6e","source":"/mail","type":"opened",` +
			`"subject":"c-000123456","time":"2026-01-01T12:00:00.123Z","data":{"email":"spring","size":3}}`)}
	binary := engine.Record{
		Topic: "engagement", Time: moment, Value: []byte(`{"email":"spring","size":3}`), Headers: []engine.Header{
			{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_id", Value: []byte("9b2f6c1e-8a44-4c7d-9e0b-2f4a7b1c5d6e")},
			{Key: "ce_source", Value: []byte("/mail")}, {Key: "ce_type", Value: []byte("opened")},
			{Key: "ce_subject", Value: []byte("c-000123456")}, {Key: "ce_time", Value: []byte("2026-01-01T12:00:00.123Z")},
			{Key: "content-type", Value: []byte("application/json")},
		},
	}
	cases := []struct {
		name string
		d    *Decoder
		rec  engine.Record
	}{
		{"debezium", New(crm(), Options{}), pick(debezium, "cdc.crm.contact", 1)},
		{"debezium-with-schema", New(crm(), Options{}), pick(schemas, "cdc.crm.contact", 3)},
		{"event", New(eventCatalog(), Options{}), event},
		{"avro", New(crm(), Options{Schemas: captured(b)}), pick(avro, "cdc.crm.contact", 3)},
		{"msgpack-event", New(asFormat(eventCatalog(), "msgpack"), Options{}), packed},
		{"debezium-cloudevent", New(crm(), Options{}), pick(capture(b, "pg-cloudevents.jsonl"), "cdc.crm.contact", 2)},
		{"cloudevent-structured", New(cloudCatalog(), Options{}), structured},
		{"cloudevent-binary", New(cloudCatalog(), Options{}), binary},
		{"segment-track", New(callCatalog(), Options{}), scripted(b, "segment.txt", "calls", "track")},
		{"segment-identify", New(callCatalog(), Options{}), scripted(b, "segment.txt", "calls", "identify")},
		{"dataverse", New(entityCatalog(), Options{}), scripted(b, "dataverse.txt", "dataverse", "create")},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			var out []engine.Change
			b.ReportAllocs()
			b.SetBytes(int64(len(c.rec.Value)))
			for b.Loop() {
				out = c.d.Decode(&c.rec, out[:0])
			}
			if len(out) != 1 || out[0].Kind == engine.Bad {
				b.Fatalf("%d changes, the first %s", len(out), describe(&out[0]))
			}
		})
	}
}

// scripted returns the record of a script that has a name.
func scripted(t testing.TB, file, topic, name string) engine.Record {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "scripts", file))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(data), "\n# "+name+"\nvalue: ")
	if !found {
		t.Fatalf("%s has no record %q", file, name)
	}
	value, _, _ := strings.Cut(rest, "\n")
	return engine.Record{Topic: topic, Time: moment, Value: []byte(value)}
}
