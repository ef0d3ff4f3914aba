package ratelimit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
)

// ErrNoPlan says that there is no plan of a name.
var ErrNoPlan = errors.New("ratelimit: no such plan")

// Plan is what those may do who are on it.
type Plan struct {
	// Limit is the token bucket that each of them has; the zero value is none.
	Limit Limit
	// Quotas are those of each of them, at most one for a period.
	Quotas []Quota
}

// Check says what is wrong with a plan. One without any limit is one.
func (p Plan) Check() error {
	if p.Limit != (Limit{}) {
		if err := p.Limit.Check(); err != nil {
			return err
		}
	}
	for i, q := range p.Quotas {
		if err := q.Check(); err != nil {
			return err
		}
		if slices.ContainsFunc(p.Quotas[:i], func(o Quota) bool { return o.Per == q.Per }) {
			return fmt.Errorf("ratelimit: the plan has two quotas a %v", q.Per)
		}
	}
	return nil
}

// equal tells if two plans allow the same. Zones are the same by name: each reading makes another of them.
func (p Plan) equal(o Plan) bool {
	return p.Limit == o.Limit && slices.EqualFunc(p.Quotas, o.Quotas, func(a, b Quota) bool {
		return a.Max == b.Max && a.Per == b.Per && a.Zone.String() == b.Zone.String()
	})
}

// PlanStore knows plans by their names: [PlanMap] those that the program has, dynamolimit.Plans those in a table, which may be changed
// while the program runs. It is safe for concurrent use.
type PlanStore interface {
	// Plan gives a plan, or [ErrNoPlan].
	Plan(ctx context.Context, name string) (Plan, error)
}

// PlanMap is a [PlanStore] that does not change.
type PlanMap map[string]Plan

// Plan gives a plan.
func (m PlanMap) Plan(_ context.Context, name string) (Plan, error) {
	p, ok := m[name]
	if !ok {
		return Plan{}, ErrNoPlan
	}
	return p, nil
}

// DefaultPlanTime is how long a process goes by what it has read of a plan.
const DefaultPlanTime = time.Minute

// maxPlans is how many plans a process remembers.
const maxPlans = 1000

// Plans limits everybody by their own plan: that of their API key, or whatever says which it is. See [Plans.Middleware]. It is safe for
// concurrent use, and must not be changed or copied when it is used.
type Plans struct {
	// Source knows the plans. What it says is gone by for CacheFor ([DefaultPlanTime] if that is 0), and longer while it fails.
	Source   PlanStore
	CacheFor time.Duration
	// Default is the plan of those who have none, and of those whose plan there is not.
	Default string
	// Buckets and Counters keep what is used. Counters is needed if a plan has quotas.
	Buckets  Store
	Counters Counters
	// Reserve is how many units of a quota a process takes at once, as with [WithReserve]; 0 is 1.
	Reserve int
	// Failure is what to do when Source, Buckets or Counters fails: [FailOpen] or [FailClosed].
	Failure OnFailure
	// Clock gives the time; nil is [time.Now]. Logger gets failures, and plans that there are not; nil is [slog.Default].
	Clock  func() time.Time
	Logger *slog.Logger

	failures atomic.Int64
	mu       sync.Mutex
	known    map[string]knownPlan
}

// knownPlan is a plan that was read, with limiters that apply it; or that there is none.
type knownPlan struct {
	missing  bool
	plan     Plan
	limiters []*Limiter
	at       time.Time
}

func (k knownPlan) result() ([]*Limiter, error) {
	if k.missing {
		return nil, ErrNoPlan
	}
	return k.limiters, nil
}

// PlanAttribute is the attribute of a principal that names its plan, as package authz/apikey sets it.
const PlanAttribute = "plan"

// Middleware limits events by the plan that the principal's [PlanAttribute] names, as that of an API key does, with the buckets that
// a Key says. It is otherwise as [Limiter.Middleware]; a route that costs more than somebody's plan lets them do at once is refused to
// them with [gatesock.CodePermissionDenied].
// It panics if the Plans have no Source, no Buckets or no choice for failures.
//
//	plans := &ratelimit.Plans{
//		Source: ratelimit.PlanMap{
//			"free": {Limit: ratelimit.Limit{Rate: 1, Burst: 5}, Quotas: []ratelimit.Quota{{Max: 1000, Per: ratelimit.Day}}},
//			"pro":  {Limit: ratelimit.Limit{Rate: 50, Burst: 200}},
//		},
//		Default: "free", Buckets: store, Counters: store, Failure: ratelimit.FailOpen,
//	}
//	r.Use(plans.Middleware(ratelimit.ByAPIKey(), ratelimit.Rule{}))
func (p *Plans) Middleware(by Key, rule Rule) gatesock.Middleware {
	p.check()
	g := newGuard(by, rule, 0, p.Logger)
	g.limiters = func(ctx context.Context, req *gatesock.Request) ([]*Limiter, error) {
		return p.of(ctx, authz.AttributeOf(req, PlanAttribute))
	}
	return g.middleware
}

// Allow takes n tokens and units of a key by a plan, as [Limiter.Allow] does: of the bucket first, and of all quotas if that has them. What
// one of them refuses, those before it have taken. The Decision is that of the first which refuses, or of the one that has least left.
func (p *Plans) Allow(ctx context.Context, plan, key string, n int) (Decision, error) {
	p.check()
	limiters, err := p.of(ctx, plan)
	if err != nil {
		return Decision{}, err
	}
	all := Decision{Allowed: true}
	for i, l := range limiters {
		d, err := l.Allow(ctx, key, n)
		if err != nil || !d.Allowed {
			return d, err
		}
		if i == 0 || d.Remaining < all.Remaining {
			all = d
		}
	}
	return all, nil
}

// Failures is how often Source has failed. Limiters count their own.
func (p *Plans) Failures() int64 { return p.failures.Load() }

func (p *Plans) check() {
	if p.Source == nil || p.Buckets == nil || p.Failure != FailOpen && p.Failure != FailClosed {
		panic("ratelimit: Plans without a Source, without Buckets or with neither FailOpen nor FailClosed")
	}
}

// of gives the limiters of a plan; none if it can't be had and the Plans fail open.
func (p *Plans) of(ctx context.Context, name string) ([]*Limiter, error) {
	limiters, err := p.load(ctx, cmp.Or(name, p.Default))
	if errors.Is(err, ErrNoPlan) && name != p.Default {
		if name != "" {
			p.logger().WarnContext(ctx, "ratelimit: there is no such plan; that of those who have none is taken", "plan", name, "default", p.Default)
		}
		limiters, err = p.load(ctx, p.Default)
	}
	if err == nil {
		return limiters, nil
	}
	p.failures.Add(1)
	p.logger().ErrorContext(ctx, "ratelimit: a plan can't be had", "plan", cmp.Or(name, p.Default), "open", p.Failure == FailOpen, "error", err)
	if p.Failure == FailOpen {
		return nil, nil
	}
	return nil, fmt.Errorf("ratelimit: plan %q: %w", cmp.Or(name, p.Default), err)
}

func (p *Plans) logger() *slog.Logger { return cmp.Or(p.Logger, slog.Default()) }

// load gives the limiters of a plan from memory, or from the source if that was too long ago.
func (p *Plans) load(ctx context.Context, name string) ([]*Limiter, error) {
	now := time.Now
	if p.Clock != nil {
		now = p.Clock
	}
	p.mu.Lock()
	k, ok := p.known[name]
	p.mu.Unlock()
	if ok && now().Sub(k.at) < cmp.Or(p.CacheFor, DefaultPlanTime) {
		return k.result()
	}
	plan, err := p.Source.Plan(ctx, name)
	if err == nil {
		err = plan.Check()
	}
	switch {
	case errors.Is(err, ErrNoPlan):
		k = knownPlan{missing: true}
	case err != nil && !ok:
		return nil, err
	case err != nil:
		p.failures.Add(1)
		p.logger().ErrorContext(ctx, "ratelimit: a plan can't be read again; it stays as it was", "plan", name, "error", err)
	case !ok || k.missing || !k.plan.equal(plan): // one that has not changed keeps what was reserved by it
		k = knownPlan{plan: plan, limiters: p.build(name, plan)}
	}
	k.at = now()
	p.keep(name, k)
	return k.result()
}

// keep remembers a plan.
func (p *Plans) keep(name string, k knownPlan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.known[name]
	if p.known == nil {
		p.known = make(map[string]knownPlan)
	}
	if !ok && len(p.known) >= maxPlans {
		for other := range p.known {
			delete(p.known, other)
			break
		}
	}
	p.known[name] = k
}

// build makes the limiters of a plan. Their keys do not name it, so that who changes to another has used what they have used.
func (p *Plans) build(name string, plan Plan) []*Limiter {
	var limiters []*Limiter
	var logging []Option
	counting := []QuotaOption{WithReserve(max(p.Reserve, 1))}
	if p.Logger != nil {
		logging = append(logging, WithLogger(p.Logger))
		counting = append(counting, WithLogger(p.Logger))
	}
	if p.Clock != nil {
		counting = append(counting, WithClock(p.Clock))
	}
	add := func(l *Limiter) {
		l.name = "of plan " + name
		limiters = append(limiters, l)
	}
	if plan.Limit != (Limit{}) {
		add(New(p.Buckets, "plan", plan.Limit, p.Failure, logging...))
	}
	for _, q := range plan.Quotas {
		counters := p.Counters
		if counters == nil {
			counters = noCounters{}
		}
		add(NewQuota(counters, "plan", q, p.Failure, counting...))
	}
	return limiters
}

// noCounters fails for who has plans with quotas, and nothing that counts.
type noCounters struct{}

func (noCounters) Use(context.Context, string, time.Time, time.Time, int64, int64) (Used, error) {
	return Used{}, errors.New("the plan has a quota, but the Plans have no Counters")
}
