package apigw

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// idleTimeout ends connections before what lies between does it silently: Lambda purges idle ones, and the
// next use of such a one fails (AWS Lambda Developer Guide, "Best practices"). After a freeze the transport
// compares with the wall clock, so that time in the freezer counts.
const idleTimeout = 30 * time.Second

// newHTTPClient gives a client whose pool is as large as its concurrency. The pool of the SDK keeps 10
// connections to a host and opens and closes the rest again and again.
func newHTTPClient(concurrency int) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         dialer.DialContext,
			MaxConnsPerHost:     concurrency,
			MaxIdleConnsPerHost: concurrency,
			IdleConnTimeout:     idleTimeout,
			TLSHandshakeTimeout: 5 * time.Second,
			// All endpoints take TLS 1.2 and 1.3 (AWS Developer Guide, "WebSocket API security policy").
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
			// Whether the gateway offers HTTP/2 is not known; if it does, it is used.
			ForceAttemptHTTP2: true,
		},
		// A signed request must not go where it was not signed for.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
