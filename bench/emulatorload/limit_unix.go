//go:build unix

package main

import (
	"fmt"
	"syscall"
)

// permitFiles sees to it that this process and those that it starts may each have n files open. A Go program raises the
// soft limit to the hard one when it starts, so there is nothing to do but to look.
func permitFiles(n int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("reading the limit of open files: %w", err)
	}
	if uint64(limit.Cur) < uint64(n) { //nolint:unconvert // FreeBSD has it signed
		return fmt.Errorf("a process may open %d files and %d are needed: raise the hard limit (ulimit -Hn) or lower -open", limit.Cur, n)
	}
	return nil
}
