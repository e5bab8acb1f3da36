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
	d := New(c, Options{})
	pg := func(op, after, source string) string {
		return `{"before":null,"after":` + after + `,"source":{"connector":"postgresql",` + source + `},"op":"` + op + `"}`
	}
	const lsn = `"lsn":77,"ts_ms":5,"snapshot":"false"`
	run(t, d, "t", []example{
		{"insert", `{"id":1}`, pg("c", `{"id":1,"n":2}`, lsn), `upsert t "1" (0:77) id="1" n=2`},
		{"no source", `{"id":1}`, `{"op":"u","after":{"id":1}}`, `upsert t "1" (unknown) id="1"`},
		{"key from the row", "<nil>", pg("u", `{"id":"x"}`, lsn), `upsert t "x" (0:77) id="x"`},
		{"key only in the record", `{"id":"x"}`, pg("u", `{"n":1}`, lsn), `upsert t "x" (0:77) id="x" n=1`},
		{"no key", "<nil>", pg("u", `{"n":1}`, lsn),
			`bad table t: id: missing key: neither the record's key nor the row has this column`},
		{"another key in the record", `{"other":9}`, pg("u", `{"id":"x"}`, lsn), `upsert t "x" (0:77) id="x"`},
		{"delete without key", "<nil>", `{"before":{"id":"x"},"after":null,"op":"d"}`, `delete t "x" (unknown)`},
		{"tombstone after it, without key", "<nil>", `<nil>`, ``},
		{"delete", `{"id":"x"}`, `{"before":null,"after":null,"source":{"lsn":"78"},"op":"d"}`, `delete t "x" (0:78)`},
		{"tombstone after it", `{"id":"x"}`, `<nil>`, ``},
		{"another tombstone", `{"id":"x"}`, `<nil>`, `delete t "x" (unknown)`},
		{"delete again", `{"id":"x"}`, `{"before":null,"after":null,"source":{"lsn":79},"op":"d"}`, `delete t "x" (0:79)`},
		{"tombstone of another key", `{"id":"y"}`, `<nil>`, `delete t "y" (unknown)`},
		{"tombstone that no longer follows", `{"id":"x"}`, `<nil>`, `delete t "x" (unknown)`},
		{"wrapped null", `{"id":"x"}`, `{"schema":null,"payload":null}`, `delete t "x" (unknown)`},
		{"truncate", "<nil>", `{"before":null,"after":null,"source":{"lsn":80},"op":"t"}`, `truncate t (0:80)`},
		{"message", "<nil>", `{"op":"m","source":{"lsn":1},"message":{"prefix":"p","content":"eA=="}}`, ``},
		{"heartbeat", "<nil>", `{"ts_ms":1}`, ``},
		{"transaction", `{"id":"1:2"}`, `{"status":"END","id":"1:2","event_count":1,"data_collections":[],"ts_ms":1}`, ``},
		{"schema change", `{"databaseName":"d"}`, `{"source":{"file":"f"},"databaseName":"d","ddl":"CREATE","tableChanges":[]}`, ``},
		{"unknown op", `{"id":1}`, pg("x", `{"id":1}`, lsn), `bad op: expected one of c, u, r, d, t and m, found another string`},
		{"no op", `{"id":1}`, `{"before":null,"after":{"id":1},"source":{}}`, `bad op: expected a string, found nothing`},
		{"no row", `{"id":1}`, pg("c", `null`, lsn), `bad table t: after: expected an object, found null`},
		{"row that is none", `{"id":1}`, pg("c", `7`, lsn), `bad table t: after: expected an object, found a number`},
		{"snapshot", `{"id":1}`, pg("r", `{"id":1}`, `"lsn":7,"snapshot":"last"`), `upsert t "1" (0:7 snapshot) id="1"`},
		{"snapshot by its source", `{"id":1}`, pg("c", `{"id":1}`, `"lsn":7,"snapshot":true`), `upsert t "1" (0:7 snapshot) id="1"`},
		{"incremental", `{"id":1}`, pg("r", `{"id":1}`, `"lsn":null,"snapshot":"incremental"`), `upsert t "1" (unknown snapshot) id="1"`},
		{"MySQL", `{"id":1}`, pg("c", `{"id":1}`, `"file":"mysql-bin.000012","pos":3,"row":2`), `upsert t "1" (12:196610) id="1"`},
		{"MySQL, file without number", `{"id":1}`, pg("c", `{"id":1}`, `"file":"","pos":0,"row":0`), `upsert t "1" (unknown) id="1"`},
		{"SQL Server", `{"id":1}`, pg("u", `{"id":1}`, `"commit_lsn":"00000025:00000448:0005","change_lsn":"00000025:00000448:0003","event_serial_no":2`),
			`upsert t "1" (158913791048:12884901890) id="1"`},
		{"Oracle", `{"id":1}`, pg("u", `{"id":1}`, `"scn":"123"`), `upsert t "1" (unknown) id="1"`},
	})
	run(t, d, "t", []example{
		{"numbers as strings", `{"id":1}`, pg("c", `{"id":1,"n":"12.00","d":"-0.10"}`, lsn), `upsert t "1" (0:77) id="1" n=12 d=-0.1`},
		{"numbers of many notations", `{"id":1}`, pg("c", `{"id":1,"n":12.0,"d":"NaN"}`, lsn), `upsert t "1" (0:77) id="1" n=12 d=NaN`},
		{"scaled", `{"id":1}`, pg("c", `{"id":1,"n":{"scale":1,"value":"eA=="},"d":{"scale":1,"value":"eA=="},"s":{"scale":1,"value":"eA=="}}`, lsn),
			`upsert t "1" (0:77) id="1" n=12 d=12 s="12.0"`},
		{"fraction for an int", `{"id":1}`, pg("c", `{"id":1,"n":"12.5"}`, lsn), `bad table t: after.n: ` + outOfInt},
		{"infinite", `{"id":1}`, pg("c", `{"id":1,"d":"Infinity","day":"infinity","at":"-infinity"}`, lsn),
			`upsert t "1" (0:77) id="1" d=+Inf day=9999-12-31T00:00:00Z at=0001-01-01T00:00:00Z`},
		{"bits", `{"id":1}`, pg("c", `{"id":1,"ok":1}`, lsn), `upsert t "1" (0:77) id="1" ok=true`},
		{"bits beyond", `{"id":1}`, pg("c", `{"id":1,"ok":2}`, lsn),
			`bad table t: after.ok: expected a boolean or 0 or 1, found another number`},
		{"JSON for a string", `{"id":1}`, pg("c", `{"id":1,"s":{"a": [1, "b c"]}}`, lsn), `upsert t "1" (0:77) id="1" s="{\"a\":[1,\"b c\"]}"`},
		{"array for a string", `{"id":1}`, pg("c", `{"id":1,"s":[1, 2]}`, lsn), `upsert t "1" (0:77) id="1" s="[1,2]"`},
		{"number for a string", `{"id":1}`, pg("c", `{"id":1,"s":1.50}`, lsn), `upsert t "1" (0:77) id="1" s="1.50"`},
		{"boolean for a string", `{"id":1}`, pg("c", `{"id":1,"s":true}`, lsn), `bad table t: after.s: expected a string, found a boolean`},
		{"list in a string", `{"id":1}`, pg("c", `{"id":1,"l":"[\"a\",null]"}`, lsn), `upsert t "1" (0:77) id="1" l=["a" null]`},
		{"no list in a string", `{"id":1}`, pg("c", `{"id":1,"l":"{a,b}"}`, lsn),
			`bad table t: after.l: expected a list, found a string that is no JSON array`},
		{"unavailable", `{"id":1}`, pg("u", `{"id":1,"s":"__debezium_unavailable_value","l":["__debezium_unavailable_value"],"n":3}`, lsn),
			`upsert t "1" (0:77) id="1" n=3 s=kept l=kept`},
		{"precise without scale", `{"id":1}`, pg("c", `{"id":1,"n":"B1vNFQ=="}`, lsn),
			"bad table t: after.n: expected a number, found a string that is no decimal number; a decimal in precise mode has no " +
				"scale without its schema: set the connector's decimal.handling.mode=string or double, or the converter's schemas.enable=true"},
	})
	run(t, d, "t", []example{
		{"flat", `{"id":1}`, `{"id":1,"n":2}`, `upsert t "1" (unknown) id="1" n=2`},
		{"flat with fields", `{"id":1}`, `{"id":1,"__op":"c","__source_lsn":9,"__source_ts_ms":3,"__deleted":"false"}`, `upsert t "1" (0:9) id="1"`},
		{"flat snapshot", `{"id":1}`, `{"id":1,"__op":"r","__lsn":9}`, `upsert t "1" (0:9 snapshot) id="1"`},
		{"flat delete", `{"id":1}`, `{"id":1,"__deleted":"true","__lsn":9}`, `delete t "1" (0:9)`},
		{"tombstone after it", `{"id":1}`, `<nil>`, ``},
		{"flat delete by op", `{"id":1}`, `{"id":1,"__op":"d"}`, `delete t "1" (unknown)`},
		{"flat without key", "<nil>", `{"n":2}`, `bad table t: id: missing key: neither the record's key nor the row has this column`},
	})
}

func TestTablesOfOneDebeziumTopic(t *testing.T) {
	a, b := table("a", "t", "debezium", "id", "id string"), table("b", "t", "debezium", "id", "id string")
	a.Source.Match = []catalog.Match{{Path: []string{"source", "table"}, Value: "a"}}
	b.Source.Match = []catalog.Match{{Path: []string{"source", "table"}, Value: "b"}}
	d := New(&catalog.Catalog{Tables: []*catalog.Table{a, b}}, Options{})
	run(t, d, "t", []example{
		{"first", `{"id":1}`, `{"after":{"id":1},"source":{"table":"a"},"op":"c"}`, `upsert a "1" (unknown) id="1"`},
		{"second", `{"id":1}`, `{"after":{"id":1},"source":{"table":"b"},"op":"c"}`, `upsert b "1" (unknown) id="1"`},
		{"flat", `{"id":1}`, `{"id":1,"__table":"b"}`, `upsert b "1" (unknown) id="1"`},
		{"flat, prefixed", `{"id":1}`, `{"id":1,"__source_table":"a"}`, `upsert a "1" (unknown) id="1"`},
		{"neither", `{"id":1}`, `{"after":{"id":1},"source":{"table":"c"},"op":"c"}`,
			`bad unknown table: the record meets the conditions of no table that reads this topic`},
		{"delete", `{"id":1}`, `{"before":{"id":1},"source":{"table":"a"},"op":"d"}`, `delete a "1" (unknown)`},
		{"its tombstone", `{"id":1}`, `<nil>`, ``},
		{"another tombstone", `{"id":1}`, `<nil>`,
			`bad a record without a value does not tell which of the topic's tables it is about`},
	})
}

func TestEventsFromInsertedRows(t *testing.T) {
	c := &catalog.Catalog{Events: []*catalog.Event{{
		Name: "visit", Source: catalog.Source{Topic: "t", Format: "debezium"}, ID: []string{"id"}, Time: []string{"at"},
		Subjects: []catalog.SubjectPath{{Audience: "contact", Path: []string{"who"}}}, Schema: schema("visit", "pages int"),
	}}}
	d := New(c, Options{})
	run(t, d, "t", []example{
		{"insert", `{"id":1}`, `{"after":{"id":1,"who":7,"at":1706781600500000,"pages":"3"},"op":"c"}`,
			`occur visit contact "7" id="1" time=2024-02-01T10:00:00.5Z pages=3`},
		{"update", `{"id":1}`, `{"after":{"id":1,"who":7},"op":"u"}`, ``},
		{"delete", `{"id":1}`, `{"before":{"id":1,"who":7},"op":"d"}`, ``},
		{"tombstone", `{"id":1}`, `<nil>`, ``},
	})
}

// TestSchemasAreRememberedByTheirText sends records of changing schemas and compares with decoders that see each
// record first.
func TestSchemasAreRememberedByTheirText(t *testing.T) {
	message := func(scale, value, lead string) string {
		return `{` + lead + `"schema":{"type":"struct","fields":[{"type":"struct","fields":[{"type":"bytes","name":` +
			`"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"` + scale + `"},"field":"d"},{"type":"array","items":` +
			`{"type":"int32","name":"io.debezium.time.Date"},"field":"days"}],"field":"after"}]},` +
			`"payload":{"op":"c","after":{"id":"k","d":"` + value + `","days":[5822]},"source":{}}}`
	}
	c := &catalog.Catalog{Tables: []*catalog.Table{table("t", "t", "debezium", "id", "id string, d double, days list(timestamp)")}}
	d := New(c, Options{})
	for _, scale := range []string{"1", "2", "1", "3", "2", "0"} {
		for range 3 {
			rec := engine.Record{Topic: "t", Value: []byte(message(scale, "eA==", ""))}
			got, want := d.Decode(&rec, nil), New(c, Options{}).Decode(&rec, nil)
			if describe(&got[0]) != describe(&want[0]) || !strings.Contains(describe(&got[0]), "days=[1985-12-10T00:00:00Z]") {
				t.Fatalf("scale %s: %s, want %s", scale, describe(&got[0]), describe(&want[0]))
			}
		}
	}
	for i := range 40 { // more schemas than are remembered
		decodeOne(d, "t", "", message(strings.Repeat("0", i)+"2", "eA==", ""))
	}
	if n := len(d.routes["t"].schemas); n != schemasMax {
		t.Errorf("%d schemas are remembered", n)
	}
	want := `upsert t "k" (unknown) id="k" d=1.2 days=[1985-12-10T00:00:00Z]`
	if got := decodeOne(d, "t", "", message("2", "eA==", " ")); got != want {
		t.Errorf("got %s", got)
	}
}

// TestVersionsGrow checks on every capture that positions of a key never fall, but where a restart repeats.
func TestVersionsGrow(t *testing.T) {
	for _, name := range []string{
		"mariadb-schemaless", "pg-default-schemas", "pg-full-schemaless", "pg-exactly-once-source", "pg-incremental-snapshot",
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

// states decodes captures and returns the values of each row's images in order, without the fields of without.
func states(t *testing.T, without []string, names ...string) map[string][]string {
	images := make(map[string][]string)
	for _, name := range names {
		for _, c := range decodeAll(t, New(crm(), Options{}), capture(t, name+".jsonl")) {
			if c.Kind != engine.Upsert {
				continue
			}
			for _, f := range without {
				if i, ok := c.Schema.Field(f); ok {
					c.Row[i] = row.Value{}
				}
			}
			at := c.Table + "/" + c.Key
			images[at] = append(images[at], facts(c.Schema, c.Row, c.Keep))
		}
	}
	return images
}

// TestModesGiveTheSameValues compares captures of the same SQL under other settings of the connector: whatever the
// notation of decimals and times, the rows are the same.
func TestModesGiveTheSameValues(t *testing.T) {
	full := states(t, nil, "pg-full-schemaless")
	for _, name := range []string{
		"pg-decimal-double-time-connect", "pg-decimal-string-time-isostring", "pg-time-adaptive_time_microseconds",
		"pg-time-microseconds", "pg-time-nanoseconds", "pg-default-schemas", "pg-unwrap-tombstone", "pg-no-tombstones",
	} {
		for at, images := range states(t, nil, name) {
			for _, image := range images {
				if !slices.Contains(full[at], image) {
					t.Errorf("%s: %s has an image that pg-full-schemaless has not: %s\n%s", name, at, image, strings.Join(full[at], "\n"))
				}
			}
		}
	}
	a := states(t, nil, "pg-decimal-double-time-connect")
	if b := states(t, nil, "pg-decimal-string-time-isostring"); !reflect.DeepEqual(a, b) || len(a) < 10 {
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
	want := `id="33333333-3333-4333-8333-333333333333" email="chloe@northwind.example" first_name="Chloé" last_name="O'Neil" ` +
		`state="CA" city="Los Angeles" birthdate=9999-12-31T00:00:00Z customer_since=0001-01-01T00:00:00Z score=10 ` +
		`email_opt_in=true tags=["a b" "q\"uote" null] account_id=3 updated_at=2024-03-01T00:00:00Z`
	if got := facts(c.Tables[1].Schema, s.rows["contact/33333333-3333-4333-8333-333333333333"], nil); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestReplayedCapture decodes every capture twice in a row, as after a lost commit of intake: with positions, the
// second run changes nothing but truncated tables.
func TestReplayedCapture(t *testing.T) {
	for _, name := range []string{"pg-exactly-once-source.jsonl", "pg-restart-duplicates.jsonl", "pg-interleaved-transactions.jsonl"} {
		records, s := capture(t, name), newStore()
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
