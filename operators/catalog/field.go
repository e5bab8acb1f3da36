package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/state/row"
)

// fieldsDraft is the declared fields of a table or an event kind while they are being read, in the order of the
// file. A field with a fault of its own is kept as text and doubted.
type fieldsDraft struct {
	fields []fieldDraft
}

type fieldDraft struct {
	row.Field
	path []string
	at   place // of the name
}

// names returns the names of the fields.
func (d fieldsDraft) names() []string {
	out := make([]string, len(d.fields))
	for i, f := range d.fields {
		out[i] = f.Name
	}
	return out
}

func (d fieldsDraft) get(name string) (fieldDraft, bool) {
	i := slices.IndexFunc(d.fields, func(f fieldDraft) bool { return f.Name == name })
	if i < 0 {
		return fieldDraft{}, false
	}
	return d.fields[i], true
}

// schema returns the schema and the paths, ordered by the fields' names: so the same definition has the same
// positions in whatever order it is written.
func (d fieldsDraft) schema(name string) (*row.Schema, [][]string) {
	sorted := slices.Clone(d.fields)
	slices.SortFunc(sorted, func(a, b fieldDraft) int { return strings.Compare(a.Name, b.Name) })
	fields, paths := make([]row.Field, len(sorted)), make([][]string, len(sorted))
	for i, f := range sorted {
		fields[i], paths[i] = f.Field, f.path
	}
	return row.NewSchema(name, fields), paths
}

// fields reads the declared fields of a definition.
func (b *builder) fields(o *object, needed bool) fieldsDraft {
	n := o.n.get("fields")
	if needed {
		n = o.need("fields", "fields: {id: string}")
	}
	if n == nil {
		return fieldsDraft{}
	}
	if n.shape != isMap {
		b.fault(n.at, fmt.Sprintf("key \"fields\" of %s must be a map of fields and their types, found %s",
			o.what, shown(n)), "fields: {id: string}")
		return fieldsDraft{}
	}
	var d fieldsDraft
	for _, p := range n.pairs {
		f := fieldDraft{Field: row.Field{Name: p.key.text, Type: row.Type{Kind: row.String}}, at: p.key.at}
		f.path = []string{f.Name}
		if !b.memberName(p.key, "a field") {
			b.doubt(f.Name)
			continue
		}
		if !b.field(&f, p.value, o.what) {
			b.doubt(f.Name)
		}
		d.fields = append(d.fields, f)
	}
	return d
}

// field reads the type of a field, and the path where there is one.
func (b *builder) field(f *fieldDraft, n *node, what string) bool {
	name := fmt.Sprintf("field %s of %s", f.Name, what)
	typeNode := n
	if n.shape == isMap {
		o := b.object(n, name, "type", "path")
		_, typeNode = o.text("type", "{type: string, path: props.email}", true)
		if path := o.path("path", false, ""); path != nil {
			f.path = path
		}
	} else {
		_, typeNode = b.text(typeNode, "the type of "+name)
	}
	if typeNode == nil {
		return false
	}
	t, hint, ok := parseType(typeNode.text)
	if !ok {
		b.fault(typeNode.at, fmt.Sprintf("unknown type %s of %s", quoted(typeNode.text), name), hint)
		return false
	}
	f.Type = t
	return true
}

var scalarTypes = map[string]row.Type{
	"string": {Kind: row.String}, "int": {Kind: row.Int}, "double": {Kind: row.Double}, "bool": {Kind: row.Bool},
	"timestamp": {Kind: row.Timestamp}, "date": {Kind: row.Timestamp, Date: true},
}

// typeNames are the types of fields in the language's spelling.
var typeNames = []string{"string", "int", "double", "bool", "timestamp", "date", "list(string)"}

// foreignTypes are names that other systems give to the types.
var foreignTypes = map[string]string{
	"text": "string", "varchar": "string", "char": "string", "uuid": "string", "enum": "string", "json": "string",
	"integer": "int", "int32": "int", "int64": "int", "long": "int", "bigint": "int", "short": "int", "number": "double",
	"float": "double", "float32": "double", "float64": "double", "decimal": "double", "numeric": "double",
	"real":    "double",
	"boolean": "bool", "datetime": "timestamp", "time": "timestamp", "timestamptz": "timestamp", "instant": "timestamp",
	"list": "list(string)", "array": "list(string)",
}

// parseType reads a type as the language writes it; if it is none, hint says what may be meant.
func parseType(text string) (t row.Type, hint string, ok bool) {
	if t, ok := scalarTypes[text]; ok {
		return t, "", true
	}
	inner, isList := strings.CutPrefix(text, "list(")
	inner, closed := strings.CutSuffix(inner, ")")
	if isList && closed {
		inner = strings.TrimSpace(inner)
		if elem, ok := scalarTypes[inner]; ok {
			return row.Type{Kind: row.List, Elem: &elem}, "", true
		}
		if strings.HasPrefix(inner, "list") {
			return row.Type{}, "a list holds simple values, no lists", false
		}
		if _, hint, _ := parseType(inner); strings.HasPrefix(hint, "did you mean") {
			return row.Type{}, hint, false
		}
		return row.Type{}, "a list is of string, int, double, bool, timestamp or date", false
	}
	if meant, ok := foreignTypes[strings.ToLower(text)]; ok {
		return row.Type{}, fmt.Sprintf("did you mean %q?", meant), false
	}
	if hint := didYouMean(text, typeNames); strings.HasPrefix(hint, "did you mean") {
		return row.Type{}, hint, false
	}
	return row.Type{}, "known are string, int, double, bool, timestamp, date and lists such as list(string)", false
}
