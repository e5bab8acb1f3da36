package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// source says where the effective value of a setting comes from; a later one beats an earlier one.
type source string

const (
	fromDefault source = "default"
	fromFile    source = "file"
	fromEnv     source = "env"
	fromFlag    source = "flag"
)

// origin is the source of one setting and the place in it: "weir.yaml:3", "WEIR_APP", "--app".
type origin struct {
	Source source
	Place  string
}

const configFlag = "config"

// addSettingFlags gives cmd a flag for each of the settings called keys (none: for all) and --config.
func addSettingFlags(cmd *cobra.Command, keys ...string) {
	fs := cmd.Flags()
	fs.String(configFlag, "", "read settings from the YAML file `FILE`")
	if len(keys) == 0 {
		keys = settingKeys()
	}
	for _, key := range keys {
		d := settingByKey(key)
		// The value is kept as text and read by the setting, as it is for the file and the environment.
		f := fs.VarPF(&textValue{text: d.def, kind: d.value}, d.flag(), "", d.doc)
		if d.value == trueFalse {
			f.NoOptDefVal = "true"
		}
	}
}

// textValue is the value of a setting's flag.
type textValue struct{ text, kind string }

func (v *textValue) String() string        { return v.text }
func (v *textValue) Set(text string) error { v.text = text; return nil }

// Type is what help texts show as the value.
func (v *textValue) Type() string {
	if v.kind == trueFalse {
		return "bool" // which is given without a value
	}
	return v.kind
}

// loadSettings merges the settings: a flag of flags that was given beats the environment, which beats the config
// file, which beats the default. An empty environment variable counts as not set. All faults are returned in
// one error.
func (p *program) loadSettings(flags *pflag.FlagSet) (*Settings, map[string]origin, error) {
	file, path, faults := p.configFile(flags)
	s, origins := &Settings{}, make(map[string]origin, len(settings))
	for i := range settings {
		d := &settings[i]
		text, from := p.effective(d, flags, file, path)
		origins[d.key] = from
		if err := d.parse(s, text); err != nil {
			faults = append(faults, fmt.Errorf("%s%s: %w", d.key, from.in(), err))
			// The default is in bounds, so that the check below tells of other faults only.
			if err := d.parse(s, d.def); err != nil {
				return nil, nil, fmt.Errorf("cannot use the default of %s: %w", d.key, err)
			}
		}
	}
	s.PartitionsGiven = origins["partitions"].Source != fromDefault
	faults = append(faults, readPasswords(s, origins)...)
	if err := s.Validate(); err != nil {
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, nil, usagef("the settings are wrong:\n%v", err)
	}
	return s, origins, nil
}

// configFile reads the file that --config or WEIR_CONFIG names, if any.
func (p *program) configFile(flags *pflag.FlagSet) (values map[string]fileValue, path string, faults []error) {
	if f := flags.Lookup(configFlag); f != nil && f.Changed {
		path = f.Value.String()
	} else if env, ok := p.lookupEnv(envPrefix + "CONFIG"); ok {
		path = env
	}
	if path == "" {
		return nil, "", nil
	}
	values, faults = readConfigFile(path)
	return values, path, faults
}

// effective returns the text of d from the strongest source that has one.
func (p *program) effective(d *setting, flags *pflag.FlagSet, file map[string]fileValue, path string) (string, origin) {
	if f := flags.Lookup(d.flag()); f != nil && f.Changed {
		return f.Value.String(), origin{fromFlag, "--" + d.flag()}
	}
	if env, ok := p.lookupEnv(d.env()); ok && env != "" {
		return env, origin{fromEnv, d.env()}
	}
	if v, ok := file[d.key]; ok {
		return v.text, origin{fromFile, fmt.Sprintf("%s:%d", path, v.line)}
	}
	return d.def, origin{Source: fromDefault}
}

// in returns " (weir.yaml:3)", or nothing for a default.
func (o origin) in() string {
	if o.Source == fromDefault {
		return ""
	}
	return " (" + o.Place + ")"
}

// readPasswords reads the passwords from their files, where ones are named.
func readPasswords(s *Settings, origins map[string]origin) (faults []error) {
	for _, p := range []struct {
		key      string
		password *string
		file     string
	}{
		{"sasl.password", &s.SASL.Password, s.SASL.PasswordFile},
		{"registry.password", &s.Registry.Password, s.Registry.PasswordFile},
	} {
		if p.file == "" {
			continue
		}
		if *p.password != "" {
			faults = append(faults, fmt.Errorf("%s, %s-file: both are set; keep one", p.key, p.key))
			continue
		}
		content, err := os.ReadFile(p.file)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s-file%s: %w", p.key, origins[p.key+"-file"].in(), err))
			continue
		}
		*p.password = strings.TrimRight(string(content), "\r\n")
	}
	return faults
}
