package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// catalogCommand returns `weir catalog`: the definitions that weir brings along.
func (p *program) catalogCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "catalog",
		Short: "List, show and add built-in triggers, with the tables and events that they need",
		Long: "catalog is about the definitions that weir brings along for a CRM: triggers on contacts, leads,\n" +
			"opportunities, cases, orders, marketing events, forms, the website, surveys, emails, text messages and other\n" +
			"channels, with the tables, events and segments that they need. They are written in weir's own language: what\n" +
			"is added to a folder is the folder's own from then on, to be changed as one likes. Rows come as Debezium\n" +
			"writes them, from topics crm.public.TABLE, events as JSON from the topic engagement: edit the sources if\n" +
			"yours are elsewhere.\n\n" +
			"NAME is the name of a definition, the theme that the list has it under, or a pattern of either with * and ?.\n\n" +
			"Exit status: 0 fine, 1 error, 2 wrong use.",
		Example: "  weir catalog list 'opportunity-*'\n  weir catalog show cart-abandoned\n" +
			"  weir catalog add cart-abandoned surveys --dir catalog/ --scripts",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(p.catalogListCommand(), p.catalogShowCommand(), p.catalogAddCommand())
	return cmd
}

func (p *program) catalogListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list [NAME]",
		Short:   "List the built-in definitions: theme, name, kind and what each says",
		Example: "  weir catalog list\n  weir catalog list 'email-*'\n  weir catalog list sales",
		Args: func(cmd *cobra.Command, given []string) error {
			if len(given) == 0 {
				return nil
			}
			return args("the NAME")(cmd, given)
		},
		RunE: func(_ *cobra.Command, given []string) error {
			if len(given) == 0 {
				given = []string{"*"}
			}
			return p.catalogList(given)
		},
	}
}

func (p *program) catalogList(names []string) error {
	l, err := openLibrary(libraryFormat)
	if err != nil {
		return err
	}
	chosen, err := l.choose(names)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, d := range chosen {
		if _, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", theme(d), d.Name, strings.ToLower(d.Kind), d.About()); err != nil {
			return err
		}
	}
	return w.Flush()
}

func (p *program) catalogShowCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "show NAME...",
		Short:   "Print the YAML of built-in definitions and of all that they need",
		Example: "  weir catalog show opportunity-won",
		Args:    atLeastOne,
		RunE:    func(_ *cobra.Command, given []string) error { return p.catalogShow(given, format) },
	}
	formatFlag(cmd, &format)
	return cmd
}

// formatFlag adds --format.
func formatFlag(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVar(format, "format", libraryFormat,
		"source format of the tables: `"+strings.Join(rowFormats, "|")+"`")
}

// atLeastOne takes one name or more.
func atLeastOne(cmd *cobra.Command, given []string) error {
	if len(given) == 0 {
		return usagef("%s needs the NAME of a definition; see 'weir catalog list'", cmd.CommandPath())
	}
	return nil
}

func (p *program) catalogShow(names []string, format string) error {
	l, err := openLibrary(format)
	if err != nil {
		return err
	}
	chosen, err := l.choose(names)
	if err != nil {
		return err
	}
	texts := []string{}
	for _, d := range l.with(chosen) {
		texts = append(texts, d.Text)
	}
	_, err = fmt.Fprint(p.stdout, strings.Join(texts, "---\n"))
	return err
}
