package decode

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/twmb/avro"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
)

// faithful checks that a written tape is what the reading of its text gives.
func faithful(t *testing.T, tp *tape) {
	t.Helper()
	var again tape
	if !again.scan(tp.text, nil) {
		t.Fatalf("the text %q is no JSON: %s at %d", tp.text, again.fault, again.at)
	}
	if len(again.nodes) != len(tp.nodes) {
		t.Fatalf("%d nodes, want %d: %q", len(tp.nodes), len(again.nodes), tp.text)
	}
	for i, want := range again.nodes {
		got := tp.nodes[i]
		got.flags &= escaped | highBits | inexact
		if got != want {
			t.Fatalf("node %d of %q is %+v, want %+v", i, tp.text, got, want)
		}
	}
}

// steady decodes a record twice and checks what holds of all changes.
func steady(t *testing.T, d *Decoder, rec *engine.Record) {
	t.Helper()
	first := d.Decode(rec, nil)
	sound(t, rec, first)
	again := d.Decode(rec, nil)
	if len(first) != len(again) && rec.Value != nil {
		t.Fatalf("%d changes, then %d", len(first), len(again))
	}
	for i := range again {
		if a, b := describe(&first[i]), describe(&again[i]); a != b {
			t.Fatalf("the same record again:\n%s\n%s", a, b)
		}
	}
}

// seeds adds the values of a script to a corpus.
func seeds(f *testing.F, file string, add func(value []byte)) {
	f.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "scripts", file))
	if err != nil {
		f.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^value: (.*)$`).FindAllSubmatch(data, -1) {
		add(m[1])
	}
}

func FuzzMsgpack(f *testing.F) {
	for _, s := range []string{
		`{"id":"c-1","score":71,"tags":["a",null],"counts":[1,-2,70000],"address":{"city":"K\u00f6ln"},"opt_in":true}`,
		`[]`, `7`, `null`, `{"id":"c","since":"2019-03-01T12:00:00Z","revenue":-0.5}`,
	} {
		f.Add(packedOf(f, s))
	}
	f.Add([]byte("\x82\xa2id\xa1c\xa5since\xd7\xff\x77\x35\x94\x00\x65\xbb\x6a\x60"))
	c := asFormat(jsonCatalog(), "msgpack")
	f.Fuzz(func(t *testing.T, value []byte) {
		var tp tape
		if tp.scanPacked(value) {
			faithful(t, &tp)
			left := bytes.NewReader(value)
			if err := msgpack.NewDecoder(left).Skip(); err != nil || left.Len() != 0 {
				t.Fatalf("the library leaves %d of %d bytes: %v", left.Len(), len(value), err)
			}
		}
		steady(t, New(c, Options{}), &engine.Record{Topic: "contacts", Key: value, Value: value})
	})
}

func FuzzAvro(f *testing.F) {
	r := avroRegistry()
	f.Add(uint8(1), avroOf(f, r, `1 {"id":"r-1","amount":"12.30","fee":"-0.05","born":"1985-12-10",
		"millis":"2024-02-01T10:00:00.5Z","micros":"2024-02-01T10:00:00.000001Z","nanos":"2024-02-01T10:00:00.000000001Z",
		"color":"RED","ratio":0.25,"small":1.5,"ok":true,"raw":"abc","tags":["a","b"],"props":{"x":"1"},
		"inner":{"city":"Bonn"},"maybe":null}`)[5:])
	f.Add(uint8(2), []byte("\x06r-1\x02\x06Ada"))
	f.Add(uint8(10), []byte("\x06r-1\x02\x06r-2\x00"))
	f.Add(uint8(7), []byte("\x06r-1\xfc\x5a\x02\x02\x02\x02\x06a,b\x04\x05\x00\x06\x02\x04\x04\x02\x07"))
	for _, rec := range capture(f, "pg-avro-apicurio.jsonl") {
		if len(rec.Value) > 5 {
			f.Add(100+rec.Value[4], rec.Value[5:])
		}
	}
	for id, text := range captured(f).byID {
		r.byID[100+id] = text
	}
	c := avroCatalog()
	f.Fuzz(func(t *testing.T, id uint8, encoded []byte) {
		text, ok := r.byID[int(id)]
		if !ok {
			return
		}
		of, err := compileAvro(text)
		if err != nil {
			return
		}
		var tp tape
		read := tp.scanAvro(encoded, of)
		if read {
			faithful(t, &tp)
		}
		var v any
		rest, err := avro.MustParse(text).Decode(encoded, &v)
		bounded := tp.fault == "too large" || tp.fault == "nested too deeply"
		if whole := err == nil && len(rest) == 0; read != whole && !bounded && !tolerated(err) {
			t.Fatalf("read %v (%s at %d), the library %v, %d left", read, tp.fault, tp.at, err, len(rest))
		}
		value := append([]byte{0, 0, 0, 0, id}, encoded...)
		steady(t, New(c, Options{Schemas: r}), &engine.Record{Topic: "rows", Key: value, Value: value})
	})
}

// tolerated tells whether the library refuses what can well be read: a string that is no UTF-8, a boolean of neither 0
// nor 1, a time beyond Go's.
func tolerated(err error) bool {
	return err != nil && regexp.MustCompile(`(?i)utf-?8|boolean|overflow|range`).MatchString(err.Error())
}

func FuzzCloudEvent(f *testing.F) {
	seeds(f, "cloudevents.txt", func(value []byte) {
		f.Add("", "c-1", value)
		f.Add("1.0", `c"1`, value)
	})
	c := cloudCatalog()
	f.Fuzz(func(t *testing.T, version, subject string, value []byte) {
		rec := engine.Record{Topic: "engagement", Value: value}
		if version != "" {
			rec.Headers = []engine.Header{
				{Key: "ce_specversion", Value: []byte(version)}, {Key: "ce_type", Value: []byte("opened")},
				{Key: "ce_subject", Value: []byte(subject)},
			}
		}
		d := New(c, Options{})
		steady(t, d, &rec)
		if out := d.Decode(&rec, nil); version != "" && len(out) == 1 && out[0].Kind == engine.Occur &&
			out[0].Key != strings.ToValidUTF8(subject, "\uFFFD") && strings.ToValidUTF8(subject, "") == subject {
			t.Fatalf("subject %q, want %q", out[0].Key, subject)
		}
		rec.Topic = "contacts"
		steady(t, d, &rec)
	})
}

func FuzzCall(f *testing.F) {
	seeds(f, "segment.txt", func(value []byte) { f.Add(value) })
	fuzzValues(f, callCatalog(), "calls")
}

func FuzzDataverse(f *testing.F) {
	seeds(f, "dataverse.txt", func(value []byte) { f.Add(value) })
	fuzzValues(f, entityCatalog(), "dataverse")
}

// fuzzValues fuzzes the values of a topic of JSON.
func fuzzValues(f *testing.F, c *catalog.Catalog, topic string) {
	f.Fuzz(func(t *testing.T, value []byte) {
		steady(t, New(c, Options{}), &engine.Record{Topic: topic, Key: []byte("k"), Value: value})
	})
}
