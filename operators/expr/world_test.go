package expr_test

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

// The scopes of the tests: one of segments, one of triggers on rows, one of triggers on events.

func typ(k row.Kind) row.Type { return row.Type{Kind: k} }

func listOf(k row.Kind) row.Type { return row.Type{Kind: row.List, Elem: new(typ(k))} }

var contactSchema = row.NewSchema("contact", []row.Field{
	{Name: "s", Type: typ(row.String)},
	{Name: "n", Type: typ(row.Int)},
	{Name: "d", Type: typ(row.Double)},
	{Name: "b", Type: typ(row.Bool)},
	{Name: "t", Type: typ(row.Timestamp)},
	{Name: "day", Type: row.Type{Kind: row.Timestamp, Date: true}},
	{Name: "tags", Type: listOf(row.String)},
	{Name: "nums", Type: listOf(row.Int)},
	{Name: "times", Type: listOf(row.Timestamp)},
	{Name: "zone", Type: typ(row.String)},
	{Name: "id", Type: typ(row.String)},
	{Name: "account_id", Type: typ(row.Int)},
	{Name: "boss_id", Type: typ(row.String)},
})

// accountSchema and dealSchema are of the tables to which links lead from contact, and from each other.
var accountSchema = row.NewSchema("account", []row.Field{
	{Name: "s", Type: typ(row.String)},
	{Name: "n", Type: typ(row.Int)},
	{Name: "d", Type: typ(row.Double)},
	{Name: "b", Type: typ(row.Bool)},
	{Name: "t", Type: typ(row.Timestamp)},
	{Name: "id", Type: typ(row.Int)},
	{Name: "parent_id", Type: typ(row.Int)},
	{Name: "owner_id", Type: typ(row.String)},
})

var dealSchema = row.NewSchema("deal", []row.Field{
	{Name: "s", Type: typ(row.String)},
	{Name: "n", Type: typ(row.Int)},
	{Name: "d", Type: typ(row.Double)},
	{Name: "b", Type: typ(row.Bool)},
	{Name: "t", Type: typ(row.Timestamp)},
	{Name: "id", Type: typ(row.String)},
	{Name: "contact_id", Type: typ(row.String)},
	{Name: "account_id", Type: typ(row.Int)},
})

// linked are the tables with their links: in both directions, in cycles, and from a table to itself.
var linked = sync.OnceValue(func() []*expr.Table {
	contact, account := &expr.Table{Schema: contactSchema}, &expr.Table{Schema: accountSchema}
	deal := &expr.Table{Schema: dealSchema}
	link := func(from *expr.Table, name, field string, to *expr.Table, reverse string) {
		i, ok := from.Schema.Field(field)
		if !ok {
			panic(field) // one of the test's own
		}
		from.Links = append(from.Links, &expr.Link{Name: name, To: to, Field: i})
		to.Links = append(to.Links, &expr.Link{Name: reverse, To: from, Many: true, Field: i})
	}
	link(contact, "account", "account_id", account, "contacts")
	link(contact, "boss", "boss_id", contact, "reports")
	link(account, "parent", "parent_id", account, "children")
	link(account, "owner", "owner_id", contact, "owned")
	link(deal, "contact", "contact_id", contact, "deals")
	link(deal, "account", "account_id", account, "deals")
	tables := []*expr.Table{contact, account, deal}
	for _, t := range tables {
		slices.SortFunc(t.Links, func(a, b *expr.Link) int { return strings.Compare(a.Name, b.Name) })
	}
	return tables
})

var openedSchema = row.NewSchema("opened", []row.Field{
	{Name: "s", Type: typ(row.String)},
	{Name: "n", Type: typ(row.Int)},
	{Name: "d", Type: typ(row.Double)},
	{Name: "b", Type: typ(row.Bool)},
	{Name: "t", Type: typ(row.Timestamp)},
})

var boughtSchema = row.NewSchema("bought", []row.Field{
	{Name: "s", Type: typ(row.String)},
	{Name: "n", Type: typ(row.Int)},
	{Name: "d", Type: typ(row.Double)},
	{Name: "b", Type: typ(row.Bool)},
	{Name: "t", Type: typ(row.Timestamp)},
})

// visitedSchema declares fields by the names of those that every event has; they hide them.
var visitedSchema = row.NewSchema("visited", []row.Field{
	{Name: "s", Type: typ(row.String)},
	{Name: "n", Type: typ(row.Int)},
	{Name: "d", Type: typ(row.Double)},
	{Name: "b", Type: typ(row.Bool)},
	{Name: "t", Type: typ(row.Timestamp)},
	{Name: "time", Type: typ(row.Timestamp)},
	{Name: "id", Type: typ(row.Int)},
})

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// scopes returns the scopes by name.
func scopes() map[string]expr.Scope {
	kinds := func(a, b *expr.Period) []expr.EventKind {
		return []expr.EventKind{
			{Schema: openedSchema, Retention: a}, {Schema: boughtSchema, Retention: b}, {Schema: visitedSchema},
		}
	}
	segments := []string{"customers", "board"}
	zoned := func(zone string, events []expr.EventKind) expr.Scope {
		return expr.Scope{Audience: contactSchema, Segments: segments, Events: events, Zone: mustZone(zone)}
	}
	return map[string]expr.Scope{
		"segment":  {Audience: contactSchema, Segments: segments, Events: kinds(nil, &expr.Period{Duration: days(400)})},
		"calendar": {Audience: contactSchema, Segments: segments, Events: kinds(&expr.Period{Months: 13}, nil)},
		"zoned":    zoned("Europe/Berlin", kinds(&expr.Period{Months: 13}, nil)),
		"western":  zoned("America/St_Johns", kinds(nil, nil)),
		"howe":     zoned("Australia/Lord_Howe", kinds(nil, nil)),
		"change":   {Audience: contactSchema, Segments: segments, Events: kinds(nil, nil), Change: contactSchema},
		"event":    {Audience: contactSchema, Segments: segments, Events: kinds(nil, nil), Event: openedSchema},
		"linked": {Audience: contactSchema, Segments: segments, Events: kinds(nil, &expr.Period{Duration: days(400)}),
			Tables: linked()},
		"linkedchange": {Audience: contactSchema, Segments: segments, Events: kinds(nil, nil), Change: dealSchema,
			Tables: linked()},
		"linkedzoned": {Audience: contactSchema, Segments: segments, Events: kinds(nil, nil), Event: openedSchema,
			Tables: linked(), Zone: mustZone("Europe/Berlin")},
	}
}

func mustZone(name string) *time.Location {
	loc, err := expr.LoadZone(name)
	if err != nil {
		panic(err) // one of the test's own
	}
	return loc
}

// at reads an instant.
func at(s string) row.Instant { return row.At(timeOf(s)) }

func timeOf(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err) // a test's own literal
	}
	return t
}
