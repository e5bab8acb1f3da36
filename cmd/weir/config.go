package main

import (
	"strings"
	"time"
)

// setting is one thing that users can set. Its key is its name in the config file; flag and environment
// variable follow from it.
type setting struct {
	key, value, def, doc string // value: what to write, for help texts
	secret               bool
	parse                func(s *Settings, text string) error // reads text into its field
	show                 func(s *Settings) string             // writes its field as parse reads it
	check                func(s *Settings) error              // bounds
}

// flag returns the setting's flag without its dashes: "sasl.password-file" is sasl-password-file.
func (d *setting) flag() string { return strings.ReplaceAll(d.key, ".", "-") }

// env returns the setting's environment variable: "sasl.password-file" is WEIR_SASL_PASSWORD_FILE.
func (d *setting) env() string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(d.key))
}

const envPrefix = "WEIR_"

// settings is the table of all settings, in the order in which they are printed.
var settings = []setting{
	list("brokers", "HOST:PORT,...", "", "brokers of the Kafka cluster to begin with",
		func(s *Settings) *[]string { return &s.Brokers }, checkHostPorts),
	text("app", "NAME", "weir", "prefix of topics, groups and transaction ids",
		func(s *Settings) *string { return &s.App }, checkTopicName),
	text("instance", "NAME", "", "name of this worker, for static membership; by default one is kept in the state folder",
		func(s *Settings) *string { return &s.Instance }, checkTopicName),
	text("catalog", "DIR", "", "folder of the catalog",
		func(s *Settings) *string { return &s.Catalog }, nil),
	text("state", "DIR", "", "folder of the worker's state; each worker needs its own",
		func(s *Settings) *string { return &s.State }, nil),
	text("listen", "HOST:PORT", "127.0.0.1:7070", "address of /metrics, /livez and /readyz; \"none\" for none",
		func(s *Settings) *string { return &s.Listen }, checkListen).none(),
	flag("pprof", "false", "serve profiles under /debug/pprof/, on a loopback address only",
		func(s *Settings) *bool { return &s.Pprof }),
	whole("partitions", "64", "partitions of the engine's topics when they are created; fixed from then on",
		1, 10_000, func(s *Settings) *int32 { return &s.Partitions }),
	whole("replication", "0", "replication factor of topics when they are created; 0 is the brokers' default",
		0, 9, func(s *Settings) *int16 { return &s.Replication }),
	choice("delivery", "exactly_once", "guarantee of what is written out",
		[]string{"exactly_once", "at_least_once"}, func(s *Settings) *string { return &s.Delivery }),
	choice("output.format", "json", "format of the values written out",
		[]string{"json", "msgpack"}, func(s *Settings) *string { return &s.OutputFormat }),
	span("session.timeout", "10s", "a worker that is silent for so long loses its partitions",
		time.Second, 5*time.Minute, func(s *Settings) *time.Duration { return &s.SessionTimeout }),
	span("transaction.timeout", "8s", "an unfinished transaction is aborted after so long; below session.timeout",
		500*time.Millisecond, 4*time.Minute, func(s *Settings) *time.Duration { return &s.TransactionTimeout }),
	whole("epoch.records", "10000", "an epoch ends at this many records",
		1, 1_000_000, func(s *Settings) *int { return &s.EpochRecords }),
	size("epoch.bytes", "32MiB", "an epoch ends at about this many bytes of input and output",
		64*kib, gib, func(s *Settings) *Bytes { return &s.EpochBytes }),
	size("record.bytes", "16MiB", "the largest source record; a larger one goes to the dead-letter topic",
		kib, 64*mib, func(s *Settings) *Bytes { return &s.RecordBytes }),
	size("intake.bytes", "64MiB", "source records on their way that the brokers have not acknowledged, at most",
		kib, 4*gib, func(s *Settings) *Bytes { return &s.IntakeBytes }),
	choice("compression", "none", "compression of what is written to the brokers",
		[]string{"none", "snappy", "lz4", "zstd"}, func(s *Settings) *string { return &s.Compression }),
	size("memory.limit", "0", "memory of the process; 0 takes it from the limits of the machine",
		0, 1<<50, func(s *Settings) *Bytes { return &s.MemoryLimit }),
	level("log.level", "info", "least severe log lines that are written"),
	choice("log.format", "auto", "format of log lines; auto is text on a terminal and json elsewhere",
		[]string{"auto", "text", "json"}, func(s *Settings) *string { return &s.LogFormat }),
	text("sasl.mechanism", "PLAIN|SCRAM-SHA-256|SCRAM-SHA-512", "", "how to log in to the brokers; empty is not at all",
		func(s *Settings) *string { return &s.SASL.Mechanism }, checkMechanism),
	text("sasl.user", "NAME", "", "user to log in as",
		func(s *Settings) *string { return &s.SASL.User }, nil),
	text("sasl.password", "TEXT", "", "password; other users of the machine can see flags: rather use the file",
		func(s *Settings) *string { return &s.SASL.Password }, nil).hidden(),
	text("sasl.password-file", "FILE", "", "file that holds the password",
		func(s *Settings) *string { return &s.SASL.PasswordFile }, nil),
	text("registry.url", "URL", "", "schema registry, for topics in Avro; it may be reached by https, see tls.ca",
		func(s *Settings) *string { return &s.Registry.URL }, nil),
	text("registry.user", "NAME", "", "user to log in to the schema registry as",
		func(s *Settings) *string { return &s.Registry.User }, nil),
	text("registry.password", "TEXT", "", "its password; other users of the machine can see flags: rather use the file",
		func(s *Settings) *string { return &s.Registry.Password }, nil).hidden(),
	text("registry.password-file", "FILE", "", "file that holds the password",
		func(s *Settings) *string { return &s.Registry.PasswordFile }, nil),
	flag("tls.enabled", "false", "encrypt the connections to the brokers",
		func(s *Settings) *bool { return &s.TLS.Enabled }),
	text("tls.ca", "FILE", "", "certificates to trust (PEM); by default the system's",
		func(s *Settings) *string { return &s.TLS.CA }, nil),
	text("tls.cert", "FILE", "", "certificate of this worker (PEM)",
		func(s *Settings) *string { return &s.TLS.Cert }, nil),
	text("tls.key", "FILE", "", "private key of tls.cert (PEM)",
		func(s *Settings) *string { return &s.TLS.Key }, nil),
	text("tls.server-name", "NAME", "", "name to expect in the brokers' certificates; by default the host's",
		func(s *Settings) *string { return &s.TLS.ServerName }, nil),
}

// settingByKey returns the setting called key; nil if there is none.
func settingByKey(key string) *setting {
	for i := range settings {
		if settings[i].key == key {
			return &settings[i]
		}
	}
	return nil
}

// settingKeys lists the keys of all settings.
func settingKeys() []string {
	keys := make([]string, len(settings))
	for i := range settings {
		keys[i] = settings[i].key
	}
	return keys
}
