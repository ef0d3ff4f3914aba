package runtimeapi

import (
	"os/exec"
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
