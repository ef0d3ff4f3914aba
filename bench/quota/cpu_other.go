//go:build !unix

package main

import (
	"errors"
	"time"
)

// cpuTime is for systems with getrusage.
func cpuTime() (time.Duration, error) {
	return 0, errors.New("the CPU time of a process is only known on Unix")
}
