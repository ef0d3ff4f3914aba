package gatesock

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// Recover returns middleware that turns a panic into an error with [CodeInternal], whose cause is a
// [*PanicError]. Give it to [Router.Use] first. Without it a panic ends the Lambda process: the
// client sees the gateway's "Internal server error", and the next event waits for a cold start.
func Recover() Middleware {
	return func(next HandlerFunc) HandlerFunc {
		return func(ctx context.Context, req *Request) (reply *Reply, err error) {
			defer func() {
				if v := recover(); v != nil {
					err = recovered(v)
				}
			}()
			return next(ctx, req)
		}
	}
}

// PanicError is the cause of the error that [Recover] returns for a panic. The router logs its
// stack.
type PanicError struct {
	// Value is the value of the panic.
	Value any
	// Stack is the stack of the goroutine that panicked.
	Stack []byte
}

// Error returns the value of the panic, without the stack.
func (p *PanicError) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Unwrap returns the value of the panic if it is an error.
func (p *PanicError) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// recovered returns the error for a panic. Even if the panic's value is an *Error, the client
// learns nothing of it.
func recovered(v any) error {
	return &Error{Code: CodeInternal, Message: "internal error", cause: &PanicError{Value: v, Stack: debug.Stack()}}
}

// IntegrationTimeout is how long the gateway waits for a function. After that the gateway itself
// answers, with "Endpoint request timed out" (AWS Developer Guide, "Quotas for configuring and
// running a WebSocket API"). The quota cannot be raised.
const IntegrationTimeout = 29 * time.Second

// lateThreshold is how long after its timeout a handler must return for the log to mention it. A
// handler that respects its context needs some time to return, too.
const lateThreshold = time.Second

// Timeout returns middleware that ends the context of a handler after d, so that the client
// receives [CodeDeadlineExceeded] with the id of its request, instead of the gateway's own frame,
// which has no id. It can be used for all routes, for one, or both:
//
//	r.Use(gatesock.Recover(), gatesock.Timeout(25*time.Second))
//	gatesock.Handle(r, "search", search, gatesock.WithMiddleware(gatesock.Timeout(3*time.Second)))
//
// What the handler returns after the timeout still reaches the client: a result as it is, an
// [*Error] as it is, and any other error as CodeDeadlineExceeded.
//
// Timeout panics unless d is above zero and below [IntegrationTimeout].
//
// # Handlers that ignore their context
//
// Timeout does not answer before the handler has returned: Lambda freezes the process with the
// answer, and would freeze the handler in it. A timeout therefore works only for handlers that pass
// their context on, or check it. A handler that ignores its context runs on, and if it returns a
// second or more too late, the router logs a warning.
//
// # Outer deadlines
//
// If Lambda's deadline, or the deadline of another context around the handler, is near, the context
// ends before it, so that there is time to answer: earlier by a tenth of the remaining time, and by
// at most one second.
func Timeout(d time.Duration) Middleware {
	if d <= 0 || d >= IntegrationTimeout {
		panic(fmt.Sprintf("gatesock: Timeout(%v) at %s: d must be above zero and below %v, after which the gateway itself answers",
			d, callerSite(), IntegrationTimeout))
	}
	cause := fmt.Errorf("gatesock: Timeout(%v): %w", d, context.DeadlineExceeded)
	return func(next HandlerFunc) HandlerFunc {
		return func(ctx context.Context, req *Request) (*Reply, error) {
			now := time.Now()
			end := endOf(ctx, now, d)
			ctx, cancel := context.WithDeadlineCause(ctx, end, cause)
			defer cancel()
			reply, err := next(ctx, req)
			if ctx.Err() != nil {
				req.late = max(req.late, min(time.Since(end), time.Since(now)))
				err = blameDeadline(ctx, err)
			}
			return reply, err
		}
	}
}

// endOf returns when a handler with the timeout d must end, in a context that may end earlier.
func endOf(ctx context.Context, now time.Time, d time.Duration) time.Time {
	end := now.Add(d)
	if deadline, ok := ctx.Deadline(); ok {
		reserve := min(time.Second, deadline.Sub(now)/10)
		if earlier := deadline.Add(-reserve); earlier.Before(end) {
			end = earlier
		}
	}
	return end
}

// blameDeadline returns the error for the client of a handler that returned err in ctx, whose
// deadline may have passed.
func blameDeadline(ctx context.Context, err error) error {
	var public *Error
	if err == nil || !errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.As(err, &public) {
		return err
	}
	return deadlineError(err)
}
