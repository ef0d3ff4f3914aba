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
	// DefaultTimeout is how long one call may take once it has a connection.
	DefaultTimeout = 10 * time.Second
	// DefaultConcurrency is how many connections to one endpoint are opened and kept.
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

// WithTimeout sets how long one call may take, from the moment that it has a connection or may open one to the end of
// the answer; the default is [DefaultTimeout]. How long it waits until then, while others use all connections, is up to the
// caller's context, of which an earlier end wins in any case. Calls without a deadline were seen never to return
// (observed: aws-sdk-go-v2#1534, aws-sdk-js-v3#6896), so calls always have one.
//
// A transport of [WithTransport] reports when a call waits, as [net/http.Transport] does, through
// [net/http/httptrace]. Under one that does not, waiting counts.
func WithTimeout(d time.Duration) Option {
	return option(func(s *settings) error {
		if d <= 0 {
			return fmt.Errorf("apigw: timeout %s is not positive", d)
		}
		s.timeout = d
		return nil
	})
}

// WithConcurrency sets how many connections to one endpoint are opened at most, and kept open while idle;
// the default is [DefaultConcurrency]. Over HTTP/1.1 it is how many calls run at once; others wait, as long
// as their contexts last. A Lambda environment has 1,024 file descriptors (AWS Lambda Developer Guide, "Lambda quotas").
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

// WithTransport sends the requests through t, in place of the client's own connections; [WithConcurrency] then has
// no effect. Redirects are not followed.
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
