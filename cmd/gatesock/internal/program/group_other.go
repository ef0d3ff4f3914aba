//go:build !unix

package program

import "os/exec"

func separate(*exec.Cmd) {}

func interruptGroup(c *exec.Cmd) error { return c.Process.Kill() }

func killGroup(c *exec.Cmd) error { return c.Process.Kill() }
