package wstest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/coder/websocket"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
)

// openSocket opens a connection to an address, with the header and the rest of r, or returns how it
// was refused. Its errors do not have the query, in which credentials may be.
func openSocket(
	ctx context.Context, by *http.Client, address string, header http.Header, r *request,
) (*websocket.Conn, *emulator.HandshakeError, error) {
	handshake, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, nil, withoutURL(err)
	}
	handshake.Header = header
	maps.DeleteFunc(handshake.Header, func(name string, _ []string) bool {
		return strings.EqualFold(name, protocolHeader) // the client sets it
	})
	handshake.URL.RawQuery = r.Query.Encode()
	if err := r.signed(handshake); err != nil {
		return nil, nil, err
	}
	conn, response, err := websocket.Dial(ctx, handshake.URL.String(), &websocket.DialOptions{
		HTTPClient: by, HTTPHeader: handshake.Header, Host: handshake.Host, Subprotocols: r.subprotocols,
	})
	switch {
	case err == nil:
		return conn, nil, nil
	case response == nil || response.StatusCode == http.StatusSwitchingProtocols:
		return nil, nil, withoutURL(err)
	}
	defer response.Body.Close()
	return nil, refusal(response), nil
}

// withoutURL returns the cause of an error that repeats the URL.
func withoutURL(err error) error {
	var whole *url.Error
	if errors.As(err, &whole) {
		return whole.Err
	}
	return err
}

// maxRefusal is how many bytes of the response to a refused handshake are read.
const maxRefusal = 4 << 10

// refusal reads the response to a refused handshake. A response without a message has its whole
// body as the message.
func refusal(response *http.Response) *emulator.HandshakeError {
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxRefusal))
	var body struct{ Message, ConnectionID, RequestID string }
	_ = json.Unmarshal(text, &body) // other responses come from the handler, or from no API at all
	return &emulator.HandshakeError{
		StatusCode: response.StatusCode, Message: cmp.Or(body.Message, strings.TrimSpace(string(text))),
		ConnectionID: body.ConnectionID, RequestID: body.RequestID,
	}
}

// socket is a WebSocket connection that fills an inbox.
type socket struct {
	conn  *websocket.Conn
	inbox *inbox
	done  chan struct{} // closed when nothing more can arrive in the inbox
}

func newSocket(conn *websocket.Conn, in *inbox) *socket {
	s := &socket{conn: conn, inbox: in, done: make(chan struct{})}
	conn.SetReadLimit(gatesock.MaxMessageSize)
	go s.read()
	return s
}

// read fills the inbox until the connection ends.
func (s *socket) read() {
	defer close(s.done)
	// The library does not notice by itself that the other side is gone, and would wait for a pong.
	defer func() { _ = s.conn.CloseNow() }()
	for {
		_, data, err := s.conn.Read(context.Background())
		if err == nil {
			s.inbox.add(string(data))
			continue
		}
		end := closing{reason: err.Error()}
		var frame websocket.CloseError
		if errors.As(err, &frame) {
			end = closing{code: int(frame.Code), reason: frame.Reason}
		}
		s.inbox.end(end)
		return
	}
}

func (s *socket) send(ctx context.Context, data []byte, binary bool) error {
	typ := websocket.MessageText
	if binary {
		typ = websocket.MessageBinary
	}
	return s.conn.Write(ctx, typ, data)
}

// shut closes the connection with a close frame, and waits for the answer, or for ten seconds. It
// does nothing if the connection has already ended.
func (s *socket) shut(code int, reason string) {
	if code == 0 {
		code = emulator.StatusNoStatusRcvd
	}
	_ = s.conn.Close(websocket.StatusCode(code), reason)
	<-s.done
}

// hangUp breaks the connection, if it is still open, and waits for its goroutines.
func (s *socket) hangUp() {
	_ = s.conn.CloseNow()
	<-s.done
}

// ping returns when the pong has arrived, or when the connection has ended and the inbox has
// everything that arrived.
func (s *socket) ping(ctx context.Context) error {
	if err := s.conn.Ping(ctx); err == nil {
		return nil
	}
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("no answer to a ping: %w", ctx.Err())
	}
}
