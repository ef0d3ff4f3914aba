package console_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/console"
	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/emulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Echo is what comes back.
type Echo struct {
	N any `json:"n"`
	M any `json:"m,omitempty"`
}

// Say is the input of an action.
type Say struct {
	Room string   `json:"room"`
	Text string   `json:"text"`
	Mood string   `json:"mood,omitempty" jsonschema:"enum=happy,enum=sad"`
	Loud bool     `json:"loud,omitempty"`
	To   []Target `json:"to,omitempty"`
}

// Target is a part of [Say].
type Target struct {
	Name string `json:"name"`
	Kind string `json:"kind,omitempty" jsonschema:"enum=user,enum=group"`
}

// newApp returns an API with answers of all kinds.
func newApp() gatesock.App {
	r := gatesock.New(gatesock.WithLogger(slog.New(slog.DiscardHandler)))
	gatesock.HandleReply(r, "echo", func(_ context.Context, _ *gatesock.Request, in Echo) (Echo, error) {
		return in, nil
	})
	gatesock.HandleReply(r, "say", func(_ context.Context, _ *gatesock.Request, in Say) (string, error) {
		return strings.ToUpper(in.Text), nil
	})
	gatesock.Handle(r, "typing", func(context.Context, *gatesock.Request, struct{}) error { return nil },
		gatesock.OneWay())
	return r
}

// serve runs the API, and returns its address.
func serve(t *testing.T, cfg emulator.Config) string {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	gateway, err := emulator.New(newApp(), cfg)
	require.NoError(t, err)
	server, err := emulator.Serve(t.Context(), gateway, "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close(context.Background())) })
	return server.URL
}

func described(t *testing.T) *describe.App {
	t.Helper()
	app, err := describe.Of(newApp())
	require.NoError(t, err)
	return app
}

// serveRaw runs a WebSocket server that does something with each connection.
func serveRaw(t *testing.T, do func(ctx context.Context, c *websocket.Conn)) string {
	t.Helper()
	return serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"chat.v1"}})
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		do(r.Context(), c)
	})
}

func serveHTTP(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	var running sync.WaitGroup
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.Add(1)
		defer running.Done()
		h(w, r)
	}))
	t.Cleanup(func() {
		s.Close()
		running.Wait()
	})
	return "ws" + strings.TrimPrefix(s.URL, "http")
}

// send sends frames to a client.
func send(ctx context.Context, c *websocket.Conn, frames ...string) {
	for _, f := range frames {
		if c.Write(ctx, websocket.MessageText, []byte(f)) != nil {
			return
		}
	}
}

// receive returns the next frame, "" if the connection has ended.
func receive(ctx context.Context, c *websocket.Conn) string {
	_, data, err := c.Read(ctx)
	if err != nil {
		return ""
	}
	return string(data)
}

// drain reads until the connection ends.
func drain(ctx context.Context, c *websocket.Conn) {
	for receive(ctx, c) != "" { //nolint:revive // nothing is wanted of it
	}
}

// lockedBuffer is a buffer for two goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func target(address string) console.Target {
	return console.Target{Address: address, Client: console.NewClient(nil, false)}
}

// script runs a console that is not at a terminal.
func script(t *testing.T, o console.Options, input string) (out, problems string, err error) {
	t.Helper()
	var stdout, stderr lockedBuffer
	o.Out, o.Err = &stdout, &stderr
	if o.In == nil {
		o.In = strings.NewReader(input)
	}
	err = console.Run(t.Context(), o)
	return stdout.String(), stderr.String(), err
}

func within(d time.Duration) *time.Duration { return &d }

// failingWriter takes some writes.
type failingWriter struct {
	mu   sync.Mutex
	left int
	err  error
}

func (f *failingWriter) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left--; f.left < 0 {
		return 0, f.err
	}
	return len(p), nil
}

var _ io.Writer = new(failingWriter)

// serveRawAfter runs a server that answers a handshake if opens says so, and otherwise never.
func serveRawAfter(t *testing.T, opens func() bool) string {
	t.Helper()
	return serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		if !opens() {
			<-r.Context().Done()
			return
		}
		if c, err := websocket.Accept(w, r, nil); err == nil {
			drain(r.Context(), c)
			_ = c.CloseNow()
		}
	})
}
