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
	rec := engine.Record{Topic: topic, Time: moment, Key: key, Value: value}
	var lines []string
	for _, c := range d.Decode(&rec, nil) {
		_, text, _ := strings.Cut(describe(&c), " ")
		lines = append(lines, strings.TrimRight(text, " "))
	}
	return strings.Join(lines, "\n")
}

// script runs a file of testdata/scripts through d, in order. Its paragraphs are records: a line "# " with a name,
// "key: " and "value: " as they come (key-quoted and value-quoted in Go's notation; left out: there is none), and
// for each change that is expected a line "> ". A line "topic: " holds for all that follow.
func script(t *testing.T, d *Decoder, file string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "scripts", file))
	if err != nil {
		t.Fatal(err)
	}
	topic, records := "", 0
	for _, paragraph := range strings.Split(string(data), "\n\n") {
		var name string
		var key, value []byte
		var want []string
		for _, l := range strings.Split(strings.TrimSuffix(paragraph, "\n"), "\n") {
			word, rest, _ := strings.Cut(l, " ")
			switch word {
			case "//":
			case "topic:":
				topic = rest
			case "#":
				name = rest
			case "key:":
				key = []byte(rest)
			case "key-quoted:":
				key = unquote(t, rest)
			case "value:":
				value = []byte(rest)
			case "value-quoted:":
				value = unquote(t, rest)
			case ">":
				want = append(want, rest)
			default:
				t.Fatalf("%s: unknown line %q", file, l)
			}
		}
		if name == "" {
			continue
		}
		records++
		if got := decodeOne(d, topic, key, value); got != strings.Join(want, "\n") {
			t.Errorf("%s: %s:\n got %s\nwant %s", file, name, got, strings.Join(want, "\n     "))
		}
	}
	if records == 0 {
		t.Fatalf("%s holds no record", file)
	}
}

func unquote(t *testing.T, s string) []byte {
	t.Helper()
	text, err := strconv.Unquote(s)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(text)
}
