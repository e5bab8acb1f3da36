package front

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"github.com/weirstream/weir/state/row"
)

// Fields that every event has besides the declared ones.
const (
	EventID   = "id"
	EventTime = "time"
)

// object is an object type of the scope: the rows of a table or the events of a kind.
type object struct {
	schema *row.Schema
	event  bool
	links  []string
	typ    *cel.Type
}

// declare returns the object type of s; the same schema gives the same type.
func (e *Env) declare(s *row.Schema, event bool) *cel.Type {
	name := s.Name
	for {
		o, taken := e.names[name]
		if !taken {
			break
		}
		if o.event == event && sameFields(o.schema, s) {
			return o.typ
		}
		name += "_row"
	}
	o := &object{schema: s, event: event, typ: cel.ObjectType(name)}
	if !event && e.Scope.Audience != nil && s.Name == e.Scope.Audience.Name {
		o.links = e.Scope.Links
	}
	e.names[name] = o
	return o.typ
}

func sameFields(a, b *row.Schema) bool {
	if a == b {
		return true
	}
	if a.Name != b.Name || len(a.Fields) != len(b.Fields) {
		return false
	}
	for i := range a.Fields {
		if a.Fields[i].Name != b.Fields[i].Name || a.Fields[i].Type.String() != b.Fields[i].Type.String() {
			return false
		}
	}
	return true
}

func (o *object) fieldNames() []string {
	var names []string
	for _, f := range o.schema.Fields {
		names = append(names, f.Name)
	}
	if o.event {
		names = append(names, EventID, EventTime)
	}
	return append(names, o.links...)
}

// field returns the type of the field called name.
func (o *object) field(name string) (*cel.Type, bool) {
	if i, ok := o.schema.Field(name); ok {
		return celType(o.schema.Fields[i].Type), true
	}
	switch {
	case o.event && name == EventID:
		return cel.NullableType(cel.StringType), true
	case o.event && name == EventTime:
		return cel.TimestampType, true
	}
	for _, l := range o.links {
		if l == name {
			return cel.DynType, true // the plan's compiler refuses it with the reason
		}
	}
	return nil, false
}

// celType returns the nullable CEL type of a declared field. CEL's timestamps are nullable as they are.
func celType(t row.Type) *cel.Type {
	switch t.Kind {
	case row.Bool:
		return cel.NullableType(cel.BoolType)
	case row.Int:
		return cel.NullableType(cel.IntType)
	case row.Double:
		return cel.NullableType(cel.DoubleType)
	case row.String:
		return cel.NullableType(cel.StringType)
	case row.Timestamp:
		return cel.TimestampType
	case row.List:
		return cel.ListType(celType(*t.Elem))
	}
	return cel.NullType
}

// provider tells cel-go of the scope's object types.
type provider struct {
	types.Provider
	access Access
	names  map[string]*object
}

func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if o, ok := p.names[name]; ok {
		return types.NewTypeTypeWithParam(o.typ), true
	}
	return p.Provider.FindStructType(name)
}

func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	if o, ok := p.names[name]; ok {
		return o.fieldNames(), true
	}
	return p.Provider.FindStructFieldNames(name)
}

func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	o, ok := p.names[name]
	if !ok {
		return p.Provider.FindStructFieldType(name, field)
	}
	t, ok := o.field(field)
	if !ok {
		return nil, false
	}
	ft := &types.FieldType{Type: t}
	if p.access != nil {
		ft.IsSet = func(target any) bool { return p.access.IsSet(target, o.schema, field) }
		ft.GetFrom = func(target any) (any, error) { return p.access.Get(target, o.schema, field) }
	}
	return ft, true
}
