//go:build !linux

package dynamotest

import "os/exec"

// bind leaves the program in the group of this process, so that both get a signal from the
// terminal.
func bind(*exec.Cmd) {}

// kill ends the program. It has ended already if that fails.
func kill(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
