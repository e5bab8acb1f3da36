package decode

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
)

// entityCatalog reads a topic of Dataverse: contacts as rows, e-mails as events.
func entityCatalog() *catalog.Catalog {
	path := func(s string) []string { return strings.Split(s, "/") }
	of := func(entity string) catalog.Source {
		return catalog.Source{Topic: "dataverse", Format: "dataverse", Match: []catalog.Match{
			{Path: path("PrimaryEntityName"), Value: entity},
		}}
	}
	contact := table("contact", "dataverse", "dataverse", "contactid", "contactid string, firstname string, "+
		"emailaddress1 string, statuscode int, creditlimit double, account string, account_name string, birthdate date, "+
		"donotbulkemail bool, status string, interests list(int), lastonholdtime timestamp")
	contact.Source = of("contact")
	contact.Paths = [][]string{
		nil, nil, nil, nil, nil, path("parentcustomerid"), path("parentcustomerid/Name"), nil, nil,
		path("FormattedValues/statuscode"), nil, nil,
	}
	return &catalog.Catalog{Tables: []*catalog.Table{contact}, Events: []*catalog.Event{{
		Name: "mailed", Source: of("email"), Schema: schema("mailed", "subject string"),
		Subjects: []catalog.SubjectPath{{Audience: "contact", Path: path("regardingobjectid")}},
	}}}
}

func TestDataverse(t *testing.T) {
	script(t, New(entityCatalog(), Options{}), "dataverse.txt")
}

// TestTrimmedMessagesNameTheirRow looks for the id of the row that must be read again: in a header, not in the reason.
func TestTrimmedMessagesNameTheirRow(t *testing.T) {
	const id = "22222222-2222-4222-8222-222222222222"
	for _, entity := range []string{"contact", "email"} {
		rec := engine.Record{
			Topic: "dataverse", Headers: []engine.Header{{Key: "MessageMaxSizeExceeded", Value: []byte("true")}},
			Value: []byte(`{"MessageName":"Create","InputParameters":[],"PrimaryEntityId":"` + id + `","PrimaryEntityName":"` +
				entity + `"}`),
		}
		out := New(entityCatalog(), Options{}).Decode(&rec, nil)
		if len(out) != 1 || out[0].Kind != engine.Bad || strings.Contains(out[0].Reason, id) || len(out[0].Headers) != 2 ||
			out[0].Headers[1].Key != EntityIDHeader || string(out[0].Headers[1].Value) != id || len(rec.Headers) != 1 {
			t.Errorf("%s: %+v", entity, out)
		}
	}
}

func TestParseMillis(t *testing.T) {
	for s, want := range map[string]int64{
		"/Date(0)/": 0, "/Date(1767225600000)/": 1767225600000, "/Date(-1)/": -1, "/Date(-5-0400)/": -5,
		"/Date(1767225600000+0100)/": 1767225600000,
	} {
		if got, ok := parseMillis(s); !ok || got != want {
			t.Errorf("parseMillis(%q) = %d, %v, want %d", s, got, ok, want)
		}
	}
	for _, s := range []string{
		"", "/Date()/", "/Date(1", "/Date(x)/", "/Date(1+01)/", "/Date(1+01x0)/", "Date(1)", "/Date(-)/",
	} {
		if got, ok := parseMillis(s); ok {
			t.Errorf("parseMillis(%q) = %d", s, got)
		}
	}
}
