package decode

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state/row"
)

// sound checks what holds of every change, whatever the record.
func sound(t *testing.T, rec *engine.Record, changes []engine.Change) {
	t.Helper()
	for i := range changes {
		c := &changes[i]
		if c.Origin.Topic != rec.Topic || c.Origin.Offset != rec.Offset {
			t.Fatalf("a change of another record: %+v", c.Origin)
		}
		switch c.Kind {
		case engine.Bad:
			if c.Reason == "" || !bytes.Equal(c.Raw, rec.Value) || !bytes.Equal(c.RawKey, rec.Key) {
				t.Fatalf("a bad change without its reason or record: %+v", c)
			}
		case engine.Upsert:
			if c.Key == "" {
				t.Fatal("a row without key")
			}
			soundRow(t, c.Schema, c.Row, c.Keep)
		case engine.Delete:
			if c.Key == "" {
				t.Fatal("a delete without key")
			}
		case engine.Truncate:
		case engine.Occur:
			if c.Key == "" || c.Event.Time.Kind != row.Timestamp {
				t.Fatalf("an event without subject or time: %+v", c)
			}
			soundRow(t, c.Schema, c.Event.Fields, nil)
		default:
			t.Fatalf("a change of no kind: %+v", c)
		}
	}
}

func soundRow(t *testing.T, s *row.Schema, r row.Row, keep []bool) {
	t.Helper()
	if len(r) != len(s.Fields) || keep != nil && len(keep) != len(r) {
		t.Fatalf("%d values for %d fields", len(r), len(s.Fields))
	}
	for i := range r {
		soundValue(t, r[i], &s.Fields[i].Type)
		if keep != nil && keep[i] && !r[i].IsNull() {
			t.Fatal("a kept field has a value")
		}
	}
}

func soundValue(t *testing.T, v row.Value, typ *row.Type) {
	t.Helper()
	if v.IsNull() {
		return
	}
	if v.Kind != typ.Kind {
		t.Fatalf("a %s for a %s", v.Kind, typ)
	}
	switch v.Kind {
	case row.Timestamp:
		if v.Int < secondsMin || v.Int > secondsMax || v.Nanos < 0 || v.Nanos > nanosMax {
			t.Fatalf("a timestamp out of range: %d %d", v.Int, v.Nanos)
		}
		if typ.Date && (v.Nanos != 0 || floorMod(v.Int, daySeconds) != 0) {
			t.Fatalf("a date with a time: %s", fact(v))
		}
	case row.List:
		for _, e := range v.List {
			soundValue(t, e, typ.Elem)
		}
	}
}

// FuzzDebezium decodes a record, the same again by what was learned of the first, and a tombstone of its key.
func FuzzDebezium(f *testing.F) {
	files, err := filepath.Glob("testdata/debezium/*.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	topics := map[string]int{"account": 0, "contact": 1, "lead": 2, "opportunity": 4}
	for _, file := range files {
		if name := filepath.Base(file); name != "pg-avro-schemas.jsonl" {
			for _, rec := range capture(f, name) {
				f.Add(uint8(topics[strings.TrimPrefix(rec.Topic, "cdc.crm.")]), rec.Key, rec.Value)
			}
		}
	}
	c := crm()
	f.Fuzz(func(t *testing.T, index uint8, key, value []byte) {
		topic := c.Tables[int(index)%len(c.Tables)].Source.Topic
		d := New(c, Options{})
		rec := engine.Record{Topic: topic, Key: key, Value: value}
		first := d.Decode(&rec, nil)
		sound(t, &rec, first)
		again := d.Decode(&rec, nil)
		if value != nil && len(first) != len(again) {
			t.Fatalf("%d changes, then %d", len(first), len(again))
		}
		for i := range again {
			if value != nil && describe(&first[i]) != describe(&again[i]) {
				t.Fatalf("the same record again:\n%s\n%s", describe(&first[i]), describe(&again[i]))
			}
		}
		tombstone := engine.Record{Topic: topic, Key: key}
		after := d.Decode(&tombstone, nil)
		sound(t, &tombstone, after)
		if len(first) == 1 && first[0].Kind == engine.Delete && value != nil && len(after) != 0 &&
			!bytes.Equal(bytes.TrimSpace(value), []byte("null")) && !wrappedNull(value) {
			t.Fatalf("the tombstone of a delete is %s", describe(&after[0]))
		}
	})
}

// wrappedNull tells whether value is a tombstone of a converter that wraps schemas.
func wrappedNull(value []byte) bool {
	var wrapped map[string]any
	if json.Unmarshal(value, &wrapped) != nil {
		return false
	}
	payload, ok := wrapped["payload"]
	return ok && payload == nil
}

// FuzzJSONRow compares rows with what encoding/json reads.
func FuzzJSONRow(f *testing.F) {
	for _, s := range []string{
		`{"id":"c-1","score":3,"revenue":1.5,"opt_in":true,"born":"1985-12-10","since":"2024-01-01T00:00:00+01:00"}`,
		`{"id":"c","tags":["a",null],"counts":[1,2.0],"address":{"city":"K\u00f6ln"}}`, `{"id":"c","born":5822,"since":1e12}`,
		`null`, `[]`, `{}`, `{"id":null}`, `{"id":"a","id":"b"}`, `{"id":"\ud800"}`,
		`{"address":{"city":"x"},"address":1,"id":"z"}`, `{"id":"0","":1e700}`,
	} {
		f.Add([]byte("k"), []byte(s))
	}
	c := jsonCatalog()
	f.Fuzz(func(t *testing.T, key, value []byte) {
		d := New(c, Options{})
		rec := engine.Record{Topic: "contacts", Key: key, Value: value}
		out := d.Decode(&rec, nil)
		if len(out) != 1 {
			t.Fatalf("%d changes", len(out))
		}
		sound(t, &rec, out)
		if out[0].Kind != engine.Upsert {
			return
		}
		var want map[string]any
		numbers := json.NewDecoder(bytes.NewReader(value))
		numbers.UseNumber() // fields that are not declared may hold any
		if err := numbers.Decode(&want); err != nil {
			t.Fatalf("a row of what is no object: %v", err)
		}
		r := out[0].Row
		if r[0].Str != want["id"] || out[0].Key != want["id"] {
			t.Fatalf("id %q, want %q", r[0].Str, want["id"])
		}
		v := want["revenue"]
		if n, ok := v.(json.Number); ok {
			if f, err := n.Float64(); err != nil || f != r[2].Double() {
				t.Fatalf("revenue %s, want %v: %v", fact(r[2]), v, err)
			}
		}
		if (v == nil) != r[2].IsNull() {
			t.Fatalf("revenue %s, want %v", fact(r[2]), v)
		}
		address, _ := want["address"].(map[string]any)
		if v := address["city"]; v != nil && r[8].Str != v || (v == nil) != r[8].IsNull() {
			t.Fatalf("city %s, want %v", fact(r[8]), v)
		}
	})
}

// FuzzEvent decodes events of a topic of several kinds.
func FuzzEvent(f *testing.F) {
	for _, s := range []string{
		`{"type":"opened","contact_id":"c-1","id":"e-1","time":"2026-01-01T00:00:00Z","props":{"email":"spring"}}`,
		`{"type":"opened","channel":"mail","version":2,"contact_id":1.0,"props":{"email":"x","size":"3"}}`,
		`{"type":"visited","live":true,"rate":0.50,"contact_id":"c-1","who":{"lead":"l-1"},"url":"/"}`, `{}`, `null`, `7`,
	} {
		f.Add([]byte(s))
	}
	c := eventCatalog()
	c.Tables = []*catalog.Table{table("contact", "engagement", "json", "contact_id", "contact_id string, type string")}
	f.Fuzz(func(t *testing.T, value []byte) {
		d := New(c, Options{})
		rec := engine.Record{Topic: "engagement", Key: []byte("k"), Value: value}
		out := d.Decode(&rec, nil)
		sound(t, &rec, out)
		if len(out) == 0 {
			t.Fatal("the table takes every record of the topic, and yet there is no change")
		}
		bad := 0
		for _, change := range out {
			if change.Kind == engine.Bad {
				bad++
			}
		}
		if s := d.Stats(); int(s.Bad) != bad || s.Records != 1 {
			t.Fatalf("%+v after %d bad changes", s, bad)
		}
	})
}
