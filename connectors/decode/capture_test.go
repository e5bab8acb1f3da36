package decode

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine"
	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state/row"
)

// line is one record of a capture, as testdata/debezium/README.md describes.
type line struct {
	Topic     string
	Partition int32
	Offset    int64
	Timestamp int64
	Key       *string
	Value     *string
	KeyB64    *string `json:"key_b64"`
	ValueB64  *string `json:"value_b64"`
	Headers   []struct{ Key, Value string }
}

// capture reads the records of a file in testdata/debezium.
func capture(t testing.TB, name string) []engine.Record {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "debezium", name))
	if err != nil {
		t.Fatal(err)
	}
	var records []engine.Record
	scanner := bufio.NewScanner(bytes.NewReader(data))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var l line
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rec := engine.Record{
			Topic: l.Topic, Partition: l.Partition, Offset: l.Offset,
			Time: row.Instant(l.Timestamp * 1_000_000), Key: content(t, l.Key, l.KeyB64), Value: content(t, l.Value, l.ValueB64),
		}
		for _, h := range l.Headers {
			rec.Headers = append(rec.Headers, engine.Header{Key: h.Key, Value: []byte(h.Value)})
		}
		records = append(records, rec)
	}
	return records
}

func content(t testing.TB, text, encoded *string) []byte {
	t.Helper()
	switch {
	case text != nil:
		return []byte(*text)
	case encoded != nil:
		raw, err := base64.StdEncoding.DecodeString(*encoded)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	return nil
}

// parseType reads a type as the catalog language writes it.
func parseType(s string) row.Type {
	if inner, ok := strings.CutPrefix(s, "list("); ok {
		elem := parseType(strings.TrimSuffix(inner, ")"))
		return row.Type{Kind: row.List, Elem: &elem}
	}
	for _, k := range []row.Kind{row.Bool, row.Int, row.Double, row.String, row.Timestamp} {
		if k.String() == s {
			return row.Type{Kind: k}
		}
	}
	if s == "date" {
		return row.Type{Kind: row.Timestamp, Date: true}
	}
	panic("unknown type " + s)
}

// schema builds a schema from "id string, score int".
func schema(name, fields string) *row.Schema {
	var fs []row.Field
	for _, f := range strings.Split(fields, ",") {
		w := strings.Fields(f)
		fs = append(fs, row.Field{Name: w[0], Type: parseType(w[1])})
	}
	return row.NewSchema(name, fs)
}

func table(name, topic, format, key, fields string) *catalog.Table {
	s := schema(name, fields)
	i, ok := s.Field(key)
	if !ok {
		panic("no key field " + key)
	}
	return &catalog.Table{
		Name: name, Key: key, KeyField: i, Schema: s, Source: catalog.Source{Topic: topic, Format: format},
	}
}

const (
	accountFields = "id int, name string, industry string, country string, annual_revenue double, employees int, " +
		"website string, is_active bool, created_at timestamp, updated_at timestamp, region string"
	contactFields = "id string, email string, first_name string, last_name string, state string, city string, " +
		"birthdate date, customer_since timestamp, score int, email_opt_in bool, tags list(string), attributes string, " +
		"notes string, account_id int, lifecycle string, updated_at timestamp"
	leadFields = "id int, email string, company string, status string, source string, budget double, " +
		"parent_contact_id string, created_at timestamp, updated_at timestamp"
	opportunityFields = "id string, name string, contact_id string, account_id int, stage string, status string, " +
		"estimated_revenue double, probability double, close_date date, updated_at timestamp"
)

// crm is the catalog of the captured databases.
func crm() *catalog.Catalog {
	t := func(name, topic, key, fields string) *catalog.Table {
		return table(name, "cdc.crm."+topic, "debezium", key, fields)
	}
	return &catalog.Catalog{Tables: []*catalog.Table{
		t("account", "account", "id", accountFields),
		t("contact", "contact", "id", contactFields),
		t("lead", "lead", "id", leadFields),
		t("lead_", "lead_", "id", leadFields),
		t("opportunity", "opportunity", "id", opportunityFields),
		t("audit_note", "audit_note", "who", "who string, what string"),
		t("signal", "debezium_signal", "id", "id string, type string"),
		t("heartbeat", "heartbeat", "id", "id string"),
		{
			Name: "transaction", Key: "id", Schema: schema("transaction", "id string"),
			Source: catalog.Source{Topic: "cdc.transaction", Format: "debezium"},
		},
		{
			Name: "beat", Key: "id", Schema: schema("beat", "id string"),
			Source: catalog.Source{Topic: "__debezium-heartbeat.cdc", Format: "debezium"},
		},
		{
			Name: "message", Key: "id", Schema: schema("message", "id string"),
			Source: catalog.Source{Topic: "cdc.message", Format: "debezium"},
		},
	}}
}

// fact writes a value for golden files.
func fact(v row.Value) string {
	switch v.Kind {
	case row.Null:
		return "null"
	case row.Bool:
		return fmt.Sprint(v.Bool())
	case row.Int:
		return fmt.Sprint(v.Int)
	case row.Double:
		return fmt.Sprint(v.Double())
	case row.String:
		if len(v.Str) > 60 {
			return fmt.Sprintf("%q...(%d bytes)", v.Str[:20], len(v.Str))
		}
		return fmt.Sprintf("%q", v.Str)
	case row.Timestamp:
		return v.Time().Format("2006-01-02T15:04:05.999999999Z")
	}
	var parts []string
	for _, e := range v.List {
		parts = append(parts, fact(e))
	}
	return "[" + strings.Join(parts, " ") + "]"
}

// facts writes the values of a row that are not null, those that stay as "kept".
func facts(s *row.Schema, r row.Row, keep []bool) string {
	var parts []string
	for i, f := range s.Fields {
		switch {
		case keep != nil && keep[i]:
			parts = append(parts, f.Name+"=kept")
		case !r[i].IsNull():
			parts = append(parts, f.Name+"="+fact(r[i]))
		}
	}
	return strings.Join(parts, " ")
}

// describe writes a change for golden files.
func describe(c *engine.Change) string {
	where := fmt.Sprintf("%s/%d@%d", c.Origin.Topic, c.Origin.Partition, c.Origin.Offset)
	version := "unknown"
	if c.Version.Known {
		version = fmt.Sprintf("%d:%d", c.Version.Hi, c.Version.Lo)
	}
	if c.Version.Snapshot {
		version += " snapshot"
	}
	switch c.Kind {
	case engine.Upsert:
		return fmt.Sprintf("%s upsert %s %q (%s) %s", where, c.Table, c.Key, version, facts(c.Schema, c.Row, c.Keep))
	case engine.Delete:
		return fmt.Sprintf("%s delete %s %q (%s)", where, c.Table, c.Key, version)
	case engine.Truncate:
		return fmt.Sprintf("%s truncate %s (%s)", where, c.Table, version)
	case engine.Occur:
		return fmt.Sprintf("%s occur %s %s %q id=%q time=%s %s", where, c.EventKind, c.Audience, c.Key,
			c.Event.ID, fact(c.Event.Time), facts(c.Schema, c.Event.Fields, nil))
	}
	return fmt.Sprintf("%s bad %s", where, c.Reason)
}

// store applies changes as the engine does: older and equal positions of a row are dropped, and so are
// rows that were there before a truncation that came first by another partition.
type store struct {
	rows      map[string]row.Row // by table and key
	versions  map[string]row.Version
	truncated map[string]row.Version // by table
	dropped   int
}

func newStore() *store {
	return &store{
		rows: make(map[string]row.Row), versions: make(map[string]row.Version), truncated: make(map[string]row.Version),
	}
}

func (s *store) apply(c *engine.Change) {
	at := c.Table + "/" + c.Key
	switch c.Kind {
	case engine.Truncate:
		s.truncated[c.Table] = c.Version
		for k := range s.rows {
			if strings.HasPrefix(k, c.Table+"/") && c.Version.Against(s.versions[k]) != row.Older {
				delete(s.rows, k)
			}
		}
		return
	case engine.Upsert, engine.Delete:
		if c.Version.Against(s.versions[at]) != row.Newer || c.Version.Against(s.truncated[c.Table]) == row.Older {
			s.dropped++
			return
		}
		s.versions[at] = c.Version
	default:
		return
	}
	if c.Kind == engine.Delete {
		delete(s.rows, at)
		return
	}
	r := append(row.Row(nil), c.Row...)
	for i := range c.Keep {
		if c.Keep[i] && s.rows[at] != nil {
			r[i] = s.rows[at][i]
		}
	}
	s.rows[at] = r
}

// table writes the rows of one table, by key.
func (s *store) table(t *catalog.Table) []string {
	var out []string
	for k, r := range s.rows {
		if name, key, _ := strings.Cut(k, "/"); name == t.Name {
			out = append(out, key+": "+facts(t.Schema, r, nil))
		}
	}
	sort.Strings(out)
	return out
}

// decodeAll decodes a capture in order.
func decodeAll(t testing.TB, d *Decoder, records []engine.Record) []engine.Change {
	t.Helper()
	var out []engine.Change
	for i := range records {
		out = d.Decode(&records[i], out)
	}
	return out
}
