package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// Options are what a Server serves.
type Options struct {
	Listen  string // HOST:PORT; port 0 takes a free one
	Pprof   bool   // serve profiles; refused unless Listen is a loopback address
	Metrics *Metrics
	// Ready tells whether the worker does its work (its partitions are restored, the catalog is loaded, the last
	// commit is recent) and how it stands, as "restore: 42/64". Called from any goroutine; must be quick.
	Ready func() (ok bool, detail string)
	Log   *slog.Logger
}

// Server serves /metrics, /livez and /readyz, and profiles if asked to.
type Server struct {
	http     *http.Server
	listener net.Listener
	done     chan error
}

// Start listens and serves until Close. It refuses profiles on an address that other machines can reach.
func Start(o Options) (*Server, error) {
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; set another address with --listen", o.Listen, err)
	}
	if addr, ok := listener.Addr().(*net.TCPAddr); o.Pprof && (!ok || !addr.IP.IsLoopback()) {
		return nil, errors.Join(
			fmt.Errorf("cannot serve profiles on %s: set listen to a loopback address, such as 127.0.0.1:7070", o.Listen),
			listener.Close())
	}
	s := &Server{
		http: &http.Server{
			Handler:           o.handler(),
			ReadHeaderTimeout: 5 * time.Second,
			IdleTimeout:       time.Minute,
			MaxHeaderBytes:    64 << 10,
			ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
		},
		listener: listener,
		done:     make(chan error, 1),
	}
	go func() { s.done <- s.http.Serve(listener) }()
	return s, nil
}

// Addr returns the address that the server listens on, HOST:PORT.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close stops serving. Requests that are under way may finish until ctx ends; then they are cut off.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("cannot end the HTTP requests in time: %w", err), s.http.Close())
	}
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("cannot serve HTTP: %w", served))
	}
	return err
}

// handler routes the requests.
func (o *Options) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", o.Metrics.handler(o.Log))
	mux.HandleFunc("GET /livez", o.livez)
	mux.HandleFunc("GET /readyz", o.readyz)
	if o.Pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// livez tells that the process runs. It never depends on Kafka: a restart would not mend the brokers.
func (o *Options) livez(w http.ResponseWriter, r *http.Request) {
	answer(w, r, true, "process")
}

func (o *Options) readyz(w http.ResponseWriter, r *http.Request) {
	ok, detail := o.Ready()
	answer(w, r, ok, detail)
}

// answer writes a health check in the form of the Kubernetes API server: "ok", and with ?verbose how it stands.
func answer(w http.ResponseWriter, r *http.Request, ok bool, detail string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	mark, result := "[+]", "ok"
	if !ok {
		mark, result = "[-]", "not ready"
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	text := result + "\n"
	switch {
	case r.URL.Query().Has("verbose"):
		text = mark + detail + "\n" + text
	case !ok:
		text = result + ": " + detail + "\n"
	}
	_, _ = w.Write([]byte(text)) // a client that has gone needs no answer
}
