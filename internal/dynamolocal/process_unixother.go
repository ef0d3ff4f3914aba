//go:build unix && !linux

package dynamolocal

import (
	"os/exec"
	"syscall"
)

// bind lets a shell run the program, and kill it when this process is gone.
func bind(cmd *exec.Cmd) (release func(), err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return watched(cmd)
}

// kill ends the program's group. It has ended already if that fails.
func kill(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
