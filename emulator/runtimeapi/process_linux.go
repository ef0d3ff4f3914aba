package runtimeapi

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"unsafe"
)

// separate makes the command the leader of a group of its own, which a terminal's Ctrl-C does not
// reach. The system kills it when this process ends. A group that is frozen then ends as a whole:
// the system sends SIGHUP to a group with a stopped process when its parent ends.
func separate(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitExit returns when the process has ended and before its number can belong to another one.
func awaitExit(pid int) {
	const (
		idIsPID = 1          // P_PID
		exited  = 4          // WEXITED
		noReap  = 0x01000000 // WNOWAIT
	)
	var info [128]byte
	for {
		_, _, err := syscall.Syscall6(
			syscall.SYS_WAITID, idIsPID, uintptr(pid), uintptr(unsafe.Pointer(&info)), exited|noReap, 0, 0,
		)
		if err != syscall.EINTR {
			return
		}
	}
}

// sweep kills the processes that an instance has left behind in groups of their own, as a browser
// that a function drives. They are known by a variable that they have from it.
func sweep(variable string) {
	const rounds = 10 // of what goes on starting processes
	for range rounds {
		if !killAll([]byte("\x00" + variable + "\x00")) {
			return
		}
	}
}

// killAll kills the processes with a text in their environment, and reports whether there are any.
func killAll(text []byte) (found bool) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return false
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		// It is empty for a process that has ended, and can't be read for one of another user.
		environ, err := os.ReadFile("/proc/" + entry.Name() + "/environ")
		if err == nil && bytes.Contains(append([]byte{0}, environ...), text) {
			found = true
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return found
}
