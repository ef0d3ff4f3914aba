package apigw

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/sigv4"
)

// httpWire is the way over net/http, to all endpoints. It uses the transport directly: redirects are not followed, and
// the layer above it is spared.
type httpWire struct {
	transport http.RoundTripper
	// pools: the transport is that of net/http, which reports nothing more of a request that was answered.
	pools   bool
	lines   *lines
	blank   *http.Request
	buffers buffers
	sights  sync.Pool
}

// newHTTPWire returns one that has up to a number of calls to each host run at once.
func newHTTPWire(transport http.RoundTripper, concurrency int) *httpWire {
	_, pools := transport.(*http.Transport)
	return &httpWire{
		transport: transport,
		pools:     pools,
		lines:     newLines(concurrency),
		blank:     &http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1},
	}
}

func (w *httpWire) CloseIdleConnections() {
	if pool, ok := w.transport.(interface{ CloseIdleConnections() }); ok {
		pool.CloseIdleConnections()
	}
}

func (w *httpWire) roundTrip(ctx context.Context, r *request, a *answer) error {
	turn, err := w.lines.enter(ctx, r.to)
	if err != nil {
		return err
	}
	defer w.lines.leave(turn)
	ctx, end := within(ctx, r.timeout)
	defer func() { a.late = end() }()
	if err := r.sign(ctx); err != nil {
		return err
	}
	return w.send(ctx, r, a)
}

// send sends a request, and sends it again if its connection had died while idle.
func (w *httpWire) send(ctx context.Context, r *request, a *answer) error {
	dead, first := w.try(ctx, r, a, nil)
	if dead == nil {
		return first
	}
	w.CloseIdleConnections()
	// An HTTP/2 connection is handed out until its reader has noticed the end. What is written to it goes nowhere.
	for range repicks {
		again, err := w.try(ctx, r, a, dead)
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

// repicks is how often a fresh connection is asked for, while it is the dead one that comes.
const repicks = 16

// try sends the request once, and returns the connection if it had died while idle, or is known to be dead.
func (w *httpWire) try(ctx context.Context, r *request, a *answer, known net.Conn) (dead net.Conn, err error) {
	shared := w.pools && httptrace.ContextClientTrace(ctx) == nil // Otherwise the caller's trace becomes a part of ours.
	sight := w.sight(shared)
	ctx = httptrace.WithClientTrace(ctx, &sight.trace)
	resp, err := w.transport.RoundTrip(w.compose(ctx, r))
	if err != nil { // net/http may still report to sight, which is not used again.
		seen := sight.look()
		a.sent = a.sent || seen.sent()
		again := known != nil && seen.conn == known && !seen.answered
		if ctx.Err() == nil && (again || seen.stale(err)) {
			dead = seen.conn
		}
		return dead, err
	}
	a.sent = true
	if shared {
		sight.reset()
		w.sights.Put(sight)
	}
	defer func() { _ = resp.Body.Close() }()
	return nil, a.read(resp)
}

// sight returns one to look at a request with, which may be used again if it is shared.
func (w *httpWire) sight(shared bool) *sight {
	if shared {
		if seen, ok := w.sights.Get().(*sight); ok {
			return seen
		}
	}
	return newSight()
}

// outgoing has the parts of one request in one piece. It is not used again: net/http may still be writing it when an
// early answer has come.
type outgoing struct {
	url    url.URL
	body   bytes.Reader
	values [5]string // of the headers
}

// compose makes the request. Its body is of a type that net/http knows to be in memory, so that it does not send the
// header alone while it waits for the body.
func (w *httpWire) compose(ctx context.Context, r *request) *http.Request {
	req := w.blank.WithContext(ctx)
	out := new(outgoing)
	req.Method = r.method
	req.Host = r.to.host
	req.URL = &out.url
	out.url.Scheme, out.url.Host = r.to.uri.Scheme, r.to.uri.Host
	var authorization string
	out.url.Path, out.url.RawPath, authorization = w.texts(r)
	req.Header = header(&out.values, r, authorization)
	if data := r.data(); len(data) > 0 {
		req.ContentLength = int64(len(data))
		// net/http asks for it again only if nothing was written yet, or if an HTTP/2 server says that it did not
		// begin with the request.
		req.GetBody = r.payload.reader
		out.body.Reset(data)
		req.Body = io.NopCloser(&out.body)
	}
	return req
}

// texts gives the path, the same as it goes over the wire, and the value of Authorization, all in one string.
func (w *httpWire) texts(r *request) (path, escaped, authorization string) {
	buf := w.buffers.get()
	b := (*buf)[:0]
	b = append(b, r.to.uri.Path...)
	b = append(b, "/@connections/"...)
	b = append(b, r.connectionID...)
	escapedAt := len(b)
	b = sigv4.AppendPath(b, r.to.path, r.connectionID)
	authorizationAt := len(b)
	if r.moment != nil {
		b = r.appendAuthorization(b)
	}
	all := string(b)
	w.buffers.put(buf, b)
	return all[:escapedAt], all[escapedAt:authorizationAt], all[authorizationAt:]
}

// header gives all headers, whose values are in one array.
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
