package catalog

import (
	"fmt"
	"strings"
	"testing"
)

// Every format is one of tables and of events, and schema.json has it too.
func TestEveryFormatIsRead(t *testing.T) {
	for _, format := range formats {
		text := fmt.Sprintf(`
kind: Table
name: contact
audience: true
key: id
source: {topic: contacts, format: %[1]s}
fields: {id: string}
---
kind: Event
name: opened
source: {topic: engagement, format: %[1]s, match: {kind: opened}}
audience: {contact: contact_id}
`, format)
		c, err := Parse([]File{{Name: "c.yaml", Text: []byte(text)}})
		if err != nil {
			t.Errorf("%s: %v", format, err)
		} else if c.Tables[0].Source.Format != format || c.Events[0].Source.Format != format {
			t.Errorf("%s became %s and %s", format, c.Tables[0].Source.Format, c.Events[0].Source.Format)
		}
		if !strings.Contains(string(JSONSchema()), `"`+format+`"`) {
			t.Errorf("schema.json lacks %s", format)
		}
	}
}

// Calls of one topic are rows and events: their types tell them apart. In other formats nothing does.
func TestCallsShareATopic(t *testing.T) {
	for _, c := range []struct {
		format, table, event string
		shared               bool
	}{
		{"segment", "", "", true},
		{"segment", "", ", match: {event: Bought}", true},
		{"segment", "", ", match: {type: page}", true},
		{"segment", "", ", match: {type: identify}", false},
		{"segment", ", match: {type: group}", ", match: {type: track}", true},
		{"segment", ", match: {type: group}", ", match: {type: group}", false},
		{"json", "", ", match: {event: Bought}", false},
	} {
		text := fmt.Sprintf(`
kind: Table
name: contact
audience: true
key: id
source: {topic: calls, format: %s%s}
fields: {id: string}
---
kind: Event
name: bought
source: {topic: calls, format: %s%s}
audience: {contact: userId}
`, c.format, c.table, c.format, c.event)
		_, err := Parse([]File{{Name: "c.yaml", Text: []byte(text)}})
		if (err == nil) != c.shared {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
