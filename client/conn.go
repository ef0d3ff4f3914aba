package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/panics"
)

const (
	protocolHeader = "Sec-WebSocket-Protocol"
	// maxFrame is what a frame may have: docs/protocol.md, section 1.
	maxFrame = 32 << 10
	// maxBacklog is how many bytes may wait on a connection for Send to succeed.
	maxBacklog = 1 << 20
	// closeGrace is for how long a server may take to answer a close frame.
	closeGrace = time.Second
)

// newHTTPClient returns a client whose connections do not outlive a handshake that was refused.
func newHTTPClient() *http.Client {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if usual, ok := http.DefaultTransport.(*http.Transport); ok {
		t = usual.Clone()
	}
	t.DisableKeepAlives = true
	return &http.Client{
		Transport: t,
		// The signature and the token are for the address that the user has named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// connection is a connection of the machine, from the attempt to open it.
type connection struct {
	number int
	ctx    context.Context //nolint:containedctx // its end ends the connection
	end    context.CancelFunc
	socket *websocket.Conn // nil until it is open; belongs to the loop

	mu      sync.Mutex
	backlog [][]byte
	bytes   int
	more    chan struct{} // has a value if there is something new
	closing bool          // a close frame follows the backlog
}

// dial opens a connection, in the background.
func (c *Client) dial(number int) {
	ctx, end := context.WithCancel(context.Background())
	l := &connection{number: number, ctx: ctx, end: end, more: make(chan struct{}, 1)}
	c.conns[number] = l
	c.running.Go(func() {
		socket, err := c.handshake(ctx)
		wanted := false
		c.do(func(now time.Time) {
			wanted = c.conns[number] == l
			if wanted {
				c.dialed(now, l, socket, err)
			}
		})
		if !wanted && socket != nil {
			_ = socket.CloseNow()
		}
		if socket == nil {
			end()
		}
	})
}

// post has the loop call f if the connection is still one of the machine.
func (c *Client) post(l *connection, f func(now time.Time)) {
	select {
	case c.work <- func(now time.Time) {
		if c.conns[l.number] == l {
			f(now)
		}
	}:
	case <-c.ctx.Done():
	}
}

// handshake opens a WebSocket connection.
func (c *Client) handshake(ctx context.Context) (*websocket.Conn, error) {
	r, err := c.request(ctx)
	if err != nil {
		return nil, err
	}
	protocols := r.Header.Values(protocolHeader)
	r.Header.Del(protocolHeader)
	//nolint:bodyclose // the library closes it
	socket, response, err := websocket.Dial(ctx, r.URL.String(), &websocket.DialOptions{
		HTTPClient: c.settings.http, HTTPHeader: r.Header, Host: r.Host, Subprotocols: protocols,
	})
	if err != nil {
		return nil, refusal(response, err)
	}
	socket.SetReadLimit(2 * gatesock.MaxMessageSize) // a server that sends more speaks another protocol
	return socket, nil
}

// request returns the request of a handshake, with all that the options add to it.
func (c *Client) request(ctx context.Context) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	for _, name := range c.settings.protocols {
		r.Header.Add(protocolHeader, name)
	}
	for _, prepare := range append(c.settings.credentials[:len(c.settings.credentials):len(c.settings.credentials)],
		c.settings.signers...) {
		err := panics.Try("client: panic in a function of an option", func() error { return prepare(r) })
		if err != nil {
			return nil, &preparationError{err}
		}
	}
	return r, nil
}

// preparationError is the error of a function that prepares a handshake.
type preparationError struct{ err error }

func (e *preparationError) Error() string { return "client: preparing the handshake: " + e.err.Error() }

func (e *preparationError) Unwrap() error { return e.err }

// refusal returns the error of a handshake that failed.
func refusal(response *http.Response, err error) error {
	if response == nil || response.StatusCode == http.StatusSwitchingProtocols {
		return fmt.Errorf("client: connecting: %w", err)
	}
	refused := &RefusedError{StatusCode: response.StatusCode}
	var body struct {
		Message string `json:"message"`
	}
	if response.Body != nil {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		if json.Unmarshal(text, &body) == nil {
			refused.Message = body.Message
		}
	}
	return refused
}

// opened starts the goroutines of a connection.
func (c *Client) opened(l *connection, socket *websocket.Conn) {
	l.socket = socket
	c.running.Go(func() { c.read(l, socket) })
	c.running.Go(func() { c.write(l, socket) })
}

// read passes on what the server sends until the connection ends. It reads on when nobody wants
// that any more, so that the end of the context breaks the connection.
func (c *Client) read(l *connection, socket *websocket.Conn) {
	defer l.end()
	// The library keeps the descriptor of a connection that the other side has ended.
	defer func() { _ = socket.CloseNow() }()
	for {
		kind, frame, err := socket.Read(l.ctx)
		if err != nil {
			c.post(l, func(now time.Time) { c.ended(now, l, closing(err)) })
			return
		}
		if kind != websocket.MessageText {
			frame = []byte("binary") // which is no JSON either
		}
		c.post(l, func(now time.Time) { c.machine.Received(now, l.number, frame) })
	}
}

// closing returns the error of a connection that has ended.
func closing(err error) error {
	var frame websocket.CloseError
	if errors.As(err, &frame) {
		return &CloseError{Code: int(frame.Code), Reason: frame.Reason}
	}
	return fmt.Errorf("client: the connection was lost: %w", err)
}

// write sends what is in the backlog until the connection ends.
func (c *Client) write(l *connection, socket *websocket.Conn) {
	for {
		frames, last := l.take()
		for _, frame := range frames {
			if err := writeMessage(l.ctx, socket, frame); err != nil {
				l.end() // the reader says why, if the server has said it
				return
			}
		}
		if last {
			_ = socket.Close(websocket.StatusNormalClosure, "") // it waits for the server's close frame
			l.end()
			return
		}
		if len(frames) > 0 {
			continue
		}
		select {
		case <-l.more:
		case <-l.ctx.Done():
			return
		}
	}
}

// writeMessage sends a message in frames of at most 32 KiB.
func writeMessage(ctx context.Context, socket *websocket.Conn, message []byte) error {
	if len(message) <= maxFrame {
		return socket.Write(ctx, websocket.MessageText, message)
	}
	w, err := socket.Writer(ctx, websocket.MessageText)
	if err != nil {
		return err
	}
	for len(message) > 0 {
		n, err := w.Write(message[:min(len(message), maxFrame)])
		if err != nil {
			return err
		}
		message = message[n:]
	}
	return w.Close()
}

// send adds a frame to the backlog.
func (l *connection) send(frame []byte) {
	l.mu.Lock()
	l.backlog = append(l.backlog, frame)
	l.bytes += len(frame)
	l.mu.Unlock()
	l.wake()
}

// close ends the connection with a close frame after the backlog, or without one after a while.
func (l *connection) close() {
	if l.socket == nil {
		l.end()
		return
	}
	timer := time.AfterFunc(closeGrace, l.end) // the end of the reader's context breaks the connection
	context.AfterFunc(l.ctx, func() { timer.Stop() })
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	l.wake()
}

func (l *connection) wake() {
	select {
	case l.more <- struct{}{}:
	default:
	}
}

func (l *connection) take() (frames [][]byte, last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	frames, last = l.backlog, l.closing
	l.backlog, l.bytes = nil, 0
	return frames, last
}

// isBusy reports whether so much waits to be sent that nothing more should.
func (l *connection) isBusy() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes > maxBacklog
}
