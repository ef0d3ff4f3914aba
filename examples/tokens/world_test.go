package main

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/topic"
)

// world is the application on a network in memory, in a bubble.
type world struct {
	t       *testing.T
	gateway *emulator.Gateway
	log     *flakyLog
	queue   *async.MemoryQueue
	jobs    *async.Jobs
	accept  chan net.Conn
	closed  chan struct{}

	mu    sync.Mutex
	wires []net.Conn
}

func newWorld(t *testing.T, faults *emulator.Faults, model Model) *world {
	t.Helper()
	w := &world{
		t: t, log: &flakyLog{Log: topic.NewMemory()}, queue: async.NewMemoryQueue(),
		accept: make(chan net.Conn), closed: make(chan struct{}),
	}
	quiet := slog.New(slog.DiscardHandler)
	var err error
	w.gateway, err = emulator.NewFunc(func(api gatesock.ConnectionsAPI) (app lambda.Handler, _ error) {
		app, w.jobs = newApp(api, w.log, w.queue, model)
		return app, nil
	}, emulator.Config{Faults: faults, Logger: quiet})
	require.NoError(t, err)
	server := &http.Server{Handler: w.gateway, ErrorLog: slog.NewLogLogger(quiet.Handler(), slog.LevelError)}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(emulator.NewListener(w)) })
	ctx, stop := context.WithCancel(context.Background())
	running.Go(func() { w.queue.Run(ctx, w.jobs) })
	t.Cleanup(func() {
		stop()
		require.NoError(t, w.gateway.Shutdown(context.Background()))
		require.NoError(t, server.Close())
		running.Wait()
	})
	return w
}

// connect returns a client that stays connected.
func (w *world) connect() *client.Client {
	transport := &http.Transport{DialContext: w.dial, DisableKeepAlives: true}
	c, err := client.New("ws://localhost/local", client.WithHTTPClient(&http.Client{Transport: transport}),
		client.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (w *world) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case w.accept <- wire{there}:
	case <-w.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wires = append(w.wires, here)
	return here, nil
}

// drop breaks all connections.
func (w *world) drop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.wires {
		_ = c.Close()
	}
	w.wires = nil
}

// Accept, Close and Addr are those of the gateway's listener.
func (w *world) Accept() (net.Conn, error) {
	select {
	case c := <-w.accept:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *world) Close() error {
	close(w.closed)
	return nil
}

func (*world) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// wire is a connection with addresses.
type wire struct{ net.Conn }

func (wire) LocalAddr() net.Addr  { return (*world)(nil).Addr() }
func (wire) RemoteAddr() net.Addr { return (*world)(nil).Addr() }

// flakyLog is a log whose next appends fail, before or after they have stored the event.
type flakyLog struct {
	topic.Log
	mu     sync.Mutex
	random *rand.Rand
	fails  int
}

func (l *flakyLog) Append(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	l.mu.Lock()
	fails := l.fails > 0 && l.random.IntN(10) == 0
	if fails {
		l.fails--
	}
	stored := !fails || l.random.IntN(2) == 0
	l.mu.Unlock()
	var at topic.Appended
	var err error
	if stored {
		at, err = l.Log.Append(ctx, name, e)
	}
	if fails {
		return topic.Appended{}, errors.Join(topic.ErrOutcome, errors.New("the table does not answer"))
	}
	return at, err
}
