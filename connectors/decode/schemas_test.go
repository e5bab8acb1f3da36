package decode

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/avro"
	"github.com/vmihailenco/msgpack/v5"
)

// registry is a schema registry in memory: it implements Schemas.
type registry struct {
	byID    map[int]string
	byGUID  map[string]string
	refused string // what it says of schemas that it has not
	err     error
	asked   int
}

func (r *registry) Schema(id int) (text, refused string, err error) {
	r.asked++
	if text, ok := r.byID[id]; ok {
		return text, "", r.err
	}
	return "", r.refused, r.err
}

func (r *registry) SchemaByGUID(guid string) (text, refused string, err error) {
	r.asked++
	if text, ok := r.byGUID[guid]; ok {
		return text, "", r.err
	}
	return "", r.refused, r.err
}

// captured is the registry of pg-avro-apicurio.jsonl.
func captured(t testing.TB) *registry {
	t.Helper()
	data, err := os.ReadFile("testdata/debezium/pg-avro-schemas.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	r := &registry{byID: make(map[int]string), refused: "the registry has no such schema"}
	scanner := bufio.NewScanner(bytes.NewReader(data))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var l struct {
			ID     int
			Schema string
		}
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		r.byID[l.ID] = l.Schema
	}
	return r
}

// avroOf returns the Avro of a schema's id and JSON, in the wire format.
func avroOf(t testing.TB, r *registry, s string) []byte {
	t.Helper()
	number, text, _ := strings.Cut(s, " ")
	id, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := avro.MustParse(r.byID[id], avro.WithLaxNames(nil)).Encode(jsonValue(t, text))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), encoded...)
}

// packedOf returns the msgpack that says what a JSON text says.
func packedOf(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	e := msgpack.NewEncoder(&b)
	e.UseCompactInts(true)
	e.SetSortMapKeys(true)
	if err := e.Encode(jsonValue(t, s)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// jsonValue returns what a JSON text says, whole numbers as int64.
func jsonValue(t testing.TB, s string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return numbers(v)
}

func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	}
	return v
}
