package apigw

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"

	"github.com/gatesock/gatesock/internal/sigv4"
)

// httpWire is the way over net/http, to all endpoints. It uses the transport directly: redirects are not followed, and
// the layer above it is spared.
type httpWire struct {
	transport http.RoundTripper
	buffers   buffers
}

func (w *httpWire) CloseIdleConnections() {
	if pool, ok := w.transport.(interface{ CloseIdleConnections() }); ok {
		pool.CloseIdleConnections()
	}
}

func (w *httpWire) roundTrip(ctx context.Context, r *request, a *answer) error {
	stale, err := w.try(ctx, r, a)
	if !stale {
		return err
	}
	w.CloseIdleConnections()
	_, err = w.try(ctx, r, a)
	return err
}

// try sends the request once, and tells if it met a connection that had died while idle.
func (w *httpWire) try(ctx context.Context, r *request, a *answer) (stale bool, err error) {
	var seen sight
	resp, err := w.transport.RoundTrip(w.compose(seen.watch(ctx), r)) //nolint:bodyclose // It is.
	if err != nil {
		return ctx.Err() == nil && seen.stale(err), err
	}
	defer func() { _ = resp.Body.Close() }()
	return false, a.read(resp)
}

// compose makes the request. Its body is of a type that net/http knows to be in memory, so that it does not send the
// header alone while it waits for the body.
func (w *httpWire) compose(ctx context.Context, r *request) *http.Request {
	req := (&http.Request{
		Method: r.method,
		URL: &url.URL{
			Scheme: r.to.uri.Scheme, Host: r.to.uri.Host,
			Path: r.to.uri.Path + "/@connections/" + r.connectionID,
		},
		Host:       r.to.host,
		Header:     w.header(r),
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
	}).WithContext(ctx)
	buf := w.buffers.get()
	path := sigv4.AppendPath((*buf)[:0], r.to.path, r.connectionID)
	req.URL.RawPath = string(path)
	w.buffers.put(buf, path)
	if data := r.data(); len(data) > 0 {
		req.ContentLength = int64(len(data))
		// net/http asks for it again only if nothing was written yet, or if an HTTP/2 server says that it did not
		// begin with the request.
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		req.Body = io.NopCloser(bytes.NewReader(data))
	}
	return req
}

// header gives all headers, whose values share one array.
func (w *httpWire) header(r *request) http.Header {
	values := make([]string, 0, 5)
	h := make(http.Header, cap(values))
	set := func(name, value string) {
		if value != "" {
			values = append(values, value)
			h[name] = values[len(values)-1 : len(values) : len(values)]
		}
	}
	set("User-Agent", userAgent)
	set("Content-Type", r.contentType())
	if r.moment == nil {
		return h
	}
	buf := w.buffers.get()
	authorization := r.appendAuthorization((*buf)[:0])
	set("Authorization", string(authorization))
	w.buffers.put(buf, authorization)
	set("X-Amz-Date", r.moment.Date)
	set("X-Amz-Security-Token", r.moment.Token)
	return h
}

// sight is what was seen of one request's connection.
type sight struct {
	idle     bool // it had been idle before
	http2    bool
	answered atomic.Bool
}

// watch makes net/http report to s.
func (s *sight) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			s.idle = info.Reused && info.WasIdle
			if conn, ok := info.Conn.(*tls.Conn); ok {
				s.http2 = conn.ConnectionState().NegotiatedProtocol == "h2"
			}
		},
		GotFirstResponseByte: func() { s.answered.Store(true) },
	})
}

// stale tells if a request failed because its connection had died while idle. Over HTTP/2 other errors than that of
// the connection are answers too: a server that resets a stream has seen the request.
func (s *sight) stale(err error) bool {
	if !s.idle || s.answered.Load() {
		return false
	}
	return !s.http2 || isConnectionLost(err)
}

func isConnectionLost(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op)
}
