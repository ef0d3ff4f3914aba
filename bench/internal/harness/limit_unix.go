//go:build unix

package harness

import (
	"fmt"
	"syscall"
)

// PermitFiles fails unless this process and its children may each open n files. It only reads the
// limit: a Go program raises the soft limit to the hard one when it starts. option is what the
// user can lower.
func PermitFiles(n int, option string) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("reading the limit of open files: %w", err)
	}
	if uint64(limit.Cur) < uint64(n) { //nolint:unconvert // FreeBSD has it signed
		return fmt.Errorf("a process may open %d files but needs %d: raise the hard limit (ulimit -Hn) or lower %s",
			limit.Cur, n, option)
	}
	return nil
}
