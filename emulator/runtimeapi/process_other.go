//go:build !unix

package runtimeapi

import "os/exec"

// freezes: no process can be frozen.
const freezes = false

// separate does nothing: the system has no groups of processes.
func separate(*exec.Cmd) {}

func (p *process) kill() { _ = p.cmd.Process.Kill() }

func (p *process) stop(bool) {}
