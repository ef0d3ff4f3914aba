package dynamotest

import (
	"context"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
)

// process is a program that runs until it is stopped.
type process struct {
	cmd    *exec.Cmd
	output *os.File
	// done is closed when the program has ended.
	done chan struct{}
}

// startProcess starts a program that runs until stop, also after the end of ctx. On Linux the
// system ends it when the test binary dies, by a panic or a signal. Elsewhere a signal from the
// terminal ends both.
func startProcess(ctx context.Context, name string, args ...string) (*process, error) {
	output, err := os.CreateTemp("", "dynamodb-local-*.log")
	if err != nil {
		return nil, err
	}
	p := &process{
		cmd:    exec.CommandContext(context.WithoutCancel(ctx), name, args...),
		output: output,
		done:   make(chan struct{}),
	}
	os.Remove(output.Name()) // where an open file can be removed, nothing is left however this process ends
	p.cmd.Stdout, p.cmd.Stderr = output, output
	bind(p.cmd)
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		<-p.done
		p.discard()
		return nil, err
	}
	return p, nil
}

// run locks its thread: for Linux, the end of the thread that has started the program is the end of
// its parent.
func (p *process) run(started chan<- error) {
	defer close(p.done)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err == nil {
		_ = p.cmd.Wait() // how it ended is in cmd.ProcessState
	}
}

// stop ends the program and returns when it has ended.
func (p *process) stop() {
	select {
	case <-p.done: // its number may be another's by now
	default:
		kill(p.cmd)
		<-p.done
	}
	p.discard()
}

// printed returns what the program has printed so far, both streams.
func (p *process) printed() string {
	text, err := io.ReadAll(io.NewSectionReader(p.output, 0, math.MaxInt64))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (p *process) discard() {
	p.output.Close()
	os.Remove(p.output.Name())
}
