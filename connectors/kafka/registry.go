package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// How a Registry asks.
const (
	registryTimeout  = 5 * time.Second        // of one request
	registryBackoff  = 100 * time.Millisecond // before the second attempt; doubles
	registryPause    = 2 * time.Second        // between two attempts at most
	registryLogEvery = 5 * time.Second        // between two log lines about one outage
	registryMissing  = 30 * time.Second       // how long it is believed that a schema is not there
	registryHeldMax  = 10_000                 // answers that are kept
)

// RegistryConfig is how weir reaches a schema registry with Confluent's HTTP API (Confluent, Apicurio's ccompat,
// Karapace, Redpanda).
type RegistryConfig struct {
	URL      string       // http or https; several with commas between them are the same registry
	User     string       // of basic authentication; empty: none
	Password Secret       // with User
	TLS      TLS          // for https: authorities and weir's own certificate; Enabled is not looked at
	Logger   *slog.Logger // nil: slog.Default()
}

// Registry gives the schemas of a registry. It keeps what it was given, for a schema never changes, and asks until it
// has an answer, for a registry that can't be reached says nothing of a record. It may be used by any goroutine.
type Registry struct {
	ctx context.Context
	cl  *sr.Client
	log *slog.Logger

	mu     sync.Mutex
	held   map[string]registered
	asking map[string]chan struct{} // closed when the answer is held, or nobody asks any more
	logged time.Time                // when an outage was logged last
	now    func() time.Time
}

// registered is an answer of the registry.
type registered struct {
	text    string
	refused string    // why there is no Avro schema; empty if there is
	until   time.Time // refused: how long that is believed
}

// OpenRegistry returns a Registry that asks until ctx ends. It does not connect: a registry that is away is waited
// for when a record needs it.
func OpenRegistry(ctx context.Context, cfg RegistryConfig) (*Registry, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	security, err := cfg.tls()
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = security
	opts := []sr.ClientOpt{
		sr.URLs(cfg.urls()...),
		sr.UserAgent("weir"),
		sr.HTTPClient(&http.Client{Timeout: registryTimeout, Transport: transport}),
	}
	if cfg.User != "" {
		opts = append(opts, sr.BasicAuth(cfg.User, string(cfg.Password)))
	}
	cl, err := sr.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("cannot make the client of the schema registry: %w", err)
	}
	return &Registry{
		ctx: ctx, cl: cl, log: cfg.Logger, held: make(map[string]registered), asking: make(map[string]chan struct{}),
		now: time.Now,
	}, nil
}

// Validate checks the configuration and returns all faults in one error. It opens no connection.
func (c RegistryConfig) Validate() error {
	var f faults
	if len(c.urls()) == 0 {
		f.add("registry.url is empty: give the schema registry's http:// or https:// address")
	}
	for _, s := range c.urls() {
		u, err := url.Parse(s)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			f.add("registry.url must be http://HOST:PORT or https://HOST:PORT, perhaps with a path")
		case u.User != nil:
			f.add("registry.url must hold no user: set registry.user and registry.password")
		}
	}
	if (c.User == "") != (c.Password == "") {
		f.add("registry.user and registry.password go together: give both or neither")
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		f.add("registry.tls.cert and registry.tls.key go together: give both or neither")
	}
	return f.err()
}

// urls returns the addresses of the registry.
func (c *RegistryConfig) urls() []string {
	return strings.FieldsFunc(c.URL, func(r rune) bool { return r == ',' || r == ' ' })
}

func (c *RegistryConfig) tls() (*tls.Config, error) {
	if c.TLS.CA == "" && c.TLS.Cert == "" && c.TLS.ServerName == "" {
		return nil, nil
	}
	return c.TLS.config()
}

// Schema returns the text of the Avro schema with an id; or why there is none, in refused, which holds for a while
// only. It blocks while the registry can't be reached, with a log line every 5 s. The error is that of the Registry's
// context, which has ended: then nothing is known of the schema.
func (r *Registry) Schema(id int) (text, refused string, err error) {
	return r.schema("id "+strconv.Itoa(id), func(ctx context.Context) (sr.Schema, error) {
		return r.cl.SchemaByID(ctx, id)
	})
}

// SchemaByGUID is the same for a schema's globally unique id, 32 hexadecimal digits in five groups.
func (r *Registry) SchemaByGUID(guid string) (text, refused string, err error) {
	return r.schema("guid "+guid, func(ctx context.Context) (sr.Schema, error) {
		s, err := r.cl.SchemaByGUID(ctx, guid)
		return s.Schema, err
	})
}

// schema returns what is held under name, or asks. One goroutine asks for a name; the others wait for it.
func (r *Registry) schema(name string, ask func(context.Context) (sr.Schema, error)) (string, string, error) {
	for {
		r.mu.Lock()
		a, ok := r.held[name]
		if ok && (a.refused == "" || r.now().Before(a.until)) {
			r.mu.Unlock()
			return a.text, a.refused, nil
		}
		asked := r.asking[name]
		if asked == nil {
			asked = make(chan struct{})
			r.asking[name] = asked
			r.mu.Unlock()
			return r.fetch(name, ask, asked)
		}
		r.mu.Unlock()
		select {
		case <-asked:
		case <-r.ctx.Done():
			return "", "", r.ended(name)
		}
	}
}

// fetch asks for a schema until there is an answer, and holds it.
func (r *Registry) fetch(name string, ask func(context.Context) (sr.Schema, error), asked chan struct{}) (
	string, string, error) {
	a, err := r.await(name, ask)
	r.mu.Lock()
	if err == nil {
		if len(r.held) >= registryHeldMax {
			clear(r.held) // ids that are none may come in any number
		}
		r.held[name] = a
	}
	delete(r.asking, name)
	r.mu.Unlock()
	close(asked)
	return a.text, a.refused, err
}

// await asks until the registry answers or the context ends.
func (r *Registry) await(name string, ask func(context.Context) (sr.Schema, error)) (registered, error) {
	for wait := registryBackoff; ; wait = min(2*wait, registryPause) {
		s, err := ask(r.ctx)
		if err == nil && len(s.References) > 0 {
			s, err = ask(sr.WithParams(r.ctx, sr.Format("resolved")))
		}
		a, ok := answer(s, err)
		if !ok && r.isAbout(err) {
			a, ok = registered{refused: "the registry does not give it: " + without(err)}, true
		}
		if ok {
			a.until = r.now().Add(registryMissing)
			return a, nil
		}
		if r.ctx.Err() != nil {
			return registered{}, r.ended(name)
		}
		r.outage(name, err)
		if pause(r.ctx, wait) != nil {
			return registered{}, r.ended(name)
		}
	}
}

// answer tells whether the registry has answered, and what. What is said of the request but not of the schema (it
// may not be asked, it is busy, its path is wrong: 404 without a code of its own) is no answer.
func answer(s sr.Schema, err error) (a registered, ok bool) {
	var said *sr.ResponseError
	switch {
	case err == nil && s.Type != sr.TypeAvro:
		return registered{refused: "it is of type " + s.Type.String() + ", not Avro"}, true
	case err == nil && s.Schema != "":
		return registered{text: s.Schema}, true
	case errors.As(err, &said) && sr.IsNotFoundError(said.ErrorCode):
		return registered{refused: "the registry has no such schema"}, true
	}
	return registered{}, false
}

// isAbout tells whether an error that has no code of its own speaks of the schema nevertheless: the registry refuses
// the request, and yet answers another one at the same address. So a registry that knows no GUIDs, or an id that was
// never one, does not hold records up for ever; a wrong path does.
func (r *Registry) isAbout(err error) bool {
	var said *sr.ResponseError
	if !errors.As(err, &said) {
		return false
	}
	switch said.StatusCode {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUnprocessableEntity:
		types, err := r.cl.SupportedTypes(r.ctx)
		return err == nil && len(types) > 0
	}
	return false
}

// outage logs, now and then, that the registry does not answer.
func (r *Registry) outage(name string, err error) {
	r.mu.Lock()
	due := r.logged.IsZero() || r.now().Sub(r.logged) >= registryLogEvery
	if due {
		r.logged = r.now()
	}
	r.mu.Unlock()
	if due {
		r.log.Warn("the schema registry gives no answer; the records that need it wait", "schema", name,
			"error", without(err))
	}
}

// without returns err without the registry's address and what its server said, which may hold secrets.
func without(err error) string {
	var said *sr.ResponseError
	var of *url.Error
	switch {
	case errors.As(err, &said):
		hint := ""
		if said.StatusCode == http.StatusUnauthorized || said.StatusCode == http.StatusForbidden {
			hint = ": check registry.user and registry.password"
		}
		return "HTTP status " + strconv.Itoa(said.StatusCode) + hint
	case errors.As(err, &of):
		return of.Err.Error()
	}
	return "an answer that is none of a schema registry: check registry.url"
}

func (r *Registry) ended(name string) error {
	return fmt.Errorf("cannot ask for the schema with %s: %w", name, context.Cause(r.ctx))
}
