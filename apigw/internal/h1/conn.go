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

// conn is a connection. One call at a time uses it.
type conn struct {
	link   link
	quiet  *quiet    // nil where it is not supported
	secure *tls.Conn // nil without TLS
	stream net.Conn  // carries requests and answers: secure or link
	r      *bufio.Reader

	idle      bool // since the last call, unless that handed it directly to the next one
	wasIdle   bool // the same, before the call that is running
	answered  bool // a byte of the answer has come
	reusable  bool
	idleSince time.Time // the end of the last call that used it
}

// readBuffer is larger than an answer of the gateway. It bounds the length of a line in a header.
const readBuffer = 8 << 10

func newConn(tcp net.Conn, cfg *tls.Config) *conn {
	c := &conn{link: link{Conn: tcp}, quiet: newQuiet(tcp)}
	if raw := newRawConn(tcp); raw != nil {
		c.link.Conn = raw
	}
	c.stream = &c.link
	if cfg != nil {
		c.secure = tls.Client(&c.link, cfg)
		c.stream = c.secure
	}
	c.r = bufio.NewReaderSize(c.stream, readBuffer)
	return c
}

// close closes the connection without TLS's close message, which could block: an idle connection
// has nothing under way, and any other is broken.
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
	// If the write failed, the server has closed the connection, maybe after an early answer.
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

// diedIdle reports whether an exchange that failed with err is assumed to have met a connection
// that had died while idle. A connection that came directly from another call was alive a moment
// ago: if it breaks, the server has had the request.
func (c *conn) diedIdle(err error) bool { return c.wasIdle && !c.answered && !isTimeout(err) }

// isDry reports whether nothing was read beyond the answer. Otherwise the next answer could be a
// second answer to this request.
//
// TLS may have decrypted more than it has returned. A read from it returns that, or else reads from
// the link, which is dry meanwhile and fails with dryRead.
func (c *conn) isDry() bool {
	if c.r.Buffered() > 0 {
		return false
	}
	if c.secure == nil {
		return true
	}
	c.link.dry = true
	_, err := c.r.Peek(1)
	c.link.dry = false
	return isDryRead(err)
}

// isQuiet reports whether nothing came while the connection was idle: neither its end, nor an
// answer without a request.
func (c *conn) isQuiet() bool { return c.quiet.isQuiet() }

// link is the layer below TLS. It ends reads and writes with their call.
type link struct {
	net.Conn

	done     <-chan struct{} // of the call's context
	deadline time.Time
	// dry makes reads fail with dryRead.
	dry bool
}

// attention is how often a waiting call checks whether it was cancelled. The check costs nothing if
// the answer is faster, as most are. To register with its context would cost each call two
// allocations and a fourteenth of its CPU time.
const attention = 50 * time.Millisecond

// begin begins a call, and reports whether it has time.
func (l *link) begin(ctx context.Context, deadline time.Time) bool {
	l.done, l.deadline = ctx.Done(), deadline
	return l.extend()
}

// extend sets when the next check is due, and reports whether the call may go on.
func (l *link) extend() bool {
	select {
	case <-l.done:
		return false
	default:
	}
	now := time.Now()
	until := l.deadline
	if check := now.Add(attention); l.done != nil && check.Before(until) {
		until = check
	}
	return now.Before(l.deadline) && l.SetDeadline(until) == nil
}

func (l *link) Read(p []byte) (int, error) {
	if l.dry {
		return 0, dryRead{}
	}
	for {
		n, err := l.Conn.Read(p)
		if err == nil || n > 0 || !isTimeout(err) || !l.extend() {
			return n, err
		}
	}
}

func (l *link) Write(p []byte) (int, error) {
	written := 0
	for {
		n, err := l.Conn.Write(p[written:])
		written += n
		if err == nil || !isTimeout(err) || !l.extend() {
			return written, err
		}
	}
}

// dryRead is the error of reads from a dry link. It is temporary, so that TLS continues after it.
type dryRead struct{}

var _ net.Error = dryRead{}

func (dryRead) Error() string   { return "h1: nothing to read" }
func (dryRead) Timeout() bool   { return true }
func (dryRead) Temporary() bool { return true }

func isDryRead(err error) bool {
	_, dry := err.(dryRead) //nolint:errorlint // bufio and TLS return it without wrapping.
	return dry
}
