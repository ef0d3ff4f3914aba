package wstest

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock/internal/event"
	"github.com/gatesock/gatesock/internal/observing"
	"github.com/gatesock/gatesock/internal/panics"
	"github.com/gatesock/gatesock/wstest/internal/goroutines"
)

// crashHandler runs an application in one process after the other.
type crashHandler struct {
	t      testing.TB
	crash  *Crash
	newApp func() lambda.Handler

	mu      sync.Mutex
	process *process
	dead    []*process // that have ended before process
}

// process is a process with the application.
type process struct {
	app    lambda.Handler
	ended  bool          // guarded by Crash.mu
	over   chan struct{} // closed when the process ends
	buried chan struct{} // closed when the calls that do not return may return
	bury   sync.Once

	mu   sync.Mutex
	left []remains
}

// remains is an invocation whose process has ended.
type remains struct {
	name     string
	cancel   context.CancelFunc
	returned <-chan outcome
}

// outcome is how the application has returned.
type outcome struct {
	response []byte
	err      error
	end      error // a panic or the end of the goroutine
}

func (h *crashHandler) newProcess() *process {
	app := h.newApp()
	if app == nil {
		panic("wstest: Crash.Handler: newApp has returned nil")
	}
	return &process{app: app, over: make(chan struct{}), buried: make(chan struct{})}
}

// running returns the process that runs, after a crash a new one.
func (h *crashHandler) running() *process {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.crash.hasEnded(h.process) {
		h.dead = append(h.dead, h.process)
		h.process = h.newProcess()
	}
	return h.process
}

// Unwrap returns the application, for [gatesock.AppOf].
func (h *crashHandler) Unwrap() lambda.Handler {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.process.app
}

// Invoke runs the application. If its process ends, it delivers the event again where AWS does.
func (h *crashHandler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	response, err := h.invoke(ctx, payload)
	if errors.Is(err, ErrCrashed) && h.crash.retries && redelivered(payload) {
		return h.invoke(ctx, payload)
	}
	return response, err
}

// redelivered reports whether AWS delivers an event again for which the function has failed: those
// of queues and streams, and all that invoke a function without waiting for it (AWS Lambda
// Developer Guide, "Understanding retry behavior in Lambda").
func redelivered(payload []byte) bool {
	switch event.Read(payload).Kind {
	case event.WebSocket, event.Authorizer, event.HTTP:
		return false
	default:
		return true
	}
}

func (h *crashHandler) invoke(ctx context.Context, payload []byte) ([]byte, error) {
	p := h.running()
	i := &crashInvocation{
		crash: h.crash, process: p, numbers: map[string]int{},
		name: h.crash.invocation(routeOf(payload)), outer: observing.CallsOf(ctx),
	}
	inside, cancel := context.WithCancel(context.WithValue(ctx, observing.CallsKey{}, i))
	returned := make(chan outcome, 1)
	go func() {
		i.goroutine = goroutines.ID()
		var o outcome
		panics.Watch("wstest: panic of a handler", func() {
			o.response, o.err = p.app.Invoke(inside, payload)
		}, func(end error) {
			o.end = end
			returned <- o
		})
	}()
	select {
	case o := <-returned:
		cancel()
		return o.result()
	case <-p.over:
		p.leave(remains{i.name, cancel, returned})
		if inv, ok := ctx.Value(invocationKey{}).(*invocation); ok {
			inv.crashed(payload, h)
		}
		return nil, ErrCrashed
	}
}

// result ends as the application has ended.
func (o outcome) result() ([]byte, error) {
	var p *panics.Error
	switch {
	case errors.As(o.end, &p):
		panic(p)
	case o.end != nil:
		runtime.Goexit()
	}
	return o.response, o.err
}

func (p *process) leave(r remains) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = append(p.left, r)
}

// bury ends what is left of the processes that have ended: contexts end, and the calls that did not
// return fail or end their goroutine. It returns when no handler runs any more, and fails the test
// if that takes too long.
func (h *crashHandler) bury() {
	h.t.Helper()
	h.mu.Lock()
	dead := slices.Clone(h.dead)
	if h.crash.hasEnded(h.process) {
		dead = append(dead, h.process)
	}
	h.mu.Unlock()
	for _, p := range dead {
		p.bury.Do(func() {
			for _, r := range p.remains() {
				r.cancel()
			}
			close(p.buried)
			for _, r := range p.remains() {
				r.await(h.t)
			}
		})
	}
}

func (p *process) remains() []remains {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left
}

func (r remains) await(t testing.TB) {
	t.Helper()
	timer := time.NewTimer(settleTimeout)
	defer timer.Stop()
	select {
	case <-r.returned:
	case <-timer.C:
		t.Errorf("wstest: the handler of %s, whose process had ended, does not return when its calls fail and its context has ended", r.name)
	}
}

// crashInvocation is told of the calls of one invocation.
type crashInvocation struct {
	crash   *Crash
	process *process
	name    string
	outer   observing.Calls // of the harness, or nil
	numbers map[string]int  // of calls so far, by name; guarded by Crash.mu

	goroutine string // in which the handler was called
}

// BeginCall does not return if the process has ended, until that is buried.
func (i *crashInvocation) BeginCall(ctx context.Context, c observing.Call) (func(observing.Units), error) {
	index, over := i.crash.begin(i, c)
	if over {
		i.die()
		return nil, ErrCrashed
	}
	ended := func(observing.Units) {}
	if i.outer != nil {
		var err error
		if ended, err = i.outer.BeginCall(ctx, c); err != nil {
			return nil, err
		}
	}
	return func(u observing.Units) {
		ended(u)
		if i.crash.end(i, index) {
			i.die()
		}
	}, nil
}

// die does not return before the process is buried. It ends the goroutine of the handler, so that
// nothing but its deferred functions runs any more. Other goroutines go on, with calls that fail:
// somebody may wait for what they have to say.
func (i *crashInvocation) die() {
	<-i.process.buried
	if goroutines.ID() == i.goroutine {
		runtime.Goexit()
	}
}

// Metering reports whether the harness counts units.
func (i *crashInvocation) Metering() bool { return i.outer != nil && i.outer.Metering() }

// Over reports whether the process has ended.
func (i *crashInvocation) Over() bool { return i.crash.hasEnded(i.process) }
