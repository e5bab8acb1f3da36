package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// schemaCheck is as much of a JSON Schema validator as schema.json needs. An unknown keyword is an error, so that
// the schema can't hold anything that this test ignores.
type schemaCheck struct {
	root map[string]any
}

func (c schemaCheck) resolve(ref string) map[string]any {
	return c.root["definitions"].(map[string]any)[strings.TrimPrefix(ref, "#/definitions/")].(map[string]any)
}

// valid returns why v is not valid under schema s; nil if it is.
func (c schemaCheck) valid(s map[string]any, v any) error {
	for keyword, arg := range s {
		if err := c.keyword(s, keyword, arg, v); err != nil {
			return fmt.Errorf("%s: %w", keyword, err)
		}
	}
	return nil
}

func (c schemaCheck) keyword(s map[string]any, keyword string, arg, v any) error {
	switch keyword {
	case "$schema", "title", "description", "definitions", "examples", "then":
		return nil
	case "$ref":
		return c.valid(c.resolve(arg.(string)), v)
	case "const":
		return check(reflect.DeepEqual(arg, v), "not %v", arg)
	case "enum":
		return check(slices.Contains(arg.([]any), v), "none of %v", arg)
	case "type":
		types, ok := arg.([]any)
		if !ok {
			types = []any{arg}
		}
		if n, ok := v.(float64); ok && n == math.Trunc(n) && slices.Contains(types, any("integer")) {
			return nil
		}
		return check(slices.Contains(types, any(jsonType(v))), "%s, not %v", jsonType(v), arg)
	case "if":
		if c.valid(arg.(map[string]any), v) == nil {
			return c.valid(s["then"].(map[string]any), v)
		}
		return nil
	case "allOf", "anyOf", "oneOf":
		return c.some(keyword, arg.([]any), v)
	}
	switch v := v.(type) {
	case float64:
		return ofNumber(keyword, arg, v)
	case string:
		return c.ofText(keyword, arg, v)
	case []any:
		return c.ofList(keyword, arg, v)
	case map[string]any:
		return c.ofMap(s, keyword, arg, v)
	}
	return check(slices.Contains(otherKeywords, keyword), "unknown keyword")
}

var otherKeywords = []string{
	"pattern", "minLength", "maxLength", "minItems", "uniqueItems", "items", "minProperties", "propertyNames",
	"properties", "required", "additionalProperties", "minimum", "maximum",
}

func ofNumber(keyword string, arg any, v float64) error {
	switch keyword {
	case "minimum":
		return check(v >= arg.(float64), "%v is too small", v)
	case "maximum":
		return check(v <= arg.(float64), "%v is too large", v)
	}
	return check(slices.Contains(otherKeywords, keyword), "unknown keyword")
}

func (c schemaCheck) some(keyword string, of []any, v any) error {
	hits, last := 0, error(nil)
	for _, s := range of {
		if err := c.valid(s.(map[string]any), v); err != nil {
			last = err
			continue
		}
		hits++
	}
	switch keyword {
	case "allOf":
		return last
	case "oneOf":
		return check(hits == 1, "%d hold, last %v", hits, last)
	}
	return check(hits > 0, "none holds, last %v", last)
}

func (c schemaCheck) ofText(keyword string, arg any, v string) error {
	switch keyword {
	case "pattern":
		return check(regexp.MustCompile(arg.(string)).MatchString(v), "%q is not %v", v, arg)
	case "minLength":
		return check(len(v) >= int(arg.(float64)), "%q is too short", v)
	case "maxLength":
		return check(len(v) <= int(arg.(float64)), "%q is too long", v)
	}
	return check(slices.Contains(otherKeywords, keyword), "unknown keyword")
}

func (c schemaCheck) ofList(keyword string, arg any, v []any) error {
	switch keyword {
	case "minItems":
		return check(len(v) >= int(arg.(float64)), "too few items")
	case "uniqueItems":
		for i, x := range v {
			if slices.Contains(v[:i], x) {
				return fmt.Errorf("%v twice", x)
			}
		}
	case "items":
		for _, x := range v {
			if err := c.valid(arg.(map[string]any), x); err != nil {
				return err
			}
		}
	}
	return check(slices.Contains(otherKeywords, keyword), "unknown keyword")
}

func (c schemaCheck) ofMap(s map[string]any, keyword string, arg any, v map[string]any) error {
	properties, _ := s["properties"].(map[string]any)
	for name, x := range v {
		var err error
		of, known := properties[name]
		switch {
		case keyword == "properties" && known:
			err = c.valid(of.(map[string]any), x)
		case keyword == "propertyNames":
			err = c.valid(arg.(map[string]any), name)
		case keyword == "additionalProperties" && !known && arg == false:
			err = errors.New("unknown key")
		case keyword == "additionalProperties" && !known:
			err = c.valid(arg.(map[string]any), x)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	switch keyword {
	case "required":
		for _, name := range arg.([]any) {
			if _, ok := v[name.(string)]; !ok {
				return fmt.Errorf("no key %v", name)
			}
		}
	case "minProperties":
		return check(len(v) >= int(arg.(float64)), "too few keys")
	}
	return check(slices.Contains(otherKeywords, keyword), "unknown keyword")
}

func check(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

func jsonType(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

// schemaErrors returns what the schema says against each document of a file; nil elements for valid ones.
func schemaErrors(t *testing.T, text []byte) []error {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal(JSONSchema(), &root); err != nil {
		t.Fatal(err)
	}
	var out []error
	for _, d := range split(string(text)) {
		var v any
		if err := yaml.Unmarshal([]byte(d.text), &v); err != nil {
			out = append(out, err)
			continue
		}
		if v == nil {
			continue
		}
		asJSON, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var doc any
		if err := json.Unmarshal(asJSON, &doc); err != nil {
			t.Fatal(err)
		}
		out = append(out, schemaCheck{root: root}.valid(root, doc))
	}
	return out
}

// What Parse takes, and the whole language as users know it, is valid under the schema.
func TestSchemaTakesTheLanguage(t *testing.T) {
	files := append(cases(t, "ok"), filepath.Join("testdata", "language.yaml"), filepath.Join("testdata", "base.yaml"))
	for _, file := range files {
		for i, err := range schemaErrors(t, read1(t, file)) {
			if err != nil {
				t.Errorf("%s, document %d: %v", file, i+1, err)
			}
		}
	}
}

// Faults of form are faults under the schema, too, so that an editor shows them at once.
func TestSchemaRefuses(t *testing.T) {
	of := map[string]int{ // documents that the schema refuses
		"unknown-key": 2, "unknown-kind": 3, "missing-kind": 3, "missing-name": 3, "missing-keys": 5,
		"not-a-definition": 3, "wrong-shapes": 4, "number-as-name": 2, "bad-names": 4, "topics": 1, "match-values": 2,
		"retention": 3, "trigger-on": 5, "trigger-actions": 4, "trigger-date": 8, "trigger-absence": 5, "trigger-limit": 5,
		"types": 1, "event-audience": 2, "empty-values": 1,
		"yaml-features": 2, "static-segments": 7, "query-segments": 6, "journey": 0,
	}
	for name, want := range of {
		refused := 0
		var last error
		for _, err := range schemaErrors(t, read1(t, filepath.Join("testdata", "bad", name+".yaml"))) {
			if err != nil {
				refused, last = refused+1, err
			}
		}
		if refused != want {
			t.Errorf("%s: the schema refuses %d documents, want %d (last: %v)", name, refused, want, last)
		}
	}
}
