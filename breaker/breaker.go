package breaker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/gatesock/gatesock"
)

// ErrRefused means that a breaker did not let a call through. It is the cause of the error that
// [Breaker.Do], [Call] and a handler behind [Breaker.Middleware] return then, so that a caller can
// answer with something older:
//
//	if errors.Is(err, breaker.ErrRefused) {
//		return cached, nil
//	}
var ErrRefused = errors.New("breaker: not called")

// State is what a [Breaker] does with calls.
type State int

const (
	// Closed lets every call through.
	Closed State = iota
	// HalfOpen lets some calls through, as probes.
	HalfOpen
	// Open lets no call through.
	Open
)

// String returns "closed", "half-open" or "open".
func (s State) String() string {
	switch s {
	case Closed:
		return "closed"
	case HalfOpen:
		return "half-open"
	case Open:
		return "open"
	default:
		return fmt.Sprintf("State(%d)", int(s))
	}
}

// Breaker is a circuit breaker for one service. It is safe for concurrent use.
type Breaker struct {
	name     string
	settings settings

	mu    sync.Mutex
	state State // as of the last change
	until time.Time
	// changes are the states since the last call of unlock.
	changes []State
	circuit *gobreaker.TwoStepCircuitBreaker[struct{}]
}

// bucketsOfWindow is how finely old calls are forgotten: a tenth of the window at a time.
const bucketsOfWindow = 10

// New returns a closed Breaker. The name is that of the service; it is in logs, and clients do not
// see it. It panics if the name is empty or an option is nil.
func New(name string, opts ...Option) *Breaker {
	if name == "" {
		panic("breaker: New: name must not be empty")
	}
	b := &Breaker{name: name, settings: apply(opts)}
	b.circuit = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        name,
		MaxRequests: b.settings.probes,
		// Rounded up, because gobreaker rounds the window up to whole buckets.
		Interval:     b.settings.window,
		BucketPeriod: (b.settings.window + bucketsOfWindow - 1) / bucketsOfWindow,
		// The Breaker itself keeps calls away while it is open. By then this has passed.
		Timeout:       1,
		ReadyToTrip:   b.settings.trips,
		OnStateChange: b.changed,
		IsExcluded:    func(err error) bool { return errors.Is(err, errNothing) },
	})
	return b
}

// What gobreaker is told about a call that did not succeed.
var (
	errFailure = errors.New("breaker: a failure")
	errNothing = errors.New("breaker: neither a failure nor a success")
)

// Do calls f if the breaker lets it through, counts the outcome, and returns f's error. It is for a
// single call of the service inside of a handler:
//
//	err := payments.Do(ctx, func(ctx context.Context) error { return client.Charge(ctx, order) })
//
// If the breaker does not let it through, Do returns an error with [gatesock.CodeUnavailable], the
// time to wait, and [ErrRefused] as its cause. If ctx has ended, Do returns its error and counts
// nothing. A panic of f counts as a failure and goes on.
//
// A Do inside of a call that the same breaker has let through calls f and leaves the counting to
// the outer one.
func (b *Breaker) Do(ctx context.Context, f func(ctx context.Context) error) error {
	return b.do(ctx, f, false)
}

// Call is [Breaker.Do] for a function with a result:
//
//	rate, err := breaker.Call(ctx, rates, func(ctx context.Context) (Rate, error) {
//		return client.Rate(ctx, "EUR")
//	})
//
// It returns the zero T with every error that is not f's own.
func Call[T any](ctx context.Context, b *Breaker, f func(ctx context.Context) (T, error)) (T, error) {
	var result T
	err := b.Do(ctx, func(ctx context.Context) (err error) {
		result, err = f(ctx)
		return err
	})
	return result, err
}

// Middleware answers for the handler of a route while the breaker is open: a message gets
// [gatesock.CodeUnavailable] with retryAfterMs, a $connect is refused with status 503. All routes
// with a middleware of one breaker share its state. A $disconnect always goes through and does not
// count, since it is the only chance to clean up.
//
//	gatesock.Handle(r, "pay", pay, gatesock.WithMiddleware(payments.Middleware()))
//
// A refusal of the handler, such as invalid_argument, does not close a half-open breaker: the
// handler may have refused without calling the service.
func (b *Breaker) Middleware() gatesock.Middleware {
	return func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(ctx context.Context, req *gatesock.Request) (reply *gatesock.Reply, err error) {
			if req.EventType == gatesock.EventDisconnect {
				return next(ctx, req)
			}
			err = b.do(ctx, func(ctx context.Context) (err error) {
				reply, err = next(ctx, req)
				return err
			}, true)
			return reply, err
		}
	}
}

// State returns what the breaker does with the next call.
func (b *Breaker) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == Open && b.wait() <= 0 {
		return HalfOpen
	}
	return b.state
}

// inside is the key of contexts of calls that the breaker has let through.
type inside struct{ b *Breaker }

// do is Do. If maybe, f may have refused without a call of the service.
func (b *Breaker) do(ctx context.Context, f func(ctx context.Context) error, maybe bool) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("breaker: %s: not called: %w", b.name, context.Cause(ctx))
	}
	if ctx.Value(inside{b}) != nil {
		return f(ctx)
	}
	done, err := b.admit(ctx, maybe)
	if err != nil {
		return err
	}
	outcome := errFailure // of a panic, and of the end of the goroutine
	defer func() { done(outcome) }()
	err = f(context.WithValue(ctx, inside{b}, true))
	outcome = b.outcome(err)
	return err
}

// errRefusal is the outcome of a call that ended with an error of the client.
var errRefusal = errors.New("breaker: a refusal")

// outcome returns nil for a success, errFailure, errRefusal or errNothing.
func (b *Breaker) outcome(err error) error {
	switch {
	case err == nil:
		return nil
	case b.settings.failure(err):
		return errFailure
	case errors.Is(err, context.Canceled):
		return errNothing
	default:
		return errRefusal
	}
}

// admit returns an error if a call is not let through, and else a function that has to be told the
// call's outcome.
func (b *Breaker) admit(ctx context.Context, maybe bool) (done func(outcome error), err error) {
	b.mu.Lock()
	defer b.unlock(ctx)
	if b.state == Open {
		if wait := b.wait(); wait > 0 {
			return nil, b.refuse("open", wait)
		}
	}
	told, err := b.circuit.Allow()
	if err != nil {
		return nil, b.refuse("half-open, and its probes are on their way", min(b.settings.period, probeRetry))
	}
	probe := b.state == HalfOpen
	return func(outcome error) {
		if errors.Is(outcome, errRefusal) {
			outcome = nil // the service has answered
			if probe && maybe {
				outcome = errNothing
			}
		}
		b.mu.Lock()
		defer b.unlock(ctx)
		if b.state != Open { // else the call is from before it opened, and nothing should end that early
			told(outcome)
		}
	}, nil
}

// probeRetry is when a client may try again that met a probe on its way.
const probeRetry = time.Second

func (b *Breaker) refuse(state string, wait time.Duration) error {
	return gatesock.Errorf(gatesock.CodeUnavailable, "a service that this needs is not available").
		WithRetryAfter(wait).WithCause(fmt.Errorf("%w: %s is %s", ErrRefused, b.name, state))
}

// wait returns for how long the breaker stays open, 0 or less if no longer. b.mu is held.
func (b *Breaker) wait() time.Duration {
	left := b.until.Sub(now())
	if left > b.settings.period { // the clock was set back
		b.until = now().Add(b.settings.period)
		return b.settings.period
	}
	return left
}

// now returns the time of the wall clock: that of the monotonic one may stand still while the
// process is frozen.
func now() time.Time { return time.Now().Round(0) }

// changed is told changes of the state. b.mu is held.
func (b *Breaker) changed(_ string, _, to gobreaker.State) {
	switch to {
	case gobreaker.StateClosed:
		b.state = Closed
	case gobreaker.StateHalfOpen:
		b.state = HalfOpen
	case gobreaker.StateOpen:
		b.state = Open
		b.until = now().Add(b.settings.period)
	}
	b.changes = append(b.changes, b.state)
}

// unlock logs the changes of the state after it has unlocked b.mu, because a handler of logs may
// use the breaker.
func (b *Breaker) unlock(ctx context.Context) {
	changes := b.changes
	b.changes = nil
	b.mu.Unlock()
	log := cmp.Or(b.settings.log, slog.Default())
	for _, state := range changes {
		switch state {
		case Open:
			log.WarnContext(ctx, "breaker: open", "breaker", b.name, "for", b.settings.period)
		default:
			log.InfoContext(ctx, "breaker: "+state.String(), "breaker", b.name)
		}
	}
}
