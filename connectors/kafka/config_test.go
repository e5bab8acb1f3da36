package kafka

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// Every fault of a configuration is told in one error, named as users write it.
func TestValidate(t *testing.T) {
	if err := (Config{Brokers: []string{"localhost:9092"}}).Validate(); err != nil {
		t.Fatalf("the defaults are refused: %v", err)
	}
	cfg := Config{
		Brokers: []string{"localhost"}, App: "we ir", Delivery: "twice", Partitions: -1, Compression: "rar",
		SessionTimeout: 5 * time.Second, TransactionTimeout: 6 * time.Second, MaxRecordBytes: 100,
		SASL: SASL{Mechanism: "PLAIN"}, TLS: TLS{Enabled: true, Cert: "missing.pem"},
	}
	err := cfg.Validate()
	for _, want := range []string{
		`brokers: "localhost" is not HOST:PORT`, `app "we ir"`, "delivery \"twice\" must be one of exactly_once",
		"partitions -1 must be from 0 to 10000", "compression", "transaction.timeout 6s must be below session.timeout 5s",
		"max.record.bytes 100", "sasl.user and sasl.password", "tls.cert and tls.key", "tls.cert: stat missing.pem",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 10 {
		t.Errorf("the error has %d lines, want 10:\n%v", n, err)
	}
}

// A password does not show, however a configuration is printed or logged.
func TestSecretsDoNotShow(t *testing.T) {
	cfg := Config{SASL: SASL{Mechanism: "PLAIN", User: "u", Password: "hunter2"}}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("config", "config", cfg.SASL, "password", cfg.SASL.Password)
	fmt.Fprintf(&out, "%v %+v %#v %s", cfg, cfg, cfg, cfg.SASL.Password)
	if strings.Contains(out.String(), "hunter2") {
		t.Fatal(out.String())
	}
}
