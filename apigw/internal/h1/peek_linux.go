//go:build linux && (amd64 || arm64) && !gatesock_noraw

package h1

import (
	"syscall"
	"unsafe"
)

// peek looks at what has come, by a raw system call, as [rawConn] reads and for the same reason.
// It takes nothing from the connection that the race detector would have to see, so that race
// builds use it too.
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
