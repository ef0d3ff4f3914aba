package ratelimit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"unicode/utf8"
)

// ErrInvalid is wrapped by errors of a [Store], of [QuotaStore] and of a [PlanStore] that are mistakes in the program or
// in the table, and no failures of the store: a request that makes no sense, or a stored item that can't be read.
// [FailOpen] does not open for them.
var ErrInvalid = errors.New("ratelimit: invalid")

// Store keeps token buckets by key: [Memory] those of one process, package ratelimit/dynamolimit those of many; package
// ratelimit/limittest checks one of your own. It is safe for concurrent use.
type Store interface {
	// Take takes n tokens from the bucket of a key if there are so many, and tells. A bucket that was never used is full. One key
	// has one limit, but that may change: what the bucket owes is kept in time, and not in tokens. Keys are UTF-8 of 1 to 1,500 bytes.
	// An error says that the store could not tell; the tokens may have been taken or not. One that no later call can mend wraps
	// [ErrInvalid].
	Take(ctx context.Context, key string, l Limit, n int) (Decision, error)
}

// FailureMode says what a [Limiter] does when its store fails.
type FailureMode int

const (
	// FailOpen lets everything through while the store fails, for limits that protect other clients or save money. It
	// does not open for mistakes ([ErrInvalid]) or for calls whose context has ended.
	FailOpen FailureMode = iota + 1
	// FailClosed refuses it, as [gatesock.CodeUnavailable]: the limit protects a secret, as one on attempts to sign in.
	FailClosed
)

// Limiter limits how much may be done, for each key: by one token bucket ([New]) or one quota ([NewQuota]). It is safe for concurrent use.
type Limiter struct {
	name     string
	prefix   string // of every key
	burst    int    // how much may be done at once
	most     int    // the most that one call may take: less than burst where that is in shards
	quota    bool   // of units, which are paid for, rather than of tokens
	text     string // the limit, for clients
	failure  FailureMode
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
// own, and is in the log; clients are not told. It panics without a store, a name of up to 255 bytes of UTF-8 or a choice for
// failures, on a limit that [Limit.Validate] refuses, and on one that is too small for its shards ([Shard]).
func New(store Store, name string, limit Limit, failure FailureMode, opts ...Option) *Limiter {
	if store == nil {
		panic("ratelimit: New with a nil Store")
	}
	must(limit.Validate())
	most, err := mostOf(store, limit)
	must(err)
	text := fmt.Sprintf("%.4g a second, %d at once", limit.Rate, limit.Burst)
	l := newLimiter(name, limit.Burst, text, failure, func(ctx context.Context, key string, n int) (Decision, error) {
		return store.Take(ctx, key, limit, n)
	})
	l.most = most
	for _, o := range opts {
		o.apply(l)
	}
	return l
}

// mostOf returns the most that one call may take from a store's bucket.
func mostOf(store Store, limit Limit) (int, error) {
	s, ok := store.(*Sharded)
	if !ok {
		return limit.Burst, nil
	}
	most := s.most(limit)
	if most == 0 {
		return 0, fmt.Errorf("ratelimit: the burst %d is less than one for each of %d shards", limit.Burst, s.shards)
	}
	return most, nil
}

func must(err error) {
	if err != nil {
		panic(err.Error())
	}
}

func newLimiter(
	name string, burst int, text string, failure FailureMode, ask func(ctx context.Context, key string, n int) (Decision, error),
) *Limiter {
	switch {
	case name == "" || len(name) > maxLimiterName || !utf8.ValidString(name):
		panic(fmt.Sprintf("ratelimit: the name %.60q of a Limiter is empty, longer than %d bytes or not UTF-8", name, maxLimiterName))
	case failure != FailOpen && failure != FailClosed:
		panic("ratelimit: a Limiter with neither FailOpen nor FailClosed")
	}
	return &Limiter{name: name, prefix: name + "#", burst: burst, most: burst, text: text, failure: failure, ask: ask}
}

// The longest names, in bytes, that are part of a key as they are.
const (
	maxLimiterName = 255
	maxKeyName     = 900
)

// keyName returns a name as it is in a store's key: itself, or its hash where it is too long for some stores, or not UTF-8. Clients
// choose some names, and what no store takes must not go unlimited. A name that looks like a hash is hashed too, so that no name stands
// for another.
func keyName(name string) string {
	if len(name) <= maxKeyName && utf8.ValidString(name) && !strings.HasPrefix(name, hashed) {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return hashed + hex.EncodeToString(sum[:])
}

// hashed begins the names that are hashes.
const hashed = "sha256#"

// Allow takes n tokens or units of a key, if there are so many. The key is any text; of one that is longer than 900 bytes or not UTF-8
// the store gets a hash.
//
// A failure of the store is logged and counted. With [FailOpen] the decision then allows, without an error; with
// [FailClosed] the error says what failed. In both cases an [ErrInvalid] is logged and returned; the end of ctx is
// returned and not logged.
func (l *Limiter) Allow(ctx context.Context, key string, n int) (Decision, error) {
	return l.take(ctx, l.prefix+keyName(key), n)
}

// take is Allow with a key of the store.
func (l *Limiter) take(ctx context.Context, key string, n int) (Decision, error) {
	d, err := l.ask(ctx, key, n)
	if err == nil {
		return d, nil
	}
	if ctx.Err() != nil { // the caller has no time, whatever the store has
		return Decision{Limit: l.burst}, fmt.Errorf("ratelimit: %s: %w", l.name, context.Cause(ctx))
	}
	l.failures.Add(1)
	open := l.failure == FailOpen && !errors.Is(err, ErrInvalid)
	cmp.Or(l.log, slog.Default()).ErrorContext(ctx, "ratelimit: the store failed", "limiter", l.name, "open", open, "error", err)
	if open {
		return Decision{Allowed: true, Limit: l.burst}, nil
	}
	return Decision{Limit: l.burst}, fmt.Errorf("ratelimit: %s: %w", l.name, err)
}

// Failures is how often the store has failed, or was asked for what it can't answer ([ErrInvalid]).
func (l *Limiter) Failures() int64 { return l.failures.Load() }
