package client_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/topic"
)

// wires is a network in memory: a listener, and the connections to it.
type wires struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once

	mu    sync.Mutex
	err   error // of the next attempts
	conns []*line
	tries int
}

func newWires() *wires {
	return &wires{accept: make(chan net.Conn), closed: make(chan struct{})}
}

func (w *wires) Accept() (net.Conn, error) {
	select {
	case c := <-w.accept:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wires) Close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}

func (w *wires) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// addressed is a connection with addresses.
type addressed struct{ net.Conn }

func (addressed) LocalAddr() net.Addr  { return (*wires)(nil).Addr() }
func (addressed) RemoteAddr() net.Addr { return (*wires)(nil).Addr() }

// dial opens a connection.
func (w *wires) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	w.mu.Lock()
	w.tries++
	err := w.err
	w.mu.Unlock()
	if err != nil {
		return nil, err
	}
	here, there := net.Pipe()
	select {
	case w.accept <- addressed{there}:
	case <-w.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	l := &line{Conn: here}
	w.conns = append(w.conns, l)
	return l, nil
}

// line is the client's end of a connection.
type line struct {
	net.Conn
	frozen atomic.Bool // nothing passes any more, and nobody notices
}

func (l *line) Read(p []byte) (int, error) {
	for {
		n, err := l.Conn.Read(p)
		if err != nil || !l.frozen.Load() {
			return n, err
		}
	}
}

func (l *line) Write(p []byte) (int, error) {
	if l.frozen.Load() {
		return len(p), nil
	}
	return l.Conn.Write(p)
}

// freeze makes all connections half-open.
func (w *wires) freeze() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		c.frozen.Store(true)
	}
}

// drop breaks all connections.
func (w *wires) drop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

// fail makes the next attempts fail, until it is called with nil.
func (w *wires) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

// attempts returns how many there were.
func (w *wires) attempts() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tries
}

// http returns a client for the network.
func (w *wires) http() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: w.dial, DisableKeepAlives: true}}
}

// world is an API on a network in memory, in a bubble.
type world struct {
	*wires
	t       *testing.T
	gateway *emulator.Gateway
	server  *http.Server
	topics  *topic.Topics
	app     *gatesock.Router
	count   atomic.Int64 // of the action count
	options []client.Option
}

// inBubble runs a test with an API that build has added routes to.
func inBubble(t *testing.T, cfg emulator.Config, build func(w *world), test func(w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cfg, build)
		defer w.close()
		test(w)
	})
}

func newWorld(t *testing.T, cfg emulator.Config, build func(w *world)) *world {
	t.Helper()
	w := &world{wires: newWires(), t: t}
	cfg.Logger = slog.New(slog.DiscardHandler)
	var err error
	w.gateway, err = emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		ended, memory := topic.NewEnded(), topic.NewMemory()
		store := conn.NewMemory(conn.WithEnded(ended.Func()))
		w.app = gatesock.New(gatesock.WithLogger(cfg.Logger))
		w.app.Use(conn.Track(store))
		w.topics = topic.New(memory, store, broadcast.New(api, store),
			topic.WithPresence(memory, func(name string) (topic.Presence, bool) { return topic.Presence{}, name == "room" }, ended),
			topic.WithState(memory, func(name string) (topic.State, bool) { return topic.State{}, name == "prices" }))
		if build != nil {
			build(w)
		}
		return w.app, nil
	}, cfg)
	require.NoError(t, err)
	w.serve(w.gateway)
	w.options = []client.Option{client.WithHTTPClient(w.http()), client.WithLogger(cfg.Logger)}
	return w
}

func (w *world) serve(h http.Handler) {
	w.server = &http.Server{Handler: h, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	var serving sync.WaitGroup
	serving.Go(func() { _ = w.server.Serve(emulator.NewListener(w.wires)) })
	w.t.Cleanup(serving.Wait)
}

func (w *world) close() {
	if w.gateway != nil {
		require.NoError(w.t, w.gateway.Shutdown(context.Background()))
	}
	require.NoError(w.t, w.server.Close())
}

// withActions adds actions.
func withActions(w *world) {
	gatesock.HandleReply(w.app, "echo", func(_ context.Context, _ *gatesock.Request, in text) (text, error) {
		return in, nil
	})
	gatesock.HandleReply(w.app, "count", func(context.Context, *gatesock.Request, any) (int64, error) {
		return w.count.Add(1), nil
	})
	gatesock.Handle(w.app, "note", func(context.Context, *gatesock.Request, any) error {
		w.count.Add(1)
		return nil
	}, gatesock.OneWay())
	gatesock.Handle(w.app, "sleep", func(ctx context.Context, _ *gatesock.Request, in sleep) error {
		w.count.Add(1)
		select {
		case <-time.After(in.For):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	gatesock.Handle(w.app, "fail", func(_ context.Context, _ *gatesock.Request, in failing) error {
		w.count.Add(1)
		err := gatesock.Errorf(in.Code, "it failed")
		if in.Times > 0 && w.count.Load() > in.Times {
			return nil
		}
		return err.WithRetryAfter(in.After).WithDetails(map[string]int{"n": 7})
	})
}

type text struct{ Text string }

type sleep struct{ For time.Duration }

type failing struct {
	Code  gatesock.Code
	After time.Duration
	Times int64 // how often it fails; always if it is 0
}

const address = "ws://localhost/local"

// connect returns a client that is online. The test closes it.
func (w *world) connect(opts ...client.Option) *client.Client {
	w.t.Helper()
	c, err := client.Connect(w.t.Context(), address, append(w.options[:len(w.options):len(w.options)], opts...)...)
	require.NoError(w.t, err)
	return c
}

// start returns a client that connects.
func (w *world) start(opts ...client.Option) *client.Client {
	w.t.Helper()
	c, err := client.New(address, append(w.options[:len(w.options):len(w.options)], opts...)...)
	require.NoError(w.t, err)
	return c
}

var _ io.Closer = (*client.Client)(nil)
