package oracle

import (
	"errors"
	"reflect"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/operators/expr/internal/front"
	"github.com/weirstream/weir/state/row"
)

// object is a row or an event as a value of CEL's.
type object struct {
	schema *row.Schema
	fields row.Row
	event  *row.Event  // nil: a row
	table  *expr.Table // whose links lead on from the row; nil: none
	linked expr.Rows
}

// ofRow is the value of a row that may not be there. The links of table lead on from it.
func ofRow(s *row.Schema, r row.Row, table *expr.Table, linked expr.Rows) ref.Val {
	if r == nil {
		return types.NullValue
	}
	return &object{schema: s, fields: r, table: table, linked: linked}
}

// Value implements ref.Val.
func (o *object) Value() any { return o }

// Type implements ref.Val.
func (o *object) Type() ref.Type { return types.NewObjectType(o.schema.Name) }

// Equal implements ref.Val: an object is equal to itself alone.
func (o *object) Equal(other ref.Val) ref.Val {
	p, ok := other.(*object)
	return types.Bool(ok && p == o)
}

// ConvertToNative implements ref.Val.
func (o *object) ConvertToNative(reflect.Type) (any, error) {
	return nil, errors.New("cannot convert a row or event")
}

// ConvertToType implements ref.Val.
func (o *object) ConvertToType(ref.Type) ref.Val {
	return types.NewErr("cannot convert a row or event")
}

// field returns the field called name.
func (o *object) field(name string) ref.Val {
	if i, ok := o.schema.Field(name); ok {
		if i >= len(o.fields) {
			return types.NullValue
		}
		return ofValue(o.fields[i])
	}
	if o.table != nil {
		for _, l := range o.table.Links {
			if l.Name == name {
				return o.follow(l)
			}
		}
	}
	switch {
	case o.event != nil && name == front.EventTime:
		return ofValue(o.event.Time)
	case o.event != nil && name == front.EventID && o.event.ID != "":
		return types.String(o.event.ID)
	}
	return types.NullValue
}

// follow returns what the link l leads to.
func (o *object) follow(l *expr.Link) ref.Val {
	if !l.Many {
		return ofRow(l.To.Schema, o.linked.One(l, o.fields), l.To, o.linked)
	}
	var vals []ref.Val
	for _, r := range o.linked.Many(l, o.fields) {
		vals = append(vals, ofRow(l.To.Schema, r, l.To, o.linked))
	}
	return types.NewRefValList(types.DefaultTypeAdapter, vals)
}

func ofValue(v row.Value) ref.Val {
	switch v.Kind {
	case row.Bool:
		return types.Bool(v.Bool())
	case row.Int:
		return types.Int(v.Int)
	case row.Double:
		return types.Double(v.Double())
	case row.String:
		return types.String(v.Str)
	case row.Timestamp:
		return types.Timestamp{Time: v.Time()}
	case row.List:
		var vals []ref.Val
		for _, e := range v.List {
			vals = append(vals, ofValue(e))
		}
		return types.NewRefValList(types.DefaultTypeAdapter, vals)
	}
	return types.NullValue
}

// access reads fields for the interpreter. What is no object is a null: it has no fields.
type access struct{}

// IsSet implements front.Access: a field of a null is not set.
func (access) IsSet(target any, _ *row.Schema, field string) bool {
	o, ok := target.(*object)
	return ok && o.field(field) != types.NullValue
}

// Get implements front.Access: reading a field of a null is an error.
func (access) Get(target any, _ *row.Schema, field string) (any, error) {
	o, ok := target.(*object)
	if !ok {
		return nil, errors.New("no such field: the row or event is null")
	}
	return o.field(field), nil
}
