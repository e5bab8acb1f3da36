package httpapi

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves o on a free port of the loopback address until the test ends.
func start(t *testing.T, o Options) *Server {
	t.Helper()
	o.Listen, o.Log = "127.0.0.1:0", slog.New(slog.DiscardHandler)
	o.Metrics = NewMetrics(Build{}, full)
	if o.Ready == nil {
		o.Ready = func() (bool, string) { return true, "restore: 64/64" }
	}
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

// get returns the status and text of a page.
func get(t *testing.T, s *Server, path string) (int, string) {
	t.Helper()
	resp, err := http.Get("http://" + s.Addr() + path)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestHealth(t *testing.T) {
	var ready atomic.Bool
	s := start(t, Options{Ready: func() (bool, string) {
		if ready.Load() {
			return true, "restore: 64/64"
		}
		return false, "restore: 42/64"
	}})
	expect := func(path string, status int, text string) {
		t.Helper()
		if got, body := get(t, s, path); got != status || body != text {
			t.Errorf("%s: %d %q, expected %d %q", path, got, body, status, text)
		}
	}
	expect("/livez", 200, "ok\n")
	expect("/readyz", 503, "not ready: restore: 42/64\n")
	expect("/readyz?verbose", 503, "[-]restore: 42/64\nnot ready\n")
	ready.Store(true)
	expect("/readyz", 200, "ok\n")
	expect("/readyz?verbose", 200, "[+]restore: 64/64\nok\n")
	expect("/livez?verbose", 200, "[+]process\nok\n")
}

func TestPages(t *testing.T) {
	s := start(t, Options{})
	if status, body := get(t, s, "/metrics"); status != 200 || !strings.Contains(body, "weir_build_info") {
		t.Errorf("/metrics: %d %s", status, body)
	}
	for _, path := range []string{"/", "/debug/pprof/", "/nothing"} {
		if status, _ := get(t, s, path); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
	resp, err := http.Post("http://"+s.Addr()+"/livez", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", resp.StatusCode)
	}
}

func TestProfilesOnLoopback(t *testing.T) {
	s := start(t, Options{Pprof: true})
	if status, body := get(t, s, "/debug/pprof/"); status != 200 || !strings.Contains(body, "goroutine") {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := get(t, s, "/debug/pprof/heap?debug=1"); status != 200 {
		t.Errorf("heap: %d", status)
	}
}

func TestProfilesAreRefusedElsewhere(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:0", ":0"} {
		s, err := Start(Options{Listen: listen, Pprof: true, Log: slog.New(slog.DiscardHandler)})
		if err == nil {
			_ = s.Close(context.Background())
			t.Fatalf("%s: served", listen)
		}
		if !strings.Contains(err.Error(), "loopback") {
			t.Errorf("%s: %v", listen, err)
		}
	}
}

func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, err = Start(Options{Listen: taken.Addr().String(), Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Fatalf("%v", err)
	}
}

// Close does not wait for ever for a request that hangs.
func TestCloseCutsHangingRequests(t *testing.T) {
	release, entered := make(chan struct{}), make(chan struct{})
	s, err := Start(Options{
		Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(Build{}, full),
		Ready: func() (bool, string) { close(entered); <-release; return true, "" },
	})
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		resp, err := http.Get("http://" + s.Addr() + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
		}
		answered <- err
	}()
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Close(ctx); err == nil {
		t.Error("no error though a request was cut off")
	}
	close(release)
	if err := <-answered; err == nil {
		t.Error("the request was answered")
	}
}
