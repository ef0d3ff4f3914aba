//go:build linux

package runtimeapi_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// stateOf returns the state of a process as the kernel names it, such as "S" or "T", or "" if there
// is none.
func stateOf(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ""
	case err != nil:
		return "" // it ended while it was read
	}
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	return string(rest[:1])
}

// awaitState returns when a process is in a state that fits.
func awaitState(pid int, fits func(state string) bool) {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !fits(stateOf(pid)) {
		<-ticker.C
	}
}

// awaitEnd returns when a process has ended.
func awaitEnd(pid int) {
	awaitState(pid, func(state string) bool { return state == "" || state == "Z" || state == "X" })
}

func stopped(state string) bool { return state == "T" }

func goesOn(state string) bool { return state == "S" || state == "R" || state == "D" }

// sessionOf returns the number of a process's session, or 0.
func sessionOf(pid int) int {
	session, _, err := syscall.RawSyscall(syscall.SYS_GETSID, uintptr(pid), 0, 0)
	if err != 0 {
		return 0
	}
	return int(session)
}
