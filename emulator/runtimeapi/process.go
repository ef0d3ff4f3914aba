package runtimeapi

import (
	"os/exec"
	"runtime"
	"sync"
)

// process is the process of an instance, and leads a group of its own where the system has groups.
type process struct {
	cmd *exec.Cmd

	mu    sync.Mutex
	ended bool
}

// wait waits for the process to end, kills what is left of its group, and returns how it ended,
// such as "exit status 1", or "" for a status of 0.
func (p *process) wait() string {
	awaitExit(p.cmd.Process.Pid)
	p.mu.Lock()
	p.kill()
	p.ended = true
	p.mu.Unlock()
	err := p.cmd.Wait()
	if state := p.cmd.ProcessState; state != nil && !state.Success() {
		return state.String()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// end kills the group.
func (p *process) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.kill()
	}
}

// freeze stops the group, or lets it continue.
func (p *process) freeze(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.stop(on)
	}
}

// starter starts processes on one thread, which lives as long as they do: Linux kills them when the
// thread ends that has started them (see [separate]), and this is so when this process is killed.
type starter struct {
	requests chan func()
	done     chan struct{}
}

func newStarter() *starter {
	s := &starter{requests: make(chan func()), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for request := range s.requests {
			request()
		}
	}()
	return s
}

func (s *starter) start(cmd *exec.Cmd) (*process, error) {
	separate(cmd)
	started := make(chan error, 1)
	s.requests <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, err
	}
	return &process{cmd: cmd}, nil
}

// end ends the thread. The processes must have ended.
func (s *starter) end() {
	close(s.requests)
	<-s.done
}
