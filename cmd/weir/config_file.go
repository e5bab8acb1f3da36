package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// fileValue is a setting as it stands in the config file.
type fileValue struct {
	text         string
	line, column int
}

// configFileMax bounds the config file, in bytes: a larger one is another file by mistake.
const configFileMax = 1 << 20

// readConfigFile returns the settings that the YAML file at path holds, by key. Keys may be nested or dotted
// ("tls: {enabled: true}" or "tls.enabled: true"). Faults, such as unknown keys, have their place.
func readConfigFile(path string) (map[string]fileValue, []error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, []error{fmt.Errorf("cannot read the config file: %w", err)}
	}
	if info.Size() > configFileMax {
		return nil, []error{fmt.Errorf("cannot use the config file %s: it is larger than %v", path, Bytes(configFileMax))}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, []error{fmt.Errorf("cannot read the config file: %w", err)}
	}
	return parseConfig(path, content)
}

// parseConfig reads the text of a config file; name is for messages. Messages never quote values: one of them may
// be a password.
func parseConfig(name string, content []byte) (map[string]fileValue, []error) {
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) && syntax.Token != nil {
			at := syntax.Token.Position
			return nil, []error{fmt.Errorf("%s:%d:%d: %s", name, at.Line, at.Column, syntax.Message)}
		}
		return nil, []error{fmt.Errorf("%s: this is not YAML", name)}
	}
	r := &configReader{name: name, values: make(map[string]fileValue)}
	for _, doc := range file.Docs {
		if doc.Body != nil {
			r.mapping("", doc.Body)
		}
	}
	return r.values, r.faults
}

// configReader walks over the nodes of a config file.
type configReader struct {
	name   string
	values map[string]fileValue
	faults []error
}

func (r *configReader) fault(node ast.Node, format string, args ...any) {
	at := node.GetToken().Position
	r.faults = append(r.faults, fmt.Errorf("%s:%d:%d: %s", r.name, at.Line, at.Column, fmt.Sprintf(format, args...)))
}

// mapping reads the keys of node, which stand under prefix.
func (r *configReader) mapping(prefix string, node ast.Node) {
	var entries []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		entries = n.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{n}
	case *ast.NullNode, *ast.CommentGroupNode:
	default:
		r.fault(node, "settings are written as KEY: VALUE")
	}
	for _, e := range entries {
		r.entry(prefix, e)
	}
}

func (r *configReader) entry(prefix string, e *ast.MappingValueNode) {
	key := e.Key.GetToken().Value
	if prefix != "" {
		key = prefix + "." + key
	}
	_, isMap := e.Value.(*ast.MappingNode)
	_, isPair := e.Value.(*ast.MappingValueNode)
	switch {
	case (isMap || isPair) && settingByKey(key) == nil && isGroup(key):
		r.mapping(key, e.Value)
		return
	case settingByKey(key) == nil:
		r.fault(e.Key, "unknown setting %q%s", key, didYouMean(key, settingKeys(), ""))
		return
	}
	text, ok := r.scalar(e.Value, e.Value)
	if !ok {
		return
	}
	if was, twice := r.values[key]; twice {
		r.fault(e.Key, "%s is set twice; it is already on line %d", key, was.line)
		return
	}
	at := e.Key.GetToken().Position
	r.values[key] = fileValue{text: text, line: at.Line, column: at.Column}
}

// isGroup tells whether settings stand under key: "tls" for "tls.enabled".
func isGroup(key string) bool {
	for i := range settings {
		if strings.HasPrefix(settings[i].key, key+".") {
			return true
		}
	}
	return false
}

// scalar returns the text of a value; the elements of a sequence are joined by commas.
func (r *configReader) scalar(node, place ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.NullNode:
		return "", true
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return node.GetToken().Value, true
	case *ast.SequenceNode:
		items := make([]string, len(n.Values))
		for i, v := range n.Values {
			item, ok := r.scalar(v, v)
			if !ok {
				return "", false
			}
			items[i] = item
		}
		return strings.Join(items, ","), true
	}
	r.fault(place, "a single value is needed here")
	return "", false
}
