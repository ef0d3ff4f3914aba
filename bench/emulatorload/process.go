package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/gatesock/gatesock/bench/internal/process"
)

// askCounts asks a server for its counts.
func askCounts(c *process.Child) (n counts, err error) { return n, c.Order(orderCounts, &n) }

// resident gives a child's resident memory in bytes.
func resident(c *process.Child) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.PID()))
	if err != nil {
		return 0, fmt.Errorf("reading resident memory: %w", err)
	}
	return parseResident(status)
}

// parseResident finds VmRSS in the text of /proc/PID/status.
func parseResident(status []byte) (int, error) {
	for line := range bytes.Lines(status) {
		value, ok := bytes.CutPrefix(line, []byte("VmRSS:"))
		if !ok {
			continue
		}
		kib, err := strconv.Atoi(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(value), []byte("kB")))))
		if err != nil {
			return 0, fmt.Errorf("resident memory: %w", err)
		}
		return kib << 10, nil
	}
	return 0, errors.New("resident memory: no VmRSS")
}

// startServer starts a server process and gives its address; the arguments are those of [serve].
func startServer(ctx context.Context, args ...string) (*process.Child, string, error) {
	c, err := process.Start(ctx, append([]string{roleServe}, args...)...)
	if err != nil {
		return nil, "", err
	}
	var r ready
	if err := c.Answer(&r); err != nil {
		c.Kill()
		return nil, "", err
	}
	return c, r.Address, nil
}
