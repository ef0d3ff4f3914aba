package apigw

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"

	"github.com/gatesock/gatesock/apigw/internal/h1"
)

// transport sends requests to one endpoint.
type transport interface {
	// roundTrip waits for a free connection or the right to open one, signs the request, sends it
	// and reads the answer. It returns when that is done, when ctx ends, or when the request's
	// timeout has passed, which runs from the end of the wait.
	//
	// A request is sent a second time, after idle connections were closed, if it went out on a
	// connection that had been idle, and that broke before a single byte of an answer came: Lambda
	// drops idle connections silently. Nothing else is sent twice, and nothing three times. A
	// connection that one request hands directly to the next was not idle.
	roundTrip(ctx context.Context, r *request, a *answer) error

	// CloseIdleConnections closes the connections that no request is using.
	CloseIdleConnections()
}

// transports makes the transports of a Client.
type transports struct {
	http    *httpTransport
	set     settings
	tls     *tls.Config
	buffers *buffers
}

func newTransports(set *settings) transports {
	t := transports{set: *set, tls: newTLSConfig(set.tls), buffers: new(buffers)}
	roundTripper := set.roundTripper
	if roundTripper == nil {
		roundTripper = newHTTPTransport(set, t.tls.Clone()) // net/http changes its configuration.
	}
	t.http = wrapHTTPTransport(roundTripper, set.concurrency)
	return t
}

// to returns the transport for an endpoint.
func (t transports) to(e *endpoint) transport {
	if t.set.roundTripper != nil || t.proxied(e) {
		return sharedTransport{t.http}
	}
	cfg := h1.Config{
		Address:          net.JoinHostPort(e.uri.Hostname(), cmp.Or(e.uri.Port(), defaultPort(e.uri.Scheme))),
		MaxConns:         t.set.concurrency,
		IdleTimeout:      idleTimeout,
		HandshakeTimeout: t.set.handshake,
		Dial:             t.set.dial,
	}
	if e.uri.Scheme == "https" {
		cfg.TLS = t.tls
	}
	return &directTransport{client: h1.New(cfg), fallback: sharedTransport{t.http}, buffers: t.buffers}
}

// proxied reports whether a proxy is set for an endpoint. net/http reports a malformed address of
// it.
func (t transports) proxied(e *endpoint) bool {
	proxy, err := t.set.proxy(&http.Request{URL: &e.uri})
	return proxy != nil || err != nil
}

// sharedTransport is the part of an httpTransport that one endpoint uses. The connections of an
// endpoint that is no longer used are left to their idle timeout, because net/http can only close
// those of all endpoints.
type sharedTransport struct{ *httpTransport }

func (sharedTransport) CloseIdleConnections() {}

// idleTimeout ends connections before something on the way drops them silently: Lambda purges idle
// connections, and the next use of one fails (AWS Lambda Developer Guide, "Best practices"). It is
// measured by the wall clock, so that time in a frozen environment counts.
const idleTimeout = 30 * time.Second

const handshakeTimeout = 5 * time.Second

// writeBuffer lets the header and the body of a request leave in one write. A session token makes
// the header 2 KiB large, and the default of net/http is 4 KiB.
const writeBuffer = 16 << 10

func newDialer() *net.Dialer {
	return &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
}

// readRoots makes package x509 read the system's roots, which it does once per process, for the
// clients of other services too. That takes milliseconds. It is better done now than while the
// first post waits, because a function in Lambda has more CPU while it starts than later. If there
// are no roots, the handshake reports it.
func readRoots(given *tls.Config) {
	if given == nil || given.RootCAs == nil {
		_, _ = x509.SystemCertPool()
	}
}

// newTLSConfig completes the user's configuration, which may be nil.
func newTLSConfig(given *tls.Config) *tls.Config {
	cfg := given.Clone()
	if cfg == nil {
		cfg = &tls.Config{}
	}
	if cfg.MinVersion == 0 {
		// All endpoints accept TLS 1.2 and 1.3 (AWS Developer Guide, "WebSocket API security
		// policy").
		cfg.MinVersion = tls.VersionTLS12
	}
	if cfg.ClientSessionCache == nil {
		cfg.ClientSessionCache = tls.NewLRUClientSessionCache(maxOthers + 1)
	}
	// Otherwise the first requests on a connection leave in several records, each in its own write.
	cfg.DynamicRecordSizingDisabled = true
	return cfg
}

// newHTTPTransport returns a transport whose pool is as large as its concurrency. The SDK's pool
// keeps 10 connections to a host, and opens and closes the others again and again.
func newHTTPTransport(s *settings, cfg *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:               s.proxy,
		DialContext:         s.dial,
		MaxConnsPerHost:     s.concurrency,
		MaxIdleConnsPerHost: s.concurrency,
		MaxIdleConns:        s.concurrency * (maxOthers + 1),
		IdleConnTimeout:     idleTimeout,
		TLSHandshakeTimeout: s.handshake,
		TLSClientConfig:     cfg,
		WriteBufferSize:     writeBuffer,
		DisableCompression:  true,
		// It is unknown whether the gateway offers HTTP/2. If it does, HTTP/2 is used.
		ForceAttemptHTTP2: true,
	}
}
