package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/gatesock/gatesock/bench/internal/harness"
)

// readCounts asks a server for its counts.
func readCounts(c *harness.Child) (n counts, err error) { return n, c.Ask(askCounts, &n) }

// resident returns a child's resident memory in bytes.
func resident(c *harness.Child) (int, error) {
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

// startServer starts a server process and returns its address.
func startServer(ctx context.Context, o serverOrder) (*harness.Child, string, error) {
	var r ready
	c, err := harness.StartReady(ctx, roleServe, o, &r)
	return c, r.Address, err
}
