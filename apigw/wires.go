package apigw

import (
	"cmp"
	"crypto/tls"
	"net"
	"net/http"

	"github.com/gatesock/gatesock/internal/h1"
)

// wires has the ways to the gateway that one Client may take.
type wires struct {
	http    *httpWire
	set     settings
	tls     *tls.Config
	buffers *buffers
}

func newWires(set *settings) wires {
	w := wires{set: *set, tls: newTLSConfig(set.tls), buffers: new(buffers)}
	transport := set.transport
	if transport == nil {
		transport = newTransport(set, w.tls.Clone()) // net/http changes what it gets.
	}
	w.http = newHTTPWire(transport, set.concurrency)
	return w
}

// to chooses the way to an endpoint.
func (w wires) to(e *endpoint) wire {
	if w.set.transport != nil || w.proxied(e) {
		return shared{w.http}
	}
	cfg := h1.Config{
		Address:          address(e),
		MaxConns:         w.set.concurrency,
		IdleTimeout:      idleTimeout,
		HandshakeTimeout: w.set.handshake,
		Dial:             w.set.dial,
	}
	if e.uri.Scheme == "https" {
		cfg.TLS = w.tls
	}
	return &directWire{client: h1.New(cfg), fallback: shared{w.http}, buffers: w.buffers}
}

// proxied reports whether a proxy is set for an endpoint. What is wrong with a proxy's address is for net/http to say.
func (w wires) proxied(e *endpoint) bool {
	proxy, err := w.set.proxy(&http.Request{URL: &e.uri})
	return proxy != nil || err != nil
}

// address is what is dialed.
func address(e *endpoint) string {
	return net.JoinHostPort(e.uri.Hostname(), cmp.Or(e.uri.Port(), defaultPort(e.uri.Scheme)))
}

// shared is one endpoint's part in the way over net/http. The connections of an endpoint that is no longer used are left
// to their timeout, since net/http can close only those of all endpoints.
type shared struct{ *httpWire }

func (shared) CloseIdleConnections() {}
