package harness

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

// Child is a process of this command in another role. It is for one goroutine.
type Child struct {
	// Started is the time just before the process was started.
	Started time.Time

	role      string
	cmd       *exec.Cmd
	questions io.WriteCloser
	answers   *json.Decoder
}

// Start starts a child with an order. The child is killed when ctx ends.
func Start(ctx context.Context, role string, order any) (*Child, error) {
	text, err := json.Marshal(order)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return start(exec.CommandContext(ctx, self, role, string(text)), role) //nolint:gosec // it is this program
}

// StartOther starts another program as a child: one that reads its order and answers as [Child]
// expects. The order, as JSON, is added to the arguments. The child is killed when ctx ends.
func StartOther(ctx context.Context, role string, order any, program string, args ...string) (*Child, error) {
	text, err := json.Marshal(order)
	if err != nil {
		return nil, err
	}
	//nolint:gosec // the benchmark names the program
	return start(exec.CommandContext(ctx, program, append(args, string(text))...), role)
}

func start(cmd *exec.Cmd, role string) (*Child, error) {
	cmd.Stderr = os.Stderr
	questions, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c := &Child{role: role, cmd: cmd, questions: questions, answers: json.NewDecoder(answers), Started: time.Now()}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", role, err)
	}
	return c, nil
}

// StartReady is [Start], and reads the child's first answer. A child that does not answer is
// killed.
func StartReady(ctx context.Context, role string, order, ready any) (*Child, error) {
	c, err := Start(ctx, role, order)
	if err != nil {
		return nil, err
	}
	if err := c.Answer(ready); err != nil {
		c.Kill()
		return nil, err
	}
	return c, nil
}

// Answer reads the child's next answer.
func (c *Child) Answer(v any) error {
	if err := c.answers.Decode(v); err != nil {
		return fmt.Errorf("reading from %s: %w", c.role, err)
	}
	return nil
}

// Ask sends a question, which is one word, and reads the answer.
func (c *Child) Ask(question string, v any) error {
	if _, err := io.WriteString(c.questions, question+"\n"); err != nil {
		return fmt.Errorf("asking %s for %q: %w", c.role, question, err)
	}
	return c.Answer(v)
}

// End closes the child's input, waits until the child exits, and returns the CPU time of its whole
// life, system time included.
func (c *Child) End() (time.Duration, error) {
	err := errors.Join(c.questions.Close(), c.cmd.Wait())
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c.role, err)
	}
	return c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime(), nil
}

// Kill kills the child unless it has ended, and returns when it is gone.
func (c *Child) Kill() {
	if c.cmd.ProcessState != nil {
		return
	}
	// Both fail only if the child is gone already, or because it was killed.
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// PID returns the child's process id.
func (c *Child) PID() int { return c.cmd.Process.Pid }
