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

// MaxBody is how much of the body of an answer is read, in bytes.
const MaxBody = 64 << 10

// ErrHTTP2 is the error of calls after the server has chosen HTTP/2 in a TLS handshake. Nothing was
// sent. From then on no connection is kept, not even one that speaks HTTP/1.1.
var ErrHTTP2 = errors.New("h1: the server speaks HTTP/2")

// ErrHandshakeTimeout is the error of a TLS handshake that took longer than [Config] allows.
// Nothing was sent. It is a [net.Error]. It does not match [context.DeadlineExceeded], because
// neither the deadline of the call nor that of its context has passed.
var ErrHandshakeTimeout error = handshakeTimeout{}

type handshakeTimeout struct{}

var _ net.Error = handshakeTimeout{}

func (handshakeTimeout) Error() string   { return "no answer in time" }
func (handshakeTimeout) Timeout() bool   { return true }
func (handshakeTimeout) Temporary() bool { return true }

// Config configures a [Client].
type Config struct {
	// Address is the host and the port to dial.
	Address string
	// TLS is the configuration of TLS; nil means no TLS. ServerName and NextProtos are completed if
	// they are not set. If NextProtos has HTTP/2, as it has by default, [Client.Do] may fail with
	// [ErrHTTP2].
	TLS *tls.Config
	// MaxConns is the maximum number of connections, idle ones included.
	MaxConns int
	// IdleTimeout is how long a connection may be idle and still be used. It is measured by the
	// wall clock, because a process may be frozen meanwhile. The next call of Wait closes a
	// connection that was idle for longer.
	IdleTimeout time.Duration
	// HandshakeTimeout is how long a TLS handshake may take before [Client.Do] fails with
	// [ErrHandshakeTimeout]; 0 means until the deadline of the call.
	HandshakeTimeout time.Duration
	// Dial opens a connection; nil means a [net.Dialer].
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client sends requests to one server. It is safe for concurrent use, and starts no goroutine that
// outlives a call.
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

// Response is an answer.
type Response struct {
	// Status is 0 if there was no answer.
	Status int
	// ErrorType is the value of the header x-amzn-ErrorType.
	ErrorType string
	// Body has at most [MaxBody] bytes; the rest is not read.
	Body []byte
	// Sent reports whether a byte of the request may have gone out.
	Sent bool
}

// Wait returns a place as soon as one is free. Callers are served in the order in which they came.
// It fails with the cause of ctx, or with [ErrHTTP2] if the server is known to choose HTTP/2.
func (c *Client) Wait(ctx context.Context) (Place, error) {
	if c.http2.Load() {
		return Place{}, ErrHTTP2
	}
	p, err := c.pool.get(ctx)
	if err != nil {
		return Place{}, fmt.Errorf("wait for a connection: %w", err)
	}
	return p, nil
}

// Leave puts back a place that was not used. A connection in it has been idle since its last call.
func (c *Client) Leave(p Place) { c.pool.giveBack(p) }

// Do sends a request in a place, and puts the place back. The request has its header and its body.
// The answer is read into resp, which must be zero. Do returns at the deadline, or within 50
// ms after ctx has ended.
//
// If a part of the answer is missing, Do fails, and resp has the rest. If a connection could not
// be opened, the error is a [*net.OpError] with the Op "dial", unless the request had been sent
// before, on a dead connection.
//
// A connection that was idle may have died unnoticed. If it breaks before a single byte of an
// answer came, idle connections are closed, and the request is sent once more, on a new
// connection. Nothing else is sent twice. A connection that a call hands directly to the next call
// was not idle.
//
// The answer is read after the whole request was written. If the server answers early and closes
// the connection, the answer is read, too. If it answers early and neither closes nor reads on,
// the call ends at its deadline.
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

// again sends a request once more, on a connection that it opens and returns. first is the error of
// the first time.
func (c *Client) again(
	ctx context.Context, deadline time.Time, request []byte, resp *Response, first error,
) (*conn, error) {
	fresh, err := c.dial(ctx, deadline)
	if err != nil {
		return nil, fmt.Errorf("%w; then: %v", first, err) //nolint:errorlint // Not "dial": the request was sent.
	}
	return fresh, fresh.exchange(ctx, deadline, request, resp)
}

// CloseIdleConnections closes the connections that no call is using. The Client remains usable.
func (c *Client) CloseIdleConnections() { closeAll(c.pool.takeIdle()) }

func closeAll(conns []*conn) {
	for _, conn := range conns {
		conn.close()
	}
}

// connect returns the connection of a place, or another one if that has died. The place remains the
// caller's.
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
		closeAll(c.pool.retire()) // No later call will use them, or close them when they are too old.
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
		return ErrHandshakeTimeout // The error of ctx would look like the end of the caller's deadline.
	}
	return err
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
