//go:build unix

package h1

import (
	"errors"
	"net"
	"syscall"
)

// quiet looks at what has come on a connection, without taking it.
type quiet struct {
	fd    syscall.RawConn
	step  func(fd uintptr) // the method value, which is made once
	quiet bool
}

// newQuiet returns nil for a connection that has no descriptor.
func newQuiet(conn net.Conn) *quiet {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	fd, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	q := &quiet{fd: fd}
	q.step = q.look
	return q
}

// isQuiet reports whether the connection is open and nothing has come. It looks by Control, which does not ask for the
// connection's deadline: that of the last call may have passed long ago, and Read would not even look then.
func (q *quiet) isQuiet() bool {
	if q == nil {
		return true
	}
	q.quiet = false
	return q.fd.Control(q.step) == nil && q.quiet
}

func (q *quiet) look(fd uintptr) { q.quiet = errors.Is(peek(fd), syscall.EAGAIN) }
