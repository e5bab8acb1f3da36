package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/weirstream/weir/connectors/decode"
	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/operators/catalog"
)

// Everything can be added to a folder, whose scripts then pass: each with the files that it names alone.
func TestLibraryScripts(t *testing.T) {
	for _, format := range []string{"debezium", "json"} {
		t.Run(format, func(t *testing.T) { addsEverything(t, format) })
	}
}

func addsEverything(t *testing.T, format string) {
	dir := filepath.Join(t.TempDir(), "catalog")
	r := weir(t, nil, "catalog", "add", "--all", "--dir", dir, "--scripts", "--format", format)
	if r.code != exitOK || !strings.HasSuffix(r.stdout, "ok: 14 tables, 43 events, 2 segments, 84 triggers\n") {
		t.Fatalf("status %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	// In all ways once: the other format differs in how a row comes alone.
	r = weir(t, nil, "test", dir, "--thorough="+fmt.Sprint(format == libraryFormat))
	if r.code != exitOK || r.stdout != "84 passed, 0 failed\n" {
		t.Errorf("status %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// Every trigger has a script that fires it, and that holds a case in which it does not fire: if the trigger is made
// less choosy, the script fails.
func TestLibraryScriptsShowBothSides(t *testing.T) {
	l, err := openLibrary(libraryFormat)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for i := range l.definitions {
		d := &l.definitions[i]
		if names[d.Name] {
			t.Errorf("the name %s is used twice: the list has definitions of all kinds", d.Name)
		}
		names[d.Name] = true
		if d.About() == "" {
			t.Errorf("%s has no comment that says what it is", d.Name)
		}
		if d.Kind != "Trigger" {
			continue
		}
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			checkLibraryScript(t, l, d)
		})
	}
	scripts, err := filepath.Glob("library/*.weir")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scripts {
		if name := strings.TrimSuffix(filepath.Base(s), ".weir"); !names[name] {
			t.Errorf("%s is about no trigger", s)
		}
	}
}

func checkLibraryScript(t *testing.T, l *library, d *catalog.Written) {
	script := l.script(d)
	if !strings.Contains(string(script), "\n  fire "+d.Name+" ") {
		t.Fatal("no script fires it")
	}
	right := libraryText(l, d)
	if err := runLibraryScript(script, right); err != nil {
		t.Error(err)
	}
	changed := loosen(right)
	if len(changed) == 0 {
		t.Error("nothing is known that would make it fire at other times")
	}
	for what, text := range changed {
		switch err := runLibraryScript(script, text); {
		case err == nil:
			t.Errorf("the script passes with %s as well:\n%s", what, text[strings.LastIndex(text, "---"):])
		case !strings.Contains(err.Error(), "came out"):
			t.Errorf("with %s the script does not run: %v", what, err)
		}
	}
}

// libraryText returns a trigger and all that it needs, the trigger last.
func libraryText(l *library, d *catalog.Written) string {
	var texts []string
	for _, n := range l.with([]*catalog.Written{d}) {
		texts = append(texts, n.Text)
	}
	return strings.Join(texts, "---\n")
}

// loosened are ways to make a trigger fire at other times: what is taken out of its text, and what is put there.
var loosened = []struct {
	about, with string
	what        *regexp.Regexp
}{
	{"no condition", "\n", regexp.MustCompile(`(?s)\nwhen:.*$`)},
	{"updates", "actions: [create, update]", regexp.MustCompile(`actions: \[create]`)},
	{"leaving", "actions: [leave]", regexp.MustCompile(`actions: \[enter]`)},
	{"one time alone", "", regexp.MustCompile(`, every: 1y`)},
	{"any event that prevents it", "", regexp.MustCompile(`, by: \w+`)},
}

var fieldsKey = regexp.MustCompile(`, fields: \[[^]]*]`)

// loosen returns the definitions with one thing changed that the last of them, a trigger, fires by, by what that is.
func loosen(text string) map[string]string {
	at := strings.LastIndex(text, "kind: Trigger")
	before, trigger := text[:at], text[at:]
	out := map[string]string{}
	for _, l := range loosened {
		if changed := l.what.ReplaceAllString(trigger, l.with); changed != trigger {
			out[l.about] = before + changed
		}
	}
	if !strings.Contains(trigger, "\nwhen:") && fieldsKey.MatchString(trigger) {
		out["any field"] = before + fieldsKey.ReplaceAllString(trigger, "")
	}
	if strings.Contains(trigger, "{event: ") {
		out["duplicates"] = strings.ReplaceAll(before, "\nid: id\n", "\n") + trigger
	}
	return out
}

func runLibraryScript(script []byte, definitions string) error {
	library := &enginetest.Library{Own: func() (*catalog.Catalog, error) {
		return catalog.Parse([]catalog.File{{Name: "library.yaml", Text: []byte(definitions)}})
	}}
	s, err := library.Parse("library.weir", script)
	if err != nil {
		return fmt.Errorf("cannot parse: %w", err)
	}
	return s.Run(enginetest.Config{Plain: true, Decoder: func(c *catalog.Catalog, recordBytes int) engine.Decoder {
		return decode.New(c, decode.Options{RecordBytesMax: recordBytes})
	}})
}

func TestCatalogListAndShow(t *testing.T) {
	for _, c := range []struct {
		args           string
		code           int
		stdout, stderr string // parts of what is printed
	}{
		{"list", 0, "case-resolved", ""},
		{"list", 0, "email_opened", ""},
		{"list opportunity-w*", 0, "sales  opportunity-won  trigger  An opportunity of a contact is won.\n", ""},
		{"list surveys", 0, "low-survey-score", ""},
		{"list opportunity-wun", 2, "", `no built-in definition "opportunity-wun" (did you mean opportunity-won?)`},
		{"list [", 2, "", "is no pattern"},
		{"list a b", 2, "", `does not take "b"`},
		{"show", 2, "", "needs the NAME"},
		{"show became-detractor", 0, "kind: Segment\nname: detractors\n", ""},
		{"show nothing-of-it", 2, "", "no built-in definition"},
		{"shwo x", 2, "", `unknown command "shwo" (did you mean show?)`},
		{"--help", 0, "weir catalog add cart-abandoned", ""},
		{"add", 2, "", "needs the NAME"},
		{"add case-created", 2, "", "needs --dir"},
		{"show account --format avro", 0, "source: {topic: crm.public.account, format: avro}\n", ""},
		{"show account --format xml", 2, "", "rows may come as debezium, json, avro, msgpack"},
		{"add account --dir x --format avro --scripts", 2, "", "not as avro"},
		{"add --all case-created --dir x", 2, "", "leave the names out"},
	} {
		r := weir(t, nil, append([]string{"catalog"}, strings.Fields(c.args)...)...)
		if r.code != c.code || !strings.Contains(r.stdout, c.stdout) || !strings.Contains(r.stderr, c.stderr) {
			t.Errorf("catalog %s: status %d\n%s%s", c.args, r.code, r.stdout, r.stderr)
		}
	}
}

// What show prints is a catalog by itself: everything that the definition needs is there.
func TestCatalogShowIsComplete(t *testing.T) {
	r := weir(t, nil, "catalog", "show", "session-registration-canceled")
	c, err := catalog.Parse([]catalog.File{{Name: "shown.yaml", Text: []byte(r.stdout)}})
	if err != nil || len(c.Triggers) != 1 || len(c.Tables) != 4 {
		t.Errorf("%v\n%s", err, r.stdout)
	}
}

func TestCatalogAdd(t *testing.T) {
	dir := scripts(t, map[string]string{"mine/people.yaml": `# The same contact, laid out in another way.
name: account
kind: Table
key: "id"
source:
  format: debezium
  topic: crm.public.account
fields: {owner: string, id: string, name: string, industry: string, employees: int, country: string}
`})
	add := func(args ...string) result {
		return weir(t, nil, append([]string{"catalog", "add", "--dir", dir}, args...)...)
	}
	r := add("case-resolved", "--scripts")
	people := filepath.Join(dir, "mine/people.yaml")
	for _, want := range []string{"table account is in " + people + ":2 already", "table contact is added in ",
		"script of case-resolved is added in ", "ok: 3 tables, 0 events, 0 segments, 1 trigger\n"} {
		if r.code != exitOK || !strings.Contains(r.stdout, want) {
			t.Fatalf("status %d, not %q\n%s%s", r.code, want, r.stdout, r.stderr)
		}
	}
	if tested := weir(t, nil, "test", dir); tested.stdout != "1 passed, 0 failed\n" {
		t.Errorf("%s%s", tested.stdout, tested.stderr)
	}
	before := listing(t, dir)
	if r = add("case-resolved", "--scripts"); r.code != exitOK || strings.Contains(r.stdout, "is added") {
		t.Errorf("added again: status %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if after := listing(t, dir); after != before {
		t.Errorf("changed:\n%s\nwas\n%s", after, before)
	}
}

// Nothing is written if anything is in the way, and all that is comes out at once.
func TestCatalogAddRefuses(t *testing.T) {
	for _, c := range []struct {
		about string
		files map[string]string
		want  []string // of what is said, the folder being DIR
	}{
		{"another definition of the name", map[string]string{
			"a.yaml": "# mine\nkind: Table\nname: contact\naudience: true\nkey: id\n" +
				"source: {topic: c, format: json}\nfields: {id: string}\n---\nkind: Table\nname: account\nkey: id\n" +
				"source: {topic: a, format: json}\nfields: {id: string}\n"},
			[]string{"DIR/a.yaml:3: the table contact is there already, and says something else",
				"DIR/a.yaml:10: the table account is there already"}},
		{"a file of the name", map[string]string{"incident.yaml": "# empty\n"},
			[]string{"DIR/incident.yaml:1: the file is there already, and is not the table incident"}},
		{"a script of the name", map[string]string{"case-created.weir": "at 2026-01-01\n"},
			[]string{"DIR/case-created.weir:1: the file is there already, and is not the script of case-created"}},
		{"an event with a table's name", map[string]string{"z.yaml": "kind: Event\nname: incident\n"},
			[]string{"DIR/z.yaml:2:7: event \"incident\" is defined a second time"}},
		{"a catalog with faults", map[string]string{"bad.yaml": "kind: Sgement\nname: x\n"},
			[]string{"DIR/bad.yaml:1:7: unknown kind"}},
	} {
		t.Run(c.about, func(t *testing.T) {
			dir := scripts(t, c.files)
			before := listing(t, dir)
			r := weir(t, nil, "catalog", "add", "case-created", "--dir", dir, "--scripts")
			if r.code != exitError || r.stdout != "" || !strings.HasSuffix(r.stderr, "nothing is written\n") {
				t.Errorf("status %d\n%s%s", r.code, r.stdout, r.stderr)
			}
			for _, want := range c.want {
				if said := strings.ReplaceAll(r.stderr, dir, "DIR"); !strings.Contains(said, want) {
					t.Errorf("not said: %s\n%s", want, said)
				}
			}
			if after := listing(t, dir); after != before {
				t.Errorf("changed:\n%s\nwas\n%s", after, before)
			}
		})
	}
}

// listing returns the files of a folder with what is in them.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s\n%s\n", path, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
