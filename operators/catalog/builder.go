package catalog

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/weirstream/weir/operators/expr"
)

// builder gathers the definitions of all files and everything that is wrong with them.
type builder struct {
	faults   Faults
	tables   []*tableDraft
	events   []*eventDraft
	segments []*segmentDraft
	triggers []*triggerDraft
	open     openers
	linked   []*expr.Table // the tables as conditions see them; none if there are no links
	ways     []way
	doubtful map[string]bool // names that a reported fault made unusable: what depends on them is not reported again
}

// openers open, by the file of a definition, what stands beside it.
type openers map[string]func(name string) (io.ReadCloser, error)

// draft is what every definition has while it is being read.
type draft struct {
	name   string
	nameAt place // of the definition where it has no name
}

func (d *draft) head() *draft { return d }

func (b *builder) fault(at place, message, hint string) {
	f := Fault{File: at.source.name, Line: at.line, Column: at.column, Message: message, Hint: hint}
	b.faults = append(b.faults, f)
}

func (b *builder) doubt(name string) { b.doubtful[name] = true }

// doubtNames remembers the names in the text of a document that could not be read.
func (b *builder) doubtNames(text string) {
	for _, m := range nameLine.FindAllStringSubmatch(text, -1) {
		b.doubt(m[1])
	}
}

// doubts tells whether an expression names anything that is in doubt.
func (b *builder) doubts(expression string) bool {
	return len(b.doubtful) > 0 && slices.ContainsFunc(word.FindAllString(expression, -1), func(w string) bool {
		return b.doubtful[w]
	})
}

// kinds are the kinds of definitions, in the spelling of the language.
var kinds = []string{"Table", "Event", "Segment", "Trigger", "Journey"}

// add reads one definition.
func (b *builder) add(n *node) {
	if n.shape != isMap {
		b.fault(n.at, fmt.Sprintf("a definition must be a map with the keys kind and name, found %s", shown(n)), "")
		return
	}
	kind, name := b.own(n, "kind"), b.own(n, "name")
	if kind == nil {
		b.doubtName(name)
		return
	}
	d := draft{nameAt: n.at}
	if name != nil {
		d.name, d.nameAt = name.text, name.at
	}
	switch kind.text {
	case "Table":
		b.addTable(n, d, name)
	case "Event":
		b.addEvent(n, d, name)
	case "Segment":
		b.addSegment(n, d, name)
	case "Trigger":
		b.addTrigger(n, d, name)
	case "Journey":
		b.fault(kind.at, "kind Journey is not supported by this version",
			"a segment or a trigger can start a journey elsewhere")
		b.doubtName(name)
	default:
		b.fault(kind.at, "unknown kind "+quoted(kind.text), didYouMean(kind.text, kinds))
		b.doubtName(name)
	}
}

// own returns the node of a key that every definition must have as text.
func (b *builder) own(n *node, key string) *node {
	o := &object{b: b, n: n, what: "the definition"}
	_, v := o.text(key, "", true)
	return v
}

func (b *builder) doubtName(name *node) {
	if name != nil {
		b.doubt(name.text)
	}
}

// describe names a definition in messages.
func describe(kind string, d draft) string {
	if d.name == "" {
		return "the " + kind
	}
	return kind + " " + d.name
}

// named is what has a name already.
type named struct {
	kind string
	at   place
}

// keep tells whether a definition has a usable name that nothing before it has.
func (b *builder) keep(taken map[string]named, kind string, d *draft) bool {
	if d.name == "" {
		return false
	}
	if first, twice := taken[d.name]; twice {
		b.fault(d.nameAt, fmt.Sprintf("%s %s is defined a second time", kind, quoted(d.name)),
			fmt.Sprintf("the first is the %s at %s", first.kind, first.at))
		return false
	}
	taken[d.name] = named{kind: kind, at: d.nameAt}
	return true
}

// dropUnnamed reports names that are taken and leaves out what has none of its own. Tables and events share their
// names, because both are variables of conditions. What is left is ordered by name.
func (b *builder) dropUnnamed() {
	variables, segments, triggers := map[string]named{}, map[string]named{}, map[string]named{}
	b.tables = kept(b, b.tables, "table", variables)
	b.events = kept(b, b.events, "event", variables)
	b.segments = kept(b, b.segments, "segment", segments)
	b.triggers = kept(b, b.triggers, "trigger", triggers)
}

// kept returns the definitions of a kind that have a name of their own, ordered by it.
func kept[D interface{ head() *draft }](b *builder, drafts []D, kind string, taken map[string]named) []D {
	drafts = slices.DeleteFunc(drafts, func(d D) bool { return !b.keep(taken, kind, d.head()) })
	slices.SortFunc(drafts, func(x, y D) int { return strings.Compare(x.head().name, y.head().name) })
	return drafts
}
