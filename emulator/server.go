package emulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/describing"
)

// ListenAndServe runs h behind an emulated gateway on a TCP address until ctx ends. With it, a main
// function that runs in Lambda runs on this machine too:
//
//	if gatesock.InLambda() {
//		gatesock.Start(router)
//	}
//	log.Fatal(emulator.ListenAndServe(ctx, "localhost:3001", router, emulator.Config{}))
//
// It logs the address for clients to [Config.Logger]. When ctx ends it closes all connections and
// returns nil; it returns an error if cfg is invalid or the port is in use. It panics if h is nil.
//
// In a program that was started to describe itself (GATESOCK_DESCRIBE=1) it does what
// [gatesock.Start] does: it prints the description of h and exits. [Serve] and [NewListener] do
// not: a program that calls them needs the first three lines above.
//
// A handler that posts to connections needs the gateway first: see [ListenAndServeFunc].
func ListenAndServe(ctx context.Context, addr string, h lambda.Handler, cfg Config) error {
	if h != nil {
		startDescribing(h)
	}
	g, err := New(h, cfg)
	if err != nil {
		return err
	}
	return listenAndServe(ctx, addr, g)
}

// ListenAndServeFunc is [ListenAndServe] for a handler that posts to its own clients, which build
// makes as for [NewFunc]:
//
//	err := emulator.ListenAndServeFunc(ctx, "localhost:3001",
//		func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
//			return newRouter(conn.NewMemory(), api), nil
//		}, emulator.Config{})
func ListenAndServeFunc(
	ctx context.Context, addr string, build func(api gatesock.ConnectionsAPI) (lambda.Handler, error), cfg Config,
) error {
	g, err := NewFunc(build, cfg)
	if err != nil {
		return err
	}
	startDescribing(g.current().handler)
	return listenAndServe(ctx, addr, g)
}

// startDescribing prints the description of h and exits, in a program that was started to describe
// itself.
func startDescribing(h lambda.Handler) {
	if describing.On() {
		gatesock.Start(h)
	}
}

// listenAndServe serves g until ctx ends, and shuts it down.
func listenAndServe(ctx context.Context, addr string, g *Gateway) error {
	s, err := Serve(ctx, g, addr)
	if err != nil {
		return errors.Join(err, g.Shutdown(context.WithoutCancel(ctx)))
	}
	g.logger().Info("listening", slog.String("url", s.URL))
	select {
	case <-ctx.Done():
	case <-s.served:
	}
	return s.Close(context.WithoutCancel(ctx))
}

// Server is one [Gateway] or several on a TCP port. It is safe for concurrent use.
type Server struct {
	// URL is the address for clients, such as "ws://127.0.0.1:3001/local".
	URL string
	// Endpoint is the base URL of the @connections API, such as "http://127.0.0.1:3001/local".
	Endpoint string

	gateways []*Gateway
	at       string // host and port
	http     http.Server
	closing  atomic.Bool
	silent   sync.Map // of net.Conn: connections without a request yet
	endPages context.CancelFunc
	served   chan struct{} // closed when http.Serve has returned
	err      error         // of http.Serve
}

// Serve starts serving g on a TCP address, in the background. "127.0.0.1:0" takes a free port. ctx
// limits the start only. A client has ten seconds to send the head of a request, and may be idle
// for two minutes between requests. [Config.Hosts] has the names that requests may use. Stop the
// server with [Server.Close]. If Serve fails, for example because the port is in use, g stays open.
func Serve(ctx context.Context, g *Gateway, addr string) (*Server, error) {
	if g == nil {
		panic("emulator: Serve: g must not be nil")
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	return serve(g, l, g), nil
}

// ServeStages is [Serve] for several gateways behind one address; see [NewStages]. URL and Endpoint
// of the server are those of the first one; [Server.URLOf] has the others'.
func ServeStages(ctx context.Context, addr string, gateways ...*Gateway) (*Server, error) {
	stages, err := NewStages(gateways...)
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	return serve(stages, l, gateways...), nil
}

// serve serves gateways by a handler in front of them on a listener, which it closes.
func serve(h http.Handler, l net.Listener, gateways ...*Gateway) *Server {
	requests, endPages := context.WithCancel(context.Background())
	s := &Server{
		endPages: endPages,
		gateways: slices.Clone(gateways),
		at:       l.Addr().String(),
		http: http.Server{
			Handler:           h,
			ReadHeaderTimeout: 10 * time.Second,
			IdleTimeout:       2 * time.Minute,
			ErrorLog:          log.New(serverLog{gateways[0]}, "", 0),
			BaseContext:       func(net.Listener) context.Context { return requests },
		},
		served: make(chan struct{}),
	}
	s.URL, s.Endpoint = s.URLOf(gateways[0]), s.EndpointOf(gateways[0])
	s.http.ConnState = s.watch
	go func() {
		defer close(s.served)
		s.err = s.http.Serve(NewListener(l))
	}()
	return s
}

// URLOf returns the address for clients of one of the gateways; see [ServeStages].
func (s *Server) URLOf(g *Gateway) string { return "ws://" + s.at + g.BasePath() }

// EndpointOf returns the base URL of the @connections API of one of the gateways.
func (s *Server) EndpointOf(g *Gateway) string { return "http://" + s.at + g.BasePath() }

// serverLog passes on what net/http logs.
type serverLog struct{ g *Gateway }

func (l serverLog) Write(line []byte) (int, error) {
	l.g.logger().Warn(string(bytes.TrimSpace(line)))
	return len(line), nil
}

// watch records which connections have not sent a request yet.
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

// closeSilent closes the connections that have not sent a request, such as those that browsers open
// in advance. net/http would wait five seconds for them.
func (s *Server) closeSilent() {
	s.closing.Store(true)
	s.silent.Range(func(conn, _ any) bool {
		_ = conn.(net.Conn).Close()
		return true
	})
}

// Close stops listening, shuts each gateway down (see [Gateway.Shutdown]), and returns when all
// goroutines of these have ended, or when ctx has. The contexts of requests for [Config.Pages] end
// after the gateways have, so that a stream of server-sent events ends too. It may be called more
// than once.
func (s *Server) Close(ctx context.Context) error {
	errs := make([]error, len(s.gateways))
	var shutdowns sync.WaitGroup
	for i, g := range s.gateways {
		shutdowns.Go(func() { errs[i] = g.Shutdown(ctx) })
	}
	shutdowns.Wait()
	err := errors.Join(errs...)
	s.endPages()
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

// NewListener returns a listener that remembers how clients spell header names, so that $connect
// and the authorizer get them as sent, as on AWS (docs/gateway-facts.md, §1). Without it they get
// the spelling of net/http: "Headerauth1" for "HeaderAuth1". [Serve] uses it. If the gateway is
// behind a server of your own, with or without other handlers in between, use it there:
//
//	err := server.Serve(emulator.NewListener(l))
//
// For TLS, wrap the listener of [crypto/tls.NewListener] and call Serve, because what ServeTLS
// reads from l is encrypted. The server then does not know about TLS and serves HTTP/1.1 only.
//
// The [net/http.LocalAddrContextKey] of requests is a net.Addr of its own type.
func NewListener(l net.Listener) net.Listener {
	if l == nil {
		panic("emulator: NewListener: l must not be nil")
	}
	return listener{l}
}

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &headConn{Conn: conn}, nil
}

// keptHead is how many of the last bytes of a connection are searched for the head of a request. It
// is more than a handshake may have: 4,096 characters of URL and, on REST APIs, 10,240 bytes of
// headers (AWS, quotas).
const keptHead = 32 << 10

// headConn is a connection of a listener.
type headConn struct {
	net.Conn
	upgraded atomic.Bool // no more requests follow

	mu   sync.Mutex
	read []byte // the last bytes that were read, keptHead or more
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

// forget is called when no more requests follow.
func (c *headConn) forget() {
	c.upgraded.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = nil
}

// CloseWrite closes the writing side, as for a TCP or TLS connection.
func (c *headConn) CloseWrite() error { return closeWrite(c.Conn) }

// closeWrite closes the writing side of a connection that supports it.
func closeWrite(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// LocalAddr passes the connection to the handlers: net/http puts the result into the context of
// requests.
func (c *headConn) LocalAddr() net.Addr { return localAddr{c.Conn.LocalAddr(), c} }

type localAddr struct {
	net.Addr
	conn *headConn
}

// headOf returns the connection that a request came from; nil without [NewListener].
func headOf(r *http.Request) *headConn {
	addr, _ := r.Context().Value(http.LocalAddrContextKey).(localAddr)
	return addr.conn
}

// clientHeader returns the headers of a request under the names that the client wrote, and whether
// they are known. If not, the names are those of net/http, with the usual spelling of the names of
// the handshake.
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

// spellings finds a request by its first line in the bytes of a connection. It returns the names of
// its headers as they are written there, by canonical form, or nil if the whole head is not there.
// If a name is written in several ways, the first counts.
//
// The first line may also occur in an earlier request, in the value of a header, or in a frame that
// was sent before the response. The occurrence that is followed by most headers of the request is
// the request; the last one wins a tie.
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

// maxSameLine is how many occurrences of the first line are examined, so that a client that repeats
// it costs little.
const maxSameLine = 20

// countNames returns how many names of the header are in names.
func countNames(names map[string]string, header http.Header) (n int) {
	for name := range header {
		if _, ok := names[name]; ok {
			n++
		}
	}
	return n
}

// namesAfter returns the names of the headers after the first line of a request; nil if the headers
// do not end.
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
			continue // a folded value
		}
		canonical := textproto.CanonicalMIMEHeaderKey(string(name))
		if _, twice := names[canonical]; !twice {
			names[canonical] = string(name)
		}
	}
}

// headerValue returns the first value of a header, ignoring the case of its name.
func headerValue(h http.Header, name string) string {
	for _, f := range headerFields(h) {
		if compareFold(f.name, name) == 0 {
			return f.values[0]
		}
	}
	return ""
}

// canonicalHeader returns the headers under their canonical names.
func canonicalHeader(h http.Header) http.Header {
	canonical := make(http.Header, len(h))
	for _, f := range headerFields(h) {
		canonical[http.CanonicalHeaderKey(f.name)] = f.values
	}
	return canonical
}

// headerFields returns the headers that have a value, sorted by name without regard to case, as in
// captured events. If a name is spelled in several ways, all its values are under the first
// spelling.
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
