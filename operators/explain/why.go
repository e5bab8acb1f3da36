package explain

import (
	"encoding/json"
	"fmt"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/emit"
	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// Why is why a subject is in a segment, or is not, at an instant.
type Why struct {
	Segment  string `json:"segment"`
	Audience string `json:"audience"`
	ID       string `json:"id"`
	At       string `json:"at"`
	Exists   bool   `json:"exists"` // the subject has a row; without one it is in no segment
	Member   bool   `json:"member"`
	Since    string `json:"since,omitempty"` // of a member: start of the stay
	Spell    uint32 `json:"spell,omitempty"` // number of the stay, also of the last one
	// Rules is what else but the condition decides: lists, commands, the freezing.
	Rules []string `json:"rules,omitempty"`
	// Until is the first instant at which the result may be another if nothing else happens; empty: never.
	Until     string   `json:"until,omitempty"`
	Condition *Verdict `json:"condition,omitempty"` // nil without a row and of a static segment
}

// Verdict is what a part of a condition is, for one subject at one instant.
type Verdict struct {
	Op     string `json:"op,omitempty"`
	Source string `json:"source"`
	Result string `json:"result"`          // true, false or error
	Until  string `json:"until,omitempty"` // it is the same up to there at least if nothing else happens; empty: for ever
	// Values, of a leaf: what it read.
	Values []Value    `json:"values,omitempty"`
	Parts  []*Verdict `json:"parts,omitempty"`
}

// Value is something that a part read: a field with its value, a link with whether it leads to a row, a list of linked
// rows or a kind of events with how many there are, or a segment with whether the subject is a member.
type Value struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
}

// WhyOf says why the subject is in the segment or not at the instant at. The subject, and the rows that it leads to,
// are as the engine left them then, with all due up to at done.
func WhyOf(s *catalog.Segment, subject *state.Subject, linked expr.Rows, at row.Instant) *Why {
	w := &Why{Segment: s.Name, Audience: s.Audience.Table.Name, ID: subject.ID, At: at.String(),
		Exists: subject.Row != nil}
	members := map[uint64]state.Membership{}
	for _, m := range subject.Memberships {
		members[m.Segment] = m
	}
	if m, known := members[s.ID]; known {
		w.Member, w.Spell, w.Until = m.Member, m.Spell, instant(m.Until)
		if m.Member {
			w.Since = m.Since.String()
		}
	}
	if !w.Exists {
		return w
	}
	w.Rules = membershipRules(s, members[s.ID], subject.ID, at)
	if s.Where == nil {
		return w
	}
	in := &expr.Input{Now: at, Subject: subject.Row, Events: subject.Events, Linked: linked,
		Segment: func(i int) (bool, row.Instant) {
			m, known := members[s.Audience.Segments[i].ID]
			if !known {
				return false, row.Never
			}
			return m.Member, m.Until
		}}
	w.Condition = scope{s.Audience}.verdict(s.Where.Explain(), in)
	return w
}

// instant is an instant as text; none for never.
func instant(i row.Instant) string {
	if i == row.Never {
		return ""
	}
	return i.String()
}

func (s scope) verdict(p *expr.Part, in *expr.Input) *Verdict {
	result, until := p.Eval(in)
	v := &Verdict{Op: string(p.Op), Source: p.Source, Until: instant(until),
		Result: map[expr.Truth]string{expr.True: "true", expr.False: "false", expr.Error: "error"}[result]}
	for _, below := range p.Parts {
		v.Parts = append(v.Parts, s.verdict(below, in))
	}
	if p.Op == expr.Leaf {
		v.Values = s.values(p, in)
	}
	return v
}

// values returns what a leaf reads.
func (s scope) values(p *expr.Part, in *expr.Input) []Value {
	var out []Value
	r := p.Reads()
	table := s.audience.Table
	for _, i := range r.Fields {
		f := table.Schema.Fields[i]
		value := row.Value{}
		if i < len(in.Subject) {
			value = in.Subject[i]
		}
		out = append(out, Value{table.Name + "." + f.Name, emit.AppendValue(nil, f.Type, value)})
	}
	for _, path := range r.Paths {
		out = append(out, s.linkedValues(path, in)...)
	}
	for i := range p.History {
		h := &p.History[i]
		name, count := s.audience.Events[h.Kind].Name, 0
		for j := range in.Events[h.Kind] {
			if h.Holds(&in.Events[h.Kind][j], in.Now) {
				count++
			}
		}
		if h.Window != nil {
			name += " within " + h.Window.String()
		}
		out = append(out, Value{"events " + name, fmt.Append(nil, count)})
	}
	for _, i := range r.Segments {
		member, _ := in.Segment(i)
		out = append(out, Value{"in segment " + s.audience.Segments[i].Name, fmt.Append(nil, member)})
	}
	return out
}
