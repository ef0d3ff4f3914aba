package emulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// How an invocation fails. A malformed response wraps errMalformed.
var (
	errFunction = errors.New("the function failed")
	errTimeout  = errors.New("the integration timed out")
)

// invocation is one call of the handler. It is settled once: by the handler's answer or by a timeout, after which
// the handler may go on and its answer is dropped, as on AWS.
type invocation struct {
	g       *Gateway
	ctx     functionContext
	from    string // the connection's id
	event   []byte
	id      string // the request id
	route   string
	answer  func(replier, response, error) // called once; it does not block
	session *Session                       // whose client the answer may wait for; nil if there is none
	handler lambda.Handler
	raw     bool // the answer is not a proxy response
	limits  Timeouts
	settled atomic.Bool

	mu       sync.Mutex
	timer    Timer         // of the timeout that comes next
	returned bool          // the handler has
	answered bool          // answer has returned
	done     chan struct{} // closed when it has; nil until somebody waits
}

// invocation prepares an invocation and starts its timeouts. Its run must follow.
func (s *Session) invocation(ctx context.Context, route, id string, event []byte, answer func(replier, response, error)) *invocation {
	return s.invocationWithin(ctx, s.g.cfg.timeouts(route), route, id, event, answer)
}

// invocationWithin is invocation with the timeouts of something else than a route.
func (s *Session) invocationWithin(
	ctx context.Context, limits Timeouts, route, id string, event []byte, answer func(replier, response, error),
) *invocation {
	g := s.g
	inv := &invocation{
		g:      g,
		from:   s.id,
		event:  event,
		id:     id,
		route:  route,
		answer: answer, handler: g.handler, limits: limits,
		ctx: functionContext{
			parent: ctx, deadline: time.Now().Add(limits.Function), requestID: id, arn: g.functionARN,
		},
	}
	g.running.begin()
	g.invocations.add(inv)
	inv.mu.Lock() // the timer may be due at once
	defer inv.mu.Unlock()
	if limits.Function < limits.Integration {
		inv.timer = g.cfg.Clock.AfterFunc(limits.Function, inv.functionTimeout)
	} else {
		inv.timer = g.cfg.Clock.AfterFunc(limits.Integration, inv.integrationTimeout)
	}
	return inv
}

// String names the invocation in an error.
func (inv *invocation) String() string {
	return fmt.Sprintf("the handler of route %q for connection %s", inv.route, inv.from)
}

// run calls the handler, in the calling goroutine. The client may let it wait for the answer to be written; by then the
// invocation has ended.
func (inv *invocation) run() {
	if inv.session != nil {
		defer inv.session.flush()
	}
	defer inv.g.running.end()
	defer inv.finish()
	out, err := inv.call()
	if err != nil {
		inv.settle((*Session).replyAndFlush, response{}, err)
		return
	}
	r := response{raw: out}
	if !inv.raw {
		r, err = decodeResponse(out, &inv.g.cfg.Undocumented)
	}
	if !inv.settle((*Session).replyAndFlush, r, err) {
		inv.log(slog.LevelWarn, "the function answered too late")
	}
}

// start runs the invocation in another goroutine. A nil invocation is none.
func (inv *invocation) start() {
	if inv != nil {
		inv.g.workers.run(inv)
	}
}

// wait returns when the invocation is settled, or when ctx has ended.
func (inv *invocation) wait(ctx context.Context) {
	if inv == nil {
		return
	}
	select {
	case <-inv.answeredChan():
	case <-ctx.Done():
	}
}

func (inv *invocation) answeredChan() <-chan struct{} {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if inv.done == nil {
		inv.done = make(chan struct{})
		if inv.answered {
			close(inv.done)
		}
	}
	return inv.done
}

// call calls the handler and makes a failure of whatever it does other than to return: a panic, which ends the
// function's process on AWS, or runtime.Goexit.
func (inv *invocation) call() (out []byte, err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		cause := recover()
		inv.log(slog.LevelError, "the handler panicked", logged("panic", fmt.Sprint(cause)), slog.String("stack", string(debug.Stack())))
		err = fmt.Errorf("%w: panic: %v", errFunction, cause)
		if cause == nil { // Goexit: nothing after this runs
			inv.settle((*Session).replyAndFlush, response{}, err)
		}
	}()
	out, err = inv.handler.Invoke(&inv.ctx, inv.event)
	returned = true
	if err != nil {
		err = fmt.Errorf("%w: %w", errFunction, err)
	}
	return out, err
}

// settle hands over the answer if nothing was handed over before.
func (inv *invocation) settle(reply replier, r response, err error) bool {
	if !inv.settled.CompareAndSwap(false, true) {
		return false
	}
	if err != nil {
		inv.log(slog.LevelError, "the invocation failed", loggedError(err))
	}
	inv.answer(reply, r, err)
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.answered = true
	if inv.done != nil {
		close(inv.done)
	}
	return true
}

// integrationTimeout is when the gateway stops to wait. The function goes on until its own timeout.
func (inv *invocation) integrationTimeout() {
	rest := inv.limits.Function - inv.limits.Integration
	inv.mu.Lock()
	if inv.returned {
		inv.mu.Unlock()
		return
	}
	inv.timer = inv.g.cfg.Clock.AfterFunc(rest, func() { inv.ctx.end(context.DeadlineExceeded) })
	inv.mu.Unlock()
	inv.settle((*Session).reply, response{}, errTimeout)
}

func (inv *invocation) functionTimeout() {
	inv.mu.Lock()
	returned := inv.returned
	inv.mu.Unlock()
	if returned {
		return
	}
	inv.settle((*Session).reply, response{}, fmt.Errorf("%w: it ran for longer than %v", errFunction, inv.limits.Function))
	inv.ctx.end(context.DeadlineExceeded)
}

// finish ends what belongs to the invocation after the handler has returned.
func (inv *invocation) finish() {
	inv.g.invocations.remove(inv)
	inv.mu.Lock()
	inv.returned = true
	inv.timer.Stop()
	inv.mu.Unlock()
	inv.ctx.end(context.Canceled)
}

func (inv *invocation) log(level slog.Level, message string, attrs ...slog.Attr) {
	attrs = append(attrs, slog.String("routeKey", inv.route), slog.String("requestId", inv.id))
	inv.g.cfg.Logger.LogAttrs(&inv.ctx, level, message, attrs...)
}
