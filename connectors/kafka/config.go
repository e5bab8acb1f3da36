// Package kafka is weir's edge to Kafka: the session (group membership and transactions), the changelog reader,
// intake from the source topics, and the creation and checking of weir's topics. It is the only package that
// knows the Kafka client; the engine sees the ports of engine/ports.go.
package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"
)

// Delivery says what a crash may do to the records that weir writes.
type Delivery string

// The deliveries. Both fence by the group's generation; only the first writes in transactions.
const (
	ExactlyOnce Delivery = "exactly_once"  // the default: nothing lost, nothing doubled for read-committed readers
	AtLeastOnce Delivery = "at_least_once" // nothing lost; a crash repeats the outputs of the last epoch
)

// What Config means where a value is zero.
const (
	DefaultApp                = "weir"
	DefaultInstance           = "1"
	DefaultPartitions         = 64
	DefaultSessionTimeout     = 10 * time.Second
	DefaultTransactionTimeout = 8 * time.Second
	DefaultMaxRecordBytes     = 16 << 20
	DefaultIntakeBytes        = 64 << 20
)

// envelopeBytes is what weir adds to a source record on its way at most: the change's own fields, headers and the
// framing of a batch.
const envelopeBytes = 1 << 20

// Secret is a text that prints and logs as stars.
type Secret string

// String hides the secret.
func (Secret) String() string { return "***" }

// GoString hides the secret.
func (Secret) GoString() string { return "***" }

// MarshalText hides the secret from every encoder that asks.
func (Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// LogValue hides the secret from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue("***") }

// SASL is how weir shows the brokers who it is. An empty mechanism: not at all.
type SASL struct {
	Mechanism string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
	User      string
	Password  Secret
}

// TLS encrypts the way to the brokers. Certificates are always verified.
type TLS struct {
	Enabled    bool
	CA         string // file with the authorities to trust, PEM; empty: those of the system
	Cert, Key  string // files with weir's own certificate and key, PEM; both or neither
	ServerName string // the name that the brokers' certificates must have; empty: the broker's host name
}

// Config is how weir reaches its brokers. A zero value means its default.
type Config struct {
	Brokers            []string // HOST:PORT of some brokers; at least one
	App                string   // prefix of topics, groups and transactional ids
	Instance           string   // names this worker among those of the app
	StaticMember       bool     // a restart within the session timeout moves no partition
	Partitions         int32    // of topics to create; 0: DefaultPartitions, or as they are
	Replication        int16    // of topics to create; 0: the brokers' default
	Delivery           Delivery
	SessionTimeout     time.Duration // after which a silent worker's partitions move to others
	TransactionTimeout time.Duration // after which the brokers abort a transaction that a silent worker left open
	MaxRecordBytes     int32         // largest source record that weir takes
	IntakeBytes        int64         // bound of what intake holds that is not yet acknowledged
	Compression        string        // none (default), snappy, lz4 or zstd
	SASL               SASL
	TLS                TLS
	Logger             *slog.Logger // nil: slog.Default()
}

// Topic returns the full name of one of weir's own topics, for instance "memberships" or "internal.input".
func (c *Config) Topic(name string) string { return c.App + "." + name }

// withDefaults returns c with every zero value replaced by its default.
func (c Config) withDefaults() Config {
	setDefault(&c.App, DefaultApp)
	setDefault(&c.Instance, DefaultInstance)
	setDefault(&c.Delivery, ExactlyOnce)
	setDefault(&c.SessionTimeout, DefaultSessionTimeout)
	setDefault(&c.TransactionTimeout, min(DefaultTransactionTimeout, c.SessionTimeout*4/5))
	setDefault(&c.MaxRecordBytes, DefaultMaxRecordBytes)
	setDefault(&c.IntakeBytes, DefaultIntakeBytes)
	setDefault(&c.Compression, "none")
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Validate checks the configuration, defaults filled in, and returns all faults in one error. It opens the files
// that it names, but no connection.
func (c Config) Validate() error {
	c = c.withDefaults()
	var f faults
	c.validateNames(&f)
	f.between("partitions", int64(c.Partitions), 0, 10_000)
	f.between("replication", int64(c.Replication), 0, 9)
	f.between("max.record.bytes", int64(c.MaxRecordBytes), 1<<10, 64<<20)
	f.between("intake.bytes", c.IntakeBytes, int64(c.MaxRecordBytes), 4<<30)
	f.oneOf("delivery", string(c.Delivery), string(ExactlyOnce), string(AtLeastOnce))
	f.oneOf("compression", c.Compression, "none", "snappy", "lz4", "zstd")
	f.during("session.timeout", c.SessionTimeout, time.Second, 5*time.Minute)
	f.during("transaction.timeout", c.TransactionTimeout, 500*time.Millisecond, 4*time.Minute)
	if c.TransactionTimeout >= c.SessionTimeout {
		f.add("transaction.timeout %v must be below session.timeout %v: a hung commit must expire before its"+
			" partition moves", c.TransactionTimeout, c.SessionTimeout)
	}
	c.validateSecurity(&f)
	return f.err()
}

func (c *Config) validateNames(f *faults) {
	if len(c.Brokers) == 0 {
		f.add("brokers is empty: give at least one HOST:PORT")
	}
	for _, b := range c.Brokers {
		if host, port, ok := strings.Cut(b, ":"); !strings.Contains(b, "[") && (!ok || host == "" || port == "") {
			f.add("brokers: %q is not HOST:PORT", b)
		}
	}
	f.name("app", c.App, 150)
	f.name("instance", c.Instance, 80)
}

func (c *Config) validateSecurity(f *faults) {
	s, t := &c.SASL, &c.TLS
	if s.Mechanism != "" {
		f.oneOf("sasl.mechanism", s.Mechanism, "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
		if s.User == "" || s.Password == "" {
			f.add("sasl.user and sasl.password are needed with sasl.mechanism %s", s.Mechanism)
		}
	} else if s.User != "" || s.Password != "" {
		f.add("sasl.user or sasl.password is set, but sasl.mechanism is not")
	}
	if !t.Enabled {
		if t.CA != "" || t.Cert != "" || t.Key != "" || t.ServerName != "" {
			f.add("tls.ca, tls.cert, tls.key or tls.server.name is set, but tls.enabled is not")
		}
		return
	}
	if (t.Cert == "") != (t.Key == "") {
		f.add("tls.cert and tls.key go together: give both or neither")
	}
	for _, file := range []struct{ name, path string }{{"tls.ca", t.CA}, {"tls.cert", t.Cert}, {"tls.key", t.Key}} {
		if file.path == "" {
			continue
		}
		if _, err := os.Stat(file.path); err != nil {
			f.add("%s: %w", file.name, err)
		}
	}
}

// prepared returns the configuration with its defaults, or all that is wrong with it.
func (c Config) prepared() (Config, error) {
	if err := c.Validate(); err != nil {
		return c, err
	}
	return c.withDefaults(), nil
}

// faults collects what is wrong with a configuration.
type faults struct{ list []error }

func (f *faults) add(format string, args ...any) {
	f.list = append(f.list, fmt.Errorf(format, args...))
}

func (f *faults) between(name string, v, low, high int64) {
	if v < low || v > high {
		f.add("%s %d must be from %d to %d", name, v, low, high)
	}
}

func (f *faults) during(name string, v, low, high time.Duration) {
	if v < low || v > high {
		f.add("%s %v must be from %v to %v", name, v, low, high)
	}
}

func (f *faults) oneOf(name, v string, allowed ...string) {
	for _, a := range allowed {
		if v == a {
			return
		}
	}
	f.add("%s %q must be one of %s", name, v, strings.Join(allowed, ", "))
}

// name checks what becomes part of a topic's name.
func (f *faults) name(setting, v string, longest int) {
	ok := len(v) <= longest && v != "." && v != ".."
	for _, r := range v {
		ok = ok && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			r == '.' || r == '_' || r == '-')
	}
	if !ok {
		f.add("%s %q must have letters, digits, '.', '_' and '-' only, at most %d", setting, v, longest)
	}
}

func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	return fmt.Errorf("wrong configuration: %w", errors.Join(f.list...))
}
