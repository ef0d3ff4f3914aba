//go:build unix && !(linux && (amd64 || arm64) && !gatesock_noraw)

package h1

import (
	"errors"
	"syscall"
)

// peek looks at what has come. The descriptor is non-blocking.
func peek(fd uintptr) error {
	var b [1]byte
	for {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
