package engine

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/state/row"
)

// linkedTables is a catalog in which links are followed forwards, backwards and on the way of a trigger.
const linkedTables = `kind: Table
name: contact
audience: true
key: id
source: {topic: contacts, format: json}
fields: {id: string, state: string, account_id: string}
links:
  account: {table: account, field: account_id, reverse: contacts}
---
kind: Table
name: account
key: id
source: {topic: accounts, format: json}
fields: {id: string, industry: string, size: int}
---
kind: Event
name: purchase
source: {topic: events, format: json, match: {type: purchase}}
audience: {contact: who}
fields: {amount: double}
---
kind: Segment
name: colleagues
audience: contact
where: contact.account.contacts.exists(c, c.state == "ND") && contact.account.industry == "farming"
---
kind: Trigger
name: hired
audience: contact
on: {table: account}
via: main
`

// linkCatalog is linkedTables, in which the strings of replace have been put in the place of others, by turns.
func linkCatalog(t testing.TB, replace ...string) *catalog.Catalog {
	t.Helper()
	text := strings.Replace(linkedTables, "size: int}\n", "size: int, main_id: string}\nlinks:\n"+
		"  main: {table: contact, field: main_id}\n", 1)
	text = strings.NewReplacer(replace...).Replace(text)
	c, err := catalog.Parse([]catalog.File{{Name: "links.yaml", Text: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// linkRow returns a row of a table; fields that are not named are null.
func linkRow(c *catalog.Catalog, table string, fields map[string]row.Value) row.Row {
	s := c.Table(table).Schema
	r := make(row.Row, len(s.Fields))
	for i, f := range s.Fields {
		r[i] = fields[f.Name]
	}
	return r
}

// farm is a row of the table account.
var farm = map[string]row.Value{"id": row.OfString("a-1"), "industry": row.OfString("farming"), "size": row.OfInt(7)}

var linkCause = emit.Cause{Kind: "row", Topic: "accounts", Partition: 3, Offset: 1 << 33, Table: "account", Key: "a-1"}

func linkMessages(c *catalog.Catalog) []message {
	s := c.Table("account").Schema
	account := linkRow(c, "account", farm)
	about := message{from: 5, table: "account", key: "a-1", stream: 1 << 63, target: "c-1", token: 12}
	image, hop := about, about
	image.kind, image.schema, image.row, image.rev, image.last = imageMessage, s, account, 99, true
	image.cause, image.born = linkCause, 1_700_000_000_000_000_001
	gone := image
	gone.row, gone.last, gone.leads = nil, false, true
	hop.kind, hop.schema, hop.row, hop.rev, hop.initial = hopMessage, s, account, 100, true
	hop.cause, hop.born, hop.via, hop.step, hop.subject = linkCause, 1, "contact account.main", 1, "c-1"
	deleted := hop
	deleted.before, deleted.row = account, nil
	messages := []message{image, gone, hop, deleted}
	for _, kind := range []messageKind{subscribeMessage, unsubscribeMessage, completeMessage} {
		about.kind = kind
		messages = append(messages, about)
	}
	return append(messages, message{kind: requestMessage, from: 5, stream: 1 << 63, token: 13},
		message{kind: linkedMessage, from: 5, token: 13})
}

func TestMessagesComeBackAsTheyWere(t *testing.T) {
	c := linkCatalog(t)
	for _, want := range linkMessages(c) {
		var got message
		if err := decodeMessage(c, appendMessage(nil, &want), &got); err != nil {
			t.Errorf("kind %d: %v", want.kind, err)
			continue
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("kind %d:\n got %+v\nwant %+v", want.kind, got, want)
		}
	}
}

// TestMessagesAreReadByTheCatalogThatIs reads what a task wrote that had another catalog: fields are found by their
// names, new ones are null, and what is about a table that is no more is unknown.
func TestMessagesAreReadByTheCatalogThatIs(t *testing.T) {
	written := linkCatalog(t)
	image := linkMessages(written)[0]
	value := appendMessage(nil, &image)
	var got message
	now := linkCatalog(t, "industry: string, size: int", "age: int, industry: string, name: string")
	if err := decodeMessage(now, value, &got); err != nil {
		t.Fatal(err)
	}
	want := linkRow(now, "account", farm) // which knows no size
	if !got.row.Same(want) {
		t.Errorf("the row is %v, should be %v", got.row, want)
	}
	renamed := linkCatalog(t, "name: account\n", "name: company\n", "table: account", "table: company")
	if err := decodeMessage(renamed, value, &got); !errors.Is(err, errUnknown) {
		t.Errorf("a message about a table that is no more: %v", err)
	}
}

// TestMessagesThatAreNone refuses what this version can't read, whoever wrote it.
func TestMessagesThatAreNone(t *testing.T) {
	c := linkCatalog(t)
	all := linkMessages(c)
	good := appendMessage(nil, &all[0])
	newer := append([]byte{}, good...)
	newer[1] = messageFormat + 1
	unknown := append([]byte{}, good...)
	unknown[2] = byte(linkedMessage) + 1
	for _, bad := range []struct {
		name, want string
		value      []byte
	}{
		{"of a newer version", "upgrade this worker", newer}, {"of an unknown kind", "unknown kind", unknown},
		{"with more behind it", "more behind it", append(append([]byte{}, good...), 0xc0)},
		{"that is cut off", "cannot read a message", good[:len(good)-1]}, {"that is empty", "cannot read a message", nil},
	} {
		var m message
		if err := decodeMessage(c, bad.value, &m); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("a message %s: %v, should say %q", bad.name, err, bad.want)
		}
	}
}

// Hostile bytes give an error or a message that encodes to something that reads back the same; never a panic.
func FuzzDecodeMessage(f *testing.F) {
	c := linkCatalog(f)
	for _, m := range linkMessages(c) {
		f.Add(appendMessage(nil, &m))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		var first, second message
		if decodeMessage(c, value, &first) != nil {
			return
		}
		again := appendMessage(nil, &first)
		if err := decodeMessage(c, again, &second); err != nil {
			t.Fatalf("what was read can't be written and read: %v", err)
		}
		if string(appendMessage(nil, &second)) != string(again) {
			t.Fatalf("not stable: %+v and %+v", first, second)
		}
	})
}
