package ratelimit

import (
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Option is an option of [New], [NewQuota] or [NewMemory]. Each option names the constructors
// that take it; the others panic on it.
type Option interface{ apply(s *settings) }

// settings is what options set.
type settings struct {
	log     *slog.Logger // nil: slog.Default when something is logged
	label   string
	now     func() time.Time
	batch   int64
	maxKeys int
}

type option struct {
	name string
	set  func(s *settings)
}

func (o option) apply(s *settings) { o.set(s) }

// apply returns the defaults with options, or panics on an option that the constructor does not
// take.
func apply(constructor string, opts []Option, takes ...string) settings {
	s := settings{now: time.Now, batch: 1, maxKeys: defaultMaxKeys}
	for _, o := range opts {
		if o == nil {
			panic("ratelimit: " + constructor + ": an option is nil")
		}
		if o, ok := o.(option); ok && !slices.Contains(takes, o.name) {
			panic("ratelimit: " + constructor + " does not take the option " + o.name)
		}
		o.apply(&s)
	}
	return s
}

// WithLogger sets the logger for failures of the store, for [New] and [NewQuota]. The default is
// [slog.Default] at the time of the failure. It panics if l is nil.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("ratelimit: WithLogger: l must not be nil")
	}
	return option{"WithLogger", func(s *settings) { s.log = l }}
}

// WithLabel sets the name of the limiter in logs and errors, for [New] and [NewQuota]. The
// default is the limiter's name, which is also a part of its keys. Set it where several limiters
// share keys. It panics if the label is empty.
func WithLabel(label string) Option {
	if label == "" {
		panic("ratelimit: WithLabel: the label must not be empty")
	}
	return option{"WithLabel", func(s *settings) { s.label = label }}
}

// WithClock sets the time of a quota's period and of a [Memory], for [NewQuota] and [NewMemory].
// The default is [time.Now]. It panics if now is nil.
func WithClock(now func() time.Time) Option {
	if now == nil {
		panic("ratelimit: WithClock: now must not be nil")
	}
	return option{"WithClock", func(s *settings) { s.now = now }}
}

// WithBatchSize sets how many units of a quota a process takes from the store at once, for
// [NewQuota]. The default is 1. With k, only every k-th unit is a call of the store, which
// divides the cost by k. In exchange, up to k−1 units for each key are lost when a process ends:
// they count as used. It panics if k is below 1.
func WithBatchSize(k int) Option {
	if k < 1 {
		panic(fmt.Sprintf("ratelimit: WithBatchSize: the size %d must be at least 1", k))
	}
	return option{"WithBatchSize", func(s *settings) { s.batch = int64(k) }}
}

// WithMaxKeys sets how many buckets and how many counters a store holds, for [NewMemory]. The
// default is 100,000. It panics if n is below 1.
func WithMaxKeys(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("ratelimit: WithMaxKeys: the number %d must be at least 1", n))
	}
	return option{"WithMaxKeys", func(s *settings) { s.maxKeys = n }}
}
