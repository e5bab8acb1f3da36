package enginetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/weirstream/weir/engine"
)

// output is one record out, taken apart.
type output struct {
	topic   string
	raw     engine.Output
	fields  map[string]any // of the value; none of a dead letter
	headers map[string]string
	line    int // of the script, whose step made it
}

func outputOf(o *engine.Output) (*output, error) {
	out := &output{topic: o.Topic, raw: *o, headers: map[string]string{}}
	out.raw.Key, out.raw.Value = bytes.Clone(o.Key), bytes.Clone(o.Value)
	for _, h := range o.Headers {
		out.headers[h.Key] = string(h.Value)
	}
	if o.Topic == "deadletter" {
		return out, nil
	}
	d := json.NewDecoder(bytes.NewReader(out.raw.Value))
	d.UseNumber()
	if err := d.Decode(&out.fields); err != nil {
		return nil, fmt.Errorf("cannot read the value of an output to %s: %w", o.Topic, err)
	}
	return out, nil
}

func (o *output) text(field string) string {
	s, _ := o.fields[field].(string)
	return s
}

// bytes returns all of the output, to be compared with the same output of another run.
func (o *output) bytes() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s %s %s", o.raw.At, o.topic, o.raw.Key, o.raw.Value)
	for _, h := range o.raw.Headers {
		fmt.Fprintf(&b, " %s=%s", h.Key, h.Value)
	}
	return b.String()
}

// effect returns what a membership or a firing says to who acts on it, and the line of the script that made it, behind
// the output's key and a tab.
func (o *output) effect() string {
	fields := maps.Clone(o.fields)
	delete(fields, "seq")
	delete(fields, "cause")
	text, _ := json.Marshal(fields)
	return fmt.Sprintf("%s\t%s in line %d", o.raw.Key, text, o.line)
}

// String returns the output as a line of a script would describe it.
func (o *output) String() string {
	var b strings.Builder
	put := func(name string) {
		if v, ok := o.fields[name]; ok {
			text, isText := v.(string)
			if !isText {
				raw, _ := json.Marshal(v)
				text = string(raw)
			}
			fmt.Fprintf(&b, " %s %s", name, text)
		}
	}
	switch o.topic {
	case "memberships":
		fmt.Fprintf(&b, "%s %s %s", o.text("op"), o.text("segment"), o.text("id"))
		for _, name := range []string{"at", "since", "spell", "until"} {
			put(name)
		}
		fmt.Fprintf(&b, " cause %s", causeText(o.fields["cause"], true))
	case "firings":
		fmt.Fprintf(&b, "fire %s %s", o.text("trigger"), o.text("id"))
		for _, name := range []string{"at", "before", "after", "event"} {
			put(name)
		}
		fmt.Fprintf(&b, " cause %s", causeText(o.fields["cause"], true))
	case "metrics":
		fmt.Fprintf(&b, "metrics %s/%s", o.text("kind"), o.text("name"))
		for _, name := range []string{"from", "to", "size", "entered", "left", "fired", "suppressed"} {
			put(name)
		}
	case "deadletter":
		fmt.Fprintf(&b, "deadletter %q topic %s offset %s", o.headers["weir_error"], o.headers["weir_source_topic"],
			o.headers["weir_source_offset"])
	}
	return b.String()
}

// compare says how the outputs differ from what is expected; empty if they do not. Lines that both have are found as
// in a diff, so that one missing output does not make all that follow wrong.
func compare(expected []expectation, got []*output) string {
	n, m := len(expected), len(got)
	same := make([][]int, n+1) // longest common run from (i, j) on
	for i := range same {
		same[i] = make([]int, m+1)
	}
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			if expected[i].met(got[j]) {
				same[i][j] = 1 + same[i+1][j+1]
			} else {
				same[i][j] = max(same[i+1][j], same[i][j+1])
			}
		}
	}
	if n == m && same[0][0] == n {
		return ""
	}
	var b strings.Builder
	for i, j := 0, 0; i < n || j < m; {
		switch {
		case i < n && j < m && expected[i].met(got[j]):
			fmt.Fprintf(&b, "\n       %s", got[j])
			i, j = i+1, j+1
		case i < n && (j == m || same[i+1][j] >= same[i][j+1]):
			fmt.Fprintf(&b, "\n  want %s (line %d)", expected[i].text, expected[i].line)
			i++
		default:
			fmt.Fprintf(&b, "\n  got  %s", got[j])
			j++
		}
	}
	return b.String()
}
