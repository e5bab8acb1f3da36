package enginetest_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state/row"
)

// decoder reads rows {"id": …, "state": …} of the table contact; all else is bad. The real decoders stand above the
// engine.
type decoder struct{ c *catalog.Catalog }

// Decode implements engine.Decoder.
func (d decoder) Decode(rec *engine.Record, out []engine.Change) []engine.Change {
	origin := engine.Origin{Topic: rec.Topic, Partition: rec.Partition, Offset: rec.Offset, Time: rec.Time}
	var v struct{ ID, State string }
	if json.Unmarshal(rec.Value, &v) != nil {
		return append(out, engine.Change{Kind: engine.Bad, Origin: origin, Reason: "invalid JSON", Raw: rec.Value})
	}
	return append(out, engine.Change{Kind: engine.Upsert, Origin: origin, Table: "contact", Key: v.ID,
		Schema: d.c.Table("contact").Schema, Row: row.Row{row.OfString(v.ID), row.OfString(v.State)}})
}

func config() enginetest.Config {
	return enginetest.Config{Decoder: func(c *catalog.Catalog, _ int) engine.Decoder { return decoder{c} }}
}

const contacts = `catalog
  kind: Table
  name: contact
  audience: true
  key: id
  source: {topic: crm.contact, format: json}
  fields: {id: string, state: string}
  ---
  kind: Segment
  name: nd
  audience: contact
  where: contact.state == "ND"
at 2026-01-01
`

func run(t *testing.T, script string) error {
	t.Helper()
	s, err := enginetest.Parse("a.weir", []byte(contacts+script), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s.Run(config())
}

// TestRun shows that a script fails when the outputs are others than it says: by a missing one, one too many, one that
// differs, one in another order, and the members of a segment.
func TestRun(t *testing.T) {
	two := `row contact {"id":"c-1","state":"ND"}
row contact {"id":"c-2","state":"ND"}
`
	for _, c := range []struct{ name, script, want string }{
		{"as expected", two + "expect\n  enter nd c-1 spell 1\n  enter nd c-2 cause row\nmembers nd c-2 c-1\n", ""},
		{"missing", two + "expect\n  enter nd c-1\n  enter nd c-3\n  enter nd c-2\n",
			"a.weir:16: what came out is not what is expected:\n       enter nd c-1 at 2026-01-01T00:00:00Z since " +
				"2026-01-01T00:00:00Z spell 1 cause row/contact\n  want enter nd c-3 (line 18)\n       enter nd c-2"},
		{"surplus", two + "expect\n  enter nd c-2\n",
			"a.weir:16: what came out is not what is expected:\n  got  enter nd c-1"},
		{"order", two + "expect\n  enter nd c-2\n  enter nd c-1\n", "want enter nd c-2 (line 17)"},
		{"attribute", two + "expect\n  enter nd c-1 spell 2\n  enter nd c-2\n", "want enter nd c-1 spell 2 (line 17)"},
		{"instant", two + "expect\n  enter nd c-1 at 2026-01-02\n  enter nd c-2\n",
			"want enter nd c-1 at 2026-01-02 (line 17)"},
		{"until", two + "expect\n  enter nd c-1 until 2026-01-02\n  enter nd c-2\n", "want enter nd c-1 until"},
		{"cause", two + "expect\n  enter nd c-1 cause row/lead\n  enter nd c-2\n", "want enter nd c-1 cause row/lead"},
		{"nothing", two + "expect nothing\n", "a.weir:16: what came out is not what is expected:\n  got  enter nd c-1"},
		{"not asked for", two, "a.weir: the script ends, but more came out than it expects:\n  got  enter nd c-1"},
		{"members", two + "expect\n  enter nd c-1\n  enter nd c-2\nmembers nd c-1\n",
			"a.weir:19: the members of nd are others than expected:\n  want c-1\n  got  c-1 c-2"},
		{"dead letter", "record crm.contact - {\nexpect\n  deadletter \"no such reason\"\n",
			"want deadletter \"no such reason\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := run(t, c.script)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

// forgetful decodes a record in another way each time it is asked: what no engine can do the same twice.
type forgetful struct {
	decoder
	n *int
}

// Decode implements engine.Decoder.
func (d forgetful) Decode(rec *engine.Record, out []engine.Change) []engine.Change {
	*d.n++
	if *d.n > 1 {
		return out
	}
	return d.decoder.Decode(rec, out)
}

// TestRunComparesItsWays shows that a script fails when a run in another way has other outputs.
func TestRunComparesItsWays(t *testing.T) {
	s, err := enginetest.Parse("a.weir",
		[]byte(contacts+"row contact {\"id\":\"c-1\",\"state\":\"ND\"}\nexpect\n  enter nd c-1\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = s.Run(enginetest.Config{Decoder: func(c *catalog.Catalog, _ int) engine.Decoder {
		return forgetful{decoder{c}, &n}
	}})
	if err == nil || !strings.Contains(err.Error(), "output number 1 differs when run epochs of three steps") {
		t.Errorf("got %v", err)
	}
}

// TestParseNamesThePlace shows that all that is wrong with a script is reported with its line.
func TestParseNamesThePlace(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"unknown word", "rwo contact {}\n", `a.weir:14: unknown word "rwo"`},
		{"unknown table", "row contcat {}\n", `a.weir:14: there is no table "contcat"`},
		{"unknown event", "event opened {}\n", `a.weir:14: there is no event "opened"`},
		{"no JSON", "row contact {\"id\n", `a.weir:14: a JSON object is needed here`},
		{"after the JSON", "row contact {} {}\n", `a.weir:14: nothing may follow the JSON object`},
		{"unknown segment", "expect\n  enter dn c-1\n", `a.weir:15: there is no segment "dn"`},
		{"unknown trigger", "expect\n  fire won c-1\n", `a.weir:15: there is no trigger "won"`},
		{"unknown output", "expect\n  entre nd c-1\n", `a.weir:15: unknown output "entre"`},
		{"unknown field", "expect\n  enter nd c-1 spel 2\n", `a.weir:15: "spel" is no field of an output`},
		{"field without value", "expect\n  enter nd c-1 spell\n", `a.weir:15: spell needs a value`},
		{"no instant", "clock tomorrow\n", `a.weir:14: "tomorrow" is no instant`},
		{"back in time", "clock 2025-12-31\n", `a.weir:14: 2025-12-31 lies before`},
		{"empty expect", "expect\n", `a.weir:14: expect needs indented lines`},
		{"nothing and something", "expect nothing\n  enter nd c-1\n", `a.weir:14: expect has indented lines`},
		{"again at first", "again\n", `a.weir:14: there is no record before this line`},
		{"members of none", "members dn\n", `a.weir:14: members needs a segment`},
		{"indented", "clock 2026-02-01\n  deeper\n", `a.weir:15: nothing can be indented below "clock"`},
		{"setting", "set speed 7\n", `a.weir:14: unknown setting "speed"`},
		{"shared catalog", "use crm\n", `a.weir:14: there are no shared catalogs`},
		{"position", "cdc contact u x {}\n", `a.weir:14: "x" is no position`},
		{"operation", "cdc contact x 1 {}\n", `a.weir:14: cdc needs one of the letters c u r d t`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := enginetest.Parse("a.weir", []byte(contacts+c.script), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

// TestParseNamesThePlaceInTheCatalog shows that faults of a catalog within a script have the script's lines.
func TestParseNamesThePlaceInTheCatalog(t *testing.T) {
	broken := strings.Replace(contacts, `contact.state ==`, `contact.sate ==`, 1)
	_, err := enginetest.Parse("a.weir", []byte(broken), nil)
	if err == nil || !strings.HasPrefix(err.Error(), "a.weir:12:") {
		t.Errorf("got %v, want a fault in line 12", err)
	}
}

// TestUse shows that a script may use a catalog that others use, too, and add to it.
func TestUse(t *testing.T) {
	shared := fstest.MapFS{"crm.yaml": {Data: []byte("kind: Table\nname: contact\naudience: true\nkey: id\n" +
		"source: {topic: crm.contact, format: json}\nfields: {id: string, state: string}\n")}}
	script := "# Everybody.\nuse crm\ncatalog\n  kind: Segment\n  name: all\n  audience: contact\n  where: 'true'\n" +
		"at 2026-01-01\nrow contact {\"id\":\"c-1\",\"state\":\"ND\"}\nexpect\n  enter all c-1\n"
	s, err := enginetest.Parse("a.weir", []byte(script), shared)
	if err != nil {
		t.Fatal(err)
	}
	if s.About != "Everybody." {
		t.Errorf("About is %q", s.About)
	}
	if err := s.Run(config()); err != nil {
		t.Error(err)
	}
	if _, err := enginetest.Parse("a.weir", []byte("use cmr\n"), shared); err == nil {
		t.Error("a catalog that is not there was used")
	}
}

// TestLibrary shows that a script without a catalog is about the library's own, and that what many use is compiled
// once.
func TestLibrary(t *testing.T) {
	table := "kind: Table\nname: contact\naudience: true\nkey: id\n" +
		"source: {topic: crm.contact, format: json}\nfields: {id: string, state: string}\n"
	own := func() (*catalog.Catalog, error) {
		return catalog.Parse([]catalog.File{{Name: "own.yaml", Text: []byte(table +
			"---\nkind: Segment\nname: own\naudience: contact\nwhere: 'true'\n")}})
	}
	l := &enginetest.Library{Own: own, Shared: fstest.MapFS{"crm.yaml": {Data: []byte(table +
		"---\nkind: Segment\nname: shared\naudience: contact\nwhere: 'true'\n")}}}
	for _, script := range []string{
		"at 2026-01-01\nrow contact {\"id\":\"c-1\"}\nexpect\n  enter own c-1\n",
		"use crm\nat 2026-01-01\nrow contact {\"id\":\"c-1\"}\nexpect\n  enter shared c-1\n",
		"at 2026-01-01\nrow contact {\"id\":\"c-1\"}\nexpect\n  enter shared c-1\nuse crm\n",
	} {
		s, err := l.Parse("a.weir", []byte(script))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Run(config()); err != nil {
			t.Error(err)
		}
	}
	if first, again := enginetest.CatalogOf(t, l, "use crm\n"), enginetest.CatalogOf(t, l, "use crm\n"); first != again {
		t.Error("a catalog that two scripts use was compiled twice")
	}
}

// TestFailures shows that an error is taken apart into what is wrong, each with its line.
func TestFailures(t *testing.T) {
	_, err := enginetest.Parse("a.weir", []byte(contacts+"rwo\nexpect\n"), nil)
	fs := enginetest.Failures("a.weir", err)
	if len(fs) != 2 || fs[0].Line != 14 || fs[1].Line != 15 {
		t.Errorf("%d failures of %v", len(fs), err)
	}
	fs = enginetest.Failures("a.weir", run(t, "row contact {\"id\":\"c-1\"}\nexpect\n  enter nd c-1\n"))
	if len(fs) != 1 || fs[0].Line != 15 || fs[0].Diff != "\n  want enter nd c-1 (line 16)" {
		t.Errorf("%+v", fs)
	}
	fs = enginetest.Failures("a.weir", io.ErrUnexpectedEOF)
	if len(fs) != 1 || fs[0].Error() != "a.weir: unexpected EOF" {
		t.Errorf("%+v", fs)
	}
}

// FuzzParse shows that no script makes the parser fail otherwise than by an error.
func FuzzParse(f *testing.F) {
	f.Add(contacts + "row contact {\"id\":\"c-1\"}\nexpect\n  enter nd c-1 until never\n")
	f.Add("set metrics 1h\nat 2026-01-01\nrecord a - {\nagain\nexpect nothing\nmembers nd\n")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = enginetest.Parse("a.weir", []byte(text), nil)
	})
}
