package dev

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
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

	once sync.Once
	runs chan struct{} // closed with the first set after newFront
}

// newFront serves a page on a listener, which it closes, until the API runs. What is before has its
// requests first.
func newFront(l net.Listener, port int, page http.Handler, before func(http.Handler) http.Handler) *front {
	f := &front{port: port, served: make(chan struct{}), runs: make(chan struct{})}
	var h http.Handler = waiting{page, f.runs, func() http.Handler {
		next := *f.handler.Load()
		if _, ok := next.(waiting); ok {
			return nil
		}
		return next
	}}
	f.handler.Store(&h)
	f.server = http.Server{
		Handler: before(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			(*f.handler.Load()).ServeHTTP(w, r)
		})),
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

// set replaces the handler.
func (f *front) set(h http.Handler) {
	f.handler.Store(&h)
	f.once.Do(func() { close(f.runs) })
}

// waiting is the handler of an API that does not run yet: clients that connect wait for it, so that
// a page that is open finds it.
type waiting struct {
	page http.Handler
	runs <-chan struct{} // closed when the front has another handler, or will have none
	next func() http.Handler
}

// ServeHTTP serves the page, and lets WebSocket clients wait.
func (w waiting) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		if isLocal(r.Host) { // a gateway does the same
			w.page.ServeHTTP(rw, r)
			return
		}
		http.Error(rw, "gatesock dev does not serve this host, which may be a web page's name for this machine.",
			http.StatusForbidden)
		return
	}
	select {
	case <-w.runs:
	case <-r.Context().Done():
		return
	}
	if next := w.next(); next != nil {
		next.ServeHTTP(rw, r)
		return
	}
	http.Error(rw, "gatesock dev ends", http.StatusServiceUnavailable)
}

// isLocal reports whether a host is a name that no web page can bind to this machine (DNS
// rebinding): localhost, a name below it, or an address.
func isLocal(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.Trim(name, "[]."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || net.ParseIP(name) != nil
}

// close ends the server. The connections of gateways must have been closed before.
func (f *front) close(ctx context.Context) {
	f.once.Do(func() { close(f.runs) })
	_ = f.server.Close()
	select {
	case <-f.served:
	case <-ctx.Done():
	}
}
