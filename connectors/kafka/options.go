package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Bounds of memory and waiting, the same for all clients.
const (
	fetchBytes          = 32 << 20               // of one fetch from one broker
	fetchPartitionBytes = 4 << 20                // of one partition in it
	fetchWait           = 100 * time.Millisecond // a resumed partition joins the next fetch only: keep fetches short
	metadataMinAge      = 100 * time.Millisecond // kgo retries a produce after CONCURRENT_TRANSACTIONS no sooner
	metadataMaxAge      = 30 * time.Second
)

// options returns what all of weir's clients have in common; role names the client in the brokers' logs.
func (c *Config) options(role string) ([]kgo.Opt, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(c.App + "." + role + "." + c.Instance),
		kgo.WithLogger(clientLogger{c.Logger.With("client", role)}),
		kgo.MetadataMinAge(metadataMinAge),
		kgo.MetadataMaxAge(metadataMaxAge),
		kgo.UnknownTopicRetries(-1), // a topic made a moment ago is unknown to some brokers
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(0),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(c.messageBytes()),
		kgo.ProducerBatchCompression(codec(c.Compression)),
		kgo.FetchMaxWait(fetchWait),
		kgo.FetchMaxBytes(fetchBytes),
		kgo.FetchMaxPartitionBytes(fetchPartitionBytes),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.DisableClientMetrics(),
	}
	if m := c.SASL.mechanism(); m != nil {
		opts = append(opts, kgo.SASL(m))
	}
	if c.TLS.Enabled {
		t, err := c.TLS.config()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.DialTLSConfig(t))
	}
	return opts, nil
}

// newClient returns a client for requests and direct reading: neither group nor transactions.
func (c *Config) newClient(role string, more ...kgo.Opt) (*kgo.Client, error) {
	opts, err := c.options(role)
	if err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(append(opts, more...)...)
	if err != nil {
		return nil, fmt.Errorf("cannot make the %s client: %w", role, err)
	}
	return cl, nil
}

// messageBytes is the max.message.bytes of weir's topics: the largest source record with what weir adds to it.
func (c *Config) messageBytes() int32 { return c.MaxRecordBytes + envelopeBytes }

func codec(name string) kgo.CompressionCodec {
	switch name {
	case "snappy":
		return kgo.SnappyCompression()
	case "lz4":
		return kgo.Lz4Compression()
	case "zstd":
		return kgo.ZstdCompression()
	default:
		return kgo.NoCompression()
	}
}

func (s *SASL) mechanism() sasl.Mechanism {
	auth := scram.Auth{User: s.User, Pass: string(s.Password)}
	switch s.Mechanism {
	case "PLAIN":
		return plain.Auth{User: s.User, Pass: string(s.Password)}.AsMechanism()
	case "SCRAM-SHA-256":
		return auth.AsSha256Mechanism()
	case "SCRAM-SHA-512":
		return auth.AsSha512Mechanism()
	default:
		return nil
	}
}

func (t *TLS) config() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("cannot read tls.ca: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("cannot use tls.ca: %s holds no certificate in PEM", t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("cannot use tls.cert and tls.key: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// clientLogger hands the client's warnings and errors to slog. The client logs no record and no password.
type clientLogger struct{ log *slog.Logger }

// Level returns what the client need not format.
func (l clientLogger) Level() kgo.LogLevel {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelWarn
}

// Log writes one line. The client's own INFO is debugging to weir's operators, and its errors are warnings: it tries
// again by itself, and what it gives up on comes back to weir, which then decides.
func (l clientLogger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	to := slog.LevelDebug
	if level == kgo.LogLevelError || level == kgo.LogLevelWarn {
		to = slog.LevelWarn
	}
	l.log.Log(context.Background(), to, msg, keyvals...)
}
