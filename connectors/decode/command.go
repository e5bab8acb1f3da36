package decode

import (
	"encoding/json"

	"github.com/weirstream/weir/engine"
)

// command decodes a record of the commands topic: {"command":"erase","audience":…,"id":…} forgets a subject, and
// {"command":"add"|"remove","segment":…,"audience":…,"id":…} edits a static or frozen segment. The language's command
// about journeys is refused: this version has none.
func (d *Decoder) command(rec *engine.Record, out []engine.Change) []engine.Change {
	var c struct{ Command, Segment, Journey, Audience, ID, Run string }
	if err := json.Unmarshal(rec.Value, &c); err != nil {
		return d.bad(rec, out, "command", "expected a JSON object of texts: command, audience, id, segment")
	}
	change := engine.Change{Origin: origin(rec), Audience: c.Audience, Segment: c.Segment, Key: c.ID}
	switch c.Command {
	case "erase":
		change.Kind, change.Segment = engine.Erase, ""
	case "add":
		change.Kind = engine.Add
	case "remove":
		change.Kind = engine.Remove
	case "complete":
		return d.bad(rec, out, "command", "complete is not supported by this version: it has no journeys")
	default:
		return d.bad(rec, out, "command", `unknown command: expected "add", "remove" or "erase"`)
	}
	if d.catalog.Audience(c.Audience) == nil {
		return d.bad(rec, out, "command: audience", "the catalog has no such audience")
	}
	if c.ID == "" {
		return d.bad(rec, out, "command: id", "missing key: nothing there")
	}
	if change.Kind != engine.Erase {
		if why := d.notEditable(&change); why != "" {
			return d.bad(rec, out, "command: segment", why)
		}
	}
	return append(out, change)
}

// notEditable says why a command can't edit the change's segment; empty if it can.
func (d *Decoder) notEditable(c *engine.Change) string {
	s := d.catalog.Segment(c.Segment)
	switch {
	case s == nil:
		return "the catalog has no such segment"
	case s.Audience.Table.Name != c.Audience:
		return "it is a segment of another audience"
	case !s.Editable():
		return "it follows its condition: only static and frozen segments have members added and removed"
	}
	return ""
}
