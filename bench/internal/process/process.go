// Package process lets a command start itself anew in other roles, so that what it compares shares no heap, no scheduler
// and no CPU account.
package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// Child is a process of this command in another role. It takes orders, a word a line, and answers in JSON.
type Child struct {
	// Started is when, just before it was.
	Started time.Time

	cmd     *exec.Cmd
	orders  io.WriteCloser
	answers *json.Decoder
}

// Start starts a child with these arguments. It is killed when ctx ends.
func Start(ctx context.Context, args ...string) (*Child, error) {
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
	c := &Child{cmd: cmd, orders: orders, answers: json.NewDecoder(answers), Started: time.Now()}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %v: %w", args, err)
	}
	return c, nil
}

// Answer reads what the child says next.
func (c *Child) Answer(v any) error {
	if err := c.answers.Decode(v); err != nil {
		return fmt.Errorf("reading from %v: %w", c.cmd.Args[1:], err)
	}
	return nil
}

// Order gives an order and reads the answer.
func (c *Child) Order(word string, v any) error {
	if _, err := io.WriteString(c.orders, word+"\n"); err != nil {
		return fmt.Errorf("ordering %q: %w", word, err)
	}
	return c.Answer(v)
}

// End lets the child end by itself, and gives the CPU time that it took in its life, in the system too.
func (c *Child) End() (time.Duration, error) {
	err := errors.Join(c.orders.Close(), c.cmd.Wait())
	if err != nil {
		return 0, fmt.Errorf("%v: %w", c.cmd.Args[1:], err)
	}
	return c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime(), nil
}

// Kill ends the child by force, unless it has ended, and returns when it is gone.
func (c *Child) Kill() {
	if c.cmd.ProcessState != nil {
		return
	}
	// Both fail only where the child is gone already, or by the kill.
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// PID is the child's process id.
func (c *Child) PID() int { return c.cmd.Process.Pid }
