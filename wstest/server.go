package wstest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock/emulator"
)

// Server is a [Harness] whose gateway listens on a loopback port, for real WebSocket clients and for the @connections
// client of package apigw. Its clock is the machine's, unless [WithConfig] brings another.
type Server struct {
	*Harness
	// URL is where clients connect, as "ws://127.0.0.1:41973/local".
	URL string
	// Endpoint is the base URL of the @connections API, as "http://127.0.0.1:41973/local".
	Endpoint string

	http   http.Server
	served chan error

	mu    sync.Mutex
	dials map[string]*dial // handshakes on their way, by the value of dialHeader
}

// NewServer is [New] with a port. An application that posts over HTTP needs the Endpoint, which is there only when the
// server is: let it post through a [Recorder], and attach the HTTP client to that.
func NewServer(t testing.TB, h lambda.Handler, opts ...Option) *Server {
	t.Helper()
	hs := newHarness(t, h, settings{config: emulator.Config{Stage: "local"}, timeout: settleTimeout}, opts)
	if hs == nil {
		return nil
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("wstest: %v", err)
		return nil
	}
	at := l.Addr().String() + hs.gateway.BasePath()
	s := &Server{
		Harness:  hs,
		URL:      "ws://" + at,
		Endpoint: "http://" + at,
		served:   make(chan error, 1),
		dials:    map[string]*dial{},
	}
	s.http = http.Server{Handler: http.HandlerFunc(s.serve)} // no timeouts: its clients are the test's own
	go func() { s.served <- s.http.Serve(emulator.NewListener(l)) }()
	hs.stop = s.stop
	return s
}

// serve puts what only the test knows of a client where the gateway looks for it, as an authorizer does.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if d := s.take(r.Header.Get(dialHeader)); d != nil {
		ctx := context.WithValue(r.Context(), dialKey{}, d)
		r = r.WithContext(emulator.WithAuthorizer(ctx, d.request.Authorizer, d.request.UsageKey))
		r.Header.Del(dialHeader)
		if ip := d.request.SourceIP; ip != "" {
			r.RemoteAddr = net.JoinHostPort(ip, "0")
		}
	}
	s.gateway.ServeHTTP(w, r)
}

func (s *Server) take(token string) *dial {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.dials[token]
	delete(s.dials, token)
	return d
}

// stop ends the listening and the clients, after the gateway.
func (s *Server) stop(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	for _, c := range s.connected() {
		if l, ok := c.link.(*socketLink); ok {
			l.hangUp()
		}
	}
	return err
}
