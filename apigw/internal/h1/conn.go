package h1

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"time"
)

// conn is a connection, used by one call at a time.
type conn struct {
	link   link
	quiet  *quiet    // nil where there is none
	secure *tls.Conn // nil without TLS
	stream net.Conn  // what requests and answers go through: secure or link
	r      *bufio.Reader

	idle      bool // since the last call, unless that handed it straight to the next one
	wasIdle   bool // the same, before the call that is running
	answered  bool // a byte of the answer has come
	reusable  bool
	idleSince time.Time // the end of the last call that used it
}

// readBuffer is more than an answer of the gateway has, and the longest line of a header that is read.
const readBuffer = 8 << 10

func newConn(tcp net.Conn, cfg *tls.Config) *conn {
	c := &conn{link: link{Conn: tcp}, quiet: newQuiet(tcp)}
	if c.link.raw = newRawConn(tcp); c.link.raw != nil {
		c.link.Conn = c.link.raw
	}
	c.stream = &c.link
	if cfg != nil {
		c.secure = tls.Client(&c.link, cfg)
		c.stream = c.secure
	}
	c.r = bufio.NewReaderSize(c.stream, readBuffer)
	return c
}

// close closes the connection without a farewell of TLS, which could block: what is idle has nothing under way, and the
// rest is broken.
func (c *conn) close() { _ = c.link.Close() }

func (c *conn) idleFor() time.Duration { return now().Sub(c.idleSince) }

// exchange sends a request and reads the answer, until the deadline or the end of ctx.
func (c *conn) exchange(ctx context.Context, deadline time.Time, request []byte, resp *Response) error {
	if !c.link.begin(ctx, deadline) {
		return fmt.Errorf("write the request: %w", os.ErrDeadlineExceeded)
	}
	c.wasIdle, c.idle = c.idle, false
	c.answered, c.reusable = false, false
	resp.Sent = true
	_, broken := c.stream.Write(request)
	if broken != nil && isTimeout(broken) {
		return fmt.Errorf("write the request: %w", broken)
	}
	// Where the write failed the server has closed the connection, maybe with an answer that came early.
	if _, err := c.r.Peek(1); err != nil {
		if broken != nil {
			return fmt.Errorf("write the request: %w", broken)
		}
		return fmt.Errorf("read the answer: %w", err)
	}
	c.answered = true
	again, err := resp.readFrom(c.r)
	if c.reusable = again && err == nil && broken == nil && c.isDry(); c.reusable {
		c.idleSince = now()
	}
	return err
}

// diedIdle reports whether an exchange that failed with err is taken for one on a connection that had died while idle.
// One that came straight from another call was alive a moment ago: where it breaks the server has had the request.
func (c *conn) diedIdle(err error) bool { return c.wasIdle && !c.answered && !isTimeout(err) }

// isDry reports whether nothing more than the answer has been read: the next answer must not be a second one to this
// request.
func (c *conn) isDry() bool {
	if c.r.Buffered() > 0 {
		return false
	}
	if c.secure == nil {
		return true
	}
	// TLS may have more than it has returned.
	c.link.dry = true
	_, err := c.r.Peek(1)
	c.link.dry = false
	return isDryRead(err)
}

// isQuiet reports whether nothing came while the connection was idle: no end, and no answer that nobody asked for.
func (c *conn) isQuiet() bool { return c.quiet.isQuiet() }
