package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/gatesock/gatesock"
)

const (
	// maxFrame is what a frame may have: longer messages are sent in several. Docs/gateway-facts.md,
	// section 8.
	maxFrame = 32 << 10
	// maxIncoming is the longest message that is read. API Gateway sends at most 128 KB.
	maxIncoming = 16 << 20
	// maxReason is the longest reason of a close frame, in bytes (RFC 6455, section 5.5).
	maxReason = 123
)

// frame is a message of either direction.
type frame struct {
	data   []byte
	binary bool
}

// closing is how a connection ended.
type closing struct {
	code   int // 1006 if there was no close frame
	reason string
	ours   bool  // the console closed it
	cause  error // of 1006
}

// link is a connection that is open, or was.
type link struct {
	socket   *websocket.Conn
	response *http.Response
	frames   chan frame // what comes in; closed after the last
	cancel   context.CancelFunc
	begun    time.Time

	mu    sync.Mutex
	ours  *closing // the console has closed it
	ended closing  // valid after frames is closed
}

// refusal is the error of a handshake that was answered with something else.
type refusal struct {
	status int
	header http.Header
	body   string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("the handshake was refused: %d %s", r.status, http.StatusText(r.status))
}

// Target is where a console connects, and how.
type Target struct {
	// Address has the scheme ws or wss.
	Address string
	// Header are further headers of the handshake. Host is the Host of the request.
	Header http.Header
	// Protocols are the subprotocols that are offered.
	Protocols []string
	// Sign signs the request; nil if it is not signed.
	Sign func(*http.Request) error
	// Client makes the handshake.
	Client *http.Client
}

// dial opens a connection. Its goroutine ends with the connection: see link.close.
func (t *Target) dial(ctx context.Context) (*link, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.Address, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header = t.Header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
		r.Header.Del("Host")
	}
	if t.Sign != nil {
		if err := t.Sign(r); err != nil {
			return nil, err
		}
	}
	//nolint:bodyclose // the library closes it
	socket, response, err := websocket.Dial(ctx, r.URL.String(), &websocket.DialOptions{
		HTTPClient: t.Client, HTTPHeader: r.Header, Host: r.Host, Subprotocols: t.Protocols,
	})
	if err != nil {
		return nil, dialError(response, err)
	}
	socket.SetReadLimit(maxIncoming)
	// The connection outlives the context of the handshake.
	reading, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &link{socket: socket, response: response, frames: make(chan frame), cancel: cancel, begun: time.Now()}
	go l.read(reading)
	return l, nil
}

// dialError returns a refusal if there is an answer.
func dialError(response *http.Response, err error) error {
	if response == nil || response.StatusCode == http.StatusSwitchingProtocols {
		// The text of others has the address, with its tokens.
		if sending := new(url.Error); errors.As(err, &sending) {
			return sending.Err
		}
		return err
	}
	refused := &refusal{status: response.StatusCode, header: response.Header}
	if response.Body != nil {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // the library has kept so much of it
		refused.body = string(text)
	}
	return refused
}

// read reads until the connection ends.
func (l *link) read(ctx context.Context) {
	defer close(l.frames)
	for {
		kind, data, err := l.socket.Read(ctx)
		if err != nil {
			l.mu.Lock()
			l.ended = closingOf(err)
			if l.ours != nil {
				l.ended = *l.ours
			}
			l.mu.Unlock()
			return
		}
		l.frames <- frame{data, kind == websocket.MessageBinary}
	}
}

// closingOf returns how a connection ended, from the error of reading.
func closingOf(err error) closing {
	frame := websocket.CloseError{}
	if errors.As(err, &frame) {
		return closing{code: int(frame.Code), reason: frame.Reason}
	}
	return closing{code: int(websocket.StatusAbnormalClosure), cause: err}
}

// end returns how the connection ended. Call it after frames is closed.
func (l *link) end() closing {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

// send sends a message, in frames that the gateway takes.
func (l *link) send(ctx context.Context, f frame) error {
	kind := websocket.MessageText
	if f.binary {
		kind = websocket.MessageBinary
	}
	if len(f.data) <= maxFrame {
		return l.socket.Write(ctx, kind, f.data)
	}
	w, err := l.socket.Writer(ctx, kind)
	if err != nil {
		return err
	}
	for rest := f.data; len(rest) > 0; {
		n := min(len(rest), maxFrame)
		if _, err := w.Write(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return w.Close()
}

// close closes the connection with a code, and waits for the other side's close frame for a few
// seconds. Somebody must read frames meanwhile. It has no effect on one that has ended.
func (l *link) close(code int, reason string) {
	l.mu.Lock()
	if l.ours == nil {
		l.ours = &closing{code: code, reason: reason, ours: true}
	}
	l.mu.Unlock()
	_ = l.socket.Close(websocket.StatusCode(code), reason) // it is closed whatever the error
	l.cancel()
}

// checkMessage returns an error if the gateway takes no such message.
func checkMessage(data []byte) error {
	if len(data) > gatesock.MaxMessageSize {
		return fmt.Errorf("%d bytes: API Gateway takes messages of at most %d", len(data), gatesock.MaxMessageSize)
	}
	return nil
}

// ping sends a ping frame and waits for its pong.
func (l *link) ping(ctx context.Context) error { return l.socket.Ping(ctx) }
