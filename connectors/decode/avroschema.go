package decode

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/avro"
)

// avroKind is how a value of an Avro type is read.
type avroKind uint8

const (
	avroNull avroKind = iota
	avroBoolean
	avroInt // int and long
	avroFloat
	avroDouble
	avroString
	avroBytes
	avroFixed
	avroUUID // fixed
	avroEnum
	avroDecimal      // bytes
	avroFixedDecimal // fixed
	avroArray
	avroMap
	avroUnion
	avroRecord
)

// avroType is a type of a writer's schema, compiled for reading.
type avroType struct {
	kind     avroKind
	mark     uint8 // of the node: unit, set or bitField
	scale    int   // decimals: digits behind the point
	size     int   // fixed
	elem     *avroType
	branches []*avroType
	symbols  [][]byte
	fields   []avroField
}

// avroField is a field of a record.
type avroField struct {
	name  []byte // as a member's name in JSON, with quotes and colon
	flags uint8  // of the name's node
	of    *avroType
}

// avroNodesMax bounds how large a schema may be.
const avroNodesMax = 100_000

// avroCompiler compiles one schema.
type avroCompiler struct {
	named map[string]*avroType // by full name
	nodes int
}

// compileAvro compiles the text of a schema.
func compileAvro(text string) (*avroType, error) {
	parsed, err := avro.Parse(text, avro.WithLaxNames(nil))
	if err != nil {
		return nil, fmt.Errorf("cannot read the Avro schema: %w", err)
	}
	c := avroCompiler{named: make(map[string]*avroType)}
	root := parsed.Root()
	return c.typeOf(root, "")
}

var avroPrimitives = map[string]avroKind{
	"null": avroNull, "boolean": avroBoolean, "int": avroInt, "long": avroInt, "float": avroFloat,
	"double": avroDouble, "string": avroString, "bytes": avroBytes,
}

// avroUnits gives the units of Avro's own logical types that stand for a time.
var avroUnits = map[string]unit{
	"date":             days,
	"timestamp-millis": millis, "local-timestamp-millis": millis,
	"timestamp-micros": micros, "local-timestamp-micros": micros,
	"timestamp-nanos": nanos, "local-timestamp-nanos": nanos,
}

// typeOf compiles the type n, within the namespace space.
func (c *avroCompiler) typeOf(n *avro.SchemaNode, space string) (*avroType, error) {
	if c.nodes++; c.nodes > avroNodesMax {
		return nil, fmt.Errorf("cannot read the Avro schema: it has more than %d types", avroNodesMax)
	}
	t := &avroType{}
	kind, primitive := avroPrimitives[n.Type]
	if primitive {
		t.kind = kind
		t.logical(n)
		return t, nil
	}
	var err error
	switch n.Type {
	case "array":
		t.kind = avroArray
		t.elem, err = c.typeOf(n.Items, space)
	case "map":
		t.kind = avroMap
		t.elem, err = c.typeOf(n.Values, space)
	case "union":
		t.kind = avroUnion
		for i := range n.Branches {
			var b *avroType
			if b, err = c.typeOf(&n.Branches[i], space); err != nil {
				break
			}
			t.branches = append(t.branches, b)
		}
	case "record", "error", "enum", "fixed":
		return t, c.define(t, n)
	default:
		return c.reference(n.Type, space)
	}
	return t, err
}

// define compiles the named type n into t.
func (c *avroCompiler) define(t *avroType, n *avro.SchemaNode) error {
	space, full := n.Namespace, n.Name
	if at := strings.LastIndexByte(n.Name, '.'); at >= 0 {
		space = n.Name[:at]
	} else if space != "" {
		full = space + "." + n.Name
	}
	c.named[full] = t
	switch n.Type {
	case "enum":
		t.kind = avroEnum
		for _, s := range n.Symbols {
			t.symbols = append(t.symbols, []byte(s))
		}
	case "fixed":
		t.kind, t.size = avroFixed, n.Size
		t.logical(n)
	default:
		t.kind = avroRecord
		for i := range n.Fields {
			of, err := c.typeOf(&n.Fields[i].Type, space)
			if err != nil {
				return err
			}
			name, flags := appendEscaped([]byte{'"'}, []byte(n.Fields[i].Name))
			t.fields = append(t.fields, avroField{name: append(name, `":`...), flags: flags, of: of})
		}
	}
	return nil
}

// reference returns the type that was defined before under a name.
func (c *avroCompiler) reference(name, space string) (*avroType, error) {
	if space != "" && !strings.Contains(name, ".") {
		if t := c.named[space+"."+name]; t != nil {
			return t, nil
		}
	}
	if t := c.named[name]; t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("cannot read the Avro schema: it names the type %q and does not define it", name)
}

// logical gives t what the logical types of Avro, Kafka Connect and Debezium say.
func (t *avroType) logical(n *avro.SchemaNode) {
	connect, _ := n.Props["connect.name"].(string)
	switch t.kind {
	case avroInt:
		u := avroUnits[n.LogicalType]
		if u == unknown {
			u = unitsOf[connect]
		}
		t.mark = unitMark(u)
	case avroString:
		if connect == setType {
			t.mark = set
		}
	case avroBytes:
		switch {
		case n.LogicalType == "decimal":
			t.kind, t.scale = avroDecimal, n.Scale
		case connect == decimalType:
			t.kind, t.scale = avroDecimal, connectScale(n)
		case connect == bitsType:
			t.mark = bitField
		}
	case avroFixed:
		switch {
		case n.LogicalType == "decimal":
			t.kind, t.scale = avroFixedDecimal, n.Scale
		case n.LogicalType == "uuid" && n.Size == guidBytes:
			t.kind = avroUUID
		}
	}
}

// connectScale returns the scale that Kafka Connect's converter writes beside a decimal that Avro would not take for
// one.
func connectScale(n *avro.SchemaNode) int {
	parameters, _ := n.Props["connect.parameters"].(map[string]any)
	for _, v := range []any{parameters["scale"], n.Props["scale"]} {
		switch v := v.(type) {
		case string:
			if scale, err := strconv.Atoi(v); err == nil {
				return scale
			}
		case int64:
			return int(v)
		case json.Number:
			if scale, err := v.Int64(); err == nil {
				return int(scale)
			}
		}
	}
	return 0
}
