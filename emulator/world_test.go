package emulator

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// start is the time at which the tests' clock stands at first.
func start() time.Time { return time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC) }

// handlerFunc is a function as a lambda.Handler.
type handlerFunc func(ctx context.Context, event []byte) ([]byte, error)

func (f handlerFunc) Invoke(ctx context.Context, event []byte) ([]byte, error) { return f(ctx, event) }

// invoked is an event that a handler received.
type invoked struct {
	raw          []byte
	Headers      map[string]string   `json:"headers"`
	MultiHeaders map[string][]string `json:"multiValueHeaders"`
	Context      struct {
		RouteKey         string            `json:"routeKey"`
		Authorizer       map[string]any    `json:"authorizer"`
		MessageID        string            `json:"messageId"`
		Code             int               `json:"disconnectStatusCode"`
		EventType        string            `json:"eventType"`
		RequestID        string            `json:"requestId"`
		ExtendedID       string            `json:"extendedRequestId"`
		RequestTime      string            `json:"requestTime"`
		Reason           string            `json:"disconnectReason"`
		ConnectedAt      int64             `json:"connectedAt"`
		RequestTimeEpoch int64             `json:"requestTimeEpoch"`
		Identity         map[string]string `json:"identity"`
		Domain           string            `json:"domainName"`
		ConnectionID     string            `json:"connectionId"`
		Direction        string            `json:"messageDirection"`
	} `json:"requestContext"`
	Query          map[string]string   `json:"queryStringParameters"`
	MultiQuery     map[string][]string `json:"multiValueQueryStringParameters"`
	StageVariables map[string]string   `json:"stageVariables"`
	Body           *string             `json:"body"`
	Base64         *bool               `json:"isBase64Encoded"`
}

// read decodes an event.
func read(event []byte) (invoked, error) {
	in := invoked{raw: event}
	err := json.Unmarshal(event, &in)
	return in, err
}

// status returns a response that has a status code only.
func status(code int) []byte { return append(appendInt([]byte(`{"statusCode":`), code), '}') }

func appendInt(b []byte, n int) []byte {
	text, _ := json.Marshal(n)
	return append(b, text...)
}

// world is a gateway under test, with a handler that reports its events and a clock that stands
// still.
type world struct {
	t      *testing.T
	gw     *Gateway
	clock  *ManualClock
	events chan invoked
	front  front
}

// front is one of the two ways to a gateway.
type front interface {
	// dial connects. The peer is nil if the gateway refused.
	dial(w *world, h Handshake) (*peer, answer)
}

// answer is the response to a handshake as the client sees it.
type answer struct {
	status      int
	subprotocol string
	header      http.Header // sockets only
	body        string      // sockets only
}

// peer is the client's end of a connection.
type peer struct {
	id     string
	frames chan string // the messages that arrived
	ends   chan CloseStatus

	text   func(data string)             // sends a message in one frame
	parts  func(parts ...string)         // sends a message in several frames
	binary func(data string)             // sends a binary message
	close  func(code int, reason string) // sends a close frame
	drop   func()                        // cuts the connection
	ping   func()
}

// newWorld starts a gateway with the handler respond. If that is nil, the handler returns 200 for
// everything.
func newWorld(t *testing.T, f front, cfg Config, respond handlerFunc) *world {
	t.Helper()
	w := &world{t: t, clock: NewManualClock(start()), events: make(chan invoked, 10_000), front: f}
	cfg.Clock = w.clock
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	gw, err := New(handlerFunc(func(ctx context.Context, event []byte) ([]byte, error) {
		in, err := read(event)
		if err != nil {
			return nil, err
		}
		w.events <- in
		if respond == nil {
			return status(200), nil
		}
		return respond(ctx, event)
	}), cfg)
	require.NoError(t, err)
	w.gw = gw
	t.Cleanup(func() { require.NoError(t, gw.Shutdown(context.Background())) })
	return w
}

// connect connects a client, which must be accepted, and takes the event of its $connect.
func (w *world) connect() *peer { w.t.Helper(); return w.connectAs(Handshake{}) }

func (w *world) connectAs(h Handshake) *peer {
	w.t.Helper()
	p, a := w.front.dial(w, h)
	require.Equal(w.t, http.StatusSwitchingProtocols, a.status)
	if _, ok := w.gw.current().routes[gatesock.RouteConnect]; ok {
		p.id = w.event("$connect").Context.ConnectionID
	}
	return p
}

// event takes the next event, which must be of that route. It waits for as long as the test binary
// may run, like everything here that waits for something that must happen.
func (w *world) event(route string) invoked {
	w.t.Helper()
	e := <-w.events
	require.Equal(w.t, route, e.Context.RouteKey)
	return e
}

// noEvent checks that there is no further event, now or later.
func (w *world) noEvent() {
	w.t.Helper()
	w.quiesce()
	select {
	case e := <-w.events:
		require.FailNow(w.t, "unexpected event", "%s", e.raw)
	default:
	}
}

func (w *world) quiesce() {
	w.t.Helper()
	require.NoError(w.t, w.gw.Quiesce(context.Background()))
}

// frame takes the next message that the client received.
func (w *world) frame(p *peer) string {
	w.t.Helper()
	select {
	case f := <-p.frames:
		return f
	case s := <-p.ends:
		require.FailNow(w.t, "the connection ended", "%+v", s)
		return ""
	}
}

// noFrame checks that the client has received nothing, and that a post still arrives.
func (w *world) noFrame(p *peer) {
	w.t.Helper()
	w.quiesce()
	require.NoError(w.t, w.post(p, "probe"))
	require.Equal(w.t, "probe", w.frame(p))
}

// noAnswer checks that the client has received nothing so far, while a handler is running.
func (w *world) noAnswer(p *peer) {
	w.t.Helper()
	require.NoError(w.t, w.post(p, "probe"))
	require.Equal(w.t, "probe", w.frame(p))
}

// end takes the close frame that the client received.
func (w *world) end(p *peer) CloseStatus {
	w.t.Helper()
	for {
		select {
		case s := <-p.ends:
			return s
		case <-p.frames:
		}
	}
}

func (w *world) post(p *peer, data string) error {
	return w.gw.Post(context.Background(), gatesock.Target{ConnectionID: p.id}, []byte(data))
}

// inMemory is the front without sockets.
type inMemory struct{}

// memoryClient is a Client that passes everything to a peer.
type memoryClient struct{ p *peer }

func (c memoryClient) Send(data []byte) error {
	select {
	case c.p.frames <- string(data):
		return nil
	default:
		return errBufferFull
	}
}

func (c memoryClient) Close(code int, reason string) { c.p.ends <- CloseStatus{code, reason} }

func (inMemory) dial(w *world, h Handshake) (*peer, answer) {
	p := &peer{frames: make(chan string, 1000), ends: make(chan CloseStatus, 1)}
	s, err := w.gw.Connect(context.Background(), h, memoryClient{p})
	if err != nil {
		var refused *HandshakeError
		require.ErrorAs(w.t, err, &refused)
		return nil, answer{status: refused.StatusCode}
	}
	var sends sync.WaitGroup
	w.t.Cleanup(sends.Wait)
	receive := func(m Message) { sends.Go(func() { _ = s.Receive(context.Background(), m) }) }
	p.id = s.ID()
	p.text = func(data string) { receive(Message{Data: []byte(data)}) }
	p.binary = func(data string) { receive(Message{Data: []byte(data), Binary: true}) }
	p.parts = func(parts ...string) {
		var m Message
		for _, part := range parts {
			m.Data = append(m.Data, part...)
			m.Frames = append(m.Frames, len(part))
		}
		receive(m)
	}
	p.close = func(code int, reason string) { s.Close(context.Background(), code, reason) }
	p.drop = func() { s.Abort(context.Background()) }
	p.ping = s.Ping
	return p, answer{status: http.StatusSwitchingProtocols, subprotocol: s.Subprotocol()}
}
