package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/operators/catalog"
	"github.com/weirstream/weir/operators/explain"
	"github.com/weirstream/weir/operators/expr"
)

// explainOptions is what the command line of explain says.
type explainOptions struct {
	functions bool
	name      string
	catalog   string
	format    string
	input     string // a file of records, as of replay; - is the standard input
	id        string
	at        string
}

func (p *program) explainCommand() *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:     "explain [SEGMENT | TRIGGER | --functions]",
		Short:   "Explain a segment or trigger, why someone is in a segment, or the language of conditions",
		Long:    explainHelp(),
		Example: explainExample,
		Args: func(cmd *cobra.Command, given []string) error {
			if o.functions || len(given) == 0 {
				return args()(cmd, given)
			}
			return args("the name of a segment or trigger")(cmd, given)
		},
		RunE: func(_ *cobra.Command, given []string) error {
			if len(given) > 0 {
				o.name = given[0]
			}
			return p.explain(o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.functions, "functions", false, "list the functions and operators with an example of each")
	f.StringVar(&o.catalog, "catalog", "", "folder of the definitions")
	f.StringVar(&o.format, "format", "text", "`text|json`")
	f.StringVar(&o.input, "input", "", "file of records (- for standard input), as of weir replay, to say why for --id")
	f.StringVar(&o.id, "id", "", "the subject that is in the segment or is not")
	f.StringVar(&o.at, "at", "", "replay up to this instant, it included (default: the end of the input)")
	return cmd
}

const explainExample = `  weir explain vip --catalog catalog/
  weir explain vip --catalog catalog/ --input records.jsonl --id c-1 --at 2026-02-01T00:00:00Z
  weir explain --functions`

func explainHelp() string {
	var b strings.Builder
	b.WriteString("explain prints how a segment or trigger is worked: " + `the parts of its condition and what each reads,
since a change of that alone makes the engine look at the condition again; the instants at which it may change without
a record; how far back it looks at events; what an evaluation takes; and which others look at it. segment/NAME and
trigger/NAME tell apart what has one name.

With --input and --id it replays a file of records, as weir replay does, and says why the subject is in the segment or
is not: what each part of the condition is at that instant, what it read, and until when it is so.

How a part is evaluated:
`)
	for _, m := range explain.Methods {
		fmt.Fprintf(&b, "  %-9s %s\n", m.Method, m.Meaning)
	}
	return strings.TrimRight(b.String(), "\n")
}

func (p *program) explain(o explainOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.functions {
		return p.explainFunctions()
	}
	c, err := catalog.Load(o.catalog)
	if err != nil {
		return err
	}
	if o.input != "" {
		return p.explainWhy(o, c)
	}
	plan, err := explain.Of(c, o.name)
	if err != nil {
		return fmt.Errorf("%w%s", err, didYouMean(o.name, namesOf(c), ""))
	}
	plan.Measure(func(run func()) time.Duration {
		start := time.Now()
		run()
		return time.Since(start)
	})
	if o.format == "json" {
		return p.printJSON(plan)
	}
	out := bufio.NewWriter(p.stdout)
	printPlan(out, plan)
	return out.Flush()
}

// check finds wrong use.
func (o *explainOptions) check() error {
	if err := oneOf(o.format, []string{"text", "json"}); err != nil {
		return usagef("--format: %v", err)
	}
	switch why := o.input != "" || o.id != "" || o.at != ""; {
	case o.functions:
		return nil
	case o.name == "":
		return usagef("weir explain needs a segment, a trigger or --functions; see 'weir explain --help'")
	case o.catalog == "":
		return usagef("weir explain %s needs --catalog, the folder of the definitions", o.name)
	case why && (o.input == "" || o.id == ""):
		return usagef("to say why, weir explain needs both --input and --id; see 'weir explain --help'")
	}
	return nil
}

// namesOf returns the names of all that can be explained.
func namesOf(c *catalog.Catalog) []string {
	var names []string
	for _, s := range c.Segments {
		names = append(names, s.Name)
	}
	for _, t := range c.Triggers {
		names = append(names, t.Name)
	}
	return names
}

func (p *program) printJSON(v any) error {
	e := json.NewEncoder(p.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// explainFunctions prints the reference of the language: a paragraph a function.
func (p *program) explainFunctions() error {
	out := bufio.NewWriter(p.stdout)
	for i, f := range expr.Functions() {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "%s\n    %s\n    %s\n", f.Signature, f.Meaning, f.Example)
	}
	return out.Flush()
}
