//go:build !unix

package main

import (
	"errors"
	"time"
)

// cpuTime needs a system with getrusage.
func cpuTime() (time.Duration, error) {
	return 0, errors.New("reading the CPU time of a process needs Unix")
}
