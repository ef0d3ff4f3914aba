package h1

import (
	"context"
	"net"
	"time"
)

// link is what is below TLS. It ends what takes longer than a call may.
type link struct {
	net.Conn
	raw *rawConn // the same, or nil where there is none

	done     <-chan struct{} // of the call's context
	deadline time.Time
	// dry: there is nothing to read.
	dry bool
}

// attention is how often a call that waits looks whether it was cancelled. That costs nothing where the answer is faster, as
// most are. To be told would cost each call a registration with its context: a fourteenth of a post, and two
// allocations.
const attention = 50 * time.Millisecond

// begin begins a call, and reports whether there is time for it.
func (l *link) begin(ctx context.Context, deadline time.Time) bool {
	l.done, l.deadline = ctx.Done(), deadline
	return l.goOn()
}

// goOn reports whether the call may wait on, and sets when to ask again.
func (l *link) goOn() bool {
	select {
	case <-l.done:
		return false
	default:
	}
	now := time.Now()
	until := l.deadline
	if look := now.Add(attention); l.done != nil && look.Before(until) {
		until = look
	}
	return now.Before(l.deadline) && l.SetDeadline(until) == nil
}

func (l *link) Read(p []byte) (int, error) {
	if l.dry {
		return 0, dryRead{}
	}
	for {
		n, err := l.Conn.Read(p)
		if err == nil || n > 0 || !isTimeout(err) || !l.goOn() {
			return n, err
		}
	}
}

func (l *link) Write(p []byte) (int, error) {
	written := 0
	for {
		n, err := l.Conn.Write(p[written:])
		written += n
		if err == nil || !isTimeout(err) || !l.goOn() {
			return written, err
		}
	}
}

// dryRead is what a dry link's Read fails with. It is temporary, so that TLS goes on after it.
type dryRead struct{}

var _ net.Error = dryRead{}

func (dryRead) Error() string   { return "h1: nothing to read" }
func (dryRead) Timeout() bool   { return true }
func (dryRead) Temporary() bool { return true }

func isDryRead(err error) bool {
	_, dry := err.(dryRead) //nolint:errorlint // It comes as it is, through bufio and TLS.
	return dry
}
