package engine

import (
	"reflect"
	"testing"
	"time"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state/row"
	"github.com/weirstream/weir/state/wire"
)

// inputCatalog has one table and one event kind, built by hand: only their schemas matter here.
func inputCatalog() *catalog.Catalog {
	c := &catalog.Catalog{
		Tables: []*catalog.Table{{Name: "contact", Audience: true, Schema: row.NewSchema("contact", []row.Field{
			{Name: "id", Type: row.Type{Kind: row.String}},
			{Name: "score", Type: row.Type{Kind: row.Int}},
			{Name: "tags", Type: row.Type{Kind: row.List, Elem: &row.Type{Kind: row.String}}},
		})}},
		Events: []*catalog.Event{{Name: "purchase", Schema: row.NewSchema("purchase", []row.Field{
			{Name: "amount", Type: row.Type{Kind: row.Double}},
		})}},
	}
	c.Index()
	return c
}

func inputChanges(c *catalog.Catalog) []Change {
	origin := Origin{Topic: "crm.contact", TopicID: [16]byte{1, 2, 3}, Partition: 7, Offset: 1 << 40, Index: 3,
		Time: 1_700_000_000_000_000_001}
	contact, purchase := c.Tables[0].Schema, c.Events[0].Schema
	return []Change{
		{Kind: Upsert, Origin: origin, Schema: contact, Table: "contact", Key: "c-1", Snapshot: true,
			Version: row.Version{Known: true, Snapshot: true, Hi: 1, Lo: 2, Millis: 3}, Keep: []bool{false, true, false},
			Row: row.Row{row.OfString("c-1"), {}, row.OfList([]row.Value{row.OfString("vip"), {}})}},
		{Kind: Delete, Origin: origin, Table: "contact", Key: "c-1", Version: row.Version{Known: true, Lo: 9}},
		{Kind: Truncate, Origin: origin, Table: "contact"},
		{Kind: Occur, Origin: origin, Schema: purchase, Audience: "contact", EventKind: "purchase", Key: "c-1",
			Event: row.Event{ID: "p-1", Time: row.OfTime(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)),
				Fields: row.Row{row.OfDouble(1.5)}}},
		{Kind: Erase, Origin: origin, Audience: "contact", Key: "c-1"},
		{Kind: Add, Origin: origin, Audience: "contact", Segment: "board", Key: "c-1"},
		{Kind: Remove, Origin: origin, Audience: "contact", Segment: "board", Key: "c-1"},
		{Kind: Bad, Origin: origin, Key: "k", Reason: "field score: a string", RawKey: []byte("k"), Raw: []byte("{"),
			Headers: []Header{{Key: "a", Value: []byte("b")}, {Key: "n"}}},
	}
}

func TestChangesComeBackAsTheyWere(t *testing.T) {
	c := inputCatalog()
	for _, want := range inputChanges(c) {
		var got Change
		if err := DecodeChange(c, []byte(want.Key), AppendChange(nil, &want), &got); err != nil {
			t.Errorf("kind %d: %v", want.Kind, err)
			continue
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("kind %d:\n got %+v\nwant %+v", want.Kind, got, want)
		}
	}
}

// Hostile bytes give an error or a change that encodes to something that reads back the same; never a panic.
func FuzzDecodeChange(f *testing.F) {
	c := inputCatalog()
	for _, change := range inputChanges(c) {
		f.Add(change.Key, AppendChange(nil, &change))
	}
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		var first, second Change
		if DecodeChange(c, []byte(key), value, &first) != nil {
			return
		}
		again := AppendChange(nil, &first)
		if err := DecodeChange(c, []byte(key), again, &second); err != nil {
			t.Fatalf("what was read can't be written and read: %v", err)
		}
		if string(AppendChange(nil, &second)) != string(again) {
			t.Fatalf("not stable: %+v and %+v", first, second)
		}
	})
}

// TestFirstInputRecords shows that records without a revision, as they were written at first, are read.
func TestFirstInputRecords(t *testing.T) {
	c := inputCatalog()
	b := wire.AppendUint(wire.AppendUint(wire.AppendArray(nil, 9), inputFormat), uint64(Erase))
	b = wire.AppendBytes(wire.AppendString(b, "weir.commands"), make([]byte, 16))
	b = wire.AppendInt(wire.AppendInt(b, 3), 17)
	b = wire.AppendInt(wire.AppendUint(b, 0), 5)
	b = wire.AppendString(wire.AppendArray(b, 1), "contact")
	var got Change
	err := DecodeChange(c, []byte("c-1"), b, &got)
	want := Change{Kind: Erase, Key: "c-1", Audience: "contact",
		Origin: Origin{Topic: "weir.commands", Partition: 3, Offset: 17, Time: 5}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}
