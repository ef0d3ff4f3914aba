package metering

import (
	"fmt"
	"log/slog"
	"time"
)

// Option is an option of [NewMeter].
type Option interface{ apply(m *Meter) }

type option func(*Meter)

func (o option) apply(m *Meter) { o(m) }

// WithFlushInterval sets how often the counts are written, each time at the next event. The
// default is 10 seconds. It panics unless d is positive.
func WithFlushInterval(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("metering: WithFlushInterval: %v must be positive", d))
	}
	return option(func(m *Meter) { m.flushEvery = d })
}

// WithMaxPending sets how many records may wait: the event that makes it n writes them, even before
// the flush interval is over. An event adds up to two records, and none for what already waits. The
// default is 100. It panics if n is below 1.
func WithMaxPending(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("metering: WithMaxPending: the number %d must be at least 1", n))
	}
	return option(func(m *Meter) { m.maxPending = n })
}

// WithFlushTimeout sets how long writing may delay the event that does it. The default is 3
// seconds. It panics unless d is positive.
func WithFlushTimeout(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("metering: WithFlushTimeout: %v must be positive", d))
	}
	return option(func(m *Meter) { m.flushTimeout = d })
}

// WithClock sets the clock. The default is [time.Now]. It panics if now is nil.
func WithClock(now func() time.Time) Option {
	if now == nil {
		panic("metering: WithClock: now must not be nil")
	}
	return option(func(m *Meter) { m.clock = now })
}

// WithLogger sets the logger for records that could not be written. The default is [slog.Default]
// at that time. It panics if l is nil.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("metering: WithLogger: l must not be nil")
	}
	return option(func(m *Meter) { m.log = l })
}
