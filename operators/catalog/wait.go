package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/operators/expr"
	"github.com/weirstream/weir/state/row"
)

// partDraft is one of the two events of an absence while it is being read.
type partDraft struct {
	event, when, by *node
}

// period returns the period that a key holds, and its node; nil, after a fault if it is needed or no period, where
// there is none.
func (o *object) period(key, hint string, needed bool) (*expr.Period, *node) {
	text, n := o.text(key, hint, needed)
	if n == nil {
		return nil, nil
	}
	return o.b.period(text, n, fmt.Sprintf("key %q of %s", key, o.what)), n
}

func (b *builder) period(text string, n *node, what string) *expr.Period {
	p, err := expr.ParsePeriod(text)
	if err != nil {
		b.fault(n.at, fmt.Sprintf("%s is no period: %s", what, quoted(n.text)),
			"a whole number and one of s, m, h, d, w, mo, y: 400d, 6mo, 2y")
		return nil
	}
	return &p
}

// date reads what belongs to a date that a trigger waits for.
func (b *builder) date(o *object, t *triggerDraft) {
	d := &Date{}
	t.trigger.Date = d
	if text, n := o.text("offset", "", false); n != nil {
		d.Before = strings.HasPrefix(text, "-")
		d.Offset = b.period(strings.TrimLeft(text[:1], "+-")+text[1:], n, fmt.Sprintf("key \"offset\" of %s", o.what))
	}
	var every *node
	if d.Every, every = o.period("every", "", false); d.Every != nil && d.Every.Months == 0 {
		b.fault(every.at, fmt.Sprintf("key \"every\" of %s must be a calendar period, found %s", o.what, quoted(every.text)),
			"months or years: 1mo, 3mo, 1y")
	}
}

// resolveDate finds the field of the date.
func (b *builder) resolveDate(t *triggerDraft, a *audienceDraft, what string) bool {
	path := b.path(t.on)
	table := a.draft
	switch {
	case path == nil || b.doubtful[path[0]] || b.doubtful[path[len(path)-1]]:
		return false
	case len(path) > 2 && path[0] == table.name:
		b.fault(t.on.at, fmt.Sprintf("%s: %s lies behind a link, but a trigger waits for a date of the audience's own row",
			what, quoted(t.on.text)), "use a date of "+table.name+", or a trigger on a segment that compares that date with now")
		return false
	case len(path) != 2 || path[0] != table.name:
		b.fault(t.on.at, fmt.Sprintf("%s: %s is no field of the audience's row", what, quoted(t.on.text)),
			fmt.Sprintf("write it as %s.%s", table.name, path[len(path)-1]))
		return false
	}
	i, found := table.table.Schema.Field(path[1])
	if !found {
		b.fault(t.on.at, fmt.Sprintf("%s: %s is no field of table %s", what, quoted(path[1]), table.name),
			didYouMean(path[1], table.fields.names()))
		return false
	}
	if typ := table.table.Schema.Fields[i].Type; typ.Kind != row.Timestamp {
		b.fault(t.on.at, fmt.Sprintf("%s: field %s of table %s is %s, not a date or a timestamp", what, path[1], table.name,
			typ), "")
		return false
	}
	t.trigger.Date.Field = i
	return true
}

// absence reads what must happen, what must not, and in which time.
func (b *builder) absence(t *triggerDraft, what string) {
	const example = "absence: {after: cart_updated, of: purchase, within: 2h, by: cart_id}"
	o := b.object(t.on, "key \"absence\" of "+what, "after", "of", "within", "by")
	if o == nil {
		t.subject = ""
		return
	}
	t.trigger.Absence = &Absence{}
	t.after, t.of = b.part(o, "after", example), b.part(o, "of", example)
	if within, _ := o.period("within", example, true); within != nil {
		t.trigger.Absence.Within = *within
	}
	b.by(o, t)
	if t.after.event == nil || t.of.event == nil {
		t.subject = ""
	}
}

// part reads one of the two events: its kind, or a map of kind and condition.
func (b *builder) part(o *object, key, example string) (p partDraft) {
	n := o.need(key, example)
	switch {
	case n == nil:
	case n.shape == isMap:
		in := b.object(n, fmt.Sprintf("key %q of %s", key, o.what), "event", "when")
		_, p.event = in.text("event", "the kind of the event", true)
		p.when = in.expression("when", "", false)
	default:
		_, p.event = o.text(key, "", true)
	}
	return p
}

// by reads the field that both events must have in common.
func (b *builder) by(o *object, t *triggerDraft) {
	n := o.n.get("by")
	switch {
	case n == nil:
	case n.shape == isMap:
		const hint = "the field of each of the two events: by: {after: cart_id, of: order_cart_id}"
		in := b.object(n, "key \"by\" of "+o.what, "after", "of")
		_, t.after.by = in.text("after", hint, true)
		_, t.of.by = in.text("of", hint, true)
	default:
		_, t.after.by = o.text("by", "", true)
		t.of.by = t.after.by
	}
}

// resolveAbsence finds the event kinds and their fields, and checks that what the wait needs is kept so long.
func (b *builder) resolveAbsence(t *triggerDraft, a *audienceDraft, what string) bool {
	s := t.trigger.Absence
	after, of := b.resolvePart(&s.After, t.after, a, what), b.resolvePart(&s.Of, t.of, a, what)
	if !after || !of {
		return false
	}
	if s.After.By >= 0 && s.Of.By >= 0 {
		x, y := s.After.Event.Schema.Fields[s.After.By].Type, s.Of.Event.Schema.Fields[s.Of.By].Type
		if x.String() != y.String() {
			b.fault(t.of.by.at, fmt.Sprintf("%s: field %s of event %s is %s, but field %s of event %s is %s", what,
				t.after.by.text, s.After.Event.Name, x, t.of.by.text, s.Of.Event.Name, y), "they can never be the same")
			return false
		}
	}
	for _, e := range []*Event{s.After.Event, s.Of.Event} {
		if e.Retention != nil && s.Within.Exceeds(*e.Retention) {
			b.fault(t.on.at, fmt.Sprintf("%s: the wait of %s is longer than the retention of event %s (%s)",
				what, s.Within, e.Name, e.Retention), "keep the events longer")
			return false
		}
	}
	return true
}

func (b *builder) resolvePart(p *Part, d partDraft, a *audienceDraft, what string) bool {
	p.By = -1
	if p.Event = b.eventOf(d.event, a.draft.name, what); p.Event == nil {
		return false
	}
	p.Kind = slices.Index(a.audience.Events, p.Event)
	if d.by != nil {
		i, found := p.Event.Schema.Field(d.by.text)
		if !found {
			names := make([]string, len(p.Event.Schema.Fields))
			for i, f := range p.Event.Schema.Fields {
				names[i] = f.Name
			}
			b.fault(d.by.at, fmt.Sprintf("%s: %s is no field of event %s", what, quoted(d.by.text), p.Event.Name),
				didYouMean(d.by.text, names))
			return false
		}
		p.By = i
	}
	return true
}

// compilePart compiles the condition of one of the two events, which is about the event alone: whether it counts must
// not change with what happens later.
func (b *builder) compilePart(p *Part, d partDraft, a *audienceDraft, what string) {
	if d.when == nil || b.compile(b.eventEnv(a, p.Event), d.when, what) == nil {
		return
	}
	alone, err := expr.NewEnv(expr.Scope{Event: p.Event.Schema})
	if err != nil {
		b.fault(d.when.at, fmt.Sprintf("%s: cannot prepare the condition: %v", what, err), "")
		return
	}
	program, problems := alone.Compile(d.when.text)
	if len(problems) > 0 || program.Reads().Clock {
		b.fault(d.when.at, what+": which events count may depend on nothing but event",
			"put the rest into the trigger's own when")
		return
	}
	p.When = program
}

// limitMost is the largest count of a limit: so many instants are kept of each subject.
const limitMost = 100

// limit reads how often a trigger may fire.
func (b *builder) limit(o *object, t *triggerDraft) {
	n := o.n.get("limit")
	if n == nil {
		return
	}
	in := b.object(n, "key \"limit\" of "+o.what, "per", "count")
	if in == nil {
		return
	}
	l := &Limit{Count: 1}
	if per, _ := in.period("per", "limit: {per: 1d, count: 1}", true); per != nil {
		l.Per = *per
	}
	if c := in.n.get("count"); c != nil {
		count, ok := c.value.(int64)
		if !ok || count < 1 || count > limitMost {
			b.fault(c.at, fmt.Sprintf("key \"count\" of %s must be a whole number from 1 to %d, found %s", in.what, limitMost,
				quoted(c.text)), "")
		}
		l.Count = int(count)
	}
	t.trigger.Limit = l
}
