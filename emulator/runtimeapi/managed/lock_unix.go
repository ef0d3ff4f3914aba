//go:build unix

package managed

import (
	"os"
	"syscall"
)

// lock waits until no other process and no other goroutine has the lock of a file.
func lock(file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			f.Close()
			return nil, &os.PathError{Op: "lock", Path: file, Err: err}
		}
		return func() { f.Close() }, nil
	}
}
