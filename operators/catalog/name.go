package catalog

import (
	"fmt"
	"regexp"
	"slices"
)

var (
	identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	dashed     = regexp.MustCompile(`^[a-z0-9-]+$`)
	topicName  = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)
	nameLine   = regexp.MustCompile(`(?m)^(?:name|[{,] *name): *["']?([A-Za-z0-9_-]+)`)
	word       = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_-]*|[0-9a-z][0-9a-z-]*`)
)

// Words that cannot name a table or an event kind, which are variables of conditions.
var (
	// celReserved are the reserved words of CEL.
	celReserved = []string{
		"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
		"namespace", "null", "package", "return", "true", "var", "void", "while",
	}
	// scopeNames are what a condition has in scope besides tables, events and links: variables, global functions,
	// macros and types.
	scopeNames = []string{
		"after", "ago", "ahead", "before", "bool", "bytes", "double", "duration", "dyn", "event", "has", "in_segment",
		"int", "matches", "now", "null_type", "size", "string", "timestamp", "type", "uint",
	}
	// fieldReserved are the words that CEL does not allow after a dot either.
	fieldReserved = []string{"false", "in", "null", "true"}
)

// variableName checks the name of a table or an event kind.
func (b *builder) variableName(n *node, what string) bool {
	switch {
	case !identifier.MatchString(n.text):
		b.fault(n.at, fmt.Sprintf("%s is no name for %s", quoted(n.text), what),
			"a letter or _, then letters, digits and _: it is a variable in conditions")
	case slices.Contains(celReserved, n.text):
		b.fault(n.at, fmt.Sprintf("%s is a reserved word of CEL", quoted(n.text)), "choose another name for "+what)
	case slices.Contains(scopeNames, n.text):
		b.fault(n.at, fmt.Sprintf("%s already means something in conditions", quoted(n.text)),
			"choose another name for "+what)
	default:
		return true
	}
	return false
}

// memberName checks the name of a field or a link.
func (b *builder) memberName(n *node, what string) bool {
	switch {
	case !identifier.MatchString(n.text):
		b.fault(n.at, fmt.Sprintf("%s is no name for %s", quoted(n.text), what),
			"a letter or _, then letters, digits and _; a field with another name in the record gets a path")
	case slices.Contains(fieldReserved, n.text):
		b.fault(n.at, fmt.Sprintf("%s is a reserved word of CEL", quoted(n.text)), "choose another name for "+what)
	default:
		return true
	}
	return false
}

// dashedName checks the name of a segment or a trigger.
func (b *builder) dashedName(n *node, what string) bool {
	const most = 200
	switch {
	case !dashed.MatchString(n.text):
		b.fault(n.at, fmt.Sprintf("%s is no name for %s", quoted(n.text), what),
			"small letters a to z, digits and dashes")
	case len(n.text) > most:
		b.fault(n.at, fmt.Sprintf("the name of %s is longer than %d characters", what, most), "")
	default:
		return true
	}
	return false
}
