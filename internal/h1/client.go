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

// ErrHTTP2 says that the server chose HTTP/2 in the TLS handshake, of this call or of an earlier one. Nothing was sent.
var ErrHTTP2 = errors.New("h1: the server speaks HTTP/2")

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
	// HandshakeTimeout is how long the TLS handshake may take; 0 means until the deadline of the call.
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
}

// Do sends a request, which is a whole one with header and body, and reads the answer to it into a zero resp. It ends
// at the deadline, or with ctx, which it notices within 50 ms. Where more calls run than there may be connections, they
// wait until then at most, and the first to come is the first to be served.
//
// A connection that was used before may have died unnoticed. If such a one breaks with not a single byte of an answer,
// the request is sent once more, on a connection that is opened for it, and the idle connections are closed. Nothing
// else is sent twice.
//
// If all of the answer did not come, Do fails, and resp has what is known of it. The error of a connection that could
// not be opened is a [*net.OpError] with the Op "dial", unless the request had been sent before on one that was dead.
//
// The answer is read when all of the request is written. A server that answers early is heard if it closes the
// connection; if it does neither close nor read on, the deadline decides.
func (c *Client) Do(ctx context.Context, deadline time.Time, request []byte, resp *Response) error {
	conn, err := c.connect(ctx, deadline, false)
	if err != nil {
		return err
	}
	dead, err := c.exchange(ctx, conn, deadline, request, resp)
	if !dead || ctx.Err() != nil {
		return err
	}
	c.CloseIdleConnections()
	fresh, cause := c.connect(ctx, deadline, true)
	if cause != nil {
		return fmt.Errorf("%w; then: %v", err, cause) //nolint:errorlint // Not "dial": the request was sent.
	}
	_, err = c.exchange(ctx, fresh, deadline, request, resp)
	return err
}

// CloseIdleConnections closes the connections that no call is using. The Client stays usable.
func (c *Client) CloseIdleConnections() {
	for _, conn := range c.pool.takeIdle() {
		conn.close()
	}
}

// exchange sends a request over a connection, and gives that back or closes it. It tells if the connection had died
// before.
func (c *Client) exchange(
	ctx context.Context, conn *conn, deadline time.Time, request []byte, resp *Response,
) (dead bool, err error) {
	err = conn.exchange(ctx, deadline, request, resp)
	dead = err != nil && conn.diedIdle(err)
	if conn.reusable {
		c.pool.put(conn)
	} else {
		conn.close()
		c.pool.free()
	}
	return dead, err
}

// connect gives a connection, a fresh one if that is wanted.
func (c *Client) connect(ctx context.Context, deadline time.Time, fresh bool) (*conn, error) {
	for {
		conn, err := c.pool.get(ctx, deadline, fresh)
		if err != nil {
			return nil, fmt.Errorf("wait for a connection: %w", err)
		}
		if conn == nil {
			return c.dial(ctx, deadline)
		}
		if conn.isQuiet() {
			return conn, nil
		}
		conn.close()
		c.pool.free()
	}
}

// dial opens a connection in a place that the pool gave.
func (c *Client) dial(ctx context.Context, deadline time.Time) (*conn, error) {
	if c.http2.Load() {
		c.pool.free()
		return nil, ErrHTTP2
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	conn, err := c.open(ctx)
	if err != nil {
		c.pool.free()
		return nil, err
	}
	return conn, nil
}

func (c *Client) open(ctx context.Context) (*conn, error) {
	raw, err := c.cfg.Dial(ctx, "tcp", c.cfg.Address)
	if err != nil {
		return nil, err
	}
	if c.cfg.TLS == nil {
		return newConn(raw, nil), nil
	}
	if c.cfg.HandshakeTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.cfg.HandshakeTimeout)
		defer cancel()
	}
	conn := newConn(raw, c.cfg.TLS)
	if err := conn.secure.HandshakeContext(ctx); err != nil {
		conn.close()
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	if conn.secure.ConnectionState().NegotiatedProtocol == "h2" {
		c.http2.Store(true)
		conn.close()
		return nil, ErrHTTP2
	}
	return conn, nil
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
