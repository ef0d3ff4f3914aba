package wstest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/gatesock/gatesock"
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

	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	conn, refused, err := s.handshake(ctx, d.request, token)
	if err != nil {
		t.Fatalf("wstest: dialing: %v", err)
	}
	if conn == nil {
		return nil, refused
	}
	c := s.newClient(t, d.request)
	c.id, c.subprotocol = d.connectionID(), conn.Subprotocol()
	c.link = newSocketLink(s, conn, c)
	s.add(c)
	return c, nil
}

func (s *Server) handshake(
	ctx context.Context, r *request, token string,
) (*websocket.Conn, *emulator.HandshakeError, error) {
	header := r.Header.Clone()
	maps.DeleteFunc(header, func(name string, _ []string) bool {
		return strings.EqualFold(name, "Sec-WebSocket-Protocol") // the client sets it
	})
	header.Set(dialHeader, token)
	url := s.URL
	if len(r.Query) > 0 {
		url += "?" + r.Query.Encode()
	}
	conn, response, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		// The goroutines of idle connections would outlive the test.
		HTTPClient:   &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		HTTPHeader:   header,
		Subprotocols: r.subprotocols,
	})
	switch {
	case err == nil:
		return conn, nil, nil
	case response == nil || response.StatusCode == http.StatusSwitchingProtocols:
		return nil, nil, err
	}
	defer response.Body.Close()
	return nil, refusal(response), nil
}

// refusal reads the response to a refused handshake.
func refusal(response *http.Response) *emulator.HandshakeError {
	refused := &emulator.HandshakeError{StatusCode: response.StatusCode}
	var body struct{ Message, ConnectionID, RequestID string }
	// A response without such a body comes from the handler.
	if json.NewDecoder(response.Body).Decode(&body) == nil {
		refused.Message, refused.ConnectionID, refused.RequestID = body.Message, body.ConnectionID, body.RequestID
	}
	return refused
}

// socketLink is a link over a socket.
type socketLink struct {
	server *Server
	conn   *websocket.Conn
	client *Client
	done   chan struct{} // closed when nothing more can arrive in the inbox
}

func newSocketLink(s *Server, conn *websocket.Conn, c *Client) *socketLink {
	l := &socketLink{server: s, conn: conn, client: c, done: make(chan struct{})}
	conn.SetReadLimit(gatesock.MaxMessageSize)
	go l.read()
	return l
}

// read fills the inbox until the connection ends.
func (l *socketLink) read() {
	defer close(l.done)
	for {
		_, data, err := l.conn.Read(context.Background())
		if err == nil {
			l.client.inbox.add(string(data))
			continue
		}
		end := closing{reason: err.Error()}
		var frame websocket.CloseError
		if errors.As(err, &frame) {
			end = closing{code: int(frame.Code), reason: frame.Reason}
		}
		l.client.inbox.end(end)
		return
	}
}

func (l *socketLink) send(ctx context.Context, data []byte, binary bool) error {
	typ := websocket.MessageText
	if binary {
		typ = websocket.MessageBinary
	}
	return l.conn.Write(ctx, typ, data)
}

func (l *socketLink) close(ctx context.Context, code int, reason string) error {
	if l.server.watch.isHalfOpen(l.client.id) { // nobody answers the close frame
		return l.abort(ctx)
	}
	if code == 0 {
		code = emulator.StatusNoStatusRcvd
	}
	// It fails if the connection has already ended.
	_ = l.conn.Close(websocket.StatusCode(code), reason)
	<-l.done
	return l.server.awaitDisconnect(ctx, l.client.id)
}

func (l *socketLink) abort(ctx context.Context) error {
	l.hangUp()
	return l.server.awaitDisconnect(ctx, l.client.id)
}

// hangUp breaks the connection, if it is still open, and waits for its goroutines.
func (l *socketLink) hangUp() {
	_ = l.conn.CloseNow()
	<-l.done
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

// ping returns when the pong has arrived, if the gateway knows the client, or when the connection
// has ended and the inbox has everything that arrived.
func (l *socketLink) ping(ctx context.Context) error {
	if l.server.watch.isHalfOpen(l.client.id) {
		return nil
	}
	if err := l.conn.Ping(ctx); err == nil {
		return nil
	}
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return errors.Join(errors.New("no answer to a ping"), ctx.Err())
	}
}
