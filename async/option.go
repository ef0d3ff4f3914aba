package async

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/gatesock/gatesock"
)

// The defaults of options. The documentation of the options states them.
const (
	defaultAttempts    = 4
	defaultTimeout     = 15 * time.Minute // AWS Lambda Developer Guide, "Configure Lambda function timeout"
	maxMargin          = 5 * time.Second
	defaultCapacity    = 10_000
	defaultConcurrency = 4
)

// Option is an option of [New], [NewMemoryQueue] or [NewMemoryOutcomes]. Each option names the
// constructors that take it; the others panic on it.
type Option interface{ apply(s *settings) }

// settings is what options set.
type settings struct {
	log         *slog.Logger // nil: slog.Default when something is logged
	now         func() time.Time
	middleware  []gatesock.Middleware
	attempts    int
	timeout     time.Duration
	margin      time.Duration // negative: the default
	capacity    int
	concurrency int
}

type option struct {
	name string
	set  func(s *settings)
}

func (o option) apply(s *settings) { o.set(s) }

// newSettings returns the defaults with options, or panics on an option that the constructor does
// not take.
func newSettings(constructor string, opts []Option, takes ...string) settings {
	s := settings{
		now: time.Now, attempts: defaultAttempts, timeout: defaultTimeout, margin: -1,
		capacity: defaultCapacity, concurrency: defaultConcurrency,
	}
	for _, o := range opts {
		if o == nil {
			panic("async: " + constructor + ": an option is nil")
		}
		if o, ok := o.(option); ok && !slices.Contains(takes, o.name) {
			panic("async: " + constructor + " does not take the option " + o.name)
		}
		o.apply(&s)
	}
	return s
}

func (s settings) logger() *slog.Logger {
	if s.log != nil {
		return s.log
	}
	return slog.Default()
}

// WithAttempts sets how often a handler is tried before its job has failed for good, for [New]. The
// default is 4. It panics if n is less than 1.
func WithAttempts(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("async: WithAttempts(%d): n must be at least 1", n))
	}
	return option{"WithAttempts", func(s *settings) { s.attempts = n }}
}

// WithMiddleware wraps the handlers of jobs in middleware, the first one outermost, for [New]. It
// runs with the handler, in the other invocation. The middleware of the Router and of the route
// does not: it runs when the request arrives. It panics if a middleware is nil.
func WithMiddleware(mw ...gatesock.Middleware) Option {
	for i, m := range mw {
		if m == nil {
			panic(fmt.Sprintf("async: WithMiddleware: middleware %d must not be nil", i))
		}
	}
	return option{"WithMiddleware", func(s *settings) { s.middleware = append(s.middleware, mw...) }}
}

// WithTimeout ends the context of a handler after d, for [New]. Without it, only the deadline of
// the invocation ends it or, where there is none, 15 minutes, as in Lambda. It panics unless d is
// positive.
func WithTimeout(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("async: WithTimeout(%v): d must be positive", d))
	}
	return option{"WithTimeout", func(s *settings) { s.timeout = d }}
}

// WithDeadlineMargin sets how long before the deadline of the invocation the context of a handler
// ends, for [New]. That time is left to record and to post the result. The default is a tenth of
// the time, and at most 5 seconds. It panics unless d is positive.
func WithDeadlineMargin(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("async: WithDeadlineMargin(%v): d must be positive", d))
	}
	return option{"WithDeadlineMargin", func(s *settings) { s.margin = d }}
}

// WithLogger sets the logger for jobs that fail, for [New] and [NewMemoryQueue]. The default is
// [slog.Default] at the time of the failure. Errors of handlers are logged by the Router's own
// logger, as those of other routes are. It panics if l is nil.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("async: WithLogger: l must not be nil")
	}
	return option{"WithLogger", func(s *settings) { s.log = l }}
}

// WithClock sets the clock of claims, for [New] and [NewMemoryOutcomes]. The default is [time.Now].
// It panics if now is nil.
func WithClock(now func() time.Time) Option {
	if now == nil {
		panic("async: WithClock: now must not be nil")
	}
	return option{"WithClock", func(s *settings) { s.now = now }}
}

// WithCapacity sets how many jobs a queue in memory holds, for [NewMemoryQueue]. The default is
// 10,000. It panics if n is less than 1.
func WithCapacity(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("async: WithCapacity(%d): n must be at least 1", n))
	}
	return option{"WithCapacity", func(s *settings) { s.capacity = n }}
}

// WithConcurrency sets how many jobs [MemoryQueue.Run] runs at once, for [NewMemoryQueue]. The
// default is 4. It panics if n is less than 1.
func WithConcurrency(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("async: WithConcurrency(%d): n must be at least 1", n))
	}
	return option{"WithConcurrency", func(s *settings) { s.concurrency = n }}
}
