//go:build !unix

package dynamolocal

import "os/exec"

// bind leaves the program to itself: it ends with [process.stop], or with the terminal.
func bind(*exec.Cmd) (release func(), err error) { return nil, nil }

// kill ends the program. It has ended already if that fails.
func kill(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
