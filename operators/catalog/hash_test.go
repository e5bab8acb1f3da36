package catalog

import (
	"slices"
	"strings"
	"testing"
)

func parse(t testing.TB, texts ...string) *Catalog {
	t.Helper()
	files := make([]File, len(texts))
	for i, text := range texts {
		files[i] = File{Name: string(rune('a'+i)) + ".yaml", Text: []byte(text)}
	}
	c, err := Parse(files)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The hash is of what a catalog means, not of how it is written.
func TestHashSame(t *testing.T) {
	text := string(read1(t, "testdata/ok/demo.yaml"))
	docs := strings.Split(text, "---\n")
	want := parse(t, text).Hash
	slices.Reverse(docs)
	again := map[string]*Catalog{
		"other order":   parse(t, strings.Join(docs, "\n---\n")),
		"many files":    parse(t, docs...),
		"comments":      parse(t, strings.ReplaceAll(text, "\n---\n", "\n# a comment\n---\n# another\n")),
		"CR LF":         parse(t, strings.ReplaceAll(text, "\n", "\r\n")),
		"other folding": parse(t, strings.Replace(text, "where: >", "where: |", 1)),
		"other order of fields": parse(t, strings.Replace(text, "{id: string, industry: string}",
			"{industry: {type: string}, id: string}", 1)),
		"other order of actions": parse(t, strings.Replace(text, "[create, update], fields: [state, score]",
			"[update, create], fields: [score, state]", 1)),
		"default written out": parse(t, strings.Replace(text, "name: account\n", "name: account\naudience: false\n", 1)),
	}
	for name, c := range again {
		if c.Hash != want {
			t.Errorf("%s: hash %x, want %x", name, c.Hash, want)
		}
	}
}

// Whatever changes the meaning changes the hash.
func TestHashDiffers(t *testing.T) {
	text := string(read1(t, "testdata/ok/demo.yaml"))
	seen := map[uint64]string{parse(t, text).Hash: "the catalog itself"}
	for _, change := range [][2]string{
		{"score: int\n", "score: double\n"},
		{"  score: int\n", "  score: int\n  more: int\n"},
		{"path: props.journey", "path: journey"},
		{"topic: crm.lead,", "topic: crm.leads,"},
		{"match: {source.table: account}", "match: {source.table: accounts}"},
		{"v: 1,", "v: \"1\","},
		{"audience: {contact: contact_id, lead: lead_id}", "audience: {contact: contact_id}"},
		{"retention: 400d", "retention: 401d"},
		{"id: id\n", "id: event_id\n"},
		{"time: time\n", "time: at\n"},
		{`contact.state == "ND"`, `contact.state == "N D"`},
		{"contact.revenue > 0.0", "contact.revenue > 1.0"},
		{"name: customers", "name: customers2"},
		{"actions: [create, update], fields: [state, score]", "actions: [create, update], fields: [state]"},
		{"on: {table: lead, actions: [delete]}", "on: {table: lead, actions: [create]}"},
		{"event.answer <= 6", "event.answer <= 7"},
		{"links:\n  account: {table: account, field: account_id}\n---", "---"},
	} {
		changed := strings.ReplaceAll(text, change[0], change[1])
		if changed == text {
			t.Fatalf("%q is not in the catalog", change[0])
		}
		if change[1] == "name: customers2" {
			changed = strings.NewReplacer("segment: customers", "segment: customers2",
				`"customers"`, `"customers2"`).Replace(changed)
		}
		h := parse(t, changed).Hash
		if other, ok := seen[h]; ok {
			t.Errorf("with %q the hash is the same as of %s", change[1], other)
		}
		seen[h] = change[1]
	}
}

// So does whatever changes what a trigger waits for, or its limit; only what it waits for changes the id of the wait.
func TestHashOfWaits(t *testing.T) {
	text := string(read1(t, "testdata/ok/waits.yaml"))
	whole := parse(t, text)
	waits := map[uint64]bool{}
	for _, trigger := range whole.Triggers {
		waits[trigger.WaitID] = true
	}
	seen := map[uint64]string{whole.Hash: "the catalog itself"}
	for _, change := range []struct {
		old, with string
		waits     bool
	}{
		{"offset: -7d", "offset: 7d", true},
		{"offset: -7d", "offset: -8d", true},
		{"date: contact.trial_ends", "date: contact.birthdate", true},
		{", every: 1y", ", every: 2y", true},
		{", every: 1y", "", true},
		{"within: 2h", "within: 3h", true},
		{", by: cart_id", "", true},
		{"of: order_cart", "of: cart_id", true},
		{"event.total > 50.0", "event.total > 51.0", true},
		{"of: {event: purchase}", "of: {event: purchase, when: event.cart_id != null}", true},
		{"name: trial-over", "name: trial-ends", true},
		{"event.total < 1000.0", "event.total < 1001.0", false},
		{"limit: {per: 1d}", "limit: {per: 2d}", false},
		{"limit: {per: 1d}", "limit: {per: 1d, count: 2}", false},
	} {
		changed := strings.Replace(text, change.old, change.with, 1)
		if changed == text {
			t.Fatalf("%q is not in the catalog", change.old)
		}
		c := parse(t, changed)
		if other, ok := seen[c.Hash]; ok {
			t.Errorf("with %q the hash is the same as of %s", change.with, other)
		}
		seen[c.Hash] = change.with
		anew := slices.ContainsFunc(c.Triggers, func(trigger *Trigger) bool { return !waits[trigger.WaitID] })
		if anew != change.waits {
			t.Errorf("with %q in place of %q: something is waited for anew: %v", change.with, change.old, anew)
		}
	}
	if h := parse(t, strings.Replace(text, "limit: {per: 1d}", "limit: {per: 1d, count: 1}", 1)).Hash; h != whole.Hash {
		t.Error("a count of 1, which is the default, changes the hash when it is written out")
	}
}

func TestFlatten(t *testing.T) {
	tests := map[string]string{
		" a  &&\n\tb ":                  "a && b",
		"a // one \"\n && b // two":     "a && b",
		`a == "x  // y" `:               `a == "x  // y"`,
		`'a  "  b'  == c`:               `'a  "  b' == c`,
		`"a \"  b"   c`:                 `"a \"  b" c`,
		`r"a\"   "b  c"`:                `r"a\" "b  c"`,
		"'''a\n  'b'  '''   + 'c'":      "'''a\n  'b'  ''' + 'c'",
		"\"\"\"a \"\n  b\"\"\"   +\n c": "\"\"\"a \"\n  b\"\"\" + c",
		"":                              "",
	}
	for in, want := range tests {
		if got := flatten(in); got != want {
			t.Errorf("flatten(%q) = %q, want %q", in, got, want)
		}
	}
}
