package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/gatesock/gatesock/bench/internal/wsload"
)

// running is an emulator's process, and what it has started.
type running struct {
	started time.Time
	cmd     *exec.Cmd
	input   io.Closer
	output  tail
	ended   chan struct{}
}

// run starts a process in a session of its own, by which its children are found.
func run(cmd *exec.Cmd) (*running, error) {
	r := &running{cmd: cmd, ended: make(chan struct{})}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stdout, cmd.Stderr = &r.output, &r.output
	cmd.WaitDelay = time.Second // for the pipes, which children may hold
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	r.input, r.started = input, time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(r.ended)
		_ = cmd.Wait() // the status of a process that is killed says nothing
	}()
	return r, nil
}

// firstConnection tries to connect, a millisecond after each failure, and returns how long it was
// from the start of the process to the end of the first handshake.
func (r *running) firstConnection(ctx context.Context, address string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, wsload.Grace)
	defer cancel()
	for {
		c, err := wsload.Dial(ctx, wsload.NewTarget(address), time.Now().Add(wsload.Grace))
		if err == nil {
			took := time.Since(r.started)
			return took, c.Close()
		}
		select {
		case <-time.After(time.Millisecond):
		case <-r.ended:
			return 0, fmt.Errorf("the process has ended: %s", r.output.String())
		case <-ctx.Done():
			return 0, fmt.Errorf("no connection: %w: %s", err, r.output.String())
		}
	}
}

// end ends the process and all that it has started. A process that ends when its input does gets
// the time to do so.
func (r *running) end(gently bool) {
	r.input.Close()
	if gently {
		select {
		case <-r.ended:
		case <-time.After(10 * time.Second):
		}
	}
	for range 100 {
		left, err := session(r.cmd.Process.Pid)
		if err != nil || len(left) == 0 {
			break
		}
		for _, p := range left {
			_ = syscall.Kill(p.pid, syscall.SIGKILL) // fails if it is gone already
		}
		<-time.After(10 * time.Millisecond)
	}
	<-r.ended
}

// usage returns the CPU time that the process and all that it has started have taken so far, and
// their resident memory in bytes.
func (r *running) usage() (cpu time.Duration, resident int64, err error) {
	list, err := session(r.cmd.Process.Pid)
	if err != nil {
		return 0, 0, err
	}
	if len(list) == 0 {
		return 0, 0, fmt.Errorf("the process has ended: %s", r.output.String())
	}
	for _, p := range list {
		cpu += p.cpu
		resident += p.resident
	}
	return cpu, resident, nil
}

// process is what /proc says about a process.
type process struct {
	pid, session int
	cpu          time.Duration // children that have ended included
	resident     int64         // bytes
}

// session returns the processes of a session that have not ended.
func session(id int) ([]process, error) {
	folders, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var list []process
	for _, f := range folders {
		pid, err := strconv.Atoi(f.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + f.Name() + "/stat")
		if err != nil {
			continue // it has ended
		}
		p, ended, err := parseStat(stat)
		if err != nil {
			return nil, fmt.Errorf("process %d: %w", pid, err)
		}
		if p.session == id && !ended {
			list = append(list, p)
		}
	}
	return list, nil
}

// The fields of /proc/PID/stat after the name, counted from the state.
const (
	fieldState    = 0
	fieldSession  = 3
	fieldUser     = 11 // user time, then system time and both of the children that were waited for
	fieldResident = 21
	fieldsNeeded  = 22

	tick = 10 * time.Millisecond // USER_HZ, which is 100 on every architecture that Go runs on
)

// parseStat reads the text of /proc/PID/stat. ended means that only its entry is left.
func parseStat(stat []byte) (p process, ended bool, err error) {
	bad := errors.New("unknown format of /proc/PID/stat")
	before, _, _ := bytes.Cut(stat, []byte(" "))
	if p.pid, err = strconv.Atoi(string(before)); err != nil {
		return process{}, false, bad
	}
	// The name is in parentheses, and may contain some.
	after := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(after) < fieldsNeeded {
		return process{}, false, bad
	}
	number := func(field int) int64 {
		n, failed := strconv.ParseInt(string(after[field]), 10, 64)
		if failed != nil {
			err = bad
		}
		return n
	}
	p.session = int(number(fieldSession))
	for i := range 4 {
		p.cpu += time.Duration(number(fieldUser+i)) * tick
	}
	p.resident = number(fieldResident) * int64(os.Getpagesize())
	if err != nil {
		return process{}, false, err
	}
	return p, after[fieldState][0] == 'Z' || after[fieldState][0] == 'X', nil
}

// tail keeps the end of what a process prints.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 4 << 10

// Write implements [io.Writer].
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if more := len(t.text) - tailSize; more > 0 {
		t.text = append(t.text[:0], t.text[more:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
