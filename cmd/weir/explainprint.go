package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/operators/explain"
)

// printPlan prints a plan for people. What w fails with is left to who flushes it.
func printPlan(w io.Writer, p *explain.Plan) {
	fmt.Fprintf(w, "%s %s of %s\n", p.Kind, p.Name, p.Audience)
	for _, r := range p.Rules {
		fmt.Fprintf(w, "  %s\n", r)
	}
	if p.On != "" {
		fmt.Fprintf(w, "\nfires on\n  %s\n", p.On)
	}
	fmt.Fprint(w, "\ncondition\n")
	switch {
	case p.Condition != nil:
		printPart(w, p.Condition, "  ")
	case p.Kind == "trigger":
		fmt.Fprint(w, "  none: it fires for everybody\n")
	default:
		fmt.Fprint(w, "  none\n")
	}
	printLines(w, "looked at again when one of these changes", touches(p))
	printLines(w, "and, with no record, when", p.Clock)
	var links []string
	for i := range p.Links {
		links = append(links, p.Links[i].String())
	}
	printLines(w, "rows of other tables", links)
	var history []string
	for _, h := range p.History {
		needs, kept := "all that is kept", "for ever"
		if h.Needs != "" {
			needs = "the last " + h.Needs
		}
		if h.Kept != "" {
			kept = "for " + h.Kept
		}
		history = append(history, fmt.Sprintf("%s: needs %s; kept %s", h.Event, needs, kept))
	}
	printLines(w, "history", history)
	printCost(w, p)
	printLines(w, "looked at after it", p.Dependants)
}

// touches lists what makes a segment be looked at again. A trigger is looked at when what it is on happens.
func touches(p *explain.Plan) []string {
	if p.Kind != "segment" || p.Once {
		return nil
	}
	out := []string{"whether the row of " + p.Audience + " is there"}
	out = append(out, p.Reads.Fields...)
	for i := range p.Links {
		out = append(out, linkTouch(&p.Links[i]))
	}
	for _, e := range p.Reads.Events {
		out = append(out, "events "+e)
	}
	for _, s := range p.Reads.Segments {
		out = append(out, "segment "+s)
	}
	return out
}

// linkTouch says what of linked rows makes a segment be looked at again.
func linkTouch(l *explain.Link) string {
	what := "whether there is a row"
	if l.Many {
		what = "which rows there are"
	}
	if len(l.Fields) > 0 {
		what += ", " + strings.Join(l.Fields, ", ")
	}
	return fmt.Sprintf("rows at %s: %s", l.Path, what)
}

func printLines(w io.Writer, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	for _, l := range lines {
		fmt.Fprintf(w, "  %s\n", l)
	}
}

func printPart(w io.Writer, p *explain.Part, indent string) {
	if p.Op != "" {
		fmt.Fprintf(w, "%s%s\n", indent, p.Op)
		for _, below := range p.Parts {
			printPart(w, below, indent+"  ")
		}
		return
	}
	fmt.Fprintf(w, "%s%s\n%s    %s", indent, oneLine(p.Source), indent, p.Method)
	if len(p.Functions) > 0 {
		fmt.Fprintf(w, " (%s)", strings.Join(p.Functions, ", "))
	}
	var reads []string
	if r := p.Reads; r != nil {
		reads = append(append(append(reads, r.Fields...), r.Linked...), r.Change...)
		reads = append(reads, r.Events...)
		for _, s := range r.Segments {
			reads = append(reads, "segment "+s)
		}
		if r.Clock {
			reads = append(reads, "the clock")
		}
	}
	if len(reads) > 0 {
		fmt.Fprintf(w, ": %s", strings.Join(reads, ", "))
	}
	fmt.Fprintln(w)
}

// oneLine puts a source text on one line.
func oneLine(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, " ")
}

func printCost(w io.Writer, p *explain.Plan) {
	if p.Condition == nil {
		return
	}
	fmt.Fprint(w, "\ncost of looking at it, at most (measured here, on made-up data)\n")
	for _, m := range p.Cost.Measured {
		fmt.Fprintf(w, "  %v%s\n", time.Duration(m.Nanoseconds), withWhat(p, m))
	}
}

// withWhat says what a made-up subject had.
func withWhat(p *explain.Plan, m explain.Measurement) string {
	events := len(p.Reads.Events) > 0
	rows := slices.ContainsFunc(p.Links, func(l explain.Link) bool { return l.Many })
	switch {
	case !events && !rows:
		return ""
	case m.Events+m.Rows == 0 && !rows:
		return " for a subject without events"
	case m.Events+m.Rows == 0 && !events:
		return " for a subject without rows that lead to it"
	case m.Events+m.Rows == 0:
		return " for a subject without events and without rows that lead to it"
	case !rows:
		return fmt.Sprintf(" with %d events of each kind", m.Events)
	case !events:
		return fmt.Sprintf(" with %d rows at each link to many", m.Rows)
	}
	return fmt.Sprintf(" with %d events of each kind and %d rows at each link to many", m.Events, m.Rows)
}

// printWhy prints for people why a subject is in a segment or not.
func printWhy(w io.Writer, y *explain.Why) {
	who := y.Audience + " " + y.ID
	stay := ""
	if y.Spell > 0 {
		stay = fmt.Sprintf(" (stay %d)", y.Spell)
	}
	switch {
	case y.Member:
		fmt.Fprintf(w, "%s is in %s at %s, since %s%s\n", who, y.Segment, y.At, y.Since, stay)
	case !y.Exists:
		fmt.Fprintf(w, "%s is not in %s at %s: it has no row, and only rows that exist are members\n", who, y.Segment, y.At)
		return
	case y.Spell > 0:
		fmt.Fprintf(w, "%s is not in %s at %s; it was before%s\n", who, y.Segment, y.At, stay)
	default:
		fmt.Fprintf(w, "%s is not in %s at %s, and never was\n", who, y.Segment, y.At)
	}
	if y.Until != "" {
		fmt.Fprintf(w, "if nothing else happens, not before %s may that change\n", y.Until)
	} else {
		fmt.Fprintln(w, "time alone will not change that")
	}
	for _, r := range y.Rules {
		fmt.Fprintln(w, r)
	}
	if y.Condition != nil {
		fmt.Fprintln(w)
		printVerdict(w, y.Condition, "")
	}
}

func printVerdict(w io.Writer, v *explain.Verdict, indent string) {
	what := v.Op
	if what == "" {
		what = oneLine(v.Source)
	}
	fmt.Fprintf(w, "%-5s  %s%s", v.Result, indent, what)
	if v.Until != "" {
		fmt.Fprintf(w, "  [until %s]", v.Until)
	}
	fmt.Fprintln(w)
	for _, value := range v.Values {
		fmt.Fprintf(w, "       %s    %s: %s\n", indent, value.Name, value.Value)
	}
	for _, below := range v.Parts {
		printVerdict(w, below, indent+"  ")
	}
}
