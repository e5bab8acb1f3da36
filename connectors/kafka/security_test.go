package kafka

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// authority makes a certificate for 127.0.0.1 that signs itself, and returns it with the file that trusts it.
func authority(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// Each SASL mechanism works over TLS; a wrong password and an unknown authority are told.
func TestSecurity(t *testing.T) {
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			cert, ca := authority(t)
			c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(),
				kfake.Superuser(mechanism, "weir", "secret"), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			w := bareWorld(t)
			w.cfg.Brokers, w.cfg.Partitions = c.ListenAddrs(), 1
			w.cfg.SASL = SASL{Mechanism: mechanism, User: "weir", Password: "secret"}
			w.cfg.TLS = TLS{Enabled: true, CA: ca}
			if _, err := EnsureTopics(w.ctx, w.cfg); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(w.ctx, 2*time.Second)
			defer cancel()
			wrong := w.cfg
			wrong.SASL.Password = "wrong-secret"
			if _, err := EnsureTopics(ctx, wrong); err == nil || strings.Contains(err.Error(), "wrong-secret") {
				t.Errorf("with a wrong password: %v", err)
			}
			strange := w.cfg
			strange.TLS.CA = ""
			if _, err := EnsureTopics(w.ctx, strange); !Permanent(err) || !strings.Contains(err.Error(), "certificate") {
				t.Errorf("with an unknown authority: %v", err)
			}
		})
	}
}
