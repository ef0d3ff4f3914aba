package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// child is a process of this command in another role. It takes orders, a word a line, and answers in JSON.
type child struct {
	cmd     *exec.Cmd
	orders  io.WriteCloser
	answers *json.Decoder
	started time.Time
}

// start starts a child. It is killed when ctx ends.
func start(ctx context.Context, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, args...) //nolint:gosec // it is this program
	cmd.Stderr = os.Stderr
	orders, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, orders: orders, answers: json.NewDecoder(answers), started: time.Now()}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %v: %w", args, err)
	}
	return c, nil
}

// answer reads what the child says next.
func (c *child) answer(v any) error {
	if err := c.answers.Decode(v); err != nil {
		return fmt.Errorf("reading from %v: %w", c.cmd.Args[1:], err)
	}
	return nil
}

// order gives an order and reads the answer.
func (c *child) order(word string, v any) error {
	if _, err := io.WriteString(c.orders, word+"\n"); err != nil {
		return fmt.Errorf("ordering %q: %w", word, err)
	}
	return c.answer(v)
}

// counts asks a server for its counts.
func (c *child) counts() (n counts, err error) { return n, c.order(orderCounts, &n) }

// end lets the child end by itself, and gives the CPU time that it took in its life, in the system too.
func (c *child) end() (time.Duration, error) {
	err := errors.Join(c.orders.Close(), c.cmd.Wait())
	if err != nil {
		return 0, fmt.Errorf("%v: %w", c.cmd.Args[1:], err)
	}
	return c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime(), nil
}

// kill ends the child by force, unless it has ended, and returns when it is gone.
func (c *child) kill() {
	if c.cmd.ProcessState != nil {
		return
	}
	// Both fail only where the child is gone already, or by the kill.
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// resident gives the child's resident memory in bytes.
func (c *child) resident() (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
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
func startServer(ctx context.Context, args ...string) (*child, string, error) {
	c, err := start(ctx, append([]string{roleServe}, args...)...)
	if err != nil {
		return nil, "", err
	}
	var r ready
	if err := c.answer(&r); err != nil {
		c.kill()
		return nil, "", err
	}
	return c, r.Address, nil
}
