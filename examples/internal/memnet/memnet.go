// Package memnet is a network in memory, for tests with clients in a bubble of testing/synctest,
// where the time of a real network would not pass.
package memnet

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/emulator"
)

// Net is a gateway and the connections to it.
type Net struct {
	// Gateway is the emulated gateway.
	Gateway *emulator.Gateway

	t      testing.TB
	accept chan net.Conn
	closed chan struct{}

	mu    sync.Mutex
	conns []net.Conn
}

// Serve serves an application until the test ends. It fails the test if build fails.
func Serve(
	t testing.TB, cfg emulator.Config, build func(api gatesock.ConnectionsAPI) (lambda.Handler, error),
) *Net {
	t.Helper()
	n := &Net{t: t, accept: make(chan net.Conn), closed: make(chan struct{})}
	cfg.Logger = slog.New(slog.DiscardHandler)
	var err error
	if n.Gateway, err = emulator.NewFunc(build, cfg); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: n.Gateway, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(emulator.NewListener(listener{n})) })
	t.Cleanup(func() {
		if err := n.Gateway.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		_ = server.Close()
		serving.Wait()
	})
	return n
}

// Connect returns a client that connects, and stays connected until the test ends. The query is
// that of its handshakes.
func (n *Net) Connect(query string, opts ...client.Option) *client.Client {
	n.t.Helper()
	transport := &http.Transport{DialContext: n.dial, DisableKeepAlives: true}
	c, err := client.New("ws://localhost/local"+query, append([]client.Option{
		client.WithHTTPClient(&http.Client{Transport: transport}), client.WithLogger(slog.New(slog.DiscardHandler)),
	}, opts...)...)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = c.Close() })
	return c
}

// Drop breaks all connections.
func (n *Net) Drop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		_ = c.Close()
	}
	n.conns = nil
}

func (n *Net) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case n.accept <- wire{there}:
	case <-n.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns = append(n.conns, here)
	return here, nil
}

type listener struct{ *Net }

func (l listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l listener) Close() error {
	close(l.closed)
	return nil
}

func (listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// wire is a connection with the addresses of a real one.
type wire struct{ net.Conn }

func (wire) LocalAddr() net.Addr  { return listener{}.Addr() }
func (wire) RemoteAddr() net.Addr { return listener{}.Addr() }
