package decode

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/operators/catalog"
)

// callCatalog reads a topic of calls: identify as contacts, group as accounts, the others as events.
func callCatalog() *catalog.Catalog {
	path := func(s string) []string { return strings.Split(s, ".") }
	source := func(match ...catalog.Match) catalog.Source {
		return catalog.Source{Topic: "calls", Format: "segment", Match: match}
	}
	is := func(p, v string) catalog.Match { return catalog.Match{Path: path(p), Value: v} }
	contact := table("contact", "calls", "segment", "id", "id string, email string, score int, city string, plan string")
	contact.Paths = [][]string{nil, nil, nil, path("address.city"), nil}
	account := table("account", "calls", "segment", "id", "id string, name string")
	account.Source = source(is("type", "group"))
	user := []catalog.SubjectPath{{Audience: "contact", Path: path("userId")}}
	both := append(user[:1:1], catalog.SubjectPath{Audience: "visitor", Path: path("anonymousId")})
	ordered := schema("ordered", "app string, coupon string, ip string, total double, type string")
	return &catalog.Catalog{Tables: []*catalog.Table{contact, account}, Events: []*catalog.Event{
		{
			Name: "ordered", Source: source(is("event", "Order Completed")), Subjects: user, Schema: ordered,
			Paths: [][]string{path("context.app.name"), nil, path("context.ip"), path("properties.total"), nil},
		},
		{
			Name: "viewed", Source: source(is("type", "page")), Subjects: both,
			Schema: schema("viewed", "name string, url string"),
		},
		{
			Name: "joined", Source: source(is("type", "group"), is("plan", "pro")), Subjects: user,
			Schema: schema("joined", "groupId string, plan string"), ID: path("groupId"), Time: path("timestamp"),
		},
	}}
}

func TestCalls(t *testing.T) {
	d := New(callCatalog(), Options{})
	script(t, d, "segment.txt")
	if s := d.Stats(); s.Unmatched != 3 {
		t.Errorf("stats: %+v", s)
	}
}
