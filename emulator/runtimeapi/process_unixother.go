//go:build unix && !linux

package runtimeapi

import (
	"os/exec"
	"syscall"
)

// separate makes the command the leader of a group of its own, which a terminal's Ctrl-C does not
// reach. When this process is killed, a group that is frozen ends, since the system sends SIGHUP to
// it, and a program that asks for its next invocation finds no server.
func separate(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
