package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/operators/catalog"
)

func (p *program) checkCommand() *cobra.Command {
	var schema bool
	cmd := &cobra.Command{
		Use:   "check DIR",
		Short: "Check a catalog and print every fault of it",
		Long: "check reads all *.yaml and *.yml files under DIR and prints every fault as file:line:column: message.\n" +
			"Exit status: 0 if there is none, 1 if there are faults.",
		Example: "  weir check catalog/\n  weir check --schema > weir.schema.json",
		Args: func(cmd *cobra.Command, given []string) error {
			if schema {
				return args()(cmd, given)
			}
			return args("the folder DIR of the catalog")(cmd, given)
		},
		RunE: func(_ *cobra.Command, given []string) error {
			if schema {
				_, err := fmt.Fprintf(p.stdout, "%s\n", catalog.JSONSchema())
				return err
			}
			return p.check(given[0])
		},
	}
	cmd.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema (draft-07) of catalog files, for editors")
	return cmd
}

// check loads the catalog in dir and prints its faults, or what it holds.
func (p *program) check(dir string) error {
	c, err := catalog.Load(dir)
	var faults catalog.Faults
	if errors.As(err, &faults) {
		p.complain("%v", faults)
		p.complain("%s", count(len(faults), "fault"))
		return silentError{}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "ok: %s, %s, %s, %s\n", count(len(c.Tables), "table"), count(len(c.Events), "event"),
		count(len(c.Segments), "segment"), count(len(c.Triggers), "trigger"))
	return err
}

// count returns "1 table", "2 tables".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
