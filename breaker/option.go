package breaker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/gatesock/gatesock"
)

// Option is an option of [New].
type Option interface{ apply(s *settings) }

type option func(s *settings)

func (o option) apply(s *settings) { o(s) }

// settings is what options set.
type settings struct {
	inARow  uint32
	window  time.Duration
	share   float64
	calls   uint32
	period  time.Duration
	probes  uint32
	failure func(err error) bool
	log     *slog.Logger // nil: slog.Default when something is logged
}

func apply(opts []Option) settings {
	s := settings{
		inARow: 5, window: 5 * time.Minute,
		share: 0.5, calls: 20,
		period: 30 * time.Second, probes: 1,
		failure: IsFailure,
	}
	for _, o := range opts {
		if o == nil {
			panic("breaker: New: an option is nil")
		}
		o.apply(&s)
	}
	return s
}

// trips reports whether a breaker with these counts opens.
func (s settings) trips(c gobreaker.Counts) bool {
	ended := c.TotalFailures + c.TotalSuccesses
	return c.ConsecutiveFailures >= s.inARow ||
		ended >= s.calls && float64(c.TotalFailures) >= s.share*float64(ended)
}

// WithFailures sets after how many failures in a row the breaker opens, and for how long they
// count, as do the calls of [WithErrorRate]. The default is 5 within 5 minutes. Old calls are
// forgotten a tenth of the window at a time. It panics if n is below 1, or the window is below one
// second.
func WithFailures(n int, window time.Duration) Option {
	if n < 1 || n > math.MaxInt32 {
		panic(fmt.Sprintf("breaker: WithFailures: n is %d, it must be from 1 to 2147483647", n))
	}
	if window < time.Second {
		panic(fmt.Sprintf("breaker: WithFailures: the window %v must be at least 1s", window))
	}
	return option(func(s *settings) { s.inARow, s.window = uint32(n), window })
}

// WithErrorRate sets which share of the calls has to fail for the breaker to open, from above 0 to
// 1, and of how many calls at least. The default is 0.5 of 20. It counts what happened within the
// window of [WithFailures]. It panics if share is not above 0 and at most 1, or calls is below 1.
func WithErrorRate(share float64, calls int) Option {
	if !(share > 0 && share <= 1) {
		panic(fmt.Sprintf("breaker: WithErrorRate: the share %v must be above 0 and at most 1", share))
	}
	if calls < 1 || calls > math.MaxInt32 {
		panic(fmt.Sprintf("breaker: WithErrorRate: calls is %d, it must be from 1 to 2147483647", calls))
	}
	return option(func(s *settings) { s.share, s.calls = share, uint32(calls) })
}

// WithOpenFor sets how long the breaker stays open before it lets a probe through. The default is
// 30 seconds. It panics if d is below one millisecond.
func WithOpenFor(d time.Duration) Option {
	if d < time.Millisecond {
		panic(fmt.Sprintf("breaker: WithOpenFor: d is %v, it must be at least 1ms", d))
	}
	return option(func(s *settings) { s.period = d })
}

// WithProbes sets how many calls a breaker that is half-open lets through. It closes when all of
// them have succeeded, and opens at the first failure. The default is 1. A Lambda instance handles
// one event at a time, so that more is for programs that handle several. A probe that never returns
// keeps all others away: give calls a timeout. It panics if n is below 1.
func WithProbes(n int) Option {
	if n < 1 || n > math.MaxInt32 {
		panic(fmt.Sprintf("breaker: WithProbes: n is %d, it must be from 1 to 2147483647", n))
	}
	return option(func(s *settings) { s.probes = uint32(n) })
}

// WithFailure sets which errors of a call are failures of the service. The default is [IsFailure],
// which f can extend:
//
//	breaker.WithFailure(func(err error) bool {
//		return breaker.IsFailure(err) || errors.Is(err, payments.ErrThrottled)
//	})
//
// Panics are always failures. Of the errors that f does not report, those that match
// [context.Canceled] count as nothing, and the others as answers of a service that works. It
// panics if f is nil.
func WithFailure(f func(err error) bool) Option {
	if f == nil {
		panic("breaker: WithFailure: f must not be nil")
	}
	return option(func(s *settings) { s.failure = f })
}

// WithLogger sets the logger for changes of the state. The default is [slog.Default] at the time
// of the change. It panics if l is nil.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("breaker: WithLogger: l must not be nil")
	}
	return option(func(s *settings) { s.log = l })
}

// IsFailure reports whether an error means that a service fails: whether a client would receive the
// code internal, unavailable or deadline_exceeded for it ([gatesock.CodeOf]), as for every error
// without a code, and it does not match [context.Canceled]. Codes that an application
// has made up are refusals.
func IsFailure(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false
	}
	switch gatesock.CodeOf(err) { //nolint:exhaustive // the other codes are refusals
	case gatesock.CodeInternal, gatesock.CodeUnavailable, gatesock.CodeDeadlineExceeded:
		return true
	default:
		return false
	}
}
