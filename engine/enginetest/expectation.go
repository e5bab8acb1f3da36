package enginetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state/row"
)

// expectation is one line below expect: an output that must come.
type expectation struct {
	line       int
	text       string
	kind       string // enter, leave, fire, metrics or deadletter
	name       string // of the segment or trigger; metrics: kind/name
	id         string // of the subject
	attributes []attribute
}

// attribute is what a line says of one field of the output.
type attribute struct {
	name    string
	instant row.Instant // at, since, until, from and to; row.Never: the field is absent
	text    string      // as it is written
	value   any         // the others: as JSON
	absent  bool
}

func (e *expectation) attribute(name string) *attribute {
	for i := range e.attributes {
		if e.attributes[i].name == name {
			return &e.attributes[i]
		}
	}
	return nil
}

// parseExpectation reads a line below expect.
func parseExpectation(line string, c *catalog.Catalog) (expectation, error) {
	e := expectation{text: strings.TrimSpace(line)}
	var rest string
	e.kind, rest = cutToken(line)
	switch e.kind {
	case "enter", "leave":
		e.name, rest = cutToken(rest)
		e.id, rest = cutToken(rest)
		if c.Segment(e.name) == nil {
			return e, fmt.Errorf("there is no segment %q", e.name)
		}
	case "fire":
		e.name, rest = cutToken(rest)
		e.id, rest = cutToken(rest)
		if !slices.ContainsFunc(c.Triggers, func(t *catalog.Trigger) bool { return t.Name == e.name }) {
			return e, fmt.Errorf("there is no trigger %q", e.name)
		}
	case "metrics":
		e.name, rest = cutToken(rest)
		if !strings.Contains(e.name, "/") {
			return e, fmt.Errorf("metrics needs what they are of, such as segment/%s", e.name)
		}
	case "deadletter":
		e.name, rest = cutToken(rest)
		e.name = bare(e.name)
	default:
		return e, fmt.Errorf("unknown output %q: there are enter, leave, fire, metrics and deadletter", e.kind)
	}
	for rest != "" {
		var a attribute
		var value string
		a.name, rest = cutToken(rest)
		value, rest = cutToken(rest)
		a.text = value
		if err := a.parse(value); err != nil {
			return e, err
		}
		e.attributes = append(e.attributes, a)
	}
	return e, nil
}

func (a *attribute) parse(value string) (err error) {
	switch a.name {
	case "at", "since", "until", "from", "to":
		if a.name == "until" && value == "never" {
			a.absent = true
			return nil
		}
		a.instant, err = parseInstant(value)
		return err
	case "spell", "seq", "revision", "cause", "audience", "before", "after", "event",
		"size", "entered", "left", "fired", "suppressed", "topic", "offset", "key", "value", "ce_id":
	default:
		return fmt.Errorf("%q is no field of an output", a.name)
	}
	if value == "" {
		return fmt.Errorf("%s needs a value", a.name)
	}
	d := json.NewDecoder(strings.NewReader(value))
	d.UseNumber()
	if d.Decode(&a.value) != nil || d.More() {
		a.value = value
	}
	return nil
}

// isInstant tells whether the attribute is compared as an instant.
func (a *attribute) isInstant() bool {
	switch a.name {
	case "at", "since", "until", "from", "to":
		return true
	}
	return false
}

// met tells whether the output is the one that the line describes.
func (e *expectation) met(o *output) bool {
	switch e.kind {
	case "enter", "leave":
		if o.topic != "memberships" || o.text("op") != e.kind || o.text("segment") != e.name || o.text("id") != e.id {
			return false
		}
	case "fire":
		if o.topic != "firings" || o.text("trigger") != e.name || o.text("id") != e.id {
			return false
		}
	case "metrics":
		if o.topic != "metrics" || o.text("kind")+"/"+o.text("name") != e.name {
			return false
		}
	case "deadletter":
		if o.topic != "deadletter" || !strings.Contains(o.headers["weir_error"], e.name) {
			return false
		}
	}
	for i := range e.attributes {
		if !e.attributes[i].met(o) {
			return false
		}
	}
	return true
}

func (a *attribute) met(o *output) bool {
	if o.topic == "deadletter" {
		switch a.name {
		case "topic", "offset":
			return o.headers["weir_source_"+a.name] == bare(a.text)
		case "key":
			return string(o.raw.Key) == bare(a.text)
		case "value":
			return string(o.raw.Value) == bare(a.text)
		}
		return a.name == "at" && o.raw.At == a.instant
	}
	if a.name == "ce_id" {
		return o.headers["ce_id"] == a.text
	}
	got, set := o.fields[a.name]
	switch {
	case a.absent:
		return !set
	case !set && !(o.topic == "metrics" && a.name == "at"):
		return false
	case o.topic == "metrics" && a.name == "at":
		return o.raw.At == a.instant
	case a.isInstant():
		at, err := parseInstant(fmt.Sprint(got))
		return err == nil && at == a.instant
	case a.name == "cause":
		return causeMet(a.value, got)
	}
	return contains(got, a.value)
}

// causeMet compares a cause with its kind, with kind/name, or with an object of some of its fields.
func causeMet(want, got any) bool {
	if text, ok := want.(string); ok {
		return text == causeText(got, strings.Contains(text, "/"))
	}
	return contains(got, want)
}

// causeText returns the kind of a cause and, where asked and there, what it names.
func causeText(cause any, named bool) string {
	c, _ := cause.(map[string]any)
	kind := fmt.Sprint(c["kind"])
	for _, name := range []string{"table", "event", "segment"} {
		if v, ok := c[name]; ok && named {
			return kind + "/" + fmt.Sprint(v)
		}
	}
	return kind
}

// contains tells whether got is want: of an object, want may leave fields out; numbers are compared as numbers.
func contains(got, want any) bool {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return false
		}
		for k, v := range w {
			inner, set := g[k]
			if !set || !contains(inner, v) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		return ok && slices.EqualFunc(g, w, contains)
	case json.Number:
		g, ok := got.(json.Number)
		a, err1 := w.Float64()
		b, err2 := g.Float64()
		return ok && (w == g || err1 == nil && err2 == nil && a == b)
	}
	return got == want
}
