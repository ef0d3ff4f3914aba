package apigw

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	defaultTimeout     = 10 * time.Second
	defaultConcurrency = 64
)

// Option configures a [Client] or an [SDKClient]. Options panic if their argument is impossible,
// such as nil or a negative number.
type Option interface{ apply(*settings) }

type settings struct {
	timeout      time.Duration
	concurrency  int
	region       string
	roundTripper http.RoundTripper // nil: the client's own connections
	tls          *tls.Config
	clock        func() time.Time // nil: the real one
	proxy        func(*http.Request) (*url.URL, error)
	dial         func(ctx context.Context, network, address string) (net.Conn, error)
	handshake    time.Duration // the timeout of a TLS handshake
}

type option func(*settings)

func (o option) apply(s *settings) { o(s) }

func newSettings(opts []Option) (settings, error) {
	s := settings{
		timeout: defaultTimeout, concurrency: defaultConcurrency,
		proxy: http.ProxyFromEnvironment, dial: newDialer().DialContext, handshake: handshakeTimeout,
	}
	for _, o := range opts {
		if o == nil {
			panic("apigw: New: an option is nil")
		}
		o.apply(&s)
	}
	if s.roundTripper != nil && s.tls != nil {
		panic("apigw: WithTransport and WithTLSConfig exclude each other: configure TLS in the transport")
	}
	if s.region != "" && !isLabel(s.region) {
		return settings{}, fmt.Errorf("apigw: WithRegion: %q is not a region", s.region)
	}
	return s, nil
}

// WithTimeout sets the timeout of one call: to open a connection if there is none, to sign, to send
// and to read the answer. The default is 10 seconds; d must be positive. A call always has a
// timeout, because calls without one were seen never to return (observed: aws-sdk-go-v2#1534,
// aws-sdk-js-v3#6896).
//
// The time in which a call waits because [WithConcurrency] others are running does not count. The
// caller's context bounds it, and also ends the call if its deadline is earlier. Over HTTP/2, a
// server that allows fewer streams on a connection than WithConcurrency can make a call wait inside
// net/http; that time does count.
func WithTimeout(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("apigw: WithTimeout: d is %s, must be positive", d))
	}
	return option(func(s *settings) { s.timeout = d })
}

// WithConcurrency sets how many calls to one endpoint run at once. The default is 64; n must be
// positive. Further calls wait, in the order in which they came and for as long as their contexts
// last.
//
// It also bounds the number of connections to the endpoint, idle ones included. Over HTTP/2 calls
// share connections, so that there are fewer. A Lambda environment has 1,024 file descriptors (AWS
// Lambda Developer Guide, "Lambda quotas"). Over net/http, endpoints on the same host count as one.
func WithConcurrency(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("apigw: WithConcurrency: n is %d, must be positive", n))
	}
	return option(func(s *settings) { s.concurrency = n })
}

// WithRegion sets the region that requests are signed for if the endpoint's host name does not
// name one, as behind a custom domain. In Lambda, pass the value of AWS_REGION. An empty region
// counts as not set; with a malformed one, [New] fails.
func WithRegion(region string) Option {
	return option(func(s *settings) { s.region = region })
}

// WithTransport sends requests through t, which must not be nil, instead of the client's own
// connections. It excludes [WithTLSConfig]. [WithConcurrency] then bounds calls alone: t decides
// how many connections there are, and a call that waits inside t uses up its timeout. Redirects
// are not followed.
//
// The error of a call that failed inside t matches [gatesock.ErrNotSent] only if t reports through
// [net/http/httptrace] that it asked for a connection and got none, as [net/http.Transport] does.
func WithTransport(t http.RoundTripper) Option {
	if t == nil {
		panic("apigw: WithTransport: t must not be nil")
	}
	return option(func(s *settings) { s.roundTripper = t })
}

// WithTLSConfig sets the configuration of TLS connections, such as the roots of a private
// authority. It must not be nil. The client uses a copy, in which it sets a session cache and the
// minimum version TLS 1.2 if they are not set. Without RootCAs the system's roots apply.
func WithTLSConfig(cfg *tls.Config) Option {
	if cfg == nil {
		panic("apigw: WithTLSConfig: cfg must not be nil")
	}
	return option(func(s *settings) { s.tls = cfg })
}

// WithClock sets the clock that requests are signed with, for tests. The default is [time.Now]; now
// must be safe for concurrent use. It panics if now is nil. Timeouts follow the real time.
func WithClock(now func() time.Time) Option {
	if now == nil {
		panic("apigw: WithClock: now must not be nil")
	}
	return option(func(s *settings) { s.clock = now })
}
