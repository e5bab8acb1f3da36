//go:build system

package systemtest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/connectors/kafka"
)

// broker is a real Kafka: the one that WEIR_TEST_BROKERS names, or one of the test's own.
type broker struct {
	addrs  string // HOST:PORT,...
	script string // deploy/local/kafka.sh
	port   string // of the broker that the script runs; empty: it can't be restarted
	dir    string // its data; empty: the script's own choice
}

// theBroker is shared by all tests of the package: TestMain starts it when a test first asks, and stops it.
var theBroker struct {
	b   *broker
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if b := theBroker.b; b != nil && b.dir != "" {
		if out, err := exec.Command(b.script, "stop", b.port, b.dir).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "cannot stop the broker: %v\n%s", err, out)
			code = 1
		}
		if code == 0 {
			_ = os.RemoveAll(b.dir)
		} else {
			fmt.Fprintln(os.Stderr, "the broker's data is kept in", b.dir)
		}
	}
	if binary.dir != "" {
		_ = os.RemoveAll(binary.dir)
	}
	os.Exit(code)
}

// needBroker returns the broker; it is started on the first call.
func needBroker(t *testing.T) *broker {
	t.Helper()
	if theBroker.b == nil && theBroker.err == nil {
		theBroker.b, theBroker.err = startBroker()
	}
	if theBroker.err != nil {
		t.Fatal(theBroker.err)
	}
	return theBroker.b
}

func startBroker() (*broker, error) {
	script, err := filepath.Abs("../../../deploy/local/kafka.sh")
	if err != nil {
		return nil, err
	}
	b := &broker{script: script, addrs: os.Getenv("WEIR_TEST_BROKERS")}
	if b.addrs != "" {
		_, port, err := net.SplitHostPort(strings.Split(b.addrs, ",")[0])
		if err == nil && exec.Command(script, "status", port).Run() == nil {
			b.port = port
		}
		return b, nil
	}
	if b.dir, err = os.MkdirTemp("", "weir-system-kafka-"); err != nil {
		return nil, err
	}
	if b.port, err = freePorts(); err != nil {
		return nil, err
	}
	b.addrs = "127.0.0.1:" + b.port
	if out, err := b.run("start"); err != nil {
		return nil, fmt.Errorf("cannot start Kafka: %w\n%s", err, out)
	}
	return b, nil
}

func (b *broker) run(command string) ([]byte, error) {
	args := []string{command, b.port}
	if b.dir != "" {
		args = append(args, b.dir)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.script, args...)
	// The broker outlives the script: were its output a pipe, waiting for the script would wait for the broker.
	log, err := os.CreateTemp("", "weir-system-kafka-*.log")
	if err != nil {
		return nil, err
	}
	defer os.Remove(log.Name())
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	err = cmd.Run()
	out, _ := os.ReadFile(log.Name())
	return out, err
}

// restart ends the broker and starts it again; it returns when it answers. It tells false where that is not possible.
func (b *broker) restart(t *testing.T) bool {
	t.Helper()
	if b.port == "" {
		return false
	}
	if out, err := b.run("restart"); err != nil {
		t.Fatalf("cannot restart Kafka: %v\n%s", err, out)
	}
	return true
}

// freePorts returns a port that is free, as the one after it is.
func freePorts() (string, error) {
	for range 50 {
		port := 21_000 + 2*rand.IntN(4000)
		if portFree(port) && portFree(port+1) {
			return strconv.Itoa(port), nil
		}
	}
	return "", fmt.Errorf("cannot find two free ports")
}

func portFree(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// freeAddr returns a free address on the loopback.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// config returns how the test itself reaches the broker, for the topics of app.
func (b *broker) config(app string) kafka.Config {
	return kafka.Config{Brokers: strings.Split(b.addrs, ","), App: app, Instance: "test",
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
}
