//go:build unix

package runtimeapi

import "syscall"

// freezes: SIGSTOP and SIGCONT.
const freezes = true

func (p *process) kill() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }

func (p *process) stop(on bool) {
	signal := syscall.SIGCONT
	if on {
		signal = syscall.SIGSTOP
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, signal)
}
