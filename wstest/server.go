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

// Server is a [Harness] whose gateway listens on a loopback port, for real WebSocket clients and
// for the @connections client of package apigw. It uses the machine's clock unless [WithConfig]
// sets another one.
type Server struct {
	*Harness
	// URL is the address for clients, such as "ws://127.0.0.1:41973/local".
	URL string
	// Endpoint is the base URL of the @connections API, such as "http://127.0.0.1:41973/local".
	Endpoint string

	http   http.Server
	served chan error

	mu    sync.Mutex
	dials map[string]*dial // pending handshakes, by the value of dialHeader
}

// NewServer is [New] with a port. To test an application that posts over HTTP, which needs the
// Endpoint before the server has one, let the application post through a [Recorder], and attach the
// HTTP client to the recorder afterwards.
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
	s.http = http.Server{Handler: http.HandlerFunc(s.serve)} // no timeouts: only the test connects
	go func() { s.served <- s.http.Serve(emulator.NewListener(l)) }()
	hs.stop = s.stop
	return s
}

// serve adds what only the test knows about a client to the request, as an authorizer would.
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

// stop closes the listener and the clients. The gateway is already closed.
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
