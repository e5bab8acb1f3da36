package emit

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/segment"
	"github.com/weirstream/weir/operators/trigger"
	"github.com/weirstream/weir/state/row"
)

var (
	contact = &catalog.Table{Name: "contact", Audience: true, Schema: row.NewSchema("contact", []row.Field{
		{Name: "id", Type: row.Type{Kind: row.String}},
		{Name: "born", Type: row.Type{Kind: row.Timestamp, Date: true}},
		{Name: "since", Type: row.Type{Kind: row.Timestamp}},
		{Name: "score", Type: row.Type{Kind: row.Int}},
		{Name: "revenue", Type: row.Type{Kind: row.Double}},
		{Name: "opt_in", Type: row.Type{Kind: row.Bool}},
		{Name: "tags", Type: row.Type{Kind: row.List, Elem: &row.Type{Kind: row.String}}},
	})}
	audience = &catalog.Audience{Table: contact}
	purchase = &catalog.Event{Name: "purchase", Schema: row.NewSchema("purchase", []row.Field{
		{Name: "amount", Type: row.Type{Kind: row.Double}},
	})}
)

func instant(s string) row.Instant {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return row.At(t)
}

func image(score int64) row.Row {
	return row.Row{
		row.OfString("c-\"1\"\n\u00e9"), row.OfTime(time.Date(1985, 12, 10, 0, 0, 0, 0, time.UTC)),
		row.OfTime(time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)), row.OfInt(score), row.OfDouble(0.1), row.OfBool(true),
		row.OfList([]row.Value{row.OfString("vip"), {}}),
	}
}

// records emits one record of each kind in a format.
func records(f Format) []Record {
	e := &Emitter{Format: f, Source: "/weir/weir/partitions/3", Revision: 2}
	flip := &segment.Flip{Segment: &catalog.Segment{Name: "vip", Audience: audience}, Enter: true, Spell: 2,
		At: instant("2026-01-01T00:00:00Z"), Since: instant("2026-01-01T00:00:00Z"), Until: instant("2026-04-01T00:00:00.5Z")}
	byRow := Cause{Kind: "row", Topic: "crm.contact", Partition: 1, Offset: 0, Table: "contact", Key: "c-1"}
	byEvent := Cause{Kind: "event", Topic: "events", Partition: 1, Offset: 9, Event: "purchase", Key: "p-1"}
	onRow := &catalog.Trigger{Name: "changed", Audience: audience, Table: contact}
	onEvent := &catalog.Trigger{Name: "bought", Audience: audience, Event: purchase}
	event := &row.Event{ID: "p-1", Time: row.OfTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)),
		Fields: row.Row{row.OfDouble(1e21)}}
	onDate := &catalog.Trigger{Name: "renewal", Audience: audience, Date: &catalog.Date{Field: 1}}
	onAbsence := &catalog.Trigger{Name: "lapsed", Audience: audience,
		Absence: &catalog.Absence{After: catalog.Part{Event: purchase}, Of: catalog.Part{Event: purchase}}}
	nameless := *event
	nameless.ID, nameless.Seq = "", 4
	at := instant("2026-01-01T00:00:00Z")
	return []Record{
		e.Membership(flip, "c-1", byRow, 7),
		e.Firing(&trigger.Firing{Trigger: onRow, Before: image(-3), After: image(1 << 60)}, "c-1", at, byRow, 8),
		e.Firing(&trigger.Firing{Trigger: onRow, After: image(0)}, "c-1", at, byRow, 9),
		e.Firing(&trigger.Firing{Trigger: onEvent, Event: event}, "c-1", at, byEvent, 10),
		e.Metrics(&Figures{Kind: "segment", Name: "vip", Partition: 3, From: at, To: at + row.Instant(time.Minute),
			Size: 12, Entered: 3, Left: 1}),
		e.Firing(&trigger.Firing{Trigger: onDate, Due: at}, "c-1", at, Cause{Kind: "time"}, 11),
		e.Firing(&trigger.Firing{Trigger: onAbsence, Event: event, Due: at}, "c-1", at, Cause{Kind: "time"}, 12),
		e.Firing(&trigger.Firing{Trigger: onAbsence, Event: &nameless, Due: at}, "c-1", at, Cause{Kind: "time"}, 13),
		e.Metrics(&Figures{Kind: "trigger", Name: "lapsed", From: at, To: at + row.Instant(time.Minute), Fired: 2,
			Suppressed: 1}),
	}
}

// What became due by time alone has no rows; an absence bears the event that its wait began with.
func TestFiringsOfWaits(t *testing.T) {
	rs := records(JSON)
	for i, want := range map[int]string{
		5: `{"trigger":"renewal","audience":"contact","id":"c-1","at":"2026-01-01T00:00:00Z","revision":2,` +
			`"cause":{"kind":"time"},"seq":11}`,
		6: `{"trigger":"lapsed","audience":"contact","id":"c-1","at":"2026-01-01T00:00:00Z","event":{"id":"p-1",` +
			`"time":"2026-01-01T00:00:00Z","amount":1e+21},"revision":2,"cause":{"kind":"time"},"seq":12}`,
		8: `{"kind":"trigger","name":"lapsed","partition":0,"from":"2026-01-01T00:00:00Z","to":"2026-01-01T00:01:00Z",` +
			`"fired":2,"suppressed":1}`,
	} {
		if got := string(rs[i].Value); got != want {
			t.Errorf("record %d\n got %s\nwant %s", i, got, want)
		}
	}
}

// The membership record is the contract's, field by field and in order.
func TestMembershipIsTheContracts(t *testing.T) {
	got := records(JSON)[0]
	const want = `{"segment":"vip","audience":"contact","id":"c-1","op":"enter","at":"2026-01-01T00:00:00Z",` +
		`"since":"2026-01-01T00:00:00Z","spell":2,"until":"2026-04-01T00:00:00.5Z","revision":2,"cause":{"kind":"row",` +
		`"topic":"crm.contact","partition":1,"offset":0,"table":"contact","key":"c-1"},"seq":7}`
	if string(got.Value) != want {
		t.Errorf("value\n got %s\nwant %s", got.Value, want)
	}
	if string(got.Key) != "vip/contact/c-1" || got.Topic != "memberships" {
		t.Errorf("topic %s, key %s", got.Topic, got.Key)
	}
	names := make([]string, 0, len(got.Headers))
	for _, h := range got.Headers {
		names = append(names, h.Key)
	}
	if s := strings.Join(names, " "); s != "ce_specversion ce_id ce_type ce_source ce_subject ce_time content-type" {
		t.Errorf("headers %s", s)
	}
}

// Both formats say the same: msgpack, read back by a library, is what JSON says.
func TestFormatsAgree(t *testing.T) {
	inJSON, inMsgpack := records(JSON), records(Msgpack)
	for i := range inJSON {
		var a, b any
		if err := json.Unmarshal(inJSON[i].Value, &a); err != nil {
			t.Fatalf("%s is no JSON: %v", inJSON[i].Value, err)
		}
		if err := msgpack.Unmarshal(inMsgpack[i].Value, &b); err != nil {
			t.Fatalf("record %d is no msgpack: %v", i, err)
		}
		if !reflect.DeepEqual(a, plain(b)) {
			t.Errorf("record %d\nJSON    %v\nmsgpack %v", i, a, plain(b))
		}
		if string(inJSON[i].Headers[1].Value) != string(inMsgpack[i].Headers[1].Value) {
			t.Errorf("record %d: the id depends on the format", i)
		}
	}
}

// plain turns what the msgpack library gives into what encoding/json gives.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = plain(v[k])
		}
		return v
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
		return v
	case string, bool, nil, float64:
		return v
	}
	return reflect.ValueOf(v).Convert(reflect.TypeFor[float64]()).Interface()
}

// The same change has the same id, another one another.
func TestIDsAreDeterministic(t *testing.T) {
	ids := map[string]int{}
	for range 2 {
		for _, r := range records(JSON) {
			ids[string(r.Headers[1].Value)]++
		}
	}
	if len(ids) != 8 { // the two firings on the row have one cause
		t.Errorf("%d ids, want 8: %v", len(ids), ids)
	}
	for id, n := range ids {
		if n%2 != 0 || len(id) != 32 {
			t.Errorf("id %s came %d times", id, n)
		}
	}
}

// Strings and numbers are written as encoding/json writes them (without its escapes for HTML).
func FuzzStrings(f *testing.F) {
	for _, s := range []string{"", "a\"\\/\b\n\t\x00\x1f", "\u2028é\U0001f600", "\xff\xc0a", "</script>&"} {
		f.Add(s, 0.0)
	}
	f.Add("", 1e21)
	f.Add("", -1e-7)
	f.Fuzz(func(t *testing.T, s string, x float64) {
		var got string
		if err := json.Unmarshal(AppendString(nil, s), &got); err != nil || got != strings.ToValidUTF8(s, "\ufffd") &&
			len([]rune(got)) != len([]rune(s)) {
			t.Fatalf("%q became %q: %v", s, got, err)
		}
		w := &writer{}
		w.double(x)
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return
		}
		if want, _ := json.Marshal(x); string(want) != string(w.buf) {
			var back float64
			if json.Unmarshal(w.buf, &back) != nil || back != x {
				t.Fatalf("%v became %s", x, w.buf)
			}
		}
	})
}
