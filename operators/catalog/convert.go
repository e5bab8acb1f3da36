package catalog

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// node turns one node of goccy's AST, with all below it, into a node. What a catalog may not hold is a fault and
// becomes nothing.
func (r *documentReader) node(n ast.Node) *node {
	if n == nil {
		return &node{at: r.at(nil), weight: 1}
	}
	t := n.GetToken()
	r.seen[t] = true
	out := &node{at: r.at(t), weight: 1}
	switch n := n.(type) {
	case *ast.MappingNode:
		r.pairs(out, n.Values)
		if t.Type != token.MappingStartType && len(out.pairs) > 0 {
			out.at = out.pairs[0].key.at
		}
	case *ast.MappingValueNode:
		r.pairs(out, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		out.shape = isList
		for _, v := range n.Values {
			item := r.node(v)
			out.items = append(out.items, item)
			out.weight += item.weight
		}
	case *ast.AnchorNode:
		return r.anchor(n)
	case *ast.AliasNode:
		return r.alias(n)
	case *ast.TagNode:
		r.fault(t, fmt.Sprintf("tags such as %s are not used in a catalog", quoted(t.Value)),
			"leave it out; text that looks like a number goes into quotes")
	case *ast.LiteralNode:
		out.shape, out.style, out.text, out.value = isText, block, n.Value.Value, n.Value.Value
		r.seen[n.Value.Token] = true
	default:
		r.scalar(out, n)
	}
	if out.weight > expandedMax {
		r.fault(t, "the document with its aliases written out is too large", "use fewer aliases")
		return &node{at: out.at, weight: 1}
	}
	return out
}

// scalar fills out from a scalar other than a block.
func (r *documentReader) scalar(out *node, n ast.Node) {
	t := n.GetToken()
	out.text = t.Value
	switch n := n.(type) {
	case *ast.StringNode:
		out.shape, out.text, out.value = isText, n.Value, n.Value
		switch t.Type {
		case token.SingleQuoteType:
			out.style = single
		case token.DoubleQuoteType:
			out.style = double
		}
	case *ast.IntegerNode:
		out.shape = isInt
		switch v := n.Value.(type) {
		case int64:
			out.value = v
		case uint64:
			out.value = int64(v)
			if v > 1<<63-1 {
				r.fault(t, fmt.Sprintf("the number %s is too large", quoted(t.Value)), "")
			}
		default:
			r.fault(t, fmt.Sprintf("cannot read the number %s", quoted(t.Value)), "")
		}
	case *ast.FloatNode:
		out.shape, out.value = isFloat, n.Value
	case *ast.BoolNode:
		out.shape, out.value = isBool, n.Value
	case *ast.NullNode:
		out.text = ""
	default:
		r.fault(t, fmt.Sprintf("%s cannot stand in a catalog", quoted(t.Value)), "")
	}
}

// pairs fills out from the pairs of a map.
func (r *documentReader) pairs(out *node, values []*ast.MappingValueNode) {
	out.shape = isMap
	first := make(map[string]place, len(values))
	for _, v := range values {
		key := r.key(v.Key)
		if key == nil {
			continue
		}
		value := r.node(v.Value)
		if value.shape == isNull && v.Value != nil && v.Value.GetToken().Type == token.ImplicitNullType {
			value.at = key.at
		}
		if at, twice := first[key.text]; twice {
			r.duplicate(key, value, at)
			continue
		}
		first[key.text] = key.at
		out.pairs = append(out.pairs, pair{key: key, value: value})
		out.weight += 1 + value.weight
	}
}

// duplicate reports a key that a map has already. If it is the start of a definition that was not set off from the
// one before, that definition's name is doubted, so that what refers to it is not reported as well.
func (r *documentReader) duplicate(key, value *node, first place) {
	hint := fmt.Sprintf("the first is in line %d", first.line)
	if key.text == "kind" {
		hint += "; a line --- divides definitions"
	}
	if key.text == "name" {
		r.b.doubt(value.text)
	}
	r.b.fault(key.at, "duplicate key "+quoted(key.text), hint)
}

// key returns the key of a pair; nil, after a fault, if it is no simple text.
func (r *documentReader) key(k ast.MapKeyNode) *node {
	switch k.(type) {
	case *ast.MergeKeyNode:
		r.fault(k.GetToken(), "merge keys (<<) are not used in a catalog", "write the keys out")
		return nil
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		n := r.node(k)
		n.text = k.GetToken().Value
		return n
	}
	r.fault(k.GetToken(), "a key must be simple text", "write 'key: value'")
	return nil
}

// anchor remembers a node under its anchor's name.
func (r *documentReader) anchor(n *ast.AnchorNode) *node {
	out := r.node(n.Value)
	if n.Name != nil {
		r.seen[n.Name.GetToken()] = true
		r.anchors[n.Name.GetToken().Value] = out
	}
	return out
}

// alias returns the node that an alias stands for. The node is shared, not copied.
func (r *documentReader) alias(n *ast.AliasNode) *node {
	t := n.GetToken()
	name := ""
	if n.Value != nil {
		r.seen[n.Value.GetToken()] = true
		name = n.Value.GetToken().Value
	}
	if r.aliases++; r.aliases > aliasesMax {
		if r.aliases == aliasesMax+1 {
			r.fault(t, fmt.Sprintf("more than %d aliases in one document", aliasesMax), "use fewer aliases")
		}
		return &node{at: r.at(t), weight: 1}
	}
	if out, ok := r.anchors[name]; ok {
		return out
	}
	r.fault(t, fmt.Sprintf("no anchor %s before this alias", quoted("&"+name)),
		"text that starts with '*' goes into quotes")
	return &node{at: r.at(t), weight: 1}
}

// quoted returns text as it is shown in messages: in quotes and not too long.
func quoted(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "..."
	}
	return fmt.Sprintf("%q", strings.TrimSpace(text))
}
