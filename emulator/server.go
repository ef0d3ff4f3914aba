package emulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Server is a [Gateway] on a port. It is safe for concurrent use.
type Server struct {
	// URL is where clients connect, as in "ws://127.0.0.1:3001/local".
	URL string
	// Endpoint is the base URL of the @connections API, as in "http://127.0.0.1:3001/local".
	Endpoint string

	gateway *Gateway
	http    http.Server
	closing atomic.Bool
	silent  sync.Map      // of net.Conn: those without a request yet
	served  chan struct{} // closed when http.Serve has returned, with
	err     error
}

// Serve starts to serve g on a TCP address; "127.0.0.1:0" takes a free port. ctx is for the start only. A client has ten
// seconds for the head of a request, and a connection between two requests two minutes; see [Config.Hosts] for the names
// under which g may be asked for.
func Serve(ctx context.Context, g *Gateway, addr string) (*Server, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	return serve(g, l), nil
}

// serve serves g on a listener, which it closes.
func serve(g *Gateway, l net.Listener) *Server {
	at := l.Addr().String() + g.BasePath()
	s := &Server{
		URL:      "ws://" + at,
		Endpoint: "http://" + at,
		gateway:  g,
		http: http.Server{
			Handler:           g,
			ReadHeaderTimeout: 10 * time.Second,
			IdleTimeout:       2 * time.Minute,
			ErrorLog:          slog.NewLogLogger(g.cfg.Logger.Handler(), slog.LevelWarn),
		},
		served: make(chan struct{}),
	}
	s.http.ConnState = s.watch
	go func() {
		defer close(s.served)
		s.err = s.http.Serve(NewListener(l))
	}()
	return s
}

// watch takes note of a connection's state.
func (s *Server) watch(conn net.Conn, state http.ConnState) {
	if state != http.StateNew {
		s.silent.Delete(conn)
		return
	}
	s.silent.Store(conn, nil)
	if s.closing.Load() {
		_ = conn.Close()
	}
}

// closeSilent closes the connections that have not had a request, as browsers open them in advance: net/http waits for
// theirs for five seconds.
func (s *Server) closeSilent() {
	s.closing.Store(true)
	s.silent.Range(func(conn, _ any) bool {
		_ = conn.(net.Conn).Close()
		return true
	})
}

// Close stops to listen, shuts the gateway down (see [Gateway.Shutdown]), and returns when every goroutine of both
// has ended, or when ctx has. Calling it again does no harm.
func (s *Server) Close(ctx context.Context) error {
	err := s.gateway.Shutdown(ctx)
	s.closeSilent()
	err = errors.Join(err, s.http.Shutdown(ctx))
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	if <-s.served; !errors.Is(s.err, http.ErrServerClosed) {
		err = errors.Join(err, s.err)
	}
	if err != nil {
		return fmt.Errorf("emulator: closing the server: %w", err)
	}
	return nil
}

// NewListener returns a listener whose connections remember how their clients spell the names of headers, so that
// $connect and the authorizer get those names as they were sent, as on AWS (§1 of docs/gateway-facts.md). net/http hands
// a handler its own spelling only: "HeaderAuth1" as "Headerauth1". [Serve] listens with one; a gateway behind a server
// of your own needs it, with any handlers in between:
//
//	err := server.Serve(emulator.NewListener(l))
//
// For TLS wrap the listener of [crypto/tls.NewListener] and call Serve, since what ServeTLS reads from l is encrypted;
// the server then knows nothing of TLS, and serves HTTP/1.1 only.
// The [net/http.LocalAddrContextKey] of requests is a net.Addr of its own type.
func NewListener(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &headConn{Conn: conn}, nil
}

// keptHead is how many of the bytes that a connection has read are looked through for the head of a request: more than a
// handshake may have, which is 4,096 characters of URL and, on REST APIs, 10,240 bytes of headers (AWS, quotas).
const keptHead = 32 << 10

// headConn is a connection of a listener.
type headConn struct {
	net.Conn
	upgraded atomic.Bool // no more requests come

	mu   sync.Mutex
	read []byte // the last bytes that were read, at least keptHead of them
}

func (c *headConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.upgraded.Load() {
		c.note(p[:n])
	}
	return n, err
}

func (c *headConn) note(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.read)+len(p) > 2*keptHead {
		c.read = append(c.read[:0], c.read[max(0, len(c.read)-keptHead):]...)
		p = p[max(0, len(p)-keptHead):]
	}
	c.read = append(c.read, p...)
}

// forget is called when no more requests come.
func (c *headConn) forget() {
	c.upgraded.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = nil
}

// CloseWrite ends the writing side, as that of a TCP or TLS connection does.
func (c *headConn) CloseWrite() error { return closeWrite(c.Conn) }

// closeWrite ends the writing side of a connection that can do so.
func closeWrite(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// LocalAddr brings the connection to the handlers: net/http puts it into the context of requests.
func (c *headConn) LocalAddr() net.Addr { return localAddr{c.Conn.LocalAddr(), c} }

type localAddr struct {
	net.Addr
	conn *headConn
}

// headOf returns the connection that has read a request; nil without [NewListener].
func headOf(r *http.Request) *headConn {
	addr, _ := r.Context().Value(http.LocalAddrContextKey).(localAddr)
	return addr.conn
}

// clientHeader returns the headers of a request under the names that the client wrote, and whether these are known. Else
// they are those of net/http, but for the handshake's own, which have a usual spelling.
func clientHeader(r *http.Request) (http.Header, bool) {
	var names map[string]string
	if c := headOf(r); c != nil {
		c.mu.Lock()
		names = spellings(c.read, r.Method+" "+r.RequestURI+" "+r.Proto, r.Header)
		c.mu.Unlock()
	}
	header := make(http.Header, len(r.Header))
	for name, values := range r.Header {
		if spelled, ok := names[name]; ok {
			name = spelled
		}
		header[name] = values
	}
	return header, names != nil
}

// spellings finds a request by its first line in what a connection has read, and returns the names of its headers as they
// are written there, by their canonical form. A name that is written in several ways has the first one. It returns nil if
// the request is not there as a whole.
//
// The line may be there more than once: in an earlier request, in a header's value, or in a frame that was sent before the
// answer. What has the most of the request's headers after it is the request, the last one of equals.
func spellings(read []byte, requestLine string, header http.Header) map[string]string {
	var best map[string]string
	most := -1
	end := len(read)
	for range maxSameLine {
		at := bytes.LastIndex(read[:end], []byte(requestLine))
		if at < 0 || most == len(header) {
			break
		}
		end = at
		names := namesAfter(read[at:])
		if n := countNames(names, header); names != nil && n > most {
			best, most = names, n
		}
	}
	return best
}

// maxSameLine is how often the first line of a request is looked for, so that a client that repeats it costs little.
const maxSameLine = 20

// countNames returns how many of the header's names are there.
func countNames(names map[string]string, header http.Header) (n int) {
	for name := range header {
		if _, ok := names[name]; ok {
			n++
		}
	}
	return n
}

// namesAfter returns the names of the headers after a request's first line; nil if they do not end.
func namesAfter(read []byte) map[string]string {
	_, rest, _ := bytes.Cut(read, []byte("\n"))
	names := map[string]string{}
	for {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if line = bytes.TrimSuffix(line, []byte("\r")); !whole {
			return nil
		}
		if len(line) == 0 {
			return names
		}
		rest = after
		name, _, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue // the rest of a value
		}
		canonical := textproto.CanonicalMIMEHeaderKey(string(name))
		if _, twice := names[canonical]; !twice {
			names[canonical] = string(name)
		}
	}
}

// headerValue returns the first value of a header, however its name is spelled.
func headerValue(h http.Header, name string) string {
	for _, f := range headerFields(h) {
		if compareFold(f.name, name) == 0 {
			return f.values[0]
		}
	}
	return ""
}

// canonicalHeader returns the headers under the names of net/http.
func canonicalHeader(h http.Header) http.Header {
	canonical := make(http.Header, len(h))
	for _, f := range headerFields(h) {
		canonical[http.CanonicalHeaderKey(f.name)] = f.values
	}
	return canonical
}

// headerFields returns the headers that have a value, sorted by name. One whose name is spelled in several ways has
// all its values under the first of them: the order is that of a map that ignores case, as captured events have it.
func headerFields(h http.Header) []field {
	fields := fieldsOf(h)
	slices.SortStableFunc(fields, func(a, b field) int { return compareFold(a.name, b.name) })
	merged := fields[:0]
	for _, f := range fields {
		if n := len(merged); n > 0 && compareFold(merged[n-1].name, f.name) == 0 {
			merged[n-1].values = slices.Concat(merged[n-1].values, f.values)
			continue
		}
		merged = append(merged, f)
	}
	return merged
}

// compareFold compares names without regard to the case of ASCII letters.
func compareFold(a, b string) int {
	for i := range min(len(a), len(b)) {
		if x, y := lower(a[i]), lower(b[i]); x != y {
			return int(x) - int(y)
		}
	}
	return len(a) - len(b)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
