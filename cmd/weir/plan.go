package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/connectors/kafka"
	"github.com/weirstream/weir/operators/catalog"
)

// clusterKeys are the settings of commands that talk to the brokers of an engine without being a worker.
var clusterKeys = []string{"brokers", "app", "catalog", "sasl.mechanism", "sasl.user", "sasl.password",
	"sasl.password-file", "tls.enabled", "tls.ca", "tls.cert", "tls.key", "tls.server-name"}

// errChanges says that a plan has changes: exit status 2, as of a difference and not of a fault.
var errChanges = errors.New("the catalog in the folder is not the one in force")

// edit is a catalog in a folder beside the one in force.
type edit struct {
	settings   *Settings
	kafka      kafka.Config
	partitions int32
	present    *catalog.Bundle // nil: none has been published
	wanted     *catalog.Bundle
	changes    []catalog.Change
}

// revision is the number of the revision in force; 0: none is.
func (e *edit) revision() int64 {
	if e.present == nil {
		return 0
	}
	return e.present.Revision
}

// planCommand returns `weir plan`.
func (p *program) planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan --brokers HOST:PORT[,…] --catalog DIR",
		Short: "Show what publishing a catalog would change",
		Long: `Plan compares the catalog in DIR with the one in force, definition by definition, and says what weir
apply would do: which segments are new, changed or removed, and are brought over all subjects for that. It
changes nothing.
Exit status: 0 if there is nothing to change, 2 if there is, 1 after an error.`,
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := p.loadEdit(cmd)
			if err != nil {
				return err
			}
			if len(e.changes) == 0 {
				_, err := fmt.Fprintf(p.stdout, "nothing to change: revision %d is in force\n", e.revision())
				return err
			}
			e.print(p.stdout)
			return errChanges
		},
	}
	addSettingFlags(cmd, clusterKeys...)
	return cmd
}

// diffCommand returns `weir diff`.
func (p *program) diffCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff --brokers HOST:PORT[,…] --catalog DIR",
		Short: "Show how the definitions in a folder differ from those in force",
		Long: `Diff prints the definitions of the catalog in DIR that are not as those in force, line by line.
Exit status: 0 if there are none, 2 if there are, 1 after an error.`,
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := p.loadEdit(cmd)
			if err != nil {
				return err
			}
			for i := range e.changes {
				c := &e.changes[i]
				fmt.Fprintf(p.stdout, "%s %s %s\n", sign(c.Op), strings.ToLower(c.Kind), c.Name)
				for _, line := range diffLines(c.Old, c.New) {
					fmt.Fprintf(p.stdout, "  %s\n", line)
				}
				for _, note := range c.Notes {
					fmt.Fprintf(p.stdout, "  # %s\n", note)
				}
			}
			if len(e.changes) > 0 {
				return errChanges
			}
			return nil
		},
	}
	addSettingFlags(cmd, clusterKeys...)
	return cmd
}

// loadEdit reads the catalog in the folder and the one in force, and compares them.
func (p *program) loadEdit(cmd *cobra.Command) (*edit, error) {
	s, _, err := p.loadSettings(cmd.Flags())
	if err != nil {
		return nil, err
	}
	if err := s.Require("brokers", "catalog"); err != nil {
		return nil, err
	}
	e := &edit{settings: s, kafka: kafkaConfig(s, slog.New(slog.NewTextHandler(p.stderr,
		&slog.HandlerOptions{Level: slog.LevelError})))}
	if e.wanted, _, err = catalog.LoadBundle(s.Catalog); err != nil {
		return nil, err
	}
	if err := e.read(cmd.Context()); err != nil {
		return nil, err
	}
	if e.present != nil && e.present.Meaning == e.wanted.Meaning {
		return e, nil
	}
	from := e.present
	if from != nil {
		if _, err := from.Catalog(); err != nil { // of a newer weir, or broken: another revision must be able to replace it
			p.complain("revision %d can't be read by this version, so that everything counts as new: %v", e.revision(), err)
			from = nil
		}
	}
	e.changes, err = catalog.Compare(from, e.wanted)
	return e, err
}

// read reads what is in force.
func (e *edit) read(ctx context.Context) (err error) {
	if e.partitions, err = kafka.EnginePartitions(ctx, e.kafka); err != nil || e.partitions == 0 {
		return err
	}
	topic, err := kafka.OpenCatalogTopic(ctx, e.kafka)
	if err != nil {
		return err
	}
	defer topic.Close()
	e.present, err = topic.Read(ctx)
	return err
}

func sign(o catalog.Op) string { return [...]string{"+", "~", "-"}[o] }

// print writes what is to change, for people.
func (e *edit) print(w io.Writer) {
	if e.present == nil {
		fmt.Fprintf(w, "no catalog of %s is in force; revision 1 would be:\n\n", e.settings.App)
	} else {
		fmt.Fprintf(w, "revision %d is in force; revision %d would be:\n\n", e.revision(), e.revision()+1)
	}
	width := 0
	for _, c := range e.changes {
		width = max(width, len(c.Kind)+1+len(c.Name))
	}
	fills, removed := 0, 0
	for i := range e.changes {
		c := &e.changes[i]
		what := [...]string{"new", "changed", "removed"}[c.Op]
		switch {
		case c.Fill && c.Op == catalog.Removed:
			what, removed = what+", its members leave", removed+1
		case c.Fill:
			what, fills = what+", back-fill", fills+1
		}
		fmt.Fprintf(w, "  %s %-*s  %s\n", sign(c.Op), width, strings.ToLower(c.Kind)+" "+c.Name, what)
		if c.Op == catalog.Changed {
			for _, line := range diffLines(c.Old, c.New) {
				if line[0] != ' ' {
					fmt.Fprintf(w, "      %s\n", line)
				}
			}
		}
		for _, note := range c.Notes {
			fmt.Fprintf(w, "      # %s\n", note)
		}
	}
	fmt.Fprintf(w, "\n%s; %s to back-fill, %d to empty\n", count(len(e.changes), "change"), count(fills, "segment"),
		removed)
}

// diffLines compares two texts line by line: each line of the result begins with "- ", "+ " or two blanks.
func diffLines(old, current string) []string {
	a, b := linesOf(old), linesOf(current)
	if len(a)*len(b) > diffMax {
		return []string{fmt.Sprintf("  (%d lines became %d)", len(a), len(b))}
	}
	same := make([][]int, len(a)+1) // longest common run from (i, j) on
	for i := range same {
		same[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				same[i][j] = 1 + same[i+1][j+1]
			} else {
				same[i][j] = max(same[i+1][j], same[i][j+1])
			}
		}
	}
	var out []string
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, "  "+a[i])
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || same[i+1][j] >= same[i][j+1]):
			out = append(out, "- "+a[i])
			i++
		default:
			out = append(out, "+ "+b[j])
			j++
		}
	}
	return out
}

// diffMax bounds the work of a comparison: lines of one text times lines of the other.
const diffMax = 25_000_000

func linesOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimRight(text, "\n"), "\n")
}

// interactive tells whether a person can answer at in.
func interactive(in io.Reader) bool {
	f, ok := in.(*os.File)
	return ok && isTerminal(f)
}
