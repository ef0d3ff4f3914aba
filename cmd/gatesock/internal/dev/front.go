package dev

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gatesock/gatesock/emulator"
)

// front is the server at the address of an API. Its handler can be replaced.
type front struct {
	port    int
	handler atomic.Pointer[http.Handler]
	server  http.Server
	served  chan struct{}
}

// newFront serves a handler on a listener, which it closes.
func newFront(l net.Listener, port int, h http.Handler) *front {
	f := &front{port: port, served: make(chan struct{})}
	f.set(h)
	f.server = http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*f.handler.Load()).ServeHTTP(w, r) }),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	go func() {
		defer close(f.served)
		_ = f.server.Serve(emulator.NewListener(l))
	}()
	return f
}

func (f *front) set(h http.Handler) { f.handler.Store(&h) }

// close ends the server. The connections of gateways must have been closed before.
func (f *front) close(ctx context.Context) {
	_ = f.server.Close()
	select {
	case <-f.served:
	case <-ctx.Done():
	}
}
