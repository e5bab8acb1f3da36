package decode

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/state/row"
)

// moment is the timestamp of the records of these tests: 2026-01-02T03:04:05Z.
const moment = row.Instant(1767323045_000_000_000)

// decodeOne decodes one record and describes the changes, a line each, without their place.
func decodeOne(d *Decoder, topic string, key, value []byte) string {
	return decodeRecord(d, &engine.Record{Topic: topic, Time: moment, Key: key, Value: value})
}

func decodeRecord(d *Decoder, rec *engine.Record) string {
	var lines []string
	for _, c := range d.Decode(rec, nil) {
		_, text, _ := strings.Cut(describe(&c), " ")
		lines = append(lines, strings.TrimRight(text, " "))
	}
	return strings.Join(lines, "\n")
}

// script runs a file of testdata/scripts through d, in order. Its paragraphs are records: a line "# " with a name,
// "key: " and "value: " as they come (key-quoted and value-quoted in Go's notation; key-msgpack and value-msgpack as
// JSON; key-avro and value-avro as the id of a schema and JSON; left out: there is none), "header: " with a name and a
// value, and for each change that is expected a line "> ". A line "topic: " holds for all that follow.
func script(t *testing.T, d *Decoder, file string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "scripts", file))
	if err != nil {
		t.Fatal(err)
	}
	topic, records := "", 0
	for _, paragraph := range strings.Split(string(data), "\n\n") {
		rec := engine.Record{Time: moment}
		var name string
		var want []string
		for _, l := range strings.Split(strings.TrimSuffix(paragraph, "\n"), "\n") {
			word, rest, _ := strings.Cut(l, " ")
			part, notation, _ := strings.Cut(strings.TrimSuffix(word, ":"), "-")
			switch {
			case word == "//":
			case word == "topic:":
				topic = rest
			case word == "#":
				name = rest
			case word == ">":
				want = append(want, rest)
			case part == "header":
				header, value, _ := strings.Cut(rest, " ")
				rec.Headers = append(rec.Headers, engine.Header{Key: header, Value: written(t, d, notation, value)})
			case part == "key":
				rec.Key = written(t, d, notation, rest)
			case part == "value":
				rec.Value = written(t, d, notation, rest)
			default:
				t.Fatalf("%s: unknown line %q", file, l)
			}
		}
		if name == "" {
			continue
		}
		records++
		rec.Topic = topic
		if got := decodeRecord(d, &rec); got != strings.Join(want, "\n") {
			t.Errorf("%s: %s:\n got %s\nwant %s", file, name, got, strings.Join(want, "\n     "))
		}
	}
	if records == 0 {
		t.Fatalf("%s holds no record", file)
	}
}

// written returns the bytes that a script writes in a notation.
func written(t *testing.T, d *Decoder, notation, s string) []byte {
	t.Helper()
	switch notation {
	case "quoted":
		return unquote(t, s)
	case "msgpack":
		return packedOf(t, s)
	case "avro":
		return avroOf(t, d.options.Schemas.(*registry), s)
	}
	return []byte(s)
}

func unquote(t *testing.T, s string) []byte {
	t.Helper()
	text, err := strconv.Unquote(s)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(text)
}
