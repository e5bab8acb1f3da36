package decode

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// tree rebuilds the value of the node n as encoding/json does, numbers as they were written.
func tree(t *tape, n int32, scratch *[]byte) any {
	switch t.form(n) {
	case boolean:
		return string(t.raw(n)) == "true"
	case number:
		return json.Number(t.raw(n))
	case text:
		return strings.Clone(t.string(n, scratch))
	case array:
		list := []any{}
		for e := n + 1; e < int32(t.nodes[n].next); e = int32(t.nodes[e].next) {
			list = append(list, tree(t, e, scratch))
		}
		return list
	case object:
		members := map[string]any{}
		for c := n + 1; c < int32(t.nodes[n].next); c = int32(t.nodes[c+1].next) {
			members[strings.Clone(t.string(c, scratch))] = tree(t, c+1, scratch)
		}
		return members
	}
	return nil
}

// deep tells how deeply src is nested, brackets within strings included.
func deep(src []byte) int {
	depth, most := 0, 0
	for _, c := range src {
		switch c {
		case '[', '{':
			depth++
			most = max(most, depth)
		case ']', '}':
			depth--
		}
	}
	return most
}

// check compares the scanner with encoding/json on src.
func check(t *testing.T, src []byte) {
	t.Helper()
	var tp tape
	var scratch []byte
	got := tp.scan(src, nil)
	if want := json.Valid(src); got != want {
		if want && deep(src) > depthMax {
			return
		}
		t.Fatalf("%q: scan says %v (%s at %d), json.Valid %v", src, got, tp.fault, tp.at, want)
	}
	if !got {
		if tp.fault == "" || tp.at < 0 || tp.at > len(src) {
			t.Fatalf("%q: no place or reason: %d %q", src, tp.at, tp.fault)
		}
		return
	}
	d := json.NewDecoder(bytes.NewReader(src))
	d.UseNumber()
	var want any
	if err := d.Decode(&want); err != nil {
		t.Fatalf("%q: %v", src, err)
	}
	if v := tree(&tp, 0, &scratch); !reflect.DeepEqual(v, want) {
		t.Fatalf("%q:\n got %#v\nwant %#v", src, v, want)
	}
	if tp.form(0) < array {
		return
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, src); err != nil {
		t.Fatal(err)
	}
	if c := tp.compact(nil, 0); string(c) != compact.String() {
		t.Fatalf("%q: compact %q, want %q", src, c, compact.String())
	}
}

var texts = []string{
	``, ` `, `null`, `true`, `false`, `nul`, `truex`, `0`, `-0`, `-`, `01`, `1.`, `.5`, `1.5`, `1e`, `1e+`, `1E-7`, `+1`,
	`9007199254740993`, `123456789012345678901234567890`, `"`, `"a"`, `"a`, `"\"`, `"\\"`, `"\/\b\f\n\r\t\""`,
	`"\u00e9\u00E9"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ud83dx"`, `"\ude00\ud83d"`, `"\ud83d\u0041"`,
	`"\ud83d\ud83d\ude00"`, `"\u12"`, `"\u12g4"`, `"\x"`, "\"\x01\"", "\"tab\there\"", "\"\x7f\"", "\"\xff\xfe\"",
	"\"caf\xc3\"",
	"\"\xed\xa0\x80\"", `"a longer string with an é in the middle of it"`, `"1234567\"90"`, `[]`, `[ ]`,
	`[1]`, `[1,]`, `[,1]`, `[1 2]`, `[1`,
	`[[],[[]],{}]`, `{}`, `{ }`, `{"a":1}`, `{"a":1,}`, `{"a" 1}`, `{"a":}`, `{a:1}`, `{"a":1 "b":2}`, `{"a":1`, `{"a"`,
	`{"a":1,"a":{"b":[true,null]}}`, `{"":""}`, `{"\u0061":1,"a":2}`, `1 2`, `{} x`,
	"\ufeff{}", " \t\r\n{ \"a\" : [ 1 , 2 ] } ",
	`{"a":"x","b":-1.50e+10,"c":[{"d":null}],"e":{"f":{"g":"h"}}}`,
}

func TestScannerAgreesWithEncodingJSON(t *testing.T) {
	for _, s := range texts {
		check(t, []byte(s))
	}
	for _, depth := range []int{depthMax - 1, depthMax, depthMax + 1} {
		src := strings.Repeat(`[`, depth) + strings.Repeat(`]`, depth)
		var tp tape
		if got := tp.scan([]byte(src), nil); got != (depth <= depthMax) {
			t.Errorf("depth %d: scan says %v", depth, got)
		}
	}
}

// TestEveryByteInEveryPlaceOfAString guards the scanner's reading of eight bytes at a time.
func TestEveryByteInEveryPlaceOfAString(t *testing.T) {
	for place := range 20 {
		for c := range 256 {
			src := []byte(`"abcdefghijklmnopqrst"`)
			src[1+place] = byte(c)
			check(t, src)
		}
	}
}

func TestScanGoesOnAfterAKnownPrefix(t *testing.T) {
	const prefix = ` { "schema" : {"a":[1,"}"]}`
	for _, rest := range []string{`}`, ` , "payload":{"x":1} }`, `,"payload":null}`, `, }`, ``, `x`, `,"payload":1}}`} {
		var whole, resumed tape
		src := []byte(prefix + rest)
		want, got := whole.scan(src, nil), resumed.scan(src, []byte(prefix))
		if got != want {
			t.Errorf("rest %q: %v, whole %v", rest, got, want)
			continue
		}
		var scratch []byte
		if got {
			a, b := whole.member(0, "payload", &scratch), resumed.member(0, "payload", &scratch)
			if whole.form(a) != resumed.form(b) || whole.form(a) != absent && string(whole.raw(a)) != string(resumed.raw(b)) {
				t.Errorf("rest %q: the payload differs", rest)
			}
		}
	}
}

func TestPlanFindsPaths(t *testing.T) {
	var p plan
	paths := [][]string{{"a"}, {"b", "c"}, {"b", "d", "e"}, {"b"}, {"a"}, {"f", "g"}}
	var slots []int
	for _, path := range paths {
		slots = append(slots, p.slot(path))
	}
	if slots[0] != slots[4] {
		t.Error("the same path has two slots")
	}
	cases := []struct {
		src  string
		want [6]string
	}{
		{`{"a":1,"b":{"c":2,"d":{"e":3}},"f":4}`, [6]string{"1", "2", "3", `{"c":2,"d":{"e":3}}`, "1", ""}},
		{`{"b":{"d":{"e":3}},"a":1}`, [6]string{"1", "", "3", `{"d":{"e":3}}`, "1", ""}},
		{`{"b":{"c":2},"b":{"x":1},"a":1,"a":9}`, [6]string{"9", "", "", `{"x":1}`, "9", ""}},
		{`{"b":{"c":2},"b":7}`, [6]string{"", "", "", "7", "", ""}},
		{`{"\u0061":5,"a.b":6}`, [6]string{"5", "", "", "", "5", ""}},
		{`{}`, [6]string{}},
		{`[]`, [6]string{}},
	}
	var tp tape
	var found []int32
	var scratch []byte
	for range 2 { // the second time in learned order
		for _, c := range cases {
			if !tp.scan([]byte(c.src), nil) {
				t.Fatal(tp.fault)
			}
			found = p.find(&tp, 0, found, &scratch)
			for i, s := range slots {
				got := ""
				if found[s] >= 0 {
					got = string(tp.raw(found[s]))
				}
				if got != c.want[i] {
					t.Errorf("%s: %v is %q, want %q", c.src, paths[i], got, c.want[i])
				}
			}
		}
	}
}

func FuzzScanner(f *testing.F) {
	for _, s := range texts {
		f.Add([]byte(s))
	}
	f.Fuzz(check)
}
