package embedded

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, o Options) *Broker {
	t.Helper()
	b, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func client(t *testing.T, b *Broker, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(b.Addr()), kgo.UnknownTopicRetries(-1))...)
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

// What a broker holds in its folder is there after a restart, and compacted topics keep old records although
// retention is applied to them as well.
func TestRestartKeepsRecords(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	dir := t.TempDir()
	b := start(t, Options{Dir: dir})
	cl := client(t, b)
	forever := "-1"
	compact := "compact"
	_, err := kadm.NewClient(cl).CreateTopic(ctx, 1, 1,
		map[string]*string{"cleanup.policy": &compact, "retention.ms": &forever}, "kept")
	if err != nil {
		t.Fatal(err)
	}
	old := &kgo.Record{Topic: "kept", Key: []byte("k"), Value: []byte("v"), Timestamp: time.Unix(0, 0)}
	if err := cl.ProduceSync(ctx, old).FirstErr(); err != nil {
		t.Fatal(err)
	}
	b.cluster.ApplyRetention()
	b.cluster.Compact()
	cl.Close()
	b.Close()

	b = start(t, Options{Dir: dir})
	defer b.Close()
	cl = client(t, b, kgo.ConsumeTopics("kept"))
	defer cl.Close()
	fetches := cl.PollFetches(ctx)
	if n := fetches.NumRecords(); n != 1 || string(fetches.Records()[0].Value) != "v" {
		t.Fatalf("%d records after the restart, errors %v", n, fetches.Errors())
	}
}

// A port that is taken is told, and a free one is used.
func TestPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := Start(Options{Port: n}); err == nil {
		b.Close()
		t.Error("it started on a port that is taken")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	b := start(t, Options{Port: n})
	defer b.Close()
	if want := "127.0.0.1:" + port; b.Addr() != want {
		t.Errorf("address is %s, want %s", b.Addr(), want)
	}
}
