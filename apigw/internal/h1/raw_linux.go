//go:build linux && (amd64 || arm64) && !race && !gatesock_noraw

package h1

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"
)

// rawConn reads from and writes to a TCP connection with raw system calls, which do not notify the
// Go scheduler. They cannot block, because the descriptor is non-blocking; where nothing can be
// read or written yet, the goroutine waits for the network poller as usual. One goroutine may read
// while another one writes.
//
// A client that waits for answers leaves its processors idle. In that state the scheduler wakes a
// thread at each system call that it is notified of. Without that, a post costs 16 % to 43 % less
// (docs/adr/0018-raw-system-calls.md).
//
// The race detector takes bytes on a socket for a synchronization, and would not see these calls.
// Race builds therefore use the calls of package net, as do builds with the tag gatesock_noraw.
// make test-go runs the tests without the race detector too.
type rawConn struct {
	net.Conn
	fd            syscall.RawConn
	reads, writes transfer
}

// newRawConn returns nil for a connection without a descriptor.
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

// transfer is the state of one Read or Write.
type transfer struct {
	step  func(fd uintptr) bool // the method value, made once
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
	if err = r.asNetError("read", err, t.errno); err == nil && t.n == 0 {
		err = io.EOF
	}
	return t.n, err
}

func (r *rawConn) Write(p []byte) (int, error) {
	t := &r.writes
	t.p, t.n, t.errno = p, 0, 0
	err := r.fd.Write(t.step)
	t.p = nil
	return t.n, r.asNetError("write", err, t.errno)
}

// asNetError returns an error as package net does. err is that of the poller, for example that the
// deadline has passed.
func (r *rawConn) asNetError(op string, err error, errno syscall.Errno) error {
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

// read reports whether it is done. Otherwise the poller waits until there is something to read.
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

// write reports whether all was written, or the write failed. Otherwise the poller waits until
// there is room.
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
