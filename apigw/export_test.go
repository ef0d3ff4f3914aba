package apigw

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"
)

// OverNetHTTP makes a Client use net/http, with a transport like its own.
func OverNetHTTP(cfg *tls.Config, concurrency int) Option {
	return option(func(s *settings) {
		s.concurrency = concurrency
		own := *s
		own.proxy = nil
		s.roundTripper = newHTTPTransport(&own, newTLSConfig(cfg))
	})
}

// Patient lets a call take as long as a busy machine needs. The timeout of the test ends it then.
func Patient() Option {
	return option(func(s *settings) {
		s.timeout, s.handshake, s.dial = time.Hour, time.Hour, new(net.Dialer).DialContext
	})
}

// Delaying makes each connection take d to open, and reports to net/http that it is being opened.
// It comes after Dialing.
func Delaying(d time.Duration) Option {
	return option(func(s *settings) {
		dial := s.dial
		s.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.ConnectStart != nil {
				trace.ConnectStart(network, address)
			}
			select {
			case <-time.After(d):
				return dial(ctx, network, address)
			case <-ctx.Done():
				return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
			}
		}
	})
}

// Dialing opens connections by dial, and never through a proxy. It comes before OverNetHTTP.
func Dialing(dial func(ctx context.Context, network, address string) (net.Conn, error)) Option {
	return option(func(s *settings) {
		s.dial = dial
		s.proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	})
}
