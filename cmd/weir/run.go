package main

import (
	"github.com/spf13/cobra"

	"github.com/weirstream/weir/operators/catalog"
)

// runCommand returns `weir run`.
func (p *program) runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run --brokers HOST:PORT[,…] [--catalog DIR] --state DIR",
		Short: "Run one worker",
		Long: "Run runs one worker: it creates or checks the engine's topics, takes records in from the catalog's source\n" +
			"topics, and keeps segments and triggers true. The first worker publishes the catalog in DIR; from then on\n" +
			"the published one counts, and 'weir apply' changes it while workers run. More workers are the same command\n" +
			"with another --state, --instance and --listen. SIGTERM and SIGINT finish the open epoch and end with\n" +
			"status 0.",
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, _, err := p.loadSettings(cmd.Flags())
			if err != nil {
				return err
			}
			if err := s.Require("brokers", "state"); err != nil {
				return err
			}
			var b *catalog.Bundle
			var c *catalog.Catalog
			if s.Catalog != "" {
				if b, c, err = catalog.LoadBundle(s.Catalog); err != nil {
					return err
				}
			}
			worker := newProcess(s, c, newLogger(p.stderr, s))
			worker.follow, worker.bundle = true, b
			return worker.run(cmd.Context())
		},
	}
	addSettingFlags(cmd)
	return cmd
}
