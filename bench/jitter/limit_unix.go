//go:build unix

package main

import (
	"fmt"
	"syscall"
)

// permitFiles fails unless this process and its children may each open n files. It only reads the
// limit: a Go program raises the soft limit to the hard one when it starts.
func permitFiles(n int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("reading the limit of open files: %w", err)
	}
	if uint64(limit.Cur) < uint64(n) { //nolint:unconvert // FreeBSD has it signed
		return fmt.Errorf("a process may open %d files but needs %d: raise the hard limit (ulimit -Hn) or lower -clients",
			limit.Cur, n)
	}
	return nil
}
