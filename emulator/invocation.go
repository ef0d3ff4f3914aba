package emulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/gatesock/gatesock/internal/panics"
	"github.com/gatesock/gatesock/internal/proxyresponse"
)

// The errors of an invocation, besides [proxyresponse.ErrMalformed].
var (
	errFunction = errors.New("the function failed")
	errTimeout  = errors.New("the integration timed out")
)

// response is what a handler returned.
type response struct {
	proxyresponse.Response
	raw []byte // as returned, for authorizers, which return something else
}

// invocation is one call of the handler. It is settled once: by the response of the handler or by a
// timeout. After a timeout the handler may continue, and its response is dropped, as on AWS.
type invocation struct {
	g       *Gateway
	on      *deployment
	ctx     functionContext
	by      *Session  // that it is about
	began   time.Time // if somebody observes
	event   []byte
	id      string // the request id
	route   *apiRoute
	answer  func(replier, response, error) // called once; must not block
	session *Session                       // whose client run may wait for, or nil
	raw     bool                           // the handler does not return a proxy response
	settled atomic.Bool
	twin    *invocation // runs at the same time, or nil

	mu       sync.Mutex
	timer    Timer         // of the next timeout; nil before arm
	returned bool          // the handler has returned
	answered bool          // answer has returned
	done     chan struct{} // closed when answered becomes true; nil until wait is called
}

// invocation prepares an invocation. The caller must call start, or run and, if that takes long,
// arm.
func (s *Session) invocation(
	ctx context.Context, route *apiRoute, st stamp, event []byte, answer func(replier, response, error),
) *invocation {
	g := s.g
	inv := &invocation{
		g:      g,
		on:     st.on,
		by:     s,
		began:  g.observedNow(),
		event:  event,
		id:     st.requestID,
		route:  route,
		answer: answer,
		ctx: functionContext{
			parent: ctx, deadline: time.Now().Add(route.timeouts.Function), requestID: st.requestID, arn: st.on.functionARN,
		},
	}
	g.running.begin()
	g.invocations.add(inv)
	return inv
}

// arm starts the timeouts of an invocation that began some time ago, unless they have started or
// the handler has returned.
func (inv *invocation) arm(ago time.Duration) {
	inv.mu.Lock() // the timer may be due at once
	defer inv.mu.Unlock()
	if inv.timer != nil || inv.returned {
		return
	}
	if limits := inv.route.timeouts; limits.Function < limits.Integration {
		inv.timer = inv.g.clock.AfterFunc(limits.Function-ago, inv.functionTimeout)
	} else {
		inv.timer = inv.g.clock.AfterFunc(limits.Integration-ago, inv.integrationTimeout)
	}
}

// age returns how long ago the invocation was prepared, by the machine's clock.
func (inv *invocation) age() time.Duration {
	return inv.route.timeouts.Function - time.Until(inv.ctx.deadline)
}

// String returns the name of the invocation for an error.
func (inv *invocation) String() string {
	return fmt.Sprintf("the handler of route %q for connection %s", inv.route.Key, inv.by.id)
}

// run calls the handler in the calling goroutine and sends the response. It may wait for the client
// to read; by then the invocation has ended.
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
		r.Response, err = proxyresponse.Decode(out, inv.on.cfg.Undocumented.AcceptStringStatus)
	}
	if !inv.settle((*Session).replyAndFlush, r, err) {
		inv.log(slog.LevelWarn, "the function returned too late")
	}
}

// start runs the invocation in another goroutine. It does nothing for nil.
func (inv *invocation) start() {
	if inv != nil {
		inv.arm(0)
		inv.g.workers.run(inv)
		inv.twin.start()
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
	inv.twin.wait(ctx)
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

// call calls the handler. It returns an error if the handler panics, which ends the function's
// process on AWS, or ends its goroutine, for example by a test's FailNow.
func (inv *invocation) call() (out []byte, err error) {
	panics.Watch("emulator: panic in the handler", func() {
		if out, err = inv.route.handler.Invoke(&inv.ctx, inv.event); err != nil {
			err = fmt.Errorf("%w: %w", errFunction, err)
		}
	}, func(cause error) {
		if cause != nil {
			err = inv.fault(cause)
		}
	})
	return out, err
}

// fault logs a panic or [panics.ErrGoexit] and returns it as an error. After the latter the
// goroutine ends, so that fault settles the invocation.
func (inv *invocation) fault(cause error) error {
	var p *panics.Error
	if errors.As(cause, &p) {
		inv.log(slog.LevelError, "the handler panicked",
			logged("panic", fmt.Sprint(p.Value)), slog.String("stack", string(p.Stack)))
		return fmt.Errorf("%w: panic: %v", errFunction, p.Value)
	}
	err := fmt.Errorf("%w: %w", errFunction, cause)
	inv.settle((*Session).replyAndFlush, response{}, err)
	return err
}

// settle passes on a response or an error, unless the invocation is settled. It reports whether it
// did.
func (inv *invocation) settle(reply replier, r response, err error) bool {
	if !inv.settled.CompareAndSwap(false, true) {
		return false
	}
	if err != nil {
		inv.log(slog.LevelError, "the invocation failed", loggedError(err))
	}
	inv.observe(r, err)
	inv.answer(reply, r, err)
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.answered = true
	if inv.done != nil {
		close(inv.done)
	}
	return true
}

// integrationTimeout settles the invocation when the gateway stops waiting. The function continues
// until its own timeout.
func (inv *invocation) integrationTimeout() {
	rest := inv.route.timeouts.Function - inv.route.timeouts.Integration
	inv.mu.Lock()
	if inv.returned {
		inv.mu.Unlock()
		return
	}
	inv.timer = inv.g.clock.AfterFunc(rest, func() { inv.ctx.end(context.DeadlineExceeded) })
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
	inv.settle((*Session).reply, response{}, fmt.Errorf("%w: it ran longer than %v", errFunction, inv.route.timeouts.Function))
	inv.ctx.end(context.DeadlineExceeded)
}

// finish stops the timers and ends the context after the handler has returned.
func (inv *invocation) finish() {
	inv.g.invocations.remove(inv)
	inv.mu.Lock()
	inv.returned = true
	if inv.timer != nil {
		inv.timer.Stop()
	}
	inv.mu.Unlock()
	inv.ctx.end(context.Canceled)
}

func (inv *invocation) log(level slog.Level, message string, attrs ...slog.Attr) {
	attrs = append(attrs, slog.String("routeKey", inv.route.Key), slog.String("requestId", inv.id))
	inv.g.logger().LogAttrs(&inv.ctx, level, message, attrs...)
}

// functionContext is the context of one invocation. It has the values of the caller's context, but
// not its cancellation: a client that leaves does not stop a function. The gateway's clock ends it.
// Its deadline is in the machine's time, which is the time that network packages and most handlers
// compare it with. It creates what is rarely used on demand.
type functionContext struct {
	parent    context.Context //nolint:containedctx // this is a Context itself
	deadline  time.Time
	requestID string
	arn       string // of the function

	mu     sync.Mutex
	values context.Context              //nolint:containedctx // the parent's values; nil until needed
	lambda *lambdacontext.LambdaContext // nil until needed
	done   chan struct{}                // nil until needed
	err    error
}

func (c *functionContext) Deadline() (time.Time, bool) { return c.deadline, true }

func (c *functionContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		}
	}
	return c.done
}

func (c *functionContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *functionContext) Value(key any) any {
	c.mu.Lock()
	if key == lambdaKey {
		defer c.mu.Unlock()
		if c.lambda == nil {
			c.lambda = &lambdacontext.LambdaContext{AwsRequestID: c.requestID, InvokedFunctionArn: c.arn}
		}
		return c.lambda
	}
	if c.values == nil {
		c.values = context.WithoutCancel(c.parent)
	}
	values := c.values
	c.mu.Unlock()
	return values.Value(key)
}

// lambdaKey is the key of package lambdacontext. Handlers ask for other values in every invocation,
// which should not make a LambdaContext.
//
//nolint:gochecknoglobals // a constant
var lambdaKey = func() any {
	var asked askedFor
	_, _ = lambdacontext.FromContext(&asked)
	return asked.key
}()

// askedFor remembers the key that a context was asked for.
type askedFor struct {
	context.Context //nolint:containedctx // nil
	key             any
}

func (a *askedFor) Value(key any) any {
	a.key = key
	return nil
}

// end ends the context with err, unless it has ended.
func (c *functionContext) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = err
	if c.done != nil {
		close(c.done)
	}
}

// invocations are the invocations whose handler has not returned.
type invocations struct {
	mu      sync.Mutex
	running map[*invocation]struct{}
	cut     bool // cancel was called: cancel new ones at once
}

func (s *invocations) add(inv *invocation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		s.running = make(map[*invocation]struct{})
	}
	s.running[inv] = struct{}{}
	if s.cut {
		inv.ctx.end(context.Canceled)
	}
}

// arm starts the timeouts of the invocations that have not started theirs.
func (s *invocations) arm() {
	s.mu.Lock()
	running := slices.Collect(maps.Keys(s.running))
	s.mu.Unlock()
	for _, inv := range running {
		inv.arm(inv.age())
	}
}

func (s *invocations) remove(inv *invocation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, inv)
}

// cancel cancels the contexts of all invocations, including later ones, such as the $disconnect of
// a client whose $connect returns after the call. It returns the names of the running ones, sorted.
func (s *invocations) cancel() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = true
	var cut []string
	for inv := range s.running {
		cut = append(cut, inv.String())
		inv.ctx.end(context.Canceled)
	}
	slices.Sort(cut)
	return cut
}
