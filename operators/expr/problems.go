package expr

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/common"

	"github.com/weirstream/weir/operators/expr/internal/front"
)

func errNoFunction(name string) error {
	return fmt.Errorf("%s() is not part of the language", strings.Trim(name, "_@"))
}

var (
	wrapper     = regexp.MustCompile(`(?:wrapper|google\.protobuf\.[A-Za-z0-9]+)\(([a-z]+)\)`)
	undefined   = regexp.MustCompile(`^undefined field '(.*)'$`)
	undeclared  = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	typeItself  = regexp.MustCompile(`\btype\(([^()]*)\)`)
	noSelection = regexp.MustCompile(`^type 'list\(.*\)' does not support field selection$`)
	noOverload  = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '(.*)'$`)
	operatorFor = regexp.MustCompile(`^[_!@-]*([^_@]+)[_]*$`)
)

// tidy makes names of types in a message those of the catalog language.
func tidy(message string) string {
	message = wrapper.ReplaceAllString(message, "$1")
	message = strings.ReplaceAll(message, "google.protobuf.Timestamp", "timestamp")
	message = strings.ReplaceAll(message, "google.protobuf.Duration", "duration")
	return message
}

// celProblems turns what cel-go says of source into problems.
func (e *Env) celProblems(errs []*common.Error) []Problem {
	var problems []Problem
	for _, err := range errs {
		p := Problem{Message: tidy(err.Message)}
		if line := err.Location.Line(); line > 0 {
			p.Line, p.Column = line, err.Location.Column()+1
		}
		e.explain(&p)
		problems = append(problems, p)
	}
	return problems
}

// explain puts p in the words of the language and adds a hint.
func (e *Env) explain(p *Problem) {
	if rest, ok := strings.CutPrefix(p.Message, "Syntax error: "); ok {
		p.Message = "syntax error: " + rest
		return
	}
	if m := undefined.FindStringSubmatch(p.Message); m != nil {
		p.Message = fmt.Sprintf("unknown field %q", m[1])
		p.Hint = e.hintField(m[1])
		return
	}
	if m := undeclared.FindStringSubmatch(p.Message); m != nil {
		p.Message = fmt.Sprintf("unknown name %q", m[1])
		names := e.front.Names()
		for _, f := range Functions() {
			names = append(names, f.Name)
		}
		if p.Hint = hintNear(m[1], names); p.Hint == "" && slices.Contains(e.front.FieldNames(e.audienceName()), m[1]) {
			p.Hint = fmt.Sprintf("did you mean %s.%s?", e.audienceName(), m[1])
		}
		return
	}
	if m := typeItself.FindStringSubmatch(p.Message); m != nil && len(e.front.FieldNames(m[1])) > 0 {
		p.Message, p.Hint = e.tableItself(m[1])
		return
	}
	if noSelection.MatchString(p.Message) {
		p.Hint = "it is a list: look at its elements by exists(), all(), filter() or map()"
		return
	}
	if m := noOverload.FindStringSubmatch(p.Message); m != nil {
		explainOverload(p, m[1], m[2])
	}
	if strings.HasPrefix(p.Message, "unknown segment") {
		if i := strings.Index(p.Message, " (did you mean "); i >= 0 {
			p.Hint = strings.Trim(p.Message[i:], " ()")
			p.Message = p.Message[:i]
		}
	}
}

// hintField is the hint for a field that an object does not have.
func (e *Env) hintField(name string) string {
	var names, owners []string
	for _, t := range e.front.Types() {
		of := e.front.FieldNames(t)
		if slices.Contains(of, name) {
			owners = append(owners, t)
		}
		names = append(names, of...)
	}
	switch {
	case len(owners) == 0:
		return hintNear(name, names)
	case owners[0] == e.audienceName():
		return fmt.Sprintf("did you mean %s.%s?", owners[0], name)
	}
	return "it is a field of " + strings.Join(owners, ", ")
}

// tableItself says that the rows of the table, or kind of events, called name are not in scope by that name.
func (e *Env) tableItself(name string) (message, hint string) {
	hint = "its rows are in scope by links only"
	if e.audience != nil {
		for _, l := range e.audience.Links {
			if l.To.Schema.Name == name {
				hint = fmt.Sprintf("its rows are in scope by links only, such as %s.%s", e.scope.Audience.Name, l.Name)
				break
			}
		}
	}
	return fmt.Sprintf("%s is a table, not a row or a list of rows", name), hint
}

func (e *Env) audienceName() string {
	if e.scope.Audience == nil {
		return ""
	}
	return e.scope.Audience.Name
}

func hintNear(name string, names []string) string {
	if near := front.Nearest(name, dedupe(names)); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

func dedupe(names []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, n := range names {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}

// explainOverload explains operands of types that an operator or function does not take.
func explainOverload(p *Problem, name, types string) {
	args := strings.Split(strings.Trim(types, "()"), ", ")
	shown := strings.Trim(name, "_")
	if m := operatorFor.FindStringSubmatch(name); m != nil {
		shown = m[1]
	}
	if shown == "in" || !isWord(shown) {
		p.Message = fmt.Sprintf("%s does not take %s", shown, strings.Join(args, " and "))
	} else {
		p.Message = fmt.Sprintf("%s() does not take %s", shown, types)
	}
	p.Message = strings.TrimSuffix(p.Message, ".()")
	pair := strings.Join(args, ",")
	numbers := pair == "double,int" || pair == "int,double"
	switch {
	case strings.HasPrefix(types, "list(") && slices.Contains([]string{"sum", "min", "max", "avg"}, shown):
		p.Hint = "take a number of each element first, as in map(x, x.amount)." + shown + "()"
	case numbers && (shown == "==" || shown == "!="):
		p.Hint = "a double is compared by == with a double: write 100.0 instead of 100, or double(x)"
	case numbers:
		p.Hint = "both must be of one type: write 100.0 instead of 100, or use double(x) or int(x)"
	case strings.Contains(pair, "string") && strings.Contains(pair, "timestamp"):
		p.Hint = `write a time as timestamp("2026-01-31T00:00:00Z"), or relative to now as ago("30d")`
	case strings.Contains(pair, "null"):
		p.Hint = "only what can be null can be compared with null"
	}
}

func isWord(s string) bool {
	return s != "" && (s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z')
}
