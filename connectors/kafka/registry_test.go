package kafka

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

const orderSchema = `{"type":"record","name":"Order","fields":[{"name":"id","type":"string"}]}`

// registryServer is a schema registry that counts what it is asked, and can be put in front of another answer.
type registryServer struct {
	*httptest.Server
	fake  *srfake.Registry
	asked atomic.Int64
	deny  atomic.Pointer[http.HandlerFunc]
}

func newRegistryServer(t *testing.T, opts ...srfake.Option) *registryServer {
	t.Helper()
	s := &registryServer{fake: srfake.NewRegistry(opts...)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s.asked.Add(1)
		if deny := s.deny.Load(); deny != nil {
			(*deny)(w, req)
			return
		}
		s.fake.Handler().ServeHTTP(w, req)
	}))
	t.Cleanup(s.Close)
	return s
}

// refuse makes the server answer with a status and a body until it is called with 0.
func (s *registryServer) refuse(status int, body string) {
	if status == 0 {
		s.deny.Store(nil)
		return
	}
	f := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
	s.deny.Store(&f)
}

func openTestRegistry(ctx context.Context, t *testing.T, cfg RegistryConfig) *Registry {
	t.Helper()
	r, err := OpenRegistry(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRegistryIsAskedOnceForASchema(t *testing.T) {
	s := newRegistryServer(t)
	s.fake.SeedSchema("order-value", 1, 7, sr.Schema{Schema: orderSchema})
	r := openTestRegistry(t.Context(), t, RegistryConfig{URL: s.URL})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if text, refused, err := r.Schema(7); text != orderSchema || refused != "" || err != nil {
				t.Errorf("got %q, %q, %v", text, refused, err)
			}
		})
	}
	all.Wait()
	if n := s.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestSchemaByGUID(t *testing.T) {
	s := newRegistryServer(t)
	if _, _, err := s.fake.RegisterSchema("order-value", sr.Schema{Schema: orderSchema}); err != nil {
		t.Fatal(err)
	}
	held, _ := s.fake.GetSchema("order-value", 1)
	r := openTestRegistry(t.Context(), t, RegistryConfig{URL: s.URL})
	text, refused, err := r.SchemaByGUID(held.GUID)
	if held.GUID == "" || text != orderSchema || refused != "" || err != nil {
		t.Errorf("guid %q: got %q, %q, %v", held.GUID, text, refused, err)
	}
}

// A schema that is not there is believed not to be for a while; then the registry is asked again.
func TestMissingSchemaIsAskedForAgainLater(t *testing.T) {
	s := newRegistryServer(t)
	r := openTestRegistry(t.Context(), t, RegistryConfig{URL: s.URL})
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r.now = func() time.Time { return at }
	for range 3 {
		if _, refused, err := r.Schema(9); refused != "the registry has no such schema" || err != nil {
			t.Fatalf("got %q, %v", refused, err)
		}
	}
	if n := s.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	s.fake.SeedSchema("order-value", 1, 9, sr.Schema{Schema: orderSchema})
	at = at.Add(registryMissing + time.Second)
	if text, refused, err := r.Schema(9); text != orderSchema || refused != "" || err != nil {
		t.Errorf("got %q, %q, %v", text, refused, err)
	}
}

func TestSchemaOfAnotherTypeIsRefused(t *testing.T) {
	s := newRegistryServer(t)
	s.fake.SeedSchema("order-value", 1, 3, sr.Schema{Schema: `{"type":"object"}`, Type: sr.TypeJSON})
	r := openTestRegistry(t.Context(), t, RegistryConfig{URL: s.URL})
	if _, refused, err := r.Schema(3); refused != "it is of type JSON, not Avro" || err != nil {
		t.Errorf("got %q, %v", refused, err)
	}
}

// A refusal without a code of its own is of the schema if the registry answers otherwise: GUIDs that it does not know.
func TestRefusalOfOneRequest(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /schemas/types", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`["AVRO"]`))
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	r := openTestRegistry(t.Context(), t, RegistryConfig{URL: s.URL})
	_, refused, err := r.SchemaByGUID("11111111-2222-4333-8444-555555555555")
	if refused != "the registry does not give it: HTTP status 404" || err != nil {
		t.Errorf("got %q, %v", refused, err)
	}
}

// What does not speak of the schema is no answer: it is asked again until there is one.
func TestOutageIsWaitedFor(t *testing.T) {
	for name, outage := range map[string]struct {
		status int
		body   string
	}{
		"busy":         {http.StatusServiceUnavailable, ""},
		"no right":     {http.StatusUnauthorized, `{"error_code":401,"message":"secret"}`},
		"wrong path":   {http.StatusNotFound, `{"error_code":404,"message":"HTTP 404 Not Found"}`},
		"another site": {http.StatusOK, "<html>sign in</html>"},
		"no registry":  {http.StatusOK, "{}"},
		"too many":     {http.StatusTooManyRequests, ""},
		"server's own": {http.StatusInternalServerError, `{"error_code":50001,"message":"store"}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newRegistryServer(t)
			s.fake.SeedSchema("order-value", 1, 7, sr.Schema{Schema: orderSchema})
			s.refuse(outage.status, outage.body)
			var log lockedBuffer
			logger := slog.New(slog.NewTextHandler(&log, nil))
			r := openTestRegistry(t.Context(), t, RegistryConfig{URL: s.URL, Logger: logger})
			got := make(chan string)
			go func() {
				text, refused, err := r.Schema(7)
				if refused != "" || err != nil {
					text = "refused"
				}
				got <- text
			}()
			for s.asked.Load() < 2 {
				time.Sleep(time.Millisecond)
			}
			s.refuse(0, "")
			if text := <-got; text != orderSchema {
				t.Errorf("got %q", text)
			}
			line := log.String()
			if strings.Count(line, "the schema registry gives no answer") != 1 || strings.Contains(line, "secret") ||
				strings.Contains(line, s.URL) {
				t.Errorf("log: %s", line)
			}
		})
	}
}

// The end of the context ends the wait, with an error that says nothing of the schema; what is held stays.
func TestEndOfContextEndsTheWait(t *testing.T) {
	s := newRegistryServer(t)
	s.fake.SeedSchema("order-value", 1, 7, sr.Schema{Schema: orderSchema})
	ctx, cancel := context.WithCancel(t.Context())
	r := openTestRegistry(ctx, t, RegistryConfig{URL: s.URL, Logger: slog.New(slog.DiscardHandler)})
	if _, _, err := r.Schema(7); err != nil {
		t.Fatal(err)
	}
	s.refuse(http.StatusServiceUnavailable, "")
	failed := make(chan error, 2)
	for range 2 { // one asks, one waits for it
		go func() {
			_, refused, err := r.Schema(8)
			if refused != "" {
				err = errors.New(refused)
			}
			failed <- err
		}()
	}
	for s.asked.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	for range 2 {
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	if text, _, err := r.Schema(7); text != orderSchema || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestRegistryWithUser(t *testing.T) {
	s := newRegistryServer(t, srfake.WithAuth("Basic d2VpcjpzZWNyZXQ=")) // weir:secret
	s.fake.SeedSchema("order-value", 1, 7, sr.Schema{Schema: orderSchema})
	r := openTestRegistry(t.Context(), t, RegistryConfig{URL: s.URL, User: "weir", Password: "secret"})
	if text, refused, err := r.Schema(7); text != orderSchema || refused != "" || err != nil {
		t.Errorf("got %q, %q, %v", text, refused, err)
	}
}

func TestRegistryConfigFaults(t *testing.T) {
	for _, c := range []struct {
		cfg  RegistryConfig
		want string
	}{
		{RegistryConfig{}, "registry.url is empty"},
		{RegistryConfig{URL: "registry:8081"}, "registry.url must be http"},
		{RegistryConfig{URL: "http://a:b@registry"}, "registry.url must hold no user"},
		{RegistryConfig{URL: "http://registry", User: "u"}, "registry.user and registry.password go together"},
		{RegistryConfig{URL: "https://registry", TLS: TLS{Cert: "c"}}, "registry.tls.cert and registry.tls.key"},
	} {
		_, err := OpenRegistry(t.Context(), c.cfg)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "a:b") {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	if _, err := OpenRegistry(t.Context(), RegistryConfig{URL: "http://one:8081, http://two:8081/ccompat"}); err != nil {
		t.Error(err)
	}
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
