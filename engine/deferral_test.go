package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/operators/trigger"
	"github.com/weirstream/weir/state/row"
)

func linkDeferrals(c *catalog.Catalog) []deferral {
	contact, account := c.Table("contact"), c.Table("account")
	before := linkRow(c, "contact", map[string]row.Value{"id": row.OfString("c-1"), "state": row.OfString("ND")})
	after := linkRow(c, "contact", map[string]row.Value{"id": row.OfString("c-1"), "account_id": row.OfString("a-1")})
	company := linkRow(c, "account", farm)
	return []deferral{
		{cause: emit.Cause{Kind: "row", Table: "contact", Key: "c-1"}, born: 17, table: contact,
			change: &trigger.Change{Before: before, After: after}},
		{cause: linkCause, table: account, via: c.Vias("account")[0],
			change: &trigger.Change{After: company, Snapshot: true}},
		{cause: linkCause, table: account, via: c.Vias("account")[0], change: &trigger.Change{Before: company}},
		{cause: emit.Cause{Kind: "event", Event: "purchase", Key: "p-1"}, born: 18, event: &row.Event{ID: "p-1", Seq: 4,
			Time: row.OfTime(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)), Fields: row.Row{row.OfDouble(1.5)}}},
		{cause: emit.Cause{Kind: "command", Topic: "weir.commands", Offset: 9}},
	}
}

// deferralsOf returns what reads and writes the changes of contacts that wait.
func deferralsOf(c *catalog.Catalog) (*Task, *group) {
	t := &Task{catalog: c}
	t.groups = groupsOf(c, &t.links.rows, nil)
	return t, t.groups["contact"]
}

func TestDeferredChangesComeBackAsTheyWere(t *testing.T) {
	c := linkCatalog(t)
	task, g := deferralsOf(c)
	want := linkDeferrals(c)
	got, err := task.decodeDeferrals(g, appendDeferrals(nil, g, want))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := task.decodeDeferrals(g, append(appendDeferrals(nil, g, want), 0xc0)); err == nil {
		t.Error("changes were read with more behind them")
	}
	if a, b := spew(got), spew(want); a != b {
		t.Errorf("got  %s\nwant %s", a, b)
	}
}

// TestDeferredChangesAreReadByTheCatalogThatIs reads changes that began to wait under another catalog: what of them is
// no more makes nothing fire, the subject is still settled for each, for the same cause.
func TestDeferredChangesAreReadByTheCatalogThatIs(t *testing.T) {
	c := linkCatalog(t)
	_, g := deferralsOf(c)
	want := linkDeferrals(c)
	body := appendDeferrals(nil, g, want)
	for name, now := range map[string]*catalog.Catalog{
		"another table": linkCatalog(t, "name: account\n", "name: company\n", "table: account", "table: company"),
		"another event": linkCatalog(t, "name: purchase\n", "name: sale\n"),
		"another way":   linkCatalog(t, "  main: {", "  chief: {", "via: main", "via: chief"),
	} {
		task, g := deferralsOf(now)
		got, err := task.decodeDeferrals(g, body)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%s: %d changes, %v", name, len(got), err)
		}
		for i := range got {
			lost := name == "another event" && i == 3 || name != "another event" && (i == 1 || i == 2)
			if got[i].cause != want[i].cause || got[i].born != want[i].born {
				t.Errorf("%s: change %d has the cause %+v", name, i, got[i].cause)
			}
			if held := got[i].change != nil || got[i].event != nil; held == (lost || i == 4) {
				t.Errorf("%s: change %d: %+v", name, i, got[i])
			}
		}
	}
}

// Hostile bytes give an error or changes that encode to something that reads back the same; never a panic.
func FuzzDecodeDeferrals(f *testing.F) {
	c := linkCatalog(f)
	task, g := deferralsOf(c)
	f.Add(appendDeferrals(nil, g, linkDeferrals(c)))
	for _, d := range linkDeferrals(c) {
		f.Add(appendDeferrals(nil, g, []deferral{d}))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		first, err := task.decodeDeferrals(g, body)
		if err != nil {
			return
		}
		again := appendDeferrals(nil, g, first)
		second, err := task.decodeDeferrals(g, again)
		if err != nil {
			t.Fatalf("what was read can't be written and read: %v", err)
		}
		if string(appendDeferrals(nil, g, second)) != string(again) {
			t.Fatalf("not stable: %+v and %+v", first, second)
		}
	})
}

// spew returns all of some changes, what they point to too.
func spew(ds []deferral) string {
	var b strings.Builder
	for i := range ds {
		d := &ds[i]
		fmt.Fprintf(&b, "\n%+v %d", d.cause, d.born)
		if d.change != nil {
			fmt.Fprintf(&b, " change %+v of %s", *d.change, d.table.Name)
		}
		if d.via != nil {
			fmt.Fprintf(&b, " via %s", d.via.Name)
		}
		if d.event != nil {
			fmt.Fprintf(&b, " event %d %+v", d.kind, *d.event)
		}
	}
	return b.String()
}
