package decode

import (
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
	cases := []struct {
		name string
		d    *Decoder
		rec  engine.Record
	}{
		{"debezium", New(crm(), Options{}), pick(debezium, "cdc.crm.contact", 1)},
		{"debezium-with-schema", New(crm(), Options{}), pick(schemas, "cdc.crm.contact", 3)},
		{"event", New(eventCatalog(), Options{}), event},
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
