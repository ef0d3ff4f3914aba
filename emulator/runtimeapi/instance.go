package runtimeapi

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatesock/gatesock/emulator"
)

// instance is a process with a Runtime API of its own. Function.mu guards what changes.
type instance struct {
	f     *Function
	cfg   *Config
	name  string
	arn   string
	retry bool // the second start, after a first one that failed

	began time.Time      // when it was started
	init  time.Duration  // how long it took to ask for an invocation; zero until then
	timer emulator.Timer // of the start
	limit time.Time      // of start and first invocation, if retry and the invocation waits for the start

	process   *process // nil until it has started
	outputs   []*output
	listener  net.Listener
	address   string // of the listener
	conns     map[*conn]struct{}
	serving   sync.WaitGroup // the goroutines of conns
	next      *conn          // waits for an invocation, or nil
	call      *call          // the running invocation, or nil
	truncated bool           // its response broke off
	used      bool           // had an invocation
	initError *Error         // that the program has posted
	old       bool           // of a program that was replaced
	dying     bool           // it was killed or has ended
	killed    bool           // by this package, before it has ended
	reason    *Error         // and why, if that is a failure

	idle   time.Time      // since when it has nothing to do
	frozen bool           // between invocations
	wake   emulator.Timer // to freeze it, and to end it
	wakeAt time.Time      // when wake is due; zero if it is not pending

	activity atomic.Pointer[Activity] // what the lines that are read belong to; nil before the first invocation
}

// starting reports whether the instance has not asked for an invocation.
func (i *instance) starting() bool { return i.init == 0 && !i.dying }

// run is the life of an instance.
func (i *instance) run() {
	defer i.f.instancesDone.Done()
	how, err := i.live()
	i.f.ended(i, how, err)
}

// live starts the process, serves it, and returns how it ended.
func (i *instance) live() (how string, err error) {
	var listen net.ListenConfig
	i.listener, err = listen.Listen(i.f.lifetime, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer i.listener.Close()
	i.address = i.listener.Addr().String()
	ended, err := i.start()
	if err != nil {
		return "", err
	}
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		i.accept()
	}()
	how = i.process.wait()
	sweep(apiVariable + "=" + i.address)
	for n, o := range i.outputs {
		o.close(ended[n])
	}
	i.settle()
	_ = i.listener.Close()
	<-accepting
	late := time.AfterFunc(leftBehind, i.closeConns)
	i.serving.Wait()
	late.Stop()
	return how, nil
}

// patience bounds the wait of settle, which takes no longer than this machine takes to run a few
// goroutines.
const patience = 10 * time.Second

// settle returns when all connections that the process has made are accepted: the last one may have
// a reply. It makes one more and waits for its answer, since they are accepted in order.
func (i *instance) settle() {
	var dial net.Dialer
	c, err := dial.DialContext(i.f.lifetime, "tcp", i.address)
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, "GET "+pathPing+" HTTP/1.0\r\nHost: "+i.address+"\r\n\r\n"); err == nil {
		_, _ = io.Copy(io.Discard, c)
	}
}

// closeConns closes the connections that are open, although the process has ended.
func (i *instance) closeConns() {
	i.f.mu.Lock()
	defer i.f.mu.Unlock()
	for c := range i.conns {
		_ = c.net.Close()
	}
}

// start starts the process and the readers of its output.
func (i *instance) start() (ended []chan struct{}, err error) {
	cmd := &exec.Cmd{
		Path: i.cfg.Command[0],
		Args: i.cfg.Command,
		Dir:  i.cfg.Dir,
		Env:  i.cfg.environ(i.name, i.address, i.began),
	}
	if filepath.Base(cmd.Path) == cmd.Path { // as exec.Command does
		path, err := exec.LookPath(cmd.Path)
		cmd.Path, cmd.Err = cmp.Or(path, cmd.Path), err
	}
	var written []*os.File
	defer func() {
		for _, file := range written {
			_ = file.Close()
		}
	}()
	for _, stream := range []Stream{Stdout, Stderr} {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, i.closeOutputs(err)
		}
		written = append(written, w)
		o, err := newOutput(r, stream, i.line)
		i.outputs = append(i.outputs, o)
		if err != nil {
			return nil, i.closeOutputs(err)
		}
	}
	cmd.Stdout, cmd.Stderr = written[0], written[1]
	p, err := i.f.starter.start(cmd)
	if err != nil {
		return nil, i.closeOutputs(err)
	}
	for _, o := range i.outputs {
		read := make(chan struct{})
		ended = append(ended, read)
		go func() {
			defer close(read)
			o.run()
		}()
	}
	i.f.mu.Lock()
	defer i.f.mu.Unlock()
	i.process = p
	if i.dying {
		p.end()
	}
	return ended, nil
}

func (i *instance) closeOutputs(err error) error {
	for _, o := range i.outputs {
		_ = o.file.Close()
	}
	i.outputs = nil
	return err
}

// acceptAgain is how long accept waits after an error.
const acceptAgain = 5 * time.Millisecond

// accept serves the connections of the process.
func (i *instance) accept() {
	for {
		nc, err := i.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // such as too many open files
			<-time.After(acceptAgain)
			continue
		}
		c := newConn(i, nc)
		i.f.mu.Lock()
		if i.dying {
			i.f.mu.Unlock()
			_ = nc.Close()
			continue
		}
		i.conns[c] = struct{}{}
		i.serving.Add(1)
		i.f.mu.Unlock()
		go func() {
			defer i.serving.Done()
			c.serve()
		}()
	}
}

// kill kills the process, for a reason that its invocation or its start fails with, or nil.
// Function.mu must be held.
func (i *instance) kill(reason *Error) {
	if i.dying {
		return
	}
	i.dying, i.killed, i.reason = true, true, reason
	i.f.forget(i)
	if i.process != nil {
		i.process.end()
	}
}

// line hands on a line of output.
func (i *instance) line(stream Stream, text string) {
	if i.cfg.Log == nil {
		return
	}
	line := Line{Time: i.cfg.Clock.Now(), Instance: i.name, Stream: stream, Text: text, JSON: isJSON(text)}
	if a := i.activity.Load(); a != nil {
		line.RequestID, line.Late = a.RequestID, a.Late && stream != Platform
	}
	i.f.log(i.cfg, line)
}

// drain reads the output up to now, before what it belongs to changes.
func (i *instance) drain() {
	if i.cfg.Log == nil {
		return
	}
	for _, o := range i.outputs {
		o.drain()
	}
}

// hand is an invocation on its way to an instance. It is written without a lock.
type hand struct {
	i      *instance
	c      *conn
	call   *call
	used   bool
	frozen bool
	last   bool // on its connection
	alone  bool // over does not wait for a program that does not read it
}

// take lets the instance, which must wait for one, have an invocation. Function.mu must be held.
// The caller must call hand.over without the lock.
func (i *instance) take(c *call) hand {
	h := hand{i: i, c: i.next, call: c, used: i.used, frozen: i.frozen, last: i.next.last}
	now := i.cfg.Clock.Now()
	c.started, c.deadline = now, now.Add(i.cfg.Timeout)
	if !i.limit.IsZero() && !i.used && i.limit.Before(c.deadline) {
		c.deadline = i.limit
	}
	i.next, i.call, i.frozen, i.truncated = nil, c, false, false
	c.timer = i.cfg.Clock.AfterFunc(c.deadline.Sub(now), func() { i.timeout(c) })
	return h
}

// apart lets over return before a large event is written, which takes as long as the program takes
// to read it. Function.mu must be held.
func (h hand) apart() hand {
	if h.alone = len(h.call.payload) > smallPayload; h.alone {
		h.i.serving.Add(1) // its connection is still served, so that nobody has waited
	}
	return h
}

// over hands the invocation over.
func (h hand) over() {
	if !h.alone {
		h.write()
		return
	}
	go func() {
		defer h.i.serving.Done()
		h.write()
	}()
}

func (h hand) write() {
	if h.used {
		h.i.drain()
	}
	h.i.activity.Store(&h.call.running)
	if h.frozen {
		h.i.process.freeze(false)
	}
	// If this fails, the program asks again or ends.
	h.c.write(h.call.head(h.i.arn), h.call.payload)
	if h.last {
		h.c.closeWrite()
	}
}

// timeout ends an invocation that takes too long.
func (i *instance) timeout(c *call) {
	i.f.mu.Lock()
	if i.call != c || i.dying {
		i.f.mu.Unlock()
		return
	}
	err := timeoutError(c.id, i.cfg.Timeout)
	if c.replied {
		c.err = err
	} else {
		c.fail(err)
	}
	i.kill(err)
	i.f.scale()
	i.f.mu.Unlock()
}

// startTimeout ends a start that takes too long.
func (i *instance) startTimeout() {
	i.f.mu.Lock()
	if !i.starting() {
		i.f.mu.Unlock()
		return
	}
	limit := i.cfg.InitTimeout
	if i.retry {
		limit = i.cfg.Timeout
	}
	i.kill(&Error{Type: TypeTimeout, Message: fmt.Sprintf("Task timed out after %.2f seconds", limit.Seconds())})
	i.f.mu.Unlock()
}

// free lets the instance wait for an invocation. Function.mu must be held.
func (i *instance) free() {
	now := i.cfg.Clock.Now()
	i.idle, i.limit = now, time.Time{}
	due := i.cfg.IdleTimeout
	if !i.cfg.NoFreeze {
		due = min(due, i.cfg.FreezeDelay)
	}
	i.wakeAfter(now, due)
}

// wakeAfter lets rest be called after d at the latest. A timer that is due earlier stays as it is,
// since an instance that is busy would set one for each invocation. Function.mu must be held.
func (i *instance) wakeAfter(now time.Time, d time.Duration) {
	at := now.Add(d)
	if !i.wakeAt.IsZero() {
		if !i.wakeAt.After(at) {
			return
		}
		i.wake.Stop()
	}
	i.wakeAt = at
	i.wake = i.cfg.Clock.AfterFunc(d, func() { i.rest(at) })
}

// rest freezes an instance that has nothing to do, and ends it when that lasts.
func (i *instance) rest(at time.Time) {
	i.f.mu.Lock()
	defer i.f.mu.Unlock()
	if !i.wakeAt.Equal(at) {
		return // stopped too late
	}
	i.wakeAt = time.Time{}
	if i.dying || i.call != nil || i.next == nil {
		return // free sets it again
	}
	now := i.cfg.Clock.Now()
	since := now.Sub(i.idle)
	freezing := !i.cfg.NoFreeze && !i.frozen
	if freezing && since >= i.cfg.FreezeDelay {
		i.frozen, freezing = true, false
		i.process.freeze(true)
	}
	switch {
	case since >= i.cfg.IdleTimeout:
		i.kill(nil)
	case freezing:
		i.wakeAfter(now, min(i.cfg.FreezeDelay, i.cfg.IdleTimeout)-since)
	default:
		i.wakeAfter(now, i.cfg.IdleTimeout-since)
	}
}

// stopTimers ends what could still call the instance. Function.mu must be held.
func (i *instance) stopTimers() {
	for _, t := range []emulator.Timer{i.timer, i.wake} {
		if t != nil {
			t.Stop()
		}
	}
	i.wakeAt = time.Time{}
}

func timeoutError(id string, limit time.Duration) *Error {
	return &Error{
		Type:    TypeTimeout,
		Message: fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", id, limit.Seconds()),
	}
}

// exitError is the error of a process that has ended in a way, such as "exit status 1".
func exitError(how string) *Error {
	if how == "" {
		return &Error{Type: TypeExit, Message: "Runtime exited without providing a reason"}
	}
	return &Error{Type: TypeExit, Message: "Runtime exited with error: " + how}
}

// of returns the error with the id of the invocation that fails with it.
func (e *Error) of(id string) *Error {
	if e.payload != nil {
		return e
	}
	return &Error{Type: e.Type, Message: "RequestId: " + id + " Error: " + e.Message}
}
