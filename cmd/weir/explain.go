package main

import (
	"bufio"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/operators/expr"
)

func (p *program) explainCommand() *cobra.Command {
	var functions bool
	cmd := &cobra.Command{
		Use:     "explain --functions",
		Short:   "Explain the language of conditions",
		Example: "  weir explain --functions",
		Args:    args(),
		RunE: func(*cobra.Command, []string) error {
			if !functions {
				return usagef("weir explain needs --functions; see 'weir explain --help'")
			}
			return p.explainFunctions()
		},
	}
	cmd.Flags().BoolVar(&functions, "functions", false, "list the functions and operators with an example of each")
	return cmd
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
