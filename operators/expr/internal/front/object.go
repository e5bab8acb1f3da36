package front

import (
	"fmt"

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
	table  *Table // nil: no links lead on from it
	typ    *cel.Type
}

// declare returns the object type of s; the same schema gives the same type.
func (e *Env) declare(s *row.Schema, event bool) *object {
	name := s.Name
	for {
		o, taken := e.names[name]
		if !taken {
			break
		}
		if o.event == event && sameFields(o.schema, s) {
			return o
		}
		name += "_row"
	}
	o := &object{schema: s, event: event, typ: cel.ObjectType(name)}
	e.names[name] = o
	return o
}

// declareTables gives the object types of the tables their links.
func (e *Env) declareTables() error {
	for i := range e.Scope.Tables {
		t := &e.Scope.Tables[i]
		o := e.declare(t.Schema, false)
		if o.table != nil {
			return fmt.Errorf("cannot declare the table %q twice", t.Schema.Name)
		}
		o.table = t
		e.tables = append(e.tables, o)
	}
	for _, o := range e.tables {
		taken := map[string]bool{}
		for _, f := range o.schema.Fields {
			taken[f.Name] = true
		}
		for _, l := range o.table.Links {
			if taken[l.Name] {
				return fmt.Errorf("cannot declare the link %q of table %q: the name is taken; rename the link",
					l.Name, o.schema.Name)
			}
			taken[l.Name] = true
		}
	}
	return nil
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
	if o.table != nil {
		for _, l := range o.table.Links {
			names = append(names, l.Name)
		}
	}
	return names
}

// field returns the type of the field or link of o called name.
func (e *Env) field(o *object, name string) (*cel.Type, bool) {
	if i, ok := o.schema.Field(name); ok {
		return celType(o.schema.Fields[i].Type), true
	}
	switch {
	case o.event && name == EventID:
		return cel.NullableType(cel.StringType), true
	case o.event && name == EventTime:
		return cel.TimestampType, true
	case o.table != nil:
		for _, l := range o.table.Links {
			switch to := e.tables[l.To].typ; {
			case l.Name == name && l.Many:
				return cel.ListType(to), true
			case l.Name == name:
				return to, true
			}
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
	env    *Env
}

func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if o, ok := p.env.names[name]; ok {
		return types.NewTypeTypeWithParam(o.typ), true
	}
	return p.Provider.FindStructType(name)
}

func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	if o, ok := p.env.names[name]; ok {
		return o.fieldNames(), true
	}
	return p.Provider.FindStructFieldNames(name)
}

func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	o, ok := p.env.names[name]
	if !ok {
		return p.Provider.FindStructFieldType(name, field)
	}
	t, ok := p.env.field(o, field)
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
