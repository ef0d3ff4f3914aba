package wstest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/gatesock/gatesock/emulator"
)

// dialHeader identifies a request as one of the test's handshakes. Handlers do not see it.
const dialHeader = "Wstest-Dial"

type dialKey struct{}

// dial is a pending handshake: what the server must know about it, and its connection id.
type dial struct {
	request *request

	mu sync.Mutex
	id string
}

// saw records the connection id that the gateway has assigned.
func (d *dial) saw(connectionID string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.id = connectionID
}

func (d *dial) connectionID() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.id
}

// Dial connects a client over a socket. It fails the test t, which may be a subtest, if the
// connection is refused.
func (s *Server) Dial(t testing.TB, opts ...ConnectOption) *Client {
	t.Helper()
	c, refused := s.dial(t, opts)
	if refused != nil {
		t.Fatalf("wstest: expected the connection to open, but it was refused with status %d %s", refused.StatusCode, clip(refused.Message))
	}
	return c
}

// DialRefused tries to connect over a socket, and returns the HTTP status with which the connection
// is refused. It fails the test t if the connection opens.
func (s *Server) DialRefused(t testing.TB, opts ...ConnectOption) int {
	t.Helper()
	c, refused := s.dial(t, opts)
	if refused == nil {
		t.Fatalf("wstest: expected the connection to be refused, but it opened as %s", c)
		return 0
	}
	return refused.StatusCode
}

// dial connects a client over a socket, or returns how the connection was refused.
func (s *Server) dial(t testing.TB, opts []ConnectOption) (*Client, *emulator.HandshakeError) {
	t.Helper()
	d := &dial{request: newRequest(opts)}
	if err := d.request.err; err != nil {
		t.Fatalf("wstest: dialing: %v", err)
		return nil, nil
	}
	token := rand.Text()
	s.mu.Lock()
	s.dials[token] = d
	s.mu.Unlock()

	header := d.request.Header.Clone()
	header.Set(dialHeader, token)
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	// The goroutines of idle connections would outlive the test.
	by := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	conn, refused, err := openSocket(ctx, by, s.URL, header, d.request)
	if err != nil {
		t.Fatalf("wstest: dialing: %v", err)
	}
	if conn == nil {
		return nil, refused
	}
	c := s.newClient(t, d.request)
	c.id, c.subprotocol = d.connectionID(), conn.Subprotocol()
	c.link = &socketLink{socket: newSocket(conn, c.inbox), server: s, client: c}
	s.add(c)
	return c, nil
}

// socketLink is a link over a socket to a [Server].
type socketLink struct {
	*socket

	server *Server
	client *Client
}

func (l *socketLink) close(ctx context.Context, code int, reason string) error {
	if l.server.watch.isHalfOpen(l.client.id) { // nobody answers the close frame
		return l.abort(ctx)
	}
	l.shut(code, reason)
	return l.server.awaitDisconnect(ctx, l.client.id)
}

func (l *socketLink) abort(ctx context.Context) error {
	l.hangUp()
	return l.server.awaitDisconnect(ctx, l.client.id)
}

// settle waits in three steps. A ping of every client: the gateway reads in order, so its pong
// means that the gateway has received everything before the ping. Then the gateway becomes idle:
// all invocations have ended, and all posts are on their way. Then this client's ping: its pong
// comes after all of them.
func (l *socketLink) settle(ctx context.Context) error {
	for _, c := range l.server.connected() {
		if other, ok := c.link.(*socketLink); ok {
			if err := other.ping(ctx); err != nil {
				return l.restless(err)
			}
		}
	}
	if err := l.server.gateway.Quiesce(ctx); err != nil {
		return l.restless(err)
	}
	return l.ping(ctx)
}

// restless returns the error for a gateway that does not become idle. It lists the handlers that
// are running.
func (l *socketLink) restless(err error) error {
	if running := l.server.watch.stillRunning(); len(running) > 0 {
		return fmt.Errorf("the gateway does not become idle: %w; still running: %v", err, running)
	}
	return fmt.Errorf("the gateway does not become idle: %w", err)
}

// ping is that of the socket, if the gateway knows the client.
func (l *socketLink) ping(ctx context.Context) error {
	if l.server.watch.isHalfOpen(l.client.id) {
		return nil
	}
	return l.socket.ping(ctx)
}
