//go:build linux && (amd64 || arm64) && !race

package h1

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"
)

// rawConn reads from a TCP connection and writes to it with system calls that the scheduler is not told of. They do not
// block, since the descriptor does not, and where nothing can be done the goroutine waits for the poller as usual.
// A post that waits for its answer leaves most processes idle, and from there the scheduler wakes a thread to watch over
// each system call that it is told of: a fifth of what a post costs.
//
// One goroutine may read while another one writes. The race detector takes what goes over a socket for an order of
// events, and would miss these calls, so that they are left out where it watches. make test-go runs the tests without it too.
type rawConn struct {
	net.Conn
	fd            syscall.RawConn
	reads, writes transfer
}

// newRawConn returns nil for a connection that has no descriptor.
func newRawConn(conn net.Conn) *rawConn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	fd, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	r := &rawConn{Conn: conn, fd: fd}
	r.reads.step, r.writes.step = r.reads.read, r.writes.write
	return r
}

// transfer is what a system call has to do and has done.
type transfer struct {
	step  func(fd uintptr) bool // the method value, which is made once
	p     []byte
	n     int
	errno syscall.Errno
}

func (r *rawConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	t := &r.reads
	t.p, t.n, t.errno = p, 0, 0
	err := r.fd.Read(t.step)
	t.p = nil
	if err = r.fault("read", err, t.errno); err == nil && t.n == 0 {
		err = io.EOF
	}
	return t.n, err
}

func (r *rawConn) Write(p []byte) (int, error) {
	t := &r.writes
	t.p, t.n, t.errno = p, 0, 0
	err := r.fd.Write(t.step)
	t.p = nil
	return t.n, r.fault("write", err, t.errno)
}

// fault returns an error as package net does. err is one of the poller, such as that the deadline has passed.
func (r *rawConn) fault(op string, err error, errno syscall.Errno) error {
	switch {
	case err != nil:
		return err
	case errno != 0:
		return &net.OpError{
			Op: op, Net: "tcp", Source: r.LocalAddr(), Addr: r.RemoteAddr(), Err: os.NewSyscallError(op, errno),
		}
	default:
		return nil
	}
}

// read reports whether it is done; otherwise the caller waits until there is something to read.
func (t *transfer) read(fd uintptr) bool {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&t.p[0])), uintptr(len(t.p)))
		switch errno {
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		case 0:
			t.n = int(n)
			return true
		default:
			t.errno = errno
			return true
		}
	}
}

// write reports whether all was written, or can't be; otherwise the caller waits until there is room.
func (t *transfer) write(fd uintptr) bool {
	for t.n < len(t.p) {
		rest := t.p[t.n:]
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(&rest[0])), uintptr(len(rest)))
		switch errno {
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		case 0:
			t.n += int(n)
		default:
			t.errno = errno
			return true
		}
	}
	return true
}
