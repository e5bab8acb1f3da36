package row

// Type is the declared type of a field.
type Type struct {
	Kind Kind  // never Null
	Date bool  // a Timestamp declared as date: always at 00:00 UTC
	Elem *Type // List: the type of its elements, never itself a List
}

// String returns the type as the catalog language writes it: "string", "date", "list(int)".
func (t Type) String() string {
	switch {
	case t.Date:
		return "date"
	case t.Kind == List:
		return "list(" + t.Elem.String() + ")"
	}
	return t.Kind.String()
}

// Field is one declared field of a table or an event.
type Field struct {
	Name string
	Type Type
}

// Schema is the declared fields of a table or an event kind. It is immutable.
type Schema struct {
	Name   string // the table's or event kind's name
	Fields []Field
	index  map[string]int
}

// NewSchema returns the schema of a table or event kind called name.
func NewSchema(name string, fields []Field) *Schema {
	s := &Schema{Name: name, Fields: fields, index: make(map[string]int, len(fields))}
	for i, f := range fields {
		s.index[f.Name] = i
	}
	return s
}

// Field returns the position of the field called name in Fields.
func (s *Schema) Field(name string) (int, bool) {
	i, ok := s.index[name]
	return i, ok
}

// Row is one row of a table or the fields of one event: one Value for each field of its Schema, in order.
// A nil Row is a row that is not there.
type Row []Value

// Same tells whether r and o hold the same values; a missing row is the same only as a missing row.
func (r Row) Same(o Row) bool {
	if (r == nil) != (o == nil) || len(r) != len(o) {
		return false
	}
	for i := range r {
		if !r[i].Same(o[i]) {
			return false
		}
	}
	return true
}

// Event is one event of engagement, as it hangs on a subject.
type Event struct {
	ID     string // the declared id; empty where the kind declares none
	Time   Value  // a Timestamp, never null
	Seq    uint64 // order of arrival at the subject's home; with Time it gives the order of a subject's events
	Fields Row    // by the event kind's schema
}

// Before tells whether e stands before o in a subject's list: by time, then by arrival.
func (e *Event) Before(o *Event) bool {
	if c := CompareTimes(e.Time, o.Time); c != 0 {
		return c < 0
	}
	return e.Seq < o.Seq
}

// CompareTimes compares two Timestamps: negative if a is earlier, positive if it is later.
func CompareTimes(a, b Value) int {
	switch {
	case a.Int < b.Int:
		return -1
	case a.Int > b.Int:
		return 1
	}
	return int(a.Nanos) - int(b.Nanos)
}
