package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func (p *program) configCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print the effective settings and where each comes from",
		Long: "config prints each setting that 'weir run' would use with the same flags, environment and config file.\n" +
			"A flag beats the environment, which beats the file, which beats the default. Secrets are not printed.",
		Example: "  weir config --config weir.yaml\n  WEIR_APP=crm weir config --format json",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf(format, []string{"table", "json"}); err != nil {
				return usagef("--format: %v", err)
			}
			s, origins, err := p.loadSettings(cmd.Flags())
			if err != nil {
				return err
			}
			p.warnOfEnvironment()
			return p.printConfig(format, s, origins)
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "`table|json`")
	addSettingFlags(cmd)
	return cmd
}

// effectiveSetting is one setting as 'weir config' prints it.
type effectiveSetting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source source `json:"source"`
	Place  string `json:"place,omitempty"`
}

func (p *program) printConfig(format string, s *Settings, origins map[string]origin) error {
	rows := make([]effectiveSetting, len(settings))
	for i := range settings {
		d := &settings[i]
		rows[i] = effectiveSetting{d.key, d.show(s), origins[d.key].Source, origins[d.key].Place}
		if d.key == "sasl.password" && s.SASL.PasswordFile != "" {
			rows[i].Source, rows[i].Place = origins["sasl.password-file"].Source, s.SASL.PasswordFile
		}
		if d.secret && rows[i].Value != "" {
			rows[i].Value = "(redacted)"
		}
	}
	if format == "json" {
		enc := json.NewEncoder(p.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(rows)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SETTING\tVALUE\tSOURCE")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\n", r.Key, r.Value, strings.TrimSpace(string(r.Source)+" "+r.Place))
	}
	return w.Flush()
}

// warnOfEnvironment tells of environment variables that look like a misspelt setting. Others with the prefix
// are left alone: Kubernetes gives every pod variables like WEIR_SERVICE_HOST.
func (p *program) warnOfEnvironment() {
	names := []string{"CONFIG"}
	for i := range settings {
		names = append(names, strings.TrimPrefix(settings[i].env(), envPrefix))
	}
	for _, v := range p.environ() {
		name, _, _ := strings.Cut(v, "=")
		rest, ours := strings.CutPrefix(name, envPrefix)
		if near := nearest(rest, names); ours && near != "" && near != rest {
			p.complain("weir: the environment variable %s is no setting (did you mean %s?)", name, envPrefix+near)
		}
	}
}
