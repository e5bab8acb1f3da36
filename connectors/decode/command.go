package decode

import (
	"encoding/json"

	"github.com/weirstream/weir/engine"
)

// command decodes a record of the commands topic: {"command":"erase","audience":…,"id":…} forgets a subject. The
// other commands of the language are about static segments and journeys, which this version has not.
func (d *Decoder) command(rec *engine.Record, out []engine.Change) []engine.Change {
	var c struct{ Command, Segment, Journey, Audience, ID, Run string }
	if err := json.Unmarshal(rec.Value, &c); err != nil {
		return d.bad(rec, out, "command", "expected a JSON object of texts: command, audience, id")
	}
	switch c.Command {
	case "erase":
	case "add", "remove", "complete":
		return d.bad(rec, out, "command", "add, remove and complete are not supported by this version: "+
			"it has no static segments and no journeys")
	default:
		return d.bad(rec, out, "command", `unknown command: expected "erase"`)
	}
	if d.catalog.Audience(c.Audience) == nil {
		return d.bad(rec, out, "command: audience", "the catalog has no such audience")
	}
	if c.ID == "" {
		return d.bad(rec, out, "command: id", "missing key: nothing there")
	}
	return append(out, engine.Change{Kind: engine.Erase, Origin: origin(rec), Audience: c.Audience, Key: c.ID})
}
