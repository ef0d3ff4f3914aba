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

// dialHeader tells the server which of the test's handshakes a request is. Handlers do not see it.
const dialHeader = "Wstest-Dial"

type dialKey struct{}

// dial is a handshake on its way: what the server has to know of it, and what it finds out.
type dial struct {
	request *request

	mu sync.Mutex
	id string
}

// saw takes note of the connection id that the gateway has given the handshake.
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

// Dial connects a client over a socket, and fails the test t if it is refused. t may be a subtest's.
func (s *Server) Dial(t testing.TB, opts ...ConnectOption) *Client {
	t.Helper()
	c, refused := s.TryDial(t, opts...)
	if refused != nil {
		t.Fatalf("wstest: expected the connection to open, but it was refused with status %d %s", refused.StatusCode, clip(refused.Message))
	}
	return c
}

// DialRefused demands that a connection is refused, and gives the HTTP status.
func (s *Server) DialRefused(t testing.TB, opts ...ConnectOption) int {
	t.Helper()
	c, refused := s.TryDial(t, opts...)
	if refused == nil {
		t.Fatalf("wstest: expected the connection to be refused, but it opened as %s", c)
		return 0
	}
	return refused.StatusCode
}

// TryDial connects a client over a socket, or tells how it was refused. One of the two is nil.
func (s *Server) TryDial(t testing.TB, opts ...ConnectOption) (*Client, *emulator.HandshakeError) {
	t.Helper()
	d := &dial{request: newRequest(opts)}
	if err := d.request.err; err != nil {
		t.Fatalf("wstest: dialling: %v", err)
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
		t.Fatalf("wstest: dialling: %v", err)
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

func (s *Server) handshake(ctx context.Context, r *request, token string) (*websocket.Conn, *emulator.HandshakeError, error) {
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
		// Without idle connections there are no goroutines that outlive the test.
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

// refusal reads the answer to a refused handshake.
func refusal(response *http.Response) *emulator.HandshakeError {
	refused := &emulator.HandshakeError{StatusCode: response.StatusCode}
	var body struct{ Message, ConnectionID, RequestID string }
	// An answer without such a body is one of the handler's.
	if json.NewDecoder(response.Body).Decode(&body) == nil {
		refused.Message, refused.ConnectionID, refused.RequestID = body.Message, body.ConnectionID, body.RequestID
	}
	return refused
}

// socketLink is a client with a socket.
type socketLink struct {
	server *Server
	conn   *websocket.Conn
	client *Client
	done   chan struct{} // closed when all that came is in the inbox, and no more comes
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
	if code == 0 {
		code = emulator.StatusNoStatusRcvd
	}
	// It fails if the connection has ended already.
	_ = l.conn.Close(websocket.StatusCode(code), reason)
	<-l.done
	return l.server.awaitDisconnect(ctx, l.client.id)
}

func (l *socketLink) drop(ctx context.Context) error {
	l.hangUp()
	return l.server.awaitDisconnect(ctx, l.client.id)
}

// hangUp breaks the connection, if it still is one, and ends its goroutines.
func (l *socketLink) hangUp() {
	_ = l.conn.CloseNow()
	<-l.done
}

// settle lets pings push through what is on its way. First every client's: when the pong is there, the gateway has taken
// what the client has sent before, since it reads in order. Then the gateway comes to rest, with all
// invocations ended and all posts on their way. Last our own: its pong comes behind them.
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

// restless is the error of a wait for the gateway that was given up: it names the handlers that still run, if any do.
func (l *socketLink) restless(err error) error {
	if running := l.server.watch.stillRunning(); len(running) > 0 {
		return fmt.Errorf("the gateway does not come to rest: %w; still running: %v", err, running)
	}
	return fmt.Errorf("the gateway does not come to rest: %w", err)
}

// ping returns when the pong is there, or when the connection has ended and what came by it is in the inbox.
func (l *socketLink) ping(ctx context.Context) error {
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
