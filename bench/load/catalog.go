// Package load makes the work of a benchmark: a catalog of any number of segments and triggers, and the records that
// package generate draws for it, sent to the source topics.
package load

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Spec says what catalog to make. The same spec gives the same text.
type Spec struct {
	Seed     uint64
	Segments int
	Triggers int
	Prefix   string // what the source topics begin with
}

//go:embed base.yaml
var base string

// Catalog returns the catalog's YAML: the tables and events of package generate, and segments of two to five atoms
// each: equality, range, lists, behaviours within windows of 7, 30 and 90 days with counts of 1 to 3, their negation,
// and other segments. Constants are drawn so that an atom holds for some per cent to half of the contacts.
func (s Spec) Catalog() string {
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(base, "PREFIX", s.Prefix))
	d := drawer{rand.New(rand.NewPCG(s.Seed, 3))}
	for i := range s.Segments {
		fmt.Fprintf(&b, "---\nkind: Segment\nname: s-%d\naudience: contact\nwhere: >\n  %s\n", i, d.condition(i))
	}
	for i := range s.Triggers {
		fmt.Fprintf(&b, "---\nkind: Trigger\nname: t-%d\naudience: contact\n%s", i, d.trigger(s.Segments))
	}
	return b.String()
}

// drawer draws conditions.
type drawer struct{ *rand.Rand }

func pick[T any](d drawer, of []T) T { return of[d.IntN(len(of))] }

// condition draws the condition of segment number i: the first atom narrows the audience, the rest is joined to it.
func (d drawer) condition(i int) string {
	parts := make([]string, 2+d.IntN(4))
	for k := range parts {
		switch n := d.IntN(10); {
		case k == 0 || n < 4:
			parts[k] = d.field()
		case n < 8:
			parts[k] = d.behaviour()
		case n < 9 || i < 10:
			parts[k] = d.absence()
		default:
			parts[k] = fmt.Sprintf("in_segment(%q)", fmt.Sprintf("s-%d", d.IntN(min(i, 10))))
		}
	}
	if len(parts) > 3 && d.IntN(2) == 0 {
		last := len(parts) - 1
		parts[last-1] = "(" + parts[last-1] + " || " + parts[last] + ")"
		parts = parts[:last]
	}
	return strings.Join(parts, "\n  && ")
}

var (
	states   = []string{"CA", "FL", "IL", "MN", "ND", "NY", "OR", "SD", "TX", "WA"}
	stages   = []string{"subscriber", "lead", "qualified", "opportunity", "customer", "evangelist"}
	tags     = []string{"newsletter", "vip", "beta", "partner", "event", "reseller"}
	emails   = []string{"spring", "welcome", "newsletter", "offer", "webinar", "renewal", "survey", "winback"}
	pages    = []string{"/", "/pricing", "/products", "/blog", "/docs", "/cart", "/support", "/events"}
	products = []string{"socks", "boots", "jacket", "tent", "stove", "backpack", "kayak", "bottle"}
	periods  = []string{"7d", "30d", "90d"}
)

func (d drawer) field() string {
	switch d.IntN(7) {
	case 0:
		return fmt.Sprintf("contact.state == %q", pick(d, states))
	case 1:
		return fmt.Sprintf("contact.stage == %q", pick(d, stages))
	case 2:
		return fmt.Sprintf("%q in contact.tags", pick(d, tags))
	case 3:
		return fmt.Sprintf("contact.score >= %d", 10*(3+d.IntN(7)))
	case 4:
		return fmt.Sprintf("contact.revenue >= %d.0", 250*(1+d.IntN(12)))
	case 5:
		return fmt.Sprintf("contact.state in [%q, %q, %q]", pick(d, states), pick(d, states), pick(d, states))
	default:
		return "contact.opt_in"
	}
}

// events draws a list of events of one kind within a window, filtered or not.
func (d drawer) events() string {
	within := fmt.Sprintf(".within(%q)", pick(d, periods))
	switch d.IntN(5) {
	case 0:
		return fmt.Sprintf("email_opened%s.filter(e, e.email == %q)", within, pick(d, emails))
	case 1:
		return "link_clicked" + within
	case 2:
		return fmt.Sprintf("page_visited%s.filter(e, e.url == %q)", within, pick(d, pages))
	case 3:
		return fmt.Sprintf("purchase%s.filter(e, e.product == %q)", within, pick(d, products))
	default:
		return fmt.Sprintf("email_sent%s.filter(e, e.email == %q)", within, pick(d, emails))
	}
}

func (d drawer) behaviour() string { return fmt.Sprintf("%s.size() >= %d", d.events(), 1+d.IntN(3)) }
func (d drawer) absence() string   { return d.events() + ".size() == 0" }

// trigger draws the rest of a trigger's definition.
func (d drawer) trigger(segments int) string {
	switch n := d.IntN(3); {
	case n == 0 && segments > 0:
		return fmt.Sprintf("on: {segment: s-%d, actions: [enter]}\n", d.IntN(segments))
	case n == 1:
		return fmt.Sprintf("on: {event: purchase}\nwhen: event.product == %q && %s\n", pick(d, products), d.field())
	default:
		return fmt.Sprintf("on: {table: contact, actions: [update], fields: [stage]}\n"+
			"when: after.stage == %q && contact.opt_in\n", pick(d, stages))
	}
}
