package apigw

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"

	"github.com/gatesock/gatesock/apigw/internal/signing"
)

// httpTransport sends requests over net/http, to all endpoints. It calls the RoundTripper directly,
// which does not follow redirects and costs less than an http.Client.
type httpTransport struct {
	roundTripper http.RoundTripper
	// pools: the RoundTripper is that of net/http, which reports nothing more about a request after
	// it was answered, so that traces can be used again.
	pools    bool
	queues   *queues
	template *http.Request
	buffers  buffers
	traces   sync.Pool
}

// wrapHTTPTransport returns one that runs up to a number of calls to each host at once.
func wrapHTTPTransport(roundTripper http.RoundTripper, concurrency int) *httpTransport {
	_, pools := roundTripper.(*http.Transport)
	return &httpTransport{
		roundTripper: roundTripper,
		pools:        pools,
		queues:       newQueues(concurrency),
		template:     &http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1},
	}
}

func (t *httpTransport) CloseIdleConnections() {
	if pool, ok := t.roundTripper.(interface{ CloseIdleConnections() }); ok {
		pool.CloseIdleConnections()
	}
}

func (t *httpTransport) roundTrip(ctx context.Context, r *request, a *answer) error {
	turn, err := t.queues.enter(ctx, r.to)
	if err != nil {
		return err
	}
	defer t.queues.leave(turn)
	ctx, end := within(ctx, r.timeout)
	defer func() { a.timedOut = end() }()
	if err := r.sign(ctx); err != nil {
		return err
	}
	return t.send(ctx, r, a)
}

// send sends a request, and sends it again if its connection had died while idle.
//
// net/http chooses the connection. Over HTTP/2 it hands out a dead one until its reader has noticed
// the end, so that a repeat may meet the same connection, on which it goes nowhere. The states:
//
//	state     the attempt                              then
//	first     was answered, or failed for good         return its result
//	first     failed on a dead connection              close idle connections; repeat
//	repeat    could not open a connection              return the first error, with this one as text
//	repeat    was answered, or failed elsewhere        return its result
//	repeat    met the same dead connection             wait 1 ms; repeat, up to maxRepeats times
//	repeat    was the last of maxRepeats               return the first error
//
// The server sees a request twice only if it had read the first one and then closed the connection
// without a byte of an answer. That cannot be distinguished from a connection that died while idle.
// [httpTransport.try] decides what "dead" means.
func (t *httpTransport) send(ctx context.Context, r *request, a *answer) error {
	dead, first := t.try(ctx, r, a, nil)
	if dead == nil {
		return first
	}
	t.CloseIdleConnections()
	for range maxRepeats {
		again, err := t.try(ctx, r, a, dead)
		if isDial(err) {
			return fmt.Errorf("%w; then: %v", first, err) //nolint:errorlint // Not "dial": the request was sent.
		}
		if again != dead {
			return err
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
		}
	}
	return first
}

// maxRepeats is how often send asks for a new connection while it is given the dead one.
const maxRepeats = 16

// try sends the request once. If its connection was dead, try returns that connection:
//
//	the request was answered, at least by one byte      not dead
//	ctx has ended                                       not dead
//	it failed on the connection known to be dead        dead
//	it failed, over HTTP/1.1, on one that was idle      dead
//	it failed by an error of the connection, over
//	HTTP/2, on one that was idle                        dead
//	it failed otherwise                                 not dead
func (t *httpTransport) try(
	ctx context.Context, r *request, a *answer, known net.Conn,
) (dead net.Conn, err error) {
	pooled := t.pools && httptrace.ContextClientTrace(ctx) == nil // A trace of the caller becomes a part of ours.
	trace := t.trace(pooled)
	ctx = httptrace.WithClientTrace(ctx, &trace.hooks)
	resp, err := t.roundTripper.RoundTrip(t.compose(ctx, r))
	if err != nil { // net/http may still report to trace, which is not used again.
		seen := trace.result()
		a.sent = a.sent || seen.sent()
		again := known != nil && seen.conn == known && !seen.answered
		if ctx.Err() == nil && (again || seen.diedIdle(err)) {
			dead = seen.conn
		}
		return dead, err
	}
	a.sent = true
	if pooled {
		trace.reset()
		t.traces.Put(trace)
	}
	defer func() { _ = resp.Body.Close() }()
	return nil, a.read(resp)
}

// trace returns a connTrace, which may come from the pool.
func (t *httpTransport) trace(pooled bool) *connTrace {
	if pooled {
		if trace, ok := t.traces.Get().(*connTrace); ok {
			return trace
		}
	}
	return newConnTrace()
}

// outgoing has the parts of one request in one allocation. It is not used again: net/http may still
// be writing it after an early answer.
type outgoing struct {
	url    url.URL
	body   bytes.Reader
	values [5]string // of the headers
}

// compose makes the request. net/http knows the type of its body to be in memory, and therefore
// does not send the header alone while it waits for the body.
func (t *httpTransport) compose(ctx context.Context, r *request) *http.Request {
	req := t.template.WithContext(ctx)
	out := new(outgoing)
	req.Method = r.method
	req.Host = r.to.host
	req.URL = &out.url
	out.url.Scheme, out.url.Host = r.to.uri.Scheme, r.to.uri.Host
	var authorization string
	out.url.Path, out.url.RawPath, authorization = t.texts(r)
	req.Header = header(&out.values, r, authorization)
	if data := r.data(); len(data) > 0 {
		req.ContentLength = int64(len(data))
		// net/http calls GetBody only if nothing was written yet, or if an HTTP/2 server reports
		// that it did not begin with the request.
		req.GetBody = r.payload.reader
		out.body.Reset(data)
		req.Body = io.NopCloser(&out.body)
	}
	return req
}

// texts returns the path, the path on the wire, and the value of Authorization, which share one
// string.
func (t *httpTransport) texts(r *request) (path, escaped, authorization string) {
	buf := t.buffers.get()
	b := (*buf)[:0]
	b = append(b, r.to.uri.Path...)
	b = append(b, "/@connections/"...)
	b = append(b, r.connectionID...)
	escapedAt := len(b)
	b = signing.AppendPath(b, r.to.path, r.connectionID)
	authorizationAt := len(b)
	if r.moment != nil {
		b = r.appendAuthorization(b)
	}
	all := string(b)
	t.buffers.put(buf, b)
	return all[:escapedAt], all[escapedAt:authorizationAt], all[authorizationAt:]
}

// header returns all headers. Their values are in one array.
func header(values *[5]string, r *request, authorization string) http.Header {
	h := make(http.Header, len(values))
	*values = [5]string{userAgent, r.contentType(), authorization}
	if r.moment != nil {
		values[3], values[4] = r.moment.Date, r.moment.Token
	}
	for i, name := range [...]string{"User-Agent", "Content-Type", "Authorization", "X-Amz-Date", "X-Amz-Security-Token"} {
		if values[i] != "" {
			h[name] = values[i : i+1 : i+1]
		}
	}
	return h
}

// connTrace records what net/http reports about the connection of one request. A transport of the
// user may report nothing, or from several goroutines.
type connTrace struct {
	hooks httptrace.ClientTrace

	mu sync.Mutex
	traced
}

// traced is what was reported.
type traced struct {
	asked    bool     // for a connection
	got      bool     // a connection
	conn     net.Conn // the connection; may be nil even then
	idle     bool     // it had been idle before
	http2    bool
	answered bool
}

func newConnTrace() *connTrace {
	t := new(connTrace)
	t.hooks = httptrace.ClientTrace{
		GetConn: func(string) { t.record(func(r *traced) { r.asked = true }) },
		GotConn: func(info httptrace.GotConnInfo) {
			t.record(func(r *traced) {
				r.got, r.conn, r.idle = true, info.Conn, info.Reused && info.WasIdle
				if conn, ok := info.Conn.(*tls.Conn); ok {
					r.http2 = conn.ConnectionState().NegotiatedProtocol == "h2"
				}
			})
		},
		GotFirstResponseByte: func() { t.record(func(r *traced) { r.answered = true }) },
	}
	return t
}

func (t *connTrace) record(event func(*traced)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	event(&t.traced)
}

func (t *connTrace) reset() { t.record(func(r *traced) { *r = traced{} }) }

// result returns what was reported so far.
func (t *connTrace) result() traced {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.traced
}

// sent reports whether a byte of a failed request may have gone out. That is ruled out only if the
// transport reported that it asked for a connection, and did not report that it got one. A
// transport that reports nothing may have sent the request before its last error, even if that is
// one of a dial.
func (t traced) sent() bool { return !t.asked || t.got || t.answered }

// diedIdle reports whether a request failed because its connection had died while idle. Over HTTP/2
// only errors of the connection count: a server that resets a stream has seen the request.
func (t traced) diedIdle(err error) bool {
	if !t.idle || t.answered {
		return false
	}
	return !t.http2 || isConnectionLost(err)
}

func isConnectionLost(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op)
}

func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
