package decode

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/vmihailenco/msgpack/v5"
)

// textOf returns what put writes as the text of a tape of one value, after checking that tape.
func textOf(t *testing.T, put func(tp *tape)) string {
	t.Helper()
	var tp tape
	tp.begin(0)
	put(&tp)
	tp.end()
	faithful(t, &tp)
	return string(tp.text)
}

func TestDoublesAreWrittenAsEncodingJSONDoes(t *testing.T) {
	for _, v := range []float64{0, 1, -1.5, 0.1, 1e20, 1e21, 1e-6, 9.9e-7, 1234567.89, math.MaxFloat64, 5e-324, 1 << 53} {
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := textOf(t, func(tp *tape) { tp.putDouble(v, 64) }); parsed(t, got) != parsed(t, string(want)) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for want, v := range map[string]float64{
		`"NaN"`: math.NaN(), `"Infinity"`: math.Inf(1), `"-Infinity"`: math.Inf(-1), "0.1": float64(float32(0.1)),
	} {
		bits := 64
		if want == "0.1" {
			bits = 32
		}
		if got := textOf(t, func(tp *tape) { tp.putDouble(v, bits) }); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func parsed(t *testing.T, s string) float64 {
	t.Helper()
	var v float64
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestDecimalsAreWrittenWithTheirScale(t *testing.T) {
	for _, c := range []struct {
		raw   []byte
		scale int
		want  string
	}{
		{[]byte{0}, 0, "0"}, {[]byte{0}, 2, "0.00"}, {[]byte{0xff}, 2, "-0.01"}, {[]byte{0x03, 0xe8}, 0, "1000"},
		{[]byte{1}, -3, "1000"}, {[]byte{0}, -3, "0"}, {[]byte{0x80}, 1, "-12.8"},
		{[]byte{0x23, 0x16, 0xa9, 0xe9, 0xb3, 0x20, 0x86}, 2, "98765432109876.54"},
		{[]byte{0xff, 0, 0, 0, 0, 0, 0, 0, 0}, 20, "-0.18446744073709551616"},
	} {
		if got := textOf(t, func(tp *tape) { tp.putDecimal(c.raw, c.scale) }); got != c.want {
			t.Errorf("%x with scale %d: got %s, want %s", c.raw, c.scale, got, c.want)
		}
	}
	var tp tape
	if tp.putDecimal(nil, 0) || tp.putDecimal([]byte{1}, scaleMax+1) {
		t.Error("no digits, or too many, are taken")
	}
}

func TestStringsAreWrittenWithTheirEscapes(t *testing.T) {
	for _, s := range []string{
		"", "a", `"`, `\`, "\n\x00\x1f", "Köln", "exactly 8", "eight by\"es and more", "\u2028", "end\\",
	} {
		got := textOf(t, func(tp *tape) { tp.putString([]byte(s), 0) })
		var back string
		if err := json.Unmarshal([]byte(got), &back); err != nil || back != s {
			t.Errorf("%q became %s, which is %q, %v", s, got, back, err)
		}
	}
}

func TestTimesAreClamped(t *testing.T) {
	for want, sec := range map[string]int64{
		`"0001-01-01T00:00:00Z"`: math.MinInt64, `"9999-12-31T23:59:59.999999999Z"`: math.MaxInt64,
		`"1970-01-01T00:00:00Z"`: 0,
	} {
		if got := textOf(t, func(tp *tape) { tp.putTime(sec, 0) }); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// sample draws a value for the schema of TestBinaryFormatsAgreeWithTheLibraries and the JSON that says the same.
func sample(r *rand.Rand, depth int) (value map[string]any, want map[string]any) {
	word := func() string {
		runes := make([]rune, r.IntN(12))
		for i := range runes {
			runes[i] = []rune("ab\"\\\n\x00é€😀 /")[r.IntN(11)]
		}
		return string(runes)
	}
	raw := make([]byte, r.IntN(20))
	for i := range raw {
		raw[i] = byte(r.Uint32())
	}
	text, number, ratio := word(), int64(r.Uint64()), r.NormFloat64()*math.Pow(10, float64(r.IntN(40)-20))
	list, names := []any{}, map[string]any{}
	for range r.IntN(4) {
		list = append(list, word())
		names[word()] = int64(r.IntN(1 << 20))
	}
	value = map[string]any{
		"text": text, "number": number, "ratio": ratio, "flag": number&1 == 0, "raw": raw, "list": list, "names": names,
		"next": nil,
	}
	want = map[string]any{
		"text": text, "number": number, "ratio": ratio, "flag": number&1 == 0,
		"raw": base64.StdEncoding.EncodeToString(raw), "list": list, "names": names, "next": nil,
	}
	if depth > 0 && r.IntN(3) > 0 {
		value["next"], want["next"] = sample(r, depth-1)
	}
	return value, want
}

// TestBinaryFormatsAgreeWithTheLibraries writes random values by the libraries of Avro and msgpack, and compares the
// tapes that they are read into with the JSON of the values.
func TestBinaryFormatsAgreeWithTheLibraries(t *testing.T) {
	const schema = `{"type":"record","name":"R","fields":[{"name":"text","type":"string"},{"name":"number","type":"long"},
		{"name":"ratio","type":"double"},{"name":"flag","type":"boolean"},{"name":"raw","type":"bytes"},
		{"name":"list","type":{"type":"array","items":"string"}},{"name":"names","type":{"type":"map","values":"long"}},
		{"name":"next","type":["null","R"]}]}`
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	library := avro.MustParse(schema)
	of, err := compileAvro(schema)
	if err != nil {
		t.Fatal(err)
	}
	for range 2000 {
		value, want := sample(r, 5)
		encoded, err := library.Encode(value)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		packed, err := msgpack.Marshal(value)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		var a, m tape
		if !a.scanAvro(encoded, of) || !m.scanPacked(packed) {
			t.Fatalf("seed %d: %q, %q", seed, a.fault, m.fault)
		}
		written, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		for name, tp := range map[string]*tape{"Avro": &a, "msgpack": &m} {
			faithful(t, tp)
			if got, want := jsonValue(t, string(tp.text)), jsonValue(t, string(written)); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d: %s became %v, want %v", seed, name, got, want)
			}
		}
	}
}

func TestSchemasThatCanNotBeCompiled(t *testing.T) {
	for _, s := range []string{
		"", "{", `"nothing"`, `{"type":"record","name":"A","fields":[{"name":"b","type":"B"}]}`,
		`{"type":"array"}`, `{"type":"fixed","name":"F"}`,
	} {
		if _, err := compileAvro(s); err == nil {
			t.Errorf("%q is compiled", s)
		}
	}
	var fields []string
	for i := range 300 {
		fields = append(fields, fmt.Sprintf(`{"name":"f%d","type":["null",{"type":"record","name":"r%d","fields":`+
			`[{"name":"again","type":["null","r0"]}]}]}`, i, i))
	}
	if _, err := compileAvro(`{"type":"record","name":"A","fields":[` + strings.Join(fields, ",") + `]}`); err != nil {
		t.Error(err)
	}
}

// TestSpellingsOfTheSameSchema gives one decimal in the spellings of Avro and of Kafka Connect.
func TestSpellingsOfTheSameSchema(t *testing.T) {
	const connect = `"connect.name":"org.apache.kafka.connect.data.Decimal"`
	for _, s := range []string{
		`{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`,
		`{"type":"bytes",` + connect + `,"connect.parameters":{"scale":"2"}}`,
		`{"type":"bytes",` + connect + `,"scale":2}`,
		`["null",{"type":"bytes","logicalType":"decimal","precision":9,"scale":2,` + connect + `}]`,
	} {
		of, err := compileAvro(s)
		if err != nil {
			t.Fatal(err)
		}
		encoded := []byte{4, 4, 0xd2}
		if of.kind == avroUnion {
			encoded = append([]byte{2}, encoded...)
		}
		var tp tape
		if !tp.scanAvro(encoded, of) || string(tp.text) != "12.34" {
			t.Errorf("%s: %s %q", s, tp.text, tp.fault)
		}
	}
}
