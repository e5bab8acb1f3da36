package decode

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state/row"
)

func TestDebeziumMessages(t *testing.T) {
	c := &catalog.Catalog{Tables: []*catalog.Table{table("t", "t", "debezium", "id",
		"id string, n int, d double, ok bool, s string, day date, at timestamp, l list(string), ns list(int)")}}
	script(t, New(c, Options{}), "debezium.txt")
}

func TestTablesOfOneDebeziumTopic(t *testing.T) {
	a, b := table("a", "t", "debezium", "id", "id string"), table("b", "t", "debezium", "id", "id string")
	a.Source.Match = []catalog.Match{{Path: []string{"source", "table"}, Value: "a"}}
	b.Source.Match = []catalog.Match{{Path: []string{"source", "table"}, Value: "b"}}
	d := New(&catalog.Catalog{Tables: []*catalog.Table{a, b}}, Options{})
	script(t, d, "debezium-tables.txt")
}

func TestEventsFromInsertedRows(t *testing.T) {
	c := &catalog.Catalog{Events: []*catalog.Event{{
		Name: "visit", Source: catalog.Source{Topic: "t", Format: "debezium"}, ID: []string{"id"}, Time: []string{"at"},
		Subjects: []catalog.SubjectPath{{Audience: "contact", Path: []string{"who"}}}, Schema: schema("visit", "pages int"),
	}}}
	script(t, New(c, Options{}), "debezium-events.txt")
}

// TestSchemasAreRememberedByTheirText sends records of changing schemas and compares with decoders that see each
// record first.
func TestSchemasAreRememberedByTheirText(t *testing.T) {
	message := func(scale, value, lead string) string {
		return `{` + lead + `"schema":{"type":"struct","fields":[{"type":"struct","fields":[{"type":"bytes","name":` +
			`"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"` + scale + `"},"field":"d"},` +
			`{"type":"array","items":{"type":"int32","name":"io.debezium.time.Date"},"field":"days"}],"field":"after"}]},` +
			`"payload":{"op":"c","after":{"id":"k","d":"` + value + `","days":[5822]},"source":{}}}`
	}
	c := &catalog.Catalog{Tables: []*catalog.Table{
		table("t", "t", "debezium", "id", "id string, d double, days list(timestamp)"),
	}}
	d := New(c, Options{})
	for _, scale := range []string{"1", "2", "1", "3", "2", "0"} {
		for range 3 {
			rec := engine.Record{Topic: "t", Value: []byte(message(scale, "eA==", ""))}
			got, want := d.Decode(&rec, nil), New(c, Options{}).Decode(&rec, nil)
			a, b := describe(&got[0]), describe(&want[0])
			if a != b || !strings.Contains(a, "days=[1985-12-10T00:00:00Z]") {
				t.Fatalf("scale %s: %s, want %s", scale, a, b)
			}
		}
	}
	for i := range 40 { // more schemas than are remembered
		decodeOne(d, "t", nil, []byte(message(strings.Repeat("0", i)+"2", "eA==", "")))
	}
	if n := len(d.routes["t"].schemas); n != schemasMax {
		t.Errorf("%d schemas are remembered", n)
	}
	want := `upsert t "k" (unknown) id="k" d=1.2 days=[1985-12-10T00:00:00Z]`
	if got := decodeOne(d, "t", nil, []byte(message("2", "eA==", " "))); got != want {
		t.Errorf("got %s", got)
	}
}

// TestVersionsGrow checks on every capture that positions of a key never fall, but where a restart repeats.
func TestVersionsGrow(t *testing.T) {
	for _, name := range []string{
		"mariadb-schemaless", "pg-default-schemas", "pg-full-schemaless", "pg-exactly-once-source",
		"pg-incremental-snapshot",
		"pg-interleaved-transactions", "pg-no-tombstones", "pg-unwrap-rewrite-with-tombstone", "pg-restart-duplicates",
	} {
		held, back := make(map[string]row.Version), 0
		for _, c := range decodeAll(t, New(crm(), Options{}), capture(t, name+".jsonl")) {
			at := c.Table + "/" + c.Key
			if (c.Kind == engine.Upsert || c.Kind == engine.Delete) && c.Version.Known {
				if c.Version.Against(held[at]) != row.Newer {
					back++
					continue
				}
				held[at] = c.Version
			}
		}
		want := 0
		if name == "pg-restart-duplicates" {
			want = 6
		}
		if back != want {
			t.Errorf("%s: %d positions fall or repeat, want %d", name, back, want)
		}
	}
}

// states decodes a capture and returns the values of each row's images in order.
func states(t *testing.T, name string) map[string][]string {
	images := make(map[string][]string)
	for _, c := range decodeAll(t, New(crm(), Options{Schemas: captured(t)}), capture(t, name+".jsonl")) {
		if c.Kind == engine.Upsert {
			at := c.Table + "/" + c.Key
			images[at] = append(images[at], facts(c.Schema, c.Row, c.Keep))
		}
	}
	return images
}

// TestModesGiveTheSameValues compares captures of the same SQL under other settings of the connector: whatever the
// notation of decimals and times, the rows are the same.
func TestModesGiveTheSameValues(t *testing.T) {
	full := states(t, "pg-full-schemaless")
	for _, name := range []string{
		"pg-decimal-double-time-connect", "pg-decimal-string-time-isostring", "pg-time-adaptive_time_microseconds",
		"pg-time-microseconds", "pg-time-nanoseconds", "pg-default-schemas", "pg-unwrap-tombstone", "pg-no-tombstones",
		"pg-avro-apicurio", "pg-cloudevents",
	} {
		for at, images := range states(t, name) {
			for _, image := range images {
				if !slices.Contains(full[at], image) {
					t.Errorf("%s: %s has an image that pg-full-schemaless has not: %s\n%s",
						name, at, image, strings.Join(full[at], "\n"))
				}
			}
		}
	}
	a := states(t, "pg-decimal-double-time-connect")
	if b := states(t, "pg-decimal-string-time-isostring"); !reflect.DeepEqual(a, b) || len(a) < 10 {
		t.Errorf("the two modes differ:\n%v\n%v", a, b)
	}
}

// TestFinalTables compares the tables that pg-full-schemaless leaves with what its SQL says.
func TestFinalTables(t *testing.T) {
	c, s := crm(), newStore()
	for _, change := range decodeAll(t, New(c, Options{}), capture(t, "pg-full-schemaless.jsonl")) {
		s.apply(&change)
	}
	counts := map[string]int{"account": 4, "contact": 3, "lead": 0, "opportunity": 1, "audit_note": 0}
	for _, table := range c.Tables {
		if want, ok := counts[table.Name]; ok && len(s.table(table)) != want {
			t.Errorf("%s has %d rows, want %d: %v", table.Name, len(s.table(table)), want, s.table(table))
		}
	}
	want := `id="33333333-3333-4333-8333-333333333333" email="chloe@northwind.example" first_name="Chloé" ` +
		`last_name="O'Neil" state="CA" city="Los Angeles" birthdate=9999-12-31T00:00:00Z ` +
		`customer_since=0001-01-01T00:00:00Z score=10 ` +
		`email_opt_in=true tags=["a b" "q\"uote" null] account_id=3 updated_at=2024-03-01T00:00:00Z`
	if got := facts(c.Tables[1].Schema, s.rows["contact/33333333-3333-4333-8333-333333333333"], nil); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestReplayedCapture decodes every capture twice in a row, as after a lost commit of intake: with positions, the
// second run changes nothing but truncated tables.
func TestReplayedCapture(t *testing.T) {
	for _, name := range []string{"pg-exactly-once-source", "pg-restart-duplicates", "pg-interleaved-transactions"} {
		records, s := capture(t, name+".jsonl"), newStore()
		d := New(crm(), Options{})
		var first []string
		for range 2 {
			for _, c := range decodeAll(t, d, records) {
				s.apply(&c)
			}
			after := append(s.table(crm().Tables[0]), s.table(crm().Tables[1])...)
			if first != nil && !slices.Equal(first, after) {
				t.Errorf("%s: the second run changes the tables", name)
			}
			first = after
		}
	}
}
