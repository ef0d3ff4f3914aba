package intercept

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gatesock/gatesock/emulator"
)

// helloTimeout is how long a client may take to send its first bytes. It is long, since a function
// is frozen between its invocations.
const helloTimeout = 5 * time.Minute

// origin is where a connection comes from.
type origin struct {
	child string // name; "" if it is not known
	host  string // that the client asked the proxy for; "" if it did not ask
}

type originKey struct{}

// originAddr is the address of a client of http.Server, and takes its origin there.
type originAddr struct {
	net.Addr
	from origin
}

// String returns the address; that of a client without one, as on a Unix socket, is this machine.
func (a originAddr) String() string {
	if a.Network() != "tcp" {
		return "127.0.0.1:0"
	}
	return a.Addr.String()
}

// link is a connection that Interceptor.Close closes. What was read ahead is read from in.
type link struct {
	net.Conn
	in    *bufio.Reader
	from  origin
	among *connections
}

func (l *link) Read(p []byte) (int, error) { return l.in.Read(p) }
func (l *link) RemoteAddr() net.Addr       { return originAddr{l.Conn.RemoteAddr(), l.from} }
func (l *link) CloseWrite() error          { return closeWrite(l.Conn) }

func (l *link) Close() error {
	l.among.remove(l)
	return l.Conn.Close()
}

// connections are the open links. The zero value has none.
type connections struct {
	mu     sync.Mutex
	open   map[*link]struct{}
	closed bool
}

// link returns a link of a connection, which it closes if all are closed.
func (c *connections) link(conn net.Conn, in *bufio.Reader, from origin) *link {
	l := &link{Conn: conn, in: in, from: from, among: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = conn.Close()
		return l
	}
	if c.open == nil {
		c.open = map[*link]struct{}{}
	}
	c.open[l] = struct{}{}
	return l
}

func (c *connections) remove(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, l)
}

func (c *connections) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for l := range c.open {
		_ = l.Conn.Close()
	}
}

// handed is a listener for connections that others have accepted.
type handed struct {
	conns chan net.Conn
	done  chan struct{}
	close func()
}

func newHanded() *handed {
	h := &handed{conns: make(chan net.Conn), done: make(chan struct{})}
	h.close = sync.OnceFunc(func() { close(h.done) })
	return h
}

// push hands a connection on, or closes it if the listener is closed.
func (h *handed) push(conn net.Conn) {
	select {
	case h.conns <- conn:
	case <-h.done:
		_ = conn.Close()
	}
}

func (h *handed) Accept() (net.Conn, error) {
	select {
	case conn := <-h.conns:
		return conn, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *handed) Close() error {
	h.close()
	return nil
}

func (h *handed) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// serve starts the servers. l is for the proxy.
func (i *Interceptor) serve(l net.Listener) {
	i.proxy = http.Server{
		Handler: http.HandlerFunc(i.serveProxy), ReadHeaderTimeout: helloTimeout, IdleTimeout: 2 * helloTimeout,
		ErrorLog: quiet(),
	}
	i.inner = http.Server{
		Handler: http.HandlerFunc(i.serveAWS), ReadHeaderTimeout: helloTimeout, IdleTimeout: 2 * helloTimeout,
		ErrorLog: quiet(),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			if addr, ok := conn.RemoteAddr().(originAddr); ok {
				ctx = context.WithValue(ctx, originKey{}, addr.from)
			}
			return ctx
		},
	}
	i.transport.Proxy, i.transport.DisableCompression, i.transport.IdleConnTimeout = i.cfg.Proxy, true, time.Minute
	i.forward = i.forwarding()
	i.running.Go(func() { _ = i.proxy.Serve(l) })
	// Functions get the headers of WebSocket handshakes as clients spell them. That costs a copy of
	// all that arrives.
	i.running.Go(func() { _ = i.inner.Serve(emulator.NewListener(i.spelled)) })
	i.running.Go(func() { _ = i.inner.Serve(i.others) })
}

// begin counts a handler, for which Close waits. It reports false if the interceptor is closing.
func (i *Interceptor) begin() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return false
	}
	i.running.Add(1)
	return true
}

// admit finds out what a client speaks and hands its connection to a server. It returns when that
// is done.
func (i *Interceptor) admit(l *link) {
	_ = l.SetReadDeadline(time.Now().Add(helloTimeout)) // a connection that is broken fails below
	first, err := l.in.Peek(1)
	switch {
	case err != nil:
		_ = l.Close()
	case first[0] == tlsHandshake:
		i.secure(l)
	case 'A' <= first[0] && first[0] <= 'Z': // a method of HTTP
		i.spelled.push(l) // http.Server has deadlines of its own
	default:
		_ = l.Close()
		if l.from.host != "" {
			i.noteRefused(hostname(l.from.host), l.from.child)
		}
	}
}

// secure performs a TLS handshake.
func (i *Interceptor) secure(l *link) {
	conn := tls.Server(l, i.tls)
	err := conn.HandshakeContext(context.Background()) // closing the connection ends it
	if err != nil {
		host := conn.ConnectionState().ServerName
		if host == "" {
			host = hostname(l.from.host)
		}
		_ = l.Close()
		if isDistrust(err) {
			i.noteDistrusted(host, l.from.child)
		}
		return
	}
	if state := conn.ConnectionState(); state.NegotiatedProtocol == "h2" || !i.cfg.hasAPI(state.ServerName) {
		i.others.push(conn)
		return
	}
	i.spelled.push(conn)
}

// isDistrust reports whether a client has refused a certificate (RFC 8446, section 6.2).
func isDistrust(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error" && strings.Contains(op.Err.Error(), "certificate")
}

// noteRefused reports a host once.
func (i *Interceptor) noteRefused(host, who string) {
	if i.first(i.refused, host) && i.cfg.Refused != nil {
		i.cfg.Refused(host, who)
	}
}

// noteDistrusted reports a child once.
func (i *Interceptor) noteDistrusted(host, who string) {
	if i.first(i.distrusted, who) && i.cfg.Distrusted != nil {
		i.cfg.Distrusted(host, who)
	}
}

// maxNoted is how many hosts and children are reported, so that made-up names don't fill the
// memory.
const maxNoted = 1000

func (i *Interceptor) first(seen map[string]bool, key string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if seen[key] || len(seen) >= maxNoted {
		return false
	}
	seen[key] = true
	return true
}
