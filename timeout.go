package gatesock

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// IntegrationTimeout is how long the gateway waits for a function before it answers in its place, with "Endpoint request
// timed out" (AWS Developer Guide, "Quotas for configuring and running a WebSocket API"). It can't be raised.
const IntegrationTimeout = 29 * time.Second

// lateEnough is how long after its time a handler has to return for the log to say so: what respects its context needs
// some time to return, too.
const lateEnough = time.Second

// Timeout is middleware that ends the context of a handler after d, so that the client gets [CodeDeadlineExceeded] with the id
// of its request, and not the gateway's own frame, which has none. It leaves the answer time to get out: where Lambda's
// deadline, or that of any context around it, is near, the context ends before that, by a tenth of the time that is left and by
// at most a second.
//
//	r.Use(gatesock.Recover(), gatesock.Timeout(25*time.Second))
//	gatesock.Handle(r, "search", search, gatesock.WithMiddleware(gatesock.Timeout(3*time.Second)))
//
// What a handler returns after that time reaches the client like this: an [*Error] as it is, any other error as
// CodeDeadlineExceeded, and a result, though late, as the result.
//
// The handler runs in the goroutine of the caller, and nothing is answered before it has returned: Lambda freezes the process
// with the answer, and would freeze a handler that still runs with it. Timeout therefore holds as far as handlers hand their
// context on, or look at it. A handler that ignores it runs on; the log names it, with a warning, if it returns a second or more
// too late.
//
// Timeout panics unless d is above zero and below [IntegrationTimeout].
func Timeout(d time.Duration) Middleware {
	if d <= 0 || d >= IntegrationTimeout {
		panic(fmt.Sprintf("gatesock: Timeout(%v) at %s: it must be above zero and below the %v after which the gateway answers in the handler's place",
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

// endOf returns when a handler has to be ready that has d, and a context that may end before.
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

// blameDeadline returns what err says to a client if the context's deadline has passed.
func blameDeadline(ctx context.Context, err error) error {
	var public *Error
	if err == nil || !errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.As(err, &public) {
		return err
	}
	return deadlineError(err)
}
