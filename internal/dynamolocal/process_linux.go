package dynamolocal

import (
	"os/exec"
	"syscall"
)

// bind starts the program in a process group, and kills it when this process dies.
func bind(cmd *exec.Cmd) (release func(), err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return nil, nil
}

// kill ends the program's group. It has ended already if that fails.
func kill(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
