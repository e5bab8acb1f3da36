package main

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"
)

// Settings are what a worker runs with. Every field belongs to one setting of the table in config.go, which
// tells its name for users, its default and its bounds.
type Settings struct {
	Brokers            []string // HOST:PORT of brokers to begin with
	App                string   // prefix of topics, groups and transaction ids
	Instance           string   // the worker's name; empty: kept in the state folder, see instanceID
	Catalog            string   // folder of the catalog
	State              string   // folder of the worker's state
	Listen             string   // HOST:PORT of metrics and health; empty: none
	Pprof              bool     // serve profiles; only where Listen is a loopback address
	Partitions         int32    // of the engine's topics, when they are created
	PartitionsGiven    bool     // Partitions is no default: topics that exist must have as many
	Replication        int16    // of the engine's topics, when they are created; 0: the brokers' default
	Delivery           string   // "exactly_once" or "at_least_once"
	OutputFormat       string   // "json" or "msgpack"
	SessionTimeout     time.Duration
	TransactionTimeout time.Duration
	EpochRecords       int   // an epoch ends at this many records
	EpochBytes         Bytes // or at this many bytes of input
	RecordBytes        Bytes // the largest source record; a larger one goes to the dead-letter topic
	IntakeBytes        Bytes // bound of what intake has read and the brokers have not acknowledged
	Compression        string
	MemoryLimit        Bytes // of the process; 0: from the limits of the machine
	LogLevel           slog.Level
	LogFormat          string // "auto", "text" or "json"
	SASL               SASL
	Registry           Registry
	TLS                TLS
}

// Registry is where the schemas of topics in Avro stand.
type Registry struct {
	URL          string // http or https; empty: none
	User         string // of basic authentication; empty: none
	Password     string // never printed
	PasswordFile string // the file that Password was read from
}

// SASL is how the worker proves to the brokers who it is.
type SASL struct {
	Mechanism    string // empty: none; "PLAIN", "SCRAM-SHA-256" or "SCRAM-SHA-512"
	User         string
	Password     string // never printed
	PasswordFile string // the file that Password was read from
}

// TLS is how connections to the brokers are encrypted.
type TLS struct {
	Enabled    bool
	CA         string // file of certificates to trust; empty: the system's
	Cert, Key  string // files of the worker's own certificate
	ServerName string // the name to find in the brokers' certificates; empty: the host's
}

// StaticMember tells whether the worker is a static member of its group: only if a name was given to it, since a
// generated one is as short-lived as the state folder.
func (s *Settings) StaticMember() bool { return s.Instance != "" }

// Validate returns all faults of s in one error: values out of bounds and settings that do not go together.
func (s *Settings) Validate() error {
	var faults []error
	for i := range settings {
		if err := settings[i].check(s); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", settings[i].key, err))
		}
	}
	add := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if s.TransactionTimeout >= s.SessionTimeout {
		add("transaction.timeout: %v must be below session.timeout, %v: an unfinished transaction must expire"+
			" before its partitions move", s.TransactionTimeout, s.SessionTimeout)
	}
	if s.EpochBytes < s.RecordBytes {
		add("epoch.bytes: %v must be at least record.bytes, %v: an epoch must hold the largest record",
			s.EpochBytes, s.RecordBytes)
	}
	if s.IntakeBytes < s.RecordBytes {
		add("intake.bytes: %v must be at least record.bytes, %v: intake must hold the largest record",
			s.IntakeBytes, s.RecordBytes)
	}
	faults = append(faults, s.SASL.faults()...)
	faults = append(faults, s.TLS.faults()...)
	if s.Pprof {
		switch loopback, err := isLoopback(s.Listen); {
		case s.Listen == "":
			add("pprof: needs a listen address")
		case err == nil && !loopback:
			add("pprof: listen is %q, and profiles are served on loopback only; set listen=127.0.0.1:7070", s.Listen)
		}
	}
	return errors.Join(faults...)
}

func (a *SASL) faults() (faults []error) {
	add := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if a.Mechanism == "" {
		if a.User != "" || a.Password != "" || a.PasswordFile != "" {
			add("sasl.mechanism: is missing though a user or password is set; give PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
		}
		return faults
	}
	if a.User == "" {
		add("sasl.user: is missing; %s needs it", a.Mechanism)
	}
	if a.Password == "" {
		add("sasl.password-file: is missing; %s needs a password, from sasl.password-file or WEIR_SASL_PASSWORD", a.Mechanism)
	}
	return faults
}

func (t *TLS) faults() (faults []error) {
	add := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if !t.Enabled {
		if t.CA != "" || t.Cert != "" || t.Key != "" || t.ServerName != "" {
			add("tls.enabled: is false though tls.ca, tls.cert, tls.key or tls.server-name is set; set tls.enabled=true")
		}
		return faults
	}
	if (t.Cert == "") != (t.Key == "") {
		add("tls.cert, tls.key: one is set without the other")
	}
	return faults
}

// Require returns an error that names those of the settings that have no value.
func (s *Settings) Require(keys ...string) error {
	var missing []string
	for _, key := range keys {
		if def := settingByKey(key); def.show(s) == "" {
			missing = append(missing, fmt.Sprintf("--%s (or %s, or %s in the config file)", def.flag(), def.env(), key))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return usagef("missing: %s", strings.Join(missing, ", "))
}

// stateFile is the path of a file of weir's own in the state folder.
func stateFile(stateDir, name string) string { return filepath.Join(stateDir, name) }
