package engine

import (
	"fmt"
	"slices"
	"testing"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state"
)

func linkSpreads(c *catalog.Catalog) []*spread {
	account, contacts := c.Place("contact.account"), c.Place("contact.account.contacts")
	subscriber := &state.Subscriber{Table: "account", Key: "a-1", Stream: 1 << 63, Partition: 5, Token: 12}
	read, _ := c.Table("contact").Schema.Field("state")
	changed := &spread{place: contacts, fields: []int{read}, frames: []frame{{place: account, key: "a-1", after: "c-7"},
		{place: c.Place("contact"), key: "c-8"}}, cause: linkCause, born: 17}
	came := &spread{place: account, all: true, frames: []frame{{place: account, key: "a-1"}}, cause: linkCause}
	for _, w := range []*spread{changed, came} {
		w.aim(c)
	}
	return []*spread{changed, came, {after: "c-9", answer: subscriber}}
}

func TestWorkComesBackAsItWas(t *testing.T) {
	c := linkCatalog(t)
	for i, want := range linkSpreads(c) {
		got, err := decodeSpread(c, appendSpread(nil, want))
		if err != nil {
			t.Errorf("work %d: %v", i, err)
			continue
		}
		if _, err := decodeSpread(c, append(appendSpread(nil, want), 0xc0)); err == nil {
			t.Errorf("work %d was read with more behind it", i)
		}
		if a, b := fmt.Sprintf("%+v", *got), fmt.Sprintf("%+v", *want); got.answer == nil && a != b {
			t.Errorf("work %d:\n got %s\nwant %s", i, a, b)
		}
		if (got.answer == nil) != (want.answer == nil) || want.answer != nil && *got.answer != *want.answer {
			t.Errorf("work %d: got %+v, want %+v", i, got.answer, want.answer)
		}
	}
}

// TestWorkIsReadByTheCatalogThatIs reads work that was begun under another catalog: fields and places are found by
// their names; where a place is no more there is nothing to do.
func TestWorkIsReadByTheCatalogThatIs(t *testing.T) {
	body := appendSpread(nil, linkSpreads(linkCatalog(t))[0])
	now := linkCatalog(t, "id: string, state: string", "id: string, name: string, state: string")
	got, err := decodeSpread(now, body)
	if err != nil {
		t.Fatal(err)
	}
	place := now.Place("contact.account.contacts")
	if got.place != place || !slices.Equal(got.fields, []int{3}) || len(got.touch) == 0 {
		t.Errorf("got %+v", got)
	}
	got, err = decodeSpread(linkCatalog(t, `contact.account.contacts.exists(c, c.state == "ND") && `, ""), body)
	if err != nil || got.place != nil {
		t.Errorf("got %+v, %v: its place is no more", got, err)
	}
}

// Hostile bytes give an error or work that encodes to something that reads back the same; never a panic.
func FuzzDecodeSpread(f *testing.F) {
	c := linkCatalog(f)
	for _, w := range linkSpreads(c) {
		f.Add(appendSpread(nil, w))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		first, err := decodeSpread(c, body)
		if err != nil || first.answer == nil && first.place == nil {
			return
		}
		again := appendSpread(nil, first)
		second, err := decodeSpread(c, again)
		if err != nil {
			t.Fatalf("what was read can't be written and read: %v", err)
		}
		if string(appendSpread(nil, second)) != string(again) {
			t.Fatalf("not stable: %+v and %+v", first, second)
		}
	})
}
