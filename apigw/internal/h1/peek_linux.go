//go:build linux && (amd64 || arm64)

package h1

import (
	"syscall"
	"unsafe"
)

// peek looks at what has come, by a system call that the scheduler is not told of, as [rawConn] does and for the same
// reason. It takes nothing that the race detector would have to know of, so that it is the same there.
func peek(fd uintptr) error {
	var b [1]byte
	for {
		_, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b[0])), 1,
			syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			return nil
		case syscall.EINTR:
		default:
			return errno
		}
	}
}
