package apigw

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// The defaults of [New] and [NewSDK].
const (
	// DefaultTimeout is how long one call may take once it is its turn: to open a connection if there is none, to sign, to
	// send, and to read the answer.
	DefaultTimeout = 10 * time.Second
	// DefaultConcurrency is how many calls to one endpoint run at once, and how many connections to it are kept at most.
	DefaultConcurrency = 64
)

// Option changes how a [Client] or an [SDKClient] works.
type Option interface{ apply(*settings) error }

type settings struct {
	timeout     time.Duration
	concurrency int
	region      string
	transport   http.RoundTripper // nil: the client's own
	tls         *tls.Config
	clock       func() time.Time // nil: the real one
	proxy       func(*http.Request) (*url.URL, error)
	dial        func(ctx context.Context, network, address string) (net.Conn, error)
	handshake   time.Duration // how long that of TLS may take
}

type option func(*settings) error

func (o option) apply(s *settings) error { return o(s) }

func newSettings(opts []Option) (settings, error) {
	s := settings{
		timeout: DefaultTimeout, concurrency: DefaultConcurrency,
		proxy: http.ProxyFromEnvironment, dial: newDialer().DialContext, handshake: handshakeTimeout,
	}
	for _, o := range opts {
		if err := o.apply(&s); err != nil {
			return settings{}, err
		}
	}
	if s.transport != nil && s.tls != nil {
		return settings{}, errors.New("apigw: a transport was given, so that the TLS configuration belongs to that")
	}
	return s, nil
}

// WithTimeout sets how long one call may take, from the moment that it is its turn to the end of the answer; the
// default is [DefaultTimeout]. Opening a connection and signing count. Waiting for a turn, while as many calls run as
// [WithConcurrency] lets, does not: that is up to the caller's context, of which an earlier end wins in any case. Calls
// without a deadline were seen never to return (observed: aws-sdk-go-v2#1534, aws-sdk-js-v3#6896), so calls always have
// one. Over HTTP/2, a server that allows fewer streams on a connection than WithConcurrency may make a call wait for one
// in its own time; that is [net/http]'s to arrange.
func WithTimeout(d time.Duration) Option {
	return option(func(s *settings) error {
		if d <= 0 {
			return fmt.Errorf("apigw: timeout %s is not positive", d)
		}
		s.timeout = d
		return nil
	})
}

// WithConcurrency sets how many calls to one endpoint run at once; the default is [DefaultConcurrency]. Others wait for
// their turn, in the order in which they came and for as long as their contexts last. It is also how many connections to
// the endpoint are open at most, also while idle; over HTTP/2 calls share connections, and fewer do. A Lambda environment
// has 1,024 file descriptors (AWS Lambda Developer Guide, "Lambda quotas").
//
// Over net/http, endpoints on the same host count as one, as they do for its connections.
func WithConcurrency(n int) Option {
	return option(func(s *settings) error {
		if n < 1 {
			return fmt.Errorf("apigw: concurrency %d is below 1", n)
		}
		s.concurrency = n
		return nil
	})
}

// WithRegion sets the region that requests are signed for where the endpoint's host names none, as behind a custom
// domain. In Lambda it is the value of AWS_REGION.
func WithRegion(region string) Option {
	return option(func(s *settings) error {
		if region != "" && !isLabel(region) {
			return fmt.Errorf("apigw: region %q is not valid", region)
		}
		s.region = region
		return nil
	})
}

// WithTransport sends the requests through t, in place of the client's own connections. [WithConcurrency] then bounds
// the calls alone, and how many connections there are is up to t: a call that waits for one inside t uses up its time.
// Redirects are not followed.
//
// A call that failed inside t matches [gatesock.ErrNotSent] only if t reports through [net/http/httptrace], as
// [net/http.Transport] does, that it asked for a connection and got none.
func WithTransport(t http.RoundTripper) Option {
	return option(func(s *settings) error {
		if t == nil {
			return errors.New("apigw: the transport is nil")
		}
		s.transport = t
		return nil
	})
}

// WithTLSConfig sets what TLS connections are made with, such as the roots of a private authority. A copy of cfg is
// used, in which a session cache and TLS 1.2 as the oldest version fill what is not set; no roots are the system's.
func WithTLSConfig(cfg *tls.Config) Option {
	return option(func(s *settings) error {
		if cfg == nil {
			return errors.New("apigw: the TLS configuration is nil")
		}
		s.tls = cfg
		return nil
	})
}

// WithClock sets the time that requests are signed with, for tests; the default is [time.Now]. Timeouts follow the
// real time.
func WithClock(now func() time.Time) Option {
	return option(func(s *settings) error {
		if now == nil {
			return errors.New("apigw: the clock is nil")
		}
		s.clock = now
		return nil
	})
}
