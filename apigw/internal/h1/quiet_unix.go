//go:build unix

package h1

import (
	"errors"
	"net"
	"syscall"
)

// quiet looks at what has come on a connection, and does not take it.
type quiet struct {
	fd    syscall.RawConn
	step  func(fd uintptr) // the method value, made once
	quiet bool
}

// newQuiet returns nil for a connection without a descriptor.
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

// isQuiet reports whether the connection is open and nothing has come. It uses Control, which
// ignores the deadline of the connection. The deadline of the last call may have passed long ago,
// and Read would not even look then.
func (q *quiet) isQuiet() bool {
	if q == nil {
		return true
	}
	q.quiet = false
	return q.fd.Control(q.step) == nil && q.quiet
}

func (q *quiet) look(fd uintptr) { q.quiet = errors.Is(peek(fd), syscall.EAGAIN) }
