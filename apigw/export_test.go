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

// OverNetHTTP makes a Client go over net/http, with a transport as its own one.
func OverNetHTTP(cfg *tls.Config, concurrency int) Option {
	return option(func(s *settings) error {
		s.concurrency = concurrency
		own := *s
		own.proxy = nil
		s.transport = newTransport(&own, newTLSConfig(cfg))
		return nil
	})
}

// Patient lets a call take as long as a busy machine needs for it. What ends a test then is its own timeout.
func Patient() Option {
	return option(func(s *settings) error {
		s.timeout, s.handshake, s.dial = time.Hour, time.Hour, new(net.Dialer).DialContext
		return nil
	})
}

// Delaying lets each connection take a while to open, as net/http is told. It comes after Dialing.
func Delaying(d time.Duration) Option {
	return option(func(s *settings) error {
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
		return nil
	})
}

// Dialing opens connections in another way than by a dialer, and by no proxy. It comes before OverNetHTTP.
func Dialing(dial func(ctx context.Context, network, address string) (net.Conn, error)) Option {
	return option(func(s *settings) error {
		s.dial = dial
		s.proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
		return nil
	})
}
