package catalog

import (
	"fmt"
	"slices"
	"strings"
)

// object reads the keys of a map and reports what is unknown, missing or of a wrong kind.
type object struct {
	b    *builder
	n    *node
	what string // what it describes, in messages: "table contact", "source"
}

// object starts the reading of a map with the known keys; nil, after a fault, if n is none.
func (b *builder) object(n *node, what string, known ...string) *object {
	if n.shape != isMap {
		b.fault(n.at, fmt.Sprintf("%s must be a map with the keys %s, found %s", what, listed(known), n.shape), "")
		return nil
	}
	for _, p := range n.pairs {
		if !slices.Contains(known, p.key.text) {
			b.fault(p.key.at, fmt.Sprintf("unknown key %s of %s", quoted(p.key.text), what),
				didYouMean(p.key.text, known))
		}
	}
	return &object{b: b, n: n, what: what}
}

// need returns the value of a key that must be there; nil, after a fault, if it is not.
func (o *object) need(key, hint string) *node {
	n := o.n.get(key)
	if n == nil {
		o.b.fault(o.n.at, fmt.Sprintf("%s has no key %s", o.what, quoted(key)), hint)
	}
	return n
}

// text returns a text and its node; "" and nil, after a fault if it is needed or no text, where there is none.
func (o *object) text(key, hint string, needed bool) (string, *node) {
	n := o.n.get(key)
	if needed {
		n = o.need(key, hint)
	}
	if n == nil {
		return "", nil
	}
	return o.b.text(n, fmt.Sprintf("key %q of %s", key, o.what))
}

// text returns the text of a node that must be one, not empty.
func (b *builder) text(n *node, what string) (string, *node) {
	switch {
	case n.shape == isText && n.text != "":
		return n.text, n
	case n.shape == isText:
		b.fault(n.at, what+" is empty", "")
	case n.shape == isInt || n.shape == isFloat || n.shape == isBool:
		b.fault(n.at, fmt.Sprintf("%s must be text, found %s", what, n.shape),
			fmt.Sprintf("write it in quotes: %q", n.text))
	default:
		b.fault(n.at, fmt.Sprintf("%s must be text, found %s", what, n.shape), "")
	}
	return "", nil
}

// expression returns the node of a condition; nil if there is none. A plain true or false is a condition, too.
func (o *object) expression(key, hint string, needed bool) *node {
	n := o.n.get(key)
	if n != nil && n.shape == isBool {
		return n
	}
	_, n = o.text(key, hint, needed)
	return n
}

// boolean returns a true or false; false where there is none.
func (o *object) boolean(key string) bool {
	n := o.n.get(key)
	if n == nil {
		return false
	}
	if n.shape != isBool {
		o.b.fault(n.at, fmt.Sprintf("key %q of %s must be true or false, found %s", key, o.what, shown(n)), "")
		return false
	}
	return n.value.(bool)
}

// texts returns the texts of a list, each once; nil where there is none. An empty list is a fault.
func (o *object) texts(key string) []*node {
	n := o.n.get(key)
	if n == nil {
		return nil
	}
	what := fmt.Sprintf("key %q of %s", key, o.what)
	if n.shape != isList {
		o.b.fault(n.at, fmt.Sprintf("%s must be a list, found %s", what, shown(n)), "write it in brackets: [a, b]")
		return nil
	}
	if len(n.items) == 0 {
		o.b.fault(n.at, what+" is an empty list", "leave the key out, or name at least one")
	}
	var out []*node
	for _, item := range n.items {
		text, item := o.b.text(item, "an element of "+what)
		switch {
		case item == nil:
		case slices.ContainsFunc(out, func(o *node) bool { return o.text == text }):
			o.b.fault(item.at, fmt.Sprintf("%s names %s twice", what, quoted(text)), "")
		default:
			out = append(out, item)
		}
	}
	return out
}

// path returns a dotted path, split; nil where there is none.
func (o *object) path(key string, needed bool, hint string) []string {
	_, n := o.text(key, hint, needed)
	if n == nil {
		return nil
	}
	return o.b.path(n)
}

// path returns the dotted path of a text node, split; nil, after a fault, if it is none.
func (b *builder) path(n *node) []string {
	parts := strings.Split(n.text, ".")
	for _, p := range parts {
		if p == "" || strings.TrimSpace(p) != p {
			b.fault(n.at, fmt.Sprintf("%s is no path", quoted(n.text)), "names with dots between them: props.email")
			return nil
		}
	}
	return parts
}

// shown describes what was found, with its text where it has one.
func shown(n *node) string {
	switch {
	case n.shape == isText:
		return quoted(n.text)
	case n.shape == isMap && len(n.pairs) == 0:
		return "an empty map"
	}
	return n.shape.String()
}
