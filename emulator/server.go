package emulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Server is a [Gateway] on a port. It is safe for concurrent use.
type Server struct {
	// URL is where clients connect, as in "ws://127.0.0.1:3001/local".
	URL string
	// Endpoint is the base URL of the @connections API, as in "http://127.0.0.1:3001/local".
	Endpoint string

	gateway *Gateway
	http    http.Server
	closing atomic.Bool
	silent  sync.Map      // of net.Conn: those without a request yet
	served  chan struct{} // closed when http.Serve has returned, with
	err     error
}

// Serve starts to serve g on a TCP address; "127.0.0.1:0" takes a free port. ctx is for the start only. A client has ten
// seconds for the head of a request, and a connection between two requests two minutes; see [Config.Hosts] for the names
// under which g may be asked for.
func Serve(ctx context.Context, g *Gateway, addr string) (*Server, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	return serve(g, l), nil
}

// serve serves g on a listener, which it closes.
func serve(g *Gateway, l net.Listener) *Server {
	at := l.Addr().String() + g.BasePath()
	s := &Server{
		URL:      "ws://" + at,
		Endpoint: "http://" + at,
		gateway:  g,
		http: http.Server{
			Handler:           g,
			ReadHeaderTimeout: 10 * time.Second,
			IdleTimeout:       2 * time.Minute,
			ErrorLog:          slog.NewLogLogger(g.cfg.Logger.Handler(), slog.LevelWarn),
		},
		served: make(chan struct{}),
	}
	s.http.ConnState = s.watch
	go func() {
		defer close(s.served)
		s.err = s.http.Serve(NewListener(l))
	}()
	return s
}

// watch takes note of a connection's state.
func (s *Server) watch(conn net.Conn, state http.ConnState) {
	if state != http.StateNew {
		s.silent.Delete(conn)
		return
	}
	s.silent.Store(conn, nil)
	if s.closing.Load() {
		_ = conn.Close()
	}
}

// closeSilent closes the connections that have not had a request, as browsers open them in advance: net/http waits for
// theirs for five seconds.
func (s *Server) closeSilent() {
	s.closing.Store(true)
	s.silent.Range(func(conn, _ any) bool {
		_ = conn.(net.Conn).Close()
		return true
	})
}

// Close stops to listen, shuts the gateway down (see [Gateway.Shutdown]), and returns when every goroutine of both
// has ended, or when ctx has. Calling it again does no harm.
func (s *Server) Close(ctx context.Context) error {
	err := s.gateway.Shutdown(ctx)
	s.closeSilent()
	err = errors.Join(err, s.http.Shutdown(ctx))
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	if <-s.served; !errors.Is(s.err, http.ErrServerClosed) {
		err = errors.Join(err, s.err)
	}
	if err != nil {
		return fmt.Errorf("emulator: closing the server: %w", err)
	}
	return nil
}
