package main

import (
	"github.com/spf13/cobra"

	"github.com/weirstream/weir/operators/catalog"
)

// runCommand returns `weir run`.
func (p *program) runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run --brokers HOST:PORT[,…] --catalog DIR --state DIR",
		Short: "Run one worker",
		Long: "Run runs one worker: it creates or checks the engine's topics, takes records in from the catalog's source\n" +
			"topics, and keeps segments and triggers true. More workers are the same command with another --state,\n" +
			"--instance and --listen. SIGTERM and SIGINT finish the open epoch and end with status 0.",
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, _, err := p.loadSettings(cmd.Flags())
			if err != nil {
				return err
			}
			if err := s.Require("brokers", "catalog", "state"); err != nil {
				return err
			}
			c, err := catalog.Load(s.Catalog)
			if err != nil {
				return err
			}
			return newProcess(s, c, newLogger(p.stderr, s)).run(cmd.Context())
		},
	}
	addSettingFlags(cmd)
	return cmd
}
