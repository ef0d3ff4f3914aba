package apigw

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

// idleTimeout ends connections before what lies between does it silently: Lambda purges idle ones, and the
// next use of such a one fails (AWS Lambda Developer Guide, "Best practices"). After a freeze the transport
// compares with the wall clock, so that time in the freezer counts.
const idleTimeout = 30 * time.Second

const handshakeTimeout = 5 * time.Second

// writeBuffer is how much a request may have for its header and its body to leave in one write. A token makes a
// header of 2 KiB, and net/http's own buffer has 4.
const writeBuffer = 16 << 10

func newDialer() *net.Dialer {
	return &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
}

// readRoots has package x509 read the system's authorities, which it does once in a process, for the clients of other
// services too. That takes milliseconds, and is better done now than while the first post waits: in Lambda a function has
// more of a processor while it starts than later. Where there are none the handshake says so.
func readRoots(given *tls.Config) {
	if given == nil || given.RootCAs == nil {
		_, _ = x509.SystemCertPool()
	}
}

// newTLSConfig completes what the user gave, which may be nil.
func newTLSConfig(given *tls.Config) *tls.Config {
	cfg := given.Clone()
	if cfg == nil {
		cfg = &tls.Config{}
	}
	if cfg.MinVersion == 0 {
		// All endpoints take TLS 1.2 and 1.3 (AWS Developer Guide, "WebSocket API security policy").
		cfg.MinVersion = tls.VersionTLS12
	}
	if cfg.ClientSessionCache == nil {
		cfg.ClientSessionCache = tls.NewLRUClientSessionCache(maxOthers + 1)
	}
	// Otherwise the first requests of a connection leave in several records, each of which is a write of its own.
	cfg.DynamicRecordSizingDisabled = true
	return cfg
}

// newTransport gives a transport whose pool is as large as its concurrency. The pool of the SDK keeps 10
// connections to a host and opens and closes the rest again and again.
func newTransport(s *settings, cfg *tls.Config) *http.Transport {
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
		// Whether the gateway offers HTTP/2 is not known; if it does, it is used.
		ForceAttemptHTTP2: true,
	}
}
