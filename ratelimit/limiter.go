package ratelimit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
)

// ErrInvalid means that the same call would fail again: the request makes no sense, or a stored
// item cannot be read. It is a mistake in the program or in the table, not a failure of the store,
// so [FailOpen] lets nothing through because of it. Errors of stores wrap it.
var ErrInvalid = errors.New("ratelimit: invalid")

// Store keeps token buckets by key. [Memory] keeps the buckets of one process; the DynamoDB store
// keeps those of all instances of a function. Test a Store of your own with package
// ratelimit/limittest. It must be safe for concurrent use.
type Store interface {
	// Take takes n tokens from the bucket of a key, if the bucket has them. A bucket that was
	// never used is full.
	//
	// A key always comes with the same limit, until the program changes it; so a bucket keeps the
	// time until it is full, rather than a number of tokens. Keys are UTF-8 of 1 to 1,500 bytes.
	//
	// After an error the tokens may or may not have been taken. An error that the same call would
	// get again wraps [ErrInvalid].
	Take(ctx context.Context, key string, l Limit, n int) (Decision, error)
}

// FailureMode is what a [Limiter] does when its store fails.
type FailureMode int

const (
	// FailOpen lets everything through while the store fails. Use it for limits that keep clients
	// from harming each other, or that save money. Mistakes ([ErrInvalid]) and calls whose
	// context has ended are still refused.
	FailOpen FailureMode = iota + 1
	// FailClosed refuses everything while the store fails, with [gatesock.CodeUnavailable]. Use
	// it for limits that protect a secret, such as attempts to sign in.
	FailClosed
)

// Limiter limits how much each key may do, by one token bucket ([New]) or one quota ([NewQuota]).
// Most applications use its [Limiter.Middleware]. It is safe for concurrent use.
type Limiter struct {
	label    string
	prefix   string              // of every key
	burst    int                 // how much may be done at once
	most     int                 // the most that one call may take: less than burst if the bucket is in shards
	quota    bool                // it counts units, which are paid for, rather than tokens
	text     string              // the limit, for clients
	limit    gatesock.RouteLimit // the limit, for descriptions
	failure  FailureMode
	failures atomic.Int64
	log      *slog.Logger
	// ask takes n from what a key has.
	ask func(ctx context.Context, key string, n int) (Decision, error)
}

// New returns a Limiter by token buckets. The name is the first part of its keys in the store,
// which keeps the buckets of two limiters apart; clients do not see it. Its options are
// [WithLogger] and [WithLabel].
//
// It panics if store is nil, if the name is empty, longer than 255 bytes or not UTF-8, if failure
// is neither [FailOpen] nor [FailClosed], if [Limit.Validate] refuses the limit, or if the burst
// is less than one token for each shard ([Shard]).
func New(store Store, name string, limit Limit, failure FailureMode, opts ...Option) *Limiter {
	s := apply("New", opts, "WithLogger", "WithLabel")
	if store == nil {
		panic("ratelimit: New: store must not be nil")
	}
	must(limit.Validate())
	most := limit.Burst
	if shards, ok := store.(*sharded); ok {
		must(shards.Fits(limit))
		most = shards.most(limit)
	}
	l := newLimiter(name, failure, s)
	l.burst, l.most = limit.Burst, most
	l.text = fmt.Sprintf("%.4g a second, %d at once", limit.Rate, limit.Burst)
	l.limit = gatesock.RouteLimit{Rate: limit.Rate, Burst: limit.Burst}
	l.ask = func(ctx context.Context, key string, n int) (Decision, error) {
		return store.Take(ctx, key, limit, n)
	}
	return l
}

// newLimiter returns a Limiter without a limit.
func newLimiter(name string, failure FailureMode, s settings) *Limiter {
	const longest = 255
	switch {
	case name == "" || len(name) > longest || !utf8.ValidString(name):
		panic(fmt.Sprintf("ratelimit: the limiter's name %.60q must be 1 to %d bytes of UTF-8", name, longest))
	case failure != FailOpen && failure != FailClosed:
		panic("ratelimit: failure must be FailOpen or FailClosed")
	}
	return &Limiter{label: cmp.Or(s.label, name), prefix: name + "#", failure: failure, log: s.log}
}

func must(err error) {
	if err != nil {
		panic(err.Error())
	}
}

// Allow takes n tokens or units from a key, if it has them. Use it for what is not an event, such
// as invitations or attempts to sign in. The key is any text; the store gets a hash of a key that
// is longer than 900 bytes or not UTF-8. With n at 0 or below, Allow takes nothing and returns how
// much is left; a quota does not ask the store then, and returns what this process knows. More than
// the limit ever allows is refused, with [Never] as RetryAfter.
//
// A failure of the store is logged and counted. With [FailOpen] the decision then allows, and
// there is no error; with [FailClosed] the error describes the failure. An [ErrInvalid] is logged
// and returned in both modes. The end of ctx is returned and not logged.
func (l *Limiter) Allow(ctx context.Context, key string, n int) (Decision, error) {
	return l.take(ctx, l.prefix+storable(key), n)
}

// take is Allow with a key of the store.
func (l *Limiter) take(ctx context.Context, key string, n int) (Decision, error) {
	d, err := l.ask(ctx, key, n)
	if err == nil {
		return d, nil
	}
	if ctx.Err() != nil { // the caller has no time, whatever state the store is in
		return Decision{Limit: l.burst}, fmt.Errorf("ratelimit: %s: %w", l.label, context.Cause(ctx))
	}
	l.failures.Add(1)
	open := l.failure == FailOpen && !errors.Is(err, ErrInvalid)
	l.logger().ErrorContext(ctx, "ratelimit: the store failed", "limiter", l.label, "open", open, "error", err)
	if open {
		return Decision{Allowed: true, Limit: l.burst}, nil
	}
	return Decision{Limit: l.burst}, fmt.Errorf("ratelimit: %s: %w", l.label, err)
}

func (l *Limiter) logger() *slog.Logger { return cmp.Or(l.log, slog.Default()) }

// Failures returns how many calls of the store have failed so far, [ErrInvalid] included.
func (l *Limiter) Failures() int64 { return l.failures.Load() }
