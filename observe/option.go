package observe

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Option is an option of [New].
type Option interface{ apply(*Observer) }

type option func(*Observer)

func (o option) apply(to *Observer) { o(to) }

// WithNamespace sets the namespace of the metrics; the default is "gatesock". The environment
// variable GATESOCK_METRICS, which templates set, comes before it. It panics if the namespace is
// one that CloudWatch refuses.
func WithNamespace(namespace string) Option {
	if why := namespaceFault(namespace); why != "" {
		panic("observe: WithNamespace: namespace " + why)
	}
	return option(func(o *Observer) { o.namespace = namespace })
}

// WithMetricLimit sets how many metrics the application may have in a process, with [Business] and
// [Measure]; the default is 50. It panics if n is not from 1 to 80, since a line has at most 100
// metrics with the same dimensions.
func WithMetricLimit(n int) Option {
	if n < 1 || n > mostMetrics {
		panic(fmt.Sprintf("observe: WithMetricLimit: n must be from 1 to %d", mostMetrics))
	}
	return option(func(o *Observer) { o.metrics = n })
}

// WithOutput sets where the lines go; the default is [os.Stdout], which Lambda sends to CloudWatch
// Logs. Each call of Write has whole lines. There is one call at a time. It panics if w is nil.
func WithOutput(w io.Writer) Option {
	if w == nil {
		panic("observe: WithOutput: w must not be nil")
	}
	return option(func(o *Observer) { o.out = w })
}

// WithClock sets the clock; the default is [time.Now]. It panics if now is nil.
func WithClock(now func() time.Time) Option {
	if now == nil {
		panic("observe: WithClock: now must not be nil")
	}
	return option(func(o *Observer) { o.now = now })
}

// WithTracer sets what records the parts of an invocation; by default nothing does. It panics if t
// is nil.
func WithTracer(t Tracer) Option {
	if t == nil {
		panic("observe: WithTracer: t must not be nil")
	}
	return option(func(o *Observer) { o.tracer = t })
}

// WithLogger sets where problems of observing are logged; the default is [slog.Default]. It panics
// if l is nil.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("observe: WithLogger: l must not be nil")
	}
	return option(func(o *Observer) { o.logger = l })
}
