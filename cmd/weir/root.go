package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// program is what the commands share: the streams and the environment, so that tests can replace them.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	lookupEnv      func(name string) (string, bool)
	environ        func() []string // name=value, as os.Environ
	begun          bool            // flags and arguments were right: a command does its work
}

// usageError is an error of the one who typed the command, not of the work: exit status 2.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// silentError ends the program with status 1; what there is to say has been printed.
type silentError struct{}

func (silentError) Error() string { return "failed" }

func (p *program) run(ctx context.Context, args []string) int {
	root := p.newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, silentError{}):
		return exitError
	case errors.Is(err, errChanges):
		return exitChanges
	case errors.As(err, &usage) || !p.begun || strings.HasPrefix(err.Error(), "required flag"): // as cobra puts it
		p.complain("weir: %v", err)
		return exitUsage
	}
	p.complain("weir: %v", err)
	return exitError
}

// newRoot builds the tree of commands.
func (p *program) newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "weir",
		Short: "Keeps marketing segments and triggers true in real time on Kafka",
		Long: "weir reads change data (CDC) and engagement events from Kafka and writes out, within milliseconds and\n" +
			"exactly once, who entered or left which segment and which trigger fired for whom.\n\n" +
			"Exit status: 0 fine, 1 error, 2 wrong use.",
		Version:           version().String(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              cobra.ArbitraryArgs,
		PersistentPreRun:  func(*cobra.Command, []string) { p.begun = true },
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	root.SetVersionTemplate("weir {{.Version}}\n")
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(p.commands()...)
	root.InitDefaultHelpCmd()
	return root
}

// commands lists the subcommands: one file each.
func (p *program) commands() []*cobra.Command {
	return []*cobra.Command{
		p.runCommand(),
		p.demoCommand(),
		p.checkCommand(),
		p.planCommand(),
		p.diffCommand(),
		p.applyCommand(),
		p.testCommand(),
		p.catalogCommand(),
		p.replayCommand(),
		p.benchCommand(),
		p.explainCommand(),
		p.configCommand(),
		p.versionCommand(),
	}
}

// args takes n positional arguments, named so that the message can say what is missing.
func args(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		switch {
		case len(given) < len(names):
			return usagef("%s needs %s; see '%s --help'", cmd.CommandPath(), strings.Join(names[len(given):], " and "),
				cmd.CommandPath())
		case len(given) > len(names):
			return usagef("%s does not take %q; see '%s --help'", cmd.CommandPath(), given[len(names)], cmd.CommandPath())
		}
		return nil
	}
}

func unknownCommand(cmd *cobra.Command, name string) error {
	names := make([]string, 0, len(cmd.Commands()))
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return usagef("unknown command %q%s; see 'weir --help'", name, didYouMean(name, names, ""))
}

// flagError turns what pflag says into wrong use, with the nearest flag for one that does not exist.
func flagError(cmd *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		name := unknown.GetSpecifiedName()
		return usagef("unknown flag --%s%s; see '%s --help'", name, didYouMean(name, names, "--"), cmd.CommandPath())
	}
	return usagef("%v; see '%s --help'", err, cmd.CommandPath())
}

// complain writes a message for people. A stream that can't be written to leaves nobody to tell.
func (p *program) complain(format string, args ...any) {
	_, _ = fmt.Fprintf(p.stderr, format+"\n", args...)
}

// isTerminal tells whether w is a terminal, so that colours and repainted lines make sense.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull) // a character device too, and nobody looks at it
	return err != nil || !os.SameFile(info, null)
}
