package h1

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// MaxBody is how much of an answer's body is kept, in bytes.
const MaxBody = 64 << 10

// ErrHTTP2 says that the server chose HTTP/2 in the TLS handshake, of this call or of an earlier one.
// Nothing was sent. From then on no connection is kept, also none that speaks HTTP/1.1.
var ErrHTTP2 = errors.New("h1: the server speaks HTTP/2")

// ErrHandshakeTimeout says that the TLS handshake took longer than [Config] allows. Nothing was sent. It does not match
// [context.DeadlineExceeded]: neither the deadline of the call has passed nor that of its context. It is a [net.Error].
var ErrHandshakeTimeout error = handshakeTimeout{}

type handshakeTimeout struct{}

var _ net.Error = handshakeTimeout{}

func (handshakeTimeout) Error() string   { return "no answer in time" }
func (handshakeTimeout) Timeout() bool   { return true }
func (handshakeTimeout) Temporary() bool { return true }

// Config is what a [Client] is made of.
type Config struct {
	// Address is the host and the port to dial.
	Address string
	// TLS is used as it is, but for ServerName and NextProtos where they are not set; nil means no TLS. If HTTP/2 is
	// among its NextProtos, which it is unless they are set, [Client.Do] may fail with [ErrHTTP2].
	TLS *tls.Config
	// MaxConns is how many connections are open at most, and kept while idle.
	MaxConns int
	// IdleTimeout is how long a connection may be idle and still be used, by the wall clock: a process may have been
	// frozen meanwhile. One that is too old is closed by the next call of Do.
	IdleTimeout time.Duration
	// HandshakeTimeout is how long the TLS handshake may take; 0 means until the deadline of the call. If it takes longer,
	// [Client.Do] fails with [ErrHandshakeTimeout].
	HandshakeTimeout time.Duration
	// Dial opens a connection; nil means that of a [net.Dialer].
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client sends requests to one server. It is safe for concurrent use. It starts no goroutine that outlives a call.
type Client struct {
	cfg   Config
	pool  pool
	http2 atomic.Bool // the server has chosen it
}

// New returns a Client. It opens no connection.
func New(cfg Config) *Client {
	if cfg.Dial == nil {
		cfg.Dial = new(net.Dialer).DialContext
	}
	if cfg.TLS != nil {
		cfg.TLS = cfg.TLS.Clone()
		if cfg.TLS.ServerName == "" {
			cfg.TLS.ServerName, _, _ = net.SplitHostPort(cfg.Address)
		}
		if len(cfg.TLS.NextProtos) == 0 {
			cfg.TLS.NextProtos = []string{"h2", "http/1.1"}
		}
	}
	return &Client{cfg: cfg, pool: pool{max: cfg.MaxConns, idleTimeout: cfg.IdleTimeout}}
}

// Response is an answer. Status is 0 if there was none.
type Response struct {
	Status int
	// ErrorType is the value of the header x-amzn-ErrorType.
	ErrorType string
	// Body has at most [MaxBody] bytes; the rest is not read.
	Body []byte
	// Sent reports whether a byte of the request may have gone out.
	Sent bool
}

// Place is the right to one connection, an idle one or one that is to be opened. Either [Client.Do] or [Client.Leave] has
// to be called with it, once.
type Place struct{ conn *conn } // nil: it is to be opened

// Wait returns a place as soon as there is one. It waits for nothing but that, for as long as ctx lasts,
// and the first to come is the first to be served. It fails with the cause of ctx, or with [ErrHTTP2] if
// the server is known to choose that.
func (c *Client) Wait(ctx context.Context) (Place, error) {
	if c.http2.Load() {
		return Place{}, ErrHTTP2
	}
	conn, err := c.pool.get(ctx)
	if err != nil {
		return Place{}, fmt.Errorf("wait for a connection: %w", err)
	}
	return Place{conn}, nil
}

// Leave returns a place that was not used. A connection in it is kept as if nobody had taken it: it is idle since its
// last call.
func (c *Client) Leave(p Place) {
	if p.conn != nil {
		c.pool.put(p.conn)
	} else {
		c.pool.free()
	}
}

// Do sends a request in a place, and returns that. The request is a whole one with header and body, and the answer to
// it is read into a zero resp. Do ends at the deadline, or with ctx, which it notices within 50 ms.
//
// A connection that was idle may have died unnoticed. If such a one breaks with not a single byte of an answer, the
// request is sent once more, on a connection that is opened in its place, and the idle connections are closed. Nothing
// else is sent twice: a connection that a call hands straight to the next one was not idle.
//
// If all of the answer did not come, Do fails, and resp has what is known of it. The error of a connection that could
// not be opened is a [*net.OpError] with the Op "dial", unless the request had been sent before on one that was dead.
//
// The answer is read when all of the request is written. A server that answers early is heard if it closes the
// connection; if it does neither close nor read on, the deadline decides.
func (c *Client) Do(ctx context.Context, p Place, deadline time.Time, request []byte, resp *Response) error {
	conn, err := c.connect(ctx, p, deadline)
	if err != nil {
		c.pool.free()
		return err
	}
	err = conn.exchange(ctx, deadline, request, resp)
	if err != nil && conn.diedIdle(err) && ctx.Err() == nil {
		conn.close()
		c.CloseIdleConnections()
		if conn, err = c.again(ctx, deadline, request, resp, err); conn == nil {
			c.pool.free()
			return err
		}
	}
	if conn.reusable {
		c.pool.put(conn)
	} else {
		conn.close()
		c.pool.free()
	}
	return err
}

// again sends a request that was sent before, on a connection that it opens and returns. first is why it was in vain.
func (c *Client) again(
	ctx context.Context, deadline time.Time, request []byte, resp *Response, first error,
) (*conn, error) {
	fresh, err := c.dial(ctx, deadline)
	if err != nil {
		return nil, fmt.Errorf("%w; then: %v", first, err) //nolint:errorlint // Not "dial": the request was sent.
	}
	return fresh, fresh.exchange(ctx, deadline, request, resp)
}

// CloseIdleConnections closes the connections that no call is using. The Client stays usable.
func (c *Client) CloseIdleConnections() { closeAll(c.pool.takeIdle()) }

func closeAll(conns []*conn) {
	for _, conn := range conns {
		conn.close()
	}
}

// connect returns the connection of a place, or another one if it has died. The place is the caller's still.
func (c *Client) connect(ctx context.Context, p Place, deadline time.Time) (*conn, error) {
	for conn := p.conn; conn != nil; conn = c.pool.swap() {
		if conn.isQuiet() {
			return conn, nil
		}
		conn.close()
	}
	return c.dial(ctx, deadline)
}

// dial opens a connection.
func (c *Client) dial(ctx context.Context, deadline time.Time) (*conn, error) {
	if c.http2.Load() {
		return nil, ErrHTTP2
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	return c.open(ctx)
}

func (c *Client) open(ctx context.Context) (*conn, error) {
	raw, err := c.cfg.Dial(ctx, "tcp", c.cfg.Address)
	if err != nil {
		return nil, err
	}
	if c.cfg.TLS == nil {
		return newConn(raw, nil), nil
	}
	conn := newConn(raw, c.cfg.TLS)
	if err := c.handshake(ctx, conn.secure); err != nil {
		conn.close()
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	if conn.secure.ConnectionState().NegotiatedProtocol == "h2" {
		conn.close()
		c.http2.Store(true)
		closeAll(c.pool.retire()) // No new call will use them, or close them when they are too old.
		return nil, ErrHTTP2
	}
	return conn, nil
}

func (c *Client) handshake(ctx context.Context, conn *tls.Conn) error {
	if c.cfg.HandshakeTimeout <= 0 {
		return conn.HandshakeContext(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.HandshakeTimeout, ErrHandshakeTimeout)
	defer cancel()
	err := conn.HandshakeContext(ctx)
	if err != nil && errors.Is(context.Cause(ctx), ErrHandshakeTimeout) {
		return ErrHandshakeTimeout // That of ctx is what a caller's deadline would be.
	}
	return err
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
