package intercept

import (
	"cmp"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// tlsHandshake is the first byte of what a TLS client sends (RFC 8446, section 5.1). No HTTP
// request begins with it.
const tlsHandshake = 0x16

// Listen returns a listener that speaks both TLS and plain text on the connections of l: the first
// byte that a client sends decides. Accept does not wait for it. Connections have a CloseWrite.
// It can be wrapped by emulator.NewListener.
func (i *Interceptor) Listen(l net.Listener) net.Listener {
	return listener{Listener: l, config: i.TLSConfig()}
}

type listener struct {
	net.Listener
	config *tls.Config
}

func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &eitherConn{Conn: conn, config: l.config}, nil
}

// eitherConn is a connection that the first Read makes one of TLS or of plain text. What is written
// before that is plain text.
type eitherConn struct {
	net.Conn // of the network
	config   *tls.Config

	reading sync.Mutex // one Read looks at the first byte
	mu      sync.Mutex // guards the rest; not held while waiting
	decided bool
	first   []byte // what was read and not yet passed on
	secure  *tls.Conn
}

// Read waits for the first byte and decides. If that fails, for example at a deadline, a later Read
// tries again.
func (c *eitherConn) Read(p []byte) (int, error) {
	conn, err := c.decide()
	if err != nil {
		return 0, err
	}
	return conn.Read(p)
}

// decide returns the connection to read from.
func (c *eitherConn) decide() (net.Conn, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	c.mu.Lock()
	decided, secure := c.decided, c.secure
	c.mu.Unlock()
	if !decided {
		var first [1]byte
		n, err := c.Conn.Read(first[:])
		if n == 0 {
			return nil, cmp.Or(err, io.ErrNoProgress)
		}
		c.mu.Lock()
		c.decided = true
		if first[0] == tlsHandshake {
			c.secure = tls.Server(&rest{c.Conn, first[:]}, c.config)
		} else {
			c.first = first[:]
		}
		secure = c.secure
		c.mu.Unlock()
	}
	if secure != nil {
		return secure, nil
	}
	return plain{c}, nil
}

// plain reads the first byte and then the connection.
type plain struct{ *eitherConn }

func (c plain) Read(p []byte) (int, error) {
	c.mu.Lock()
	n := copy(p, c.first)
	c.first = c.first[n:]
	c.mu.Unlock()
	if n > 0 {
		return n, nil
	}
	return c.Conn.Read(p)
}

// rest is a connection whose first bytes have been read. It is read by one goroutine at a time, as
// tls.Conn does.
type rest struct {
	net.Conn
	first []byte
}

func (c *rest) Read(p []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(p, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// CloseWrite lets the TLS connection above close its writing side.
func (c *rest) CloseWrite() error { return closeWrite(c.Conn) }

// current returns the connection to write to.
func (c *eitherConn) current() net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.secure != nil {
		return c.secure
	}
	return c.Conn
}

func (c *eitherConn) Write(p []byte) (int, error)        { return c.current().Write(p) }
func (c *eitherConn) SetWriteDeadline(t time.Time) error { return c.current().SetWriteDeadline(t) }
func (c *eitherConn) SetDeadline(t time.Time) error      { return c.current().SetDeadline(t) }
func (c *eitherConn) Close() error                       { return c.current().Close() }

// CloseWrite closes the writing side.
func (c *eitherConn) CloseWrite() error { return closeWrite(c.current()) }

func closeWrite(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
