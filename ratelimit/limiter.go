package ratelimit

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
)

// Store keeps token buckets by key: [Memory] those of one process, package ratelimit/dynamolimit those of many; package
// ratelimit/limittest checks one of your own. It is safe for concurrent use.
type Store interface {
	// Take takes n tokens from the bucket of a key if there are so many, and tells. A bucket that was never used is full. One key
	// has one limit, but that may change: what the bucket owes is kept in time, and not in tokens. An error says that the store could
	// not tell; the tokens may have been taken or not.
	Take(ctx context.Context, key string, l Limit, n int) (Decision, error)
}

// OnFailure says what a [Limiter] does when its store fails.
type OnFailure int

const (
	// FailOpen lets through what the store can't tell of: the limit protects others, or money, and the application goes on without.
	FailOpen OnFailure = iota + 1
	// FailClosed refuses it, as [gatesock.CodeUnavailable]: the limit protects a secret, as one on attempts to sign in.
	FailClosed
)

// Limiter limits how much may be done, for each key: by one token bucket ([New]) or one quota ([NewQuota]). It is safe for concurrent use.
type Limiter struct {
	name     string
	prefix   string // of every key
	burst    int    // how much may be done at once
	text     string // the limit, for clients
	failure  OnFailure
	failures atomic.Int64
	log      *slog.Logger
	// ask takes n of what a key has.
	ask func(ctx context.Context, key string, n int) (Decision, error)
}

// Option is an option of [New] and [NewQuota].
type Option interface {
	QuotaOption
	apply(l *Limiter)
}

type option func(*Limiter)

func (o option) apply(l *Limiter) { o(l) }

func (o option) applyQuota(l *Limiter, _ *ledger) { o(l) }

// WithLogger sets where failures of the store are logged; the default is [slog.Default] at that time. It panics if l is nil.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("ratelimit: WithLogger with a nil logger")
	}
	return option(func(x *Limiter) { x.log = l })
}

// New returns a Limiter by token buckets. Its name is the first part of its keys in the store, so that two limiters have buckets of their
// own, and is told to clients and to the log. It panics without a store, a name or a choice for failures, and on a limit that
// [Limit.Check] refuses.
func New(store Store, name string, limit Limit, failure OnFailure, opts ...Option) *Limiter {
	if store == nil {
		panic("ratelimit: New with a nil Store")
	}
	must(limit.Check())
	text := fmt.Sprintf("%.4g a second, %d at once", limit.Rate, limit.Burst)
	l := newLimiter(name, limit.Burst, text, failure, func(ctx context.Context, key string, n int) (Decision, error) {
		return store.Take(ctx, key, limit, n)
	})
	for _, o := range opts {
		o.apply(l)
	}
	return l
}

func must(err error) {
	if err != nil {
		panic(err.Error())
	}
}

func newLimiter(
	name string, burst int, text string, failure OnFailure, ask func(ctx context.Context, key string, n int) (Decision, error),
) *Limiter {
	switch {
	case name == "":
		panic("ratelimit: a Limiter without a name")
	case failure != FailOpen && failure != FailClosed:
		panic("ratelimit: a Limiter with neither FailOpen nor FailClosed")
	}
	return &Limiter{name: name, prefix: name + "#", burst: burst, text: text, failure: failure, ask: ask}
}

// Allow takes n tokens or units of a key, if there are so many. A store that fails is logged and counted; with [FailOpen] the
// decision then allows, without an error, and with [FailClosed] the error says what failed.
func (l *Limiter) Allow(ctx context.Context, key string, n int) (Decision, error) {
	return l.take(ctx, l.prefix+key, n)
}

func (l *Limiter) take(ctx context.Context, key string, n int) (Decision, error) {
	d, err := l.ask(ctx, key, n)
	if err == nil {
		return d, nil
	}
	l.failures.Add(1)
	cmp.Or(l.log, slog.Default()).ErrorContext(ctx, "ratelimit: the store failed", "limiter", l.name, "open", l.failure == FailOpen, "error", err)
	if l.failure == FailOpen {
		return Decision{Allowed: true, Limit: l.burst}, nil
	}
	return Decision{Limit: l.burst}, fmt.Errorf("ratelimit: %s: %w", l.name, err)
}

// Failures is how often the store has failed.
func (l *Limiter) Failures() int64 { return l.failures.Load() }
