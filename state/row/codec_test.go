package row_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"

	"github.com/weirstream/weir/state/row"
)

var (
	text   = row.Type{Kind: row.String}
	whole  = row.Type{Kind: row.Int}
	double = row.Type{Kind: row.Double}
	flag   = row.Type{Kind: row.Bool}
	moment = row.Type{Kind: row.Timestamp}
	date   = row.Type{Kind: row.Timestamp, Date: true}
)

func listOf(t row.Type) row.Type { return row.Type{Kind: row.List, Elem: &t} }

var scalars = []row.Type{text, whole, double, flag, moment, date}

// valueOf draws a value of type t, or null.
func valueOf(t *rapid.T, of row.Type) row.Value {
	if rapid.IntRange(0, 3).Draw(t, "null") == 0 {
		return row.Value{}
	}
	switch of.Kind {
	case row.Bool:
		return row.OfBool(rapid.Bool().Draw(t, "bool"))
	case row.Int:
		return row.OfInt(rapid.Int64().Draw(t, "int"))
	case row.Double:
		return row.OfDouble(math.Float64frombits(rapid.Uint64().Draw(t, "double")))
	case row.String:
		return row.OfString(string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "string")))
	case row.Timestamp:
		day := rapid.Int64Range(-719162, 2932896).Draw(t, "day") // years 1 to 9999
		v := row.Value{Kind: row.Timestamp, Int: day * 86400}
		if !of.Date {
			v.Int += rapid.Int64Range(0, 86399).Draw(t, "second")
			v.Nanos = rapid.Int32Range(0, 999_999_999).Draw(t, "nanos")
		}
		return v
	}
	n := rapid.IntRange(0, 5).Draw(t, "length")
	vs := make([]row.Value, n)
	for i := range vs {
		vs[i] = valueOf(t, *of.Elem)
	}
	return row.OfList(vs)
}

func schemaOf(t *rapid.T) *row.Schema {
	fields := make([]row.Field, rapid.IntRange(0, 20).Draw(t, "fields"))
	for i := range fields {
		of := rapid.SampledFrom(scalars).Draw(t, "type")
		if rapid.IntRange(0, 3).Draw(t, "list") == 0 {
			of = listOf(of)
		}
		fields[i] = row.Field{Name: fmt.Sprintf("field%d", i), Type: of}
	}
	return row.NewSchema("contact", fields)
}

func rowOf(t *rapid.T, s *row.Schema) row.Row {
	r := make(row.Row, len(s.Fields))
	for i := range r {
		r[i] = valueOf(t, s.Fields[i].Type)
	}
	return r
}

func TestRowsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := schemaOf(t)
		r := rowOf(t, s)
		b := row.AppendRow([]byte("before"), s, r)
		got, rest, err := row.DecodeRow(append(b, "after"...)[len("before"):], s)
		if err != nil || !got.Same(r) || string(rest) != "after" {
			t.Fatalf("got %v, rest %q, %v; want %v", got, rest, err, r)
		}
	})
}

func TestMissingRowIsNoEmptyRow(t *testing.T) {
	s := row.NewSchema("ping", nil)
	for _, r := range []row.Row{nil, {}} {
		got, _, err := row.DecodeRow(row.AppendRow(nil, s, r), s)
		if err != nil || (got == nil) != (r == nil) {
			t.Errorf("got %#v, %v; want %#v", got, err, r)
		}
	}
}

func TestEventsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := schemaOf(t)
		e := row.Event{
			ID: rapid.String().Draw(t, "id"), Seq: rapid.Uint64().Draw(t, "seq"),
			Time: row.OfTime(time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "time"), 7)), Fields: rowOf(t, s),
		}
		got, rest, err := row.DecodeEvent(append(row.AppendEvent(nil, s, &e), 1), s)
		if err != nil || len(rest) != 1 || got.ID != e.ID || got.Seq != e.Seq || !got.Time.Same(e.Time) ||
			!got.Fields.Same(e.Fields) {
			t.Fatalf("got %v, rest %x, %v; want %v", got, rest, err, e)
		}
	})
}

func TestVersionsComeBack(t *testing.T) {
	for _, v := range []row.Version{
		{},
		{Known: true},
		{Known: true, Snapshot: true, Hi: math.MaxUint64, Lo: 1 << 40, Millis: -5},
		{Known: true, Lo: 34567890, Millis: 1767225600123},
	} {
		got, rest, err := row.DecodeVersion(append(row.AppendVersion(nil, v), 1))
		if err != nil || got != v || len(rest) != 1 {
			t.Errorf("got %+v, rest %x, %v; want %+v", got, rest, err, v)
		}
	}
}

// A row that was written under one catalog is read under another.
func TestRowsOutliveCatalogs(t *testing.T) {
	day := row.OfTime(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC))
	noon := row.OfTime(time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC))
	strings := row.OfList([]row.Value{row.OfString("a"), {}, row.OfString("b")})
	for _, c := range []struct {
		name       string
		was, is    row.Type
		have, want row.Value
	}{
		{"same type", text, text, row.OfString("x"), row.OfString("x")},
		{"int is no double", whole, double, row.OfInt(1), row.Value{}},
		{"double is no int", double, whole, row.OfDouble(1), row.Value{}},
		{"string is no int", text, whole, row.OfString("1"), row.Value{}},
		{"bool is no string", flag, text, row.OfBool(true), row.Value{}},
		{"date becomes timestamp", date, moment, day, day},
		{"timestamp at midnight becomes date", moment, date, day, day},
		{"timestamp at noon is no date", moment, date, noon, row.Value{}},
		{"list becomes scalar", listOf(text), text, strings, row.Value{}},
		{"scalar becomes list", text, listOf(text), row.OfString("x"), row.Value{}},
		{"list keeps its nulls", listOf(text), listOf(text), strings, strings},
		{"list of another type", listOf(text), listOf(whole), strings, row.Value{}},
		{"empty list of another type", listOf(text), listOf(whole), row.OfList(nil), row.OfList(nil)},
	} {
		t.Run(c.name, func(t *testing.T) {
			was := row.NewSchema("contact", []row.Field{{"a", whole}, {"gone", text}, {"x", c.was}, {"z", text}})
			is := row.NewSchema("contact", []row.Field{{"z", text}, {"new", flag}, {"x", c.is}, {"a", whole}})
			b := row.AppendRow(nil, was, row.Row{row.OfInt(7), row.OfString("gone"), c.have, row.OfString("end")})
			got, rest, err := row.DecodeRow(b, is)
			want := row.Row{row.OfString("end"), {}, c.want, row.OfInt(7)}
			if err != nil || len(rest) != 0 || !got.Same(want) {
				t.Errorf("got %v, rest %x, %v; want %v", got, rest, err, want)
			}
		})
	}
}

// The bytes are plain msgpack to others.
func TestLibraryReadsRows(t *testing.T) {
	s := row.NewSchema("contact", []row.Field{
		{"id", text}, {"score", whole}, {"none", text}, {"tags", listOf(text)}, {"since", moment},
	})
	since := time.Date(2024, 2, 29, 1, 2, 3, 4, time.UTC)
	b := row.AppendRow(nil, s, row.Row{
		row.OfString("c-1"), row.OfInt(-5), {}, row.OfList([]row.Value{row.OfString("a"), {}}), row.OfTime(since),
	})
	got := struct {
		ID    string    `msgpack:"id"`
		Score int       `msgpack:"score"`
		None  *string   `msgpack:"none"`
		Tags  []*string `msgpack:"tags"`
		Since time.Time `msgpack:"since"`
	}{}
	if err := msgpack.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if got.ID != "c-1" || got.Score != -5 || got.None != nil || len(got.Tags) != 2 || *got.Tags[0] != "a" ||
		got.Tags[1] != nil || !got.Since.Equal(since) {
		t.Errorf("got %+v", got)
	}
	back, err := msgpack.Marshal(&got)
	if err != nil {
		t.Fatal(err)
	}
	r, rest, err := row.DecodeRow(back, s)
	if err != nil || len(rest) != 0 || r[0].Str != "c-1" || r[1].Int != -5 || !r[2].IsNull() || len(r[3].List) != 2 {
		t.Errorf("got %v, rest %x, %v", r, rest, err)
	}
}

// FuzzRow decodes hostile bytes: no panic, and what could be read reads the same when it is written again.
func FuzzRow(f *testing.F) {
	s := row.NewSchema("contact", []row.Field{
		{"id", text}, {"score", whole}, {"revenue", double}, {"opt_in", flag}, {"birthdate", date}, {"since", moment},
		{"tags", listOf(text)}, {"dates", listOf(date)},
	})
	f.Add(row.AppendRow(nil, s, row.Row{
		row.OfString("c-1"), row.OfInt(1), row.OfDouble(2), row.OfBool(true), row.OfTime(time.Unix(86400, 0)),
		row.OfTime(time.Unix(1, 1)), row.OfList([]row.Value{{}, row.OfString("x")}), row.OfList(nil),
	}))
	f.Add(row.AppendEvent(nil, s, &row.Event{ID: "e", Time: row.OfTime(time.Unix(5, 0)), Fields: make(row.Row, 8)}))
	f.Add(row.AppendVersion(nil, row.Version{Known: true, Lo: 77}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, _, err := row.DecodeRow(b, s); err == nil {
			again, rest, err := row.DecodeRow(row.AppendRow(nil, s, r), s)
			if err != nil || len(rest) != 0 || !again.Same(r) {
				t.Fatalf("got %v, %v; want %v", again, err, r)
			}
		}
		if e, _, err := row.DecodeEvent(b, s); err == nil {
			again, _, err := row.DecodeEvent(row.AppendEvent(nil, s, &e), s)
			if err != nil || again.ID != e.ID || again.Seq != e.Seq || !again.Fields.Same(e.Fields) {
				t.Fatalf("got %v, %v; want %v", again, err, e)
			}
		}
		if v, _, err := row.DecodeVersion(b); err == nil {
			again, _, err := row.DecodeVersion(row.AppendVersion(nil, v))
			if err != nil || again != v {
				t.Fatalf("got %v, %v; want %v", again, err, v)
			}
		}
	})
}

func BenchmarkDecodeRow(b *testing.B) {
	s := row.NewSchema("contact", []row.Field{
		{"id", text}, {"state", text}, {"score", whole}, {"revenue", double}, {"opt_in", flag}, {"birthdate", date},
		{"customer_since", moment}, {"account_id", text}, {"email", text}, {"country", text},
	})
	bytes := row.AppendRow(nil, s, row.Row{
		row.OfString("c-123456"), row.OfString("ND"), row.OfInt(77), row.OfDouble(1234.5), row.OfBool(true),
		row.OfTime(time.Unix(86400*7000, 0)), row.OfTime(time.Unix(1700000000, 0)), row.OfString("a-4711"),
		row.OfString("someone@example.org"), row.OfString("US"),
	})
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := row.DecodeRow(bytes, s); err != nil {
			b.Fatal(err)
		}
	}
}
