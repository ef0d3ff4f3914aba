package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/internal/oneline"
	"github.com/gatesock/gatesock/ratelimit"
)

// Limiter limits each client by the client's plan. Most applications use its
// [Limiter.Middleware]. It is safe for concurrent use.
//
// A process reads a plan when it first needs it, and again when the cache's time is over
// ([WithCacheTTL]). While reading fails, it goes on with the plan as it was. One call reads a
// plan at a time ([WithTimeout]); meanwhile other calls use the plan as it was, or wait if it was
// never read. A failed first read is remembered for five seconds.
type Limiter struct {
	plans       Store
	buckets     ratelimit.Store
	quotas      ratelimit.QuotaStore // nil: none
	defaultPlan string
	failure     ratelimit.FailureMode

	ttl           time.Duration
	timeout       time.Duration
	now           func() time.Time
	log           *slog.Logger // nil: slog.Default when something is logged
	bucketOptions []ratelimit.Option
	quotaOptions  []ratelimit.Option

	failures atomic.Int64
	cache    *cache[lookup]
}

// NewLimiter returns a Limiter. plans has the plans. store keeps the token buckets, and counts the
// quotas if it is a [ratelimit.QuotaStore] too. A [ratelimit.Memory] counts only what its own
// process lets through, and forgets it when the process ends: if buckets are in memory and quotas
// have to hold, use [WithQuotaStore]. failure is what happens when plans or a store fails.
//
// defaultPlan names the plan of clients that have none, or whose plan does not exist or cannot be
// applied. It must exist: while it does not, the messages of these clients are rejected, whatever
// failure is. To limit nobody by default, name a plan without limits.
//
// It panics if plans or store is nil, if defaultPlan is empty, or if failure is neither FailOpen
// nor FailClosed. If plans is a [Map], it also panics if one of the plans cannot be applied, or
// if the default is missing; for other stores call [Limiter.Validate].
func NewLimiter(
	plans Store, store ratelimit.Store, defaultPlan string, failure ratelimit.FailureMode, opts ...Option,
) *Limiter {
	switch {
	case plans == nil:
		panic("plan: NewLimiter: plans must not be nil")
	case store == nil:
		panic("plan: NewLimiter: store must not be nil")
	case defaultPlan == "":
		panic("plan: NewLimiter: defaultPlan must not be empty: name a plan for clients that have none")
	case failure != ratelimit.FailOpen && failure != ratelimit.FailClosed:
		panic("plan: NewLimiter: failure must be FailOpen or FailClosed")
	}
	l := &Limiter{
		plans: plans, buckets: store, defaultPlan: defaultPlan, failure: failure,
		ttl: time.Minute, timeout: time.Second, now: time.Now,
	}
	l.quotas, _ = store.(ratelimit.QuotaStore)
	for _, o := range opts {
		if o == nil {
			panic("plan: NewLimiter: an option is nil")
		}
		o.apply(l)
	}
	l.cache = newCache(l.wallClock, l.load, lookup.hasPlan)
	if m, ok := plans.(Map); ok {
		if err := l.checkAll(m); err != nil {
			panic(err.Error())
		}
	}
	return l
}

// Middleware limits events by the plan that the principal's [Attribute] names, as
// [ratelimit.Limiter.Middleware] does by one limit. by chooses whose bucket and quotas an event
// takes from. A plan's bucket comes first, and then its quotas. If a route costs more than a
// client's plan allows at once, that client gets [gatesock.CodePermissionDenied].
//
// It panics as [ratelimit.Limiter.Middleware] does, and declares the limits of a [Map] in the
// Router of its options.
func (l *Limiter) Middleware(by ratelimit.KeyFunc, o ratelimit.MiddlewareOptions) gatesock.Middleware {
	limit := ratelimit.MiddlewareFor(
		by,
		o,
		func(ctx context.Context, req *gatesock.Request) ([]*ratelimit.Limiter, error) {
			return l.limiters(ctx, authz.AttributeFrom(req, Attribute))
		},
	)
	l.declare(by, o)
	return limit
}

// declare adds the limits of plans that are a part of the program to the description of the router.
func (l *Limiter) declare(by ratelimit.KeyFunc, o ratelimit.MiddlewareOptions) {
	r, ok := o.Router.(interface{ DeclareLimit(gatesock.RouteLimit) })
	m, isMap := l.plans.(Map)
	if !ok || !isMap {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		for _, one := range l.build(name, m[name]) {
			r.DeclareLimit(one.RouteLimit(by, o))
		}
	}
}

// Allow takes n tokens and units from a key by the plan with a name, as [ratelimit.Limiter.Allow]
// does. It takes from the bucket first and then from each quota; what one of them refuses, those
// before it have already taken. The Decision is that of the first that refuses, or else of the
// one with the least remaining.
func (l *Limiter) Allow(ctx context.Context, plan, key string, n int) (ratelimit.Decision, error) {
	limiters, err := l.limiters(ctx, plan)
	if err != nil {
		return ratelimit.Decision{}, fmt.Errorf("plan: %w", err)
	}
	all := ratelimit.Decision{Allowed: true}
	for i, one := range limiters {
		d, err := one.Allow(ctx, key, n)
		if err != nil || !d.Allowed {
			return d, err
		}
		if i == 0 || d.Remaining < all.Remaining {
			all = d
		}
	}
	return all, nil
}

// Failures returns how often reading a plan has failed so far.
func (l *Limiter) Failures() int64 { return l.failures.Load() }

// Validate reads the default plan, and returns an error if it does not exist ([ErrNotFound]),
// cannot be applied ([ratelimit.ErrInvalid]) or cannot be read. Programs whose plans are in a
// table call it when they start.
func (l *Limiter) Validate(ctx context.Context) error {
	plan, err := l.read(ctx, l.defaultPlan)
	if err == nil {
		err = l.check(plan)
	}
	if err != nil {
		return fmt.Errorf("plan: the default plan %q: %w", l.defaultPlan, err)
	}
	return nil
}

// checkAll checks the plans that are a part of the program.
func (l *Limiter) checkAll(m Map) error {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if err := l.check(m[name]); err != nil {
			return fmt.Errorf("plan: plan %q: %w", name, err)
		}
	}
	if _, ok := m[l.defaultPlan]; !ok {
		return fmt.Errorf("plan: the default plan %q is not among the plans", l.defaultPlan)
	}
	return nil
}

// check returns an [ratelimit.ErrInvalid] if a plan cannot be applied.
func (l *Limiter) check(plan Plan) error {
	err := plan.Validate()
	if shards, ok := l.buckets.(interface{ Fits(ratelimit.Limit) error }); ok && err == nil && plan.Limit.Burst > 0 {
		err = shards.Fits(plan.Limit)
	}
	if err == nil && len(plan.Quotas) > 0 && l.quotas == nil {
		err = errors.New("it has a quota, but the store counts none: use WithQuotaStore")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ratelimit.ErrInvalid, err)
	}
	return nil
}

// limiters returns the limiters of a plan. It returns none if the plan cannot be read and the
// Limiter fails open.
func (l *Limiter) limiters(ctx context.Context, name string) ([]*ratelimit.Limiter, error) {
	name = cmp.Or(name, l.defaultPlan)
	found, fresh, err := l.cache.get(ctx, name)
	if err == nil && isMistake(found.err) && name != l.defaultPlan {
		if fresh {
			l.logger().WarnContext(ctx, "plan: a plan does not exist or cannot be applied; the default is used",
				"plan", oneline.Of(name, 60), "default", l.defaultPlan, "error", found.err)
		}
		name = l.defaultPlan
		found, fresh, err = l.cache.get(ctx, name)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("plan %.60q: %w", name, err)
	case found.err == nil:
		return found.limiters, nil
	}
	open := l.failure == ratelimit.FailOpen && !isMistake(found.err)
	if fresh {
		l.logger().ErrorContext(ctx, "plan: a plan cannot be read or applied",
			"plan", oneline.Of(name, 60), "open", open, "error", found.err)
	}
	if open {
		return nil, nil
	}
	return nil, fmt.Errorf("plan %.60q: %w", name, found.err)
}

func (l *Limiter) logger() *slog.Logger { return cmp.Or(l.log, slog.Default()) }

// wallClock returns the time without the reading of the monotonic clock, which stands still while
// Lambda has the process frozen.
func (l *Limiter) wallClock() time.Time { return l.now().Round(0) }

// lookup is what a process knows about the name of a plan: the plan with limiters that apply it,
// or an error. The zero lookup knows nothing.
type lookup struct {
	plan     Plan
	limiters []*ratelimit.Limiter
	err      error
	known    bool
}

func (k lookup) hasPlan() bool { return k.known && k.err == nil }

// isMistake reports whether a plan does not exist or cannot be applied. Otherwise its store has
// failed.
func isMistake(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ratelimit.ErrInvalid)
}

// load looks up a plan, and returns what is known afterwards and for how long. It fails if ctx
// ends.
func (l *Limiter) load(ctx context.Context, name string, before lookup) (lookup, time.Duration, error) {
	plan, err := l.read(ctx, name)
	if err != nil && ctx.Err() != nil { // says nothing about the store
		return before, 0, context.Cause(ctx)
	}
	if err == nil {
		err = l.check(plan)
	}
	if err != nil && !isMistake(err) {
		l.failures.Add(1)
	}
	switch {
	case err == nil && before.hasPlan() && before.plan.equal(plan):
		return before, l.ttl, nil // with what its limiters have reserved
	case err == nil:
		return lookup{plan: plan, limiters: l.build(name, plan), known: true}, l.ttl, nil
	case before.hasPlan() && !errors.Is(err, ErrNotFound):
		l.logger().ErrorContext(ctx, "plan: a plan cannot be read again; it stays as it was",
			"plan", oneline.Of(name, 60), "error", err)
		return before, l.ttl, nil
	case isMistake(err):
		return lookup{err: err, known: true}, l.ttl, nil
	default:
		const retry = 5 * time.Second // leaves a store alone that has failed
		return lookup{err: err, known: true}, min(retry, l.ttl), nil
	}
}

// read asks the store for a plan, for a bounded time.
func (l *Limiter) read(ctx context.Context, name string) (Plan, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	return l.plans.Plan(ctx, name)
}

// build returns the limiters of a plan. Their keys do not contain its name, so that usage carries
// over when a client switches plans.
func (l *Limiter) build(name string, plan Plan) []*ratelimit.Limiter {
	var limiters []*ratelimit.Limiter
	const prefix = "plan" // of the keys
	label := ratelimit.WithLabel("plan " + oneline.Of(name, 60))
	if plan.Limit != (ratelimit.Limit{}) {
		opts := append(slices.Clone(l.bucketOptions), label)
		limiters = append(limiters, ratelimit.New(l.buckets, prefix, plan.Limit, l.failure, opts...))
	}
	for _, q := range plan.Quotas {
		opts := append(slices.Clone(l.quotaOptions), label)
		limiters = append(limiters, ratelimit.NewQuota(l.quotas, prefix, q, l.failure, opts...))
	}
	return limiters
}
