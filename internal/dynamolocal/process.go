package dynamolocal

import (
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
)

// process is a program that runs until it is stopped, or this process ends.
type process struct {
	cmd    *exec.Cmd
	output *os.File
	// done is closed when the program has ended.
	done chan struct{}
	// release lets go what the program lives on; nil if that is nothing.
	release func()
}

// startProcess starts a program in a folder.
func startProcess(folder string, command []string) (*process, error) {
	output, err := os.CreateTemp("", "dynamodb-local-*.log")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(command[0], command[1:]...) //nolint:noctx // stop ends it
	p := &process{cmd: cmd, output: output, done: make(chan struct{})}
	// Where an open file can be removed, nothing is left however this process ends.
	os.Remove(output.Name())
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = folder, output, output
	if p.release, err = bind(p.cmd); err != nil {
		p.discard()
		return nil, err
	}
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
	if p.release != nil {
		p.release()
	}
	p.output.Close()
	os.Remove(p.output.Name())
}
