package explain

import (
	"fmt"
	"strings"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/state/row"
)

// segmentRules says what a segment's definition says besides its condition.
func segmentRules(s *catalog.Segment) []string {
	var out []string
	if s.Where == nil {
		out = append(out, fmt.Sprintf("static: %s by its definition, edited by commands", ids(s.Members.Len())))
	}
	if s.Include.Len() > 0 {
		out = append(out, "members whatever the condition says: "+ids(s.Include.Len()))
	}
	if s.Exclude.Len() > 0 {
		out = append(out, "never members: "+ids(s.Exclude.Len()))
	}
	switch {
	case s.Freeze != nil && s.Freeze.At == row.Earliest:
		out = append(out, "frozen: the condition counts once, when the segment is first seen; edited by commands")
	case s.Freeze != nil:
		out = append(out, fmt.Sprintf("frozen: the condition counts once, at %v; edited by commands", s.Freeze.At))
	}
	if s.Refresh != nil {
		out = append(out, "brought up to date "+daily(s.Refresh))
	}
	if s.Zone != "" {
		out = append(out, "calendar units are those of "+s.Zone)
	}
	return out
}

func ids(n int) string { return count(n, "id") }

// count returns "1 id", "2 ids".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func daily(r *catalog.Refresh) string {
	return fmt.Sprintf("daily at %02d:%02d in %s", r.Minute/60, r.Minute%60, r.Zone)
}

// membershipRules says what else but the condition decides on a subject that has a row.
func membershipRules(s *catalog.Segment, m state.Membership, id string, at row.Instant) []string {
	var out []string
	say := func(it bool, what string) {
		if it {
			out = append(out, what)
		}
	}
	say(s.Where == nil && s.Members.Has(id), "the definition lists it")
	say(s.Where == nil && !s.Members.Has(id), "the definition does not list it")
	say(s.Editable() && m.Edit == state.Added, "a command added it")
	say(s.Editable() && m.Edit == state.Removed, "a command removed it")
	say(s.Exclude.Has(id), "it is excluded, whatever the condition says")
	say(s.Include.Has(id) && !s.Exclude.Has(id), "it is included, whatever the condition says")
	switch {
	case s.Freeze != nil && at < s.Freeze.At:
		out = append(out, fmt.Sprintf("the condition counts once, at %v, and not before", s.Freeze.At))
	case s.Freeze != nil && m.Chosen:
		out = append(out, "it met the condition when the segment was frozen; what that is now does not count")
	case s.Freeze != nil:
		out = append(out, "it did not meet the condition when the segment was frozen; what that is now does not count")
	case s.Refresh != nil:
		out = append(out, "the condition counts at the refresh, "+daily(s.Refresh))
	}
	return out
}

// on says what a trigger fires on.
func on(t *catalog.Trigger) string {
	switch {
	case t.Event != nil:
		return "event " + t.Event.Name
	case t.Segment != nil:
		return actions(t.Actions) + " of segment " + t.Segment.Name
	case t.Date != nil:
		return date(t)
	case t.Absence != nil:
		return absence(t.Absence)
	}
	text := actions(t.Actions) + " of table " + t.Table.Name
	if len(t.Fields) > 0 {
		names := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			names[i] = t.Table.Schema.Fields[f].Name
		}
		text += "; an update only if one of these changed: " + strings.Join(names, ", ")
	}
	if len(t.Via) > 0 {
		text += fmt.Sprintf("; for the %s that the row leads to by %s", t.Audience.Table.Name, via(t))
	}
	return text
}

// via is the way from a row to its subject.
func via(t *catalog.Trigger) string {
	names := make([]string, len(t.Via))
	for i, l := range t.Via {
		names[i] = l.Name
	}
	return strings.Join(names, ".")
}

func actions(of catalog.Action) string {
	var names []string
	for _, a := range []struct {
		action catalog.Action
		name   string
	}{
		{catalog.Create, "create"}, {catalog.Update, "update"}, {catalog.Delete, "delete"},
		{catalog.Enter, "enter"}, {catalog.Leave, "leave"},
	} {
		if of&a.action != 0 {
			names = append(names, a.name)
		}
	}
	return strings.Join(names, ", ")
}

func date(t *catalog.Trigger) string {
	table := t.Audience.Table
	text := "the date " + table.Name + "." + table.Schema.Fields[t.Date.Field].Name
	switch {
	case t.Date.Offset != nil && t.Date.Before:
		text = t.Date.Offset.String() + " before " + text
	case t.Date.Offset != nil:
		text = t.Date.Offset.String() + " after " + text
	}
	if t.Date.Every != nil {
		text += ", and every " + t.Date.Every.String() + " again"
	}
	return text
}

func absence(a *catalog.Absence) string {
	text := fmt.Sprintf("no event %s within %s after event %s", partText(&a.Of), a.Within, partText(&a.After))
	if a.After.By >= 0 && a.Of.By >= 0 {
		text += fmt.Sprintf("; %s.%s must be the same as %s.%s", a.Of.Event.Name, a.Of.Event.Schema.Fields[a.Of.By].Name,
			a.After.Event.Name, a.After.Event.Schema.Fields[a.After.By].Name)
	}
	return text
}

func partText(p *catalog.Part) string {
	if p.When == nil {
		return p.Event.Name
	}
	return fmt.Sprintf("%s (%s)", p.Event.Name, p.When.Source())
}
