//go:build unix

package program

import (
	"os"
	"os/exec"
	"syscall"
)

// separate makes the command the leader of a group of its own, which a terminal's Ctrl-C does not
// reach: it ends with the context.
func separate(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func interruptGroup(c *exec.Cmd) error { return signalGroup(c, syscall.SIGINT) }

func killGroup(c *exec.Cmd) error { return signalGroup(c, syscall.SIGKILL) }

func signalGroup(c *exec.Cmd, signal syscall.Signal) error {
	if err := syscall.Kill(-c.Process.Pid, signal); err != nil {
		return os.ErrProcessDone
	}
	return nil
}
