package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
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
func (p Plan) Validate() error {
	if p.Limit != (Limit{}) {
		if err := p.Limit.Validate(); err != nil {
			return err
		}
	}
	for i, q := range p.Quotas {
		if err := q.Validate(); err != nil {
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

// PlanStore knows plans by their names: [PlanMap] those that the program has, dynamolimit.PlanStore those in a table, which may be changed
// while the program runs. It is safe for concurrent use.
type PlanStore interface {
	// Plan returns the plan with a name, or [ErrNoPlan] if it does not exist, also for names that no plan can have, such
	// as an empty one. An error that wraps [ErrInvalid] says that it exists and can't be read. The plan belongs to the
	// caller. Plan returns when ctx ends.
	Plan(ctx context.Context, name string) (Plan, error)
}

// PlanMap is a [PlanStore] that does not change.
type PlanMap map[string]Plan

// Plan returns a plan.
func (m PlanMap) Plan(_ context.Context, name string) (Plan, error) {
	p, ok := m[name]
	if !ok {
		return Plan{}, ErrNoPlan
	}
	p.Quotas = slices.Clone(p.Quotas)
	return p, nil
}

// The defaults of [PlanLimiter].
const (
	// DefaultPlanTTL is how long a process uses a plan that it has read.
	DefaultPlanTTL = time.Minute
	// DefaultPlanTimeout is how long reading a plan may take. A client's message waits for it.
	DefaultPlanTimeout = time.Second
)

// PlanLimiter limits everybody by their own plan: that of their API key, or whatever says which it is. See [PlanLimiter.Middleware]. It is safe for
// concurrent use, and must not be changed or copied when it is used.
type PlanLimiter struct {
	// Source has the plans. A plan is read again after CacheFor ([DefaultPlanTTL] if that is 0), and used as it was while
	// reading fails. One call reads a plan at a time, for up to Timeout ([DefaultPlanTimeout] if that is 0); meanwhile
	// other calls use the plan as it was, or wait if it was never read. The failure of a first read is remembered for
	// five seconds.
	Source   PlanStore
	CacheTTL time.Duration
	Timeout  time.Duration
	// Default names the plan of clients that have none, or whose plan does not exist or can't be applied. While Default
	// itself does not exist, their messages are refused, whatever Failure says. To limit nobody by default, name a plan
	// without limits.
	Default string
	// Buckets and Counters keep what is used. Counters is needed if a plan has quotas.
	Buckets  Store
	Counters QuotaStore
	// Reserve is how many units of a quota a process takes at once, as with [WithDeadlineMargin]; 0 is 1.
	BatchSize int
	// Failure is what to do when Source, Buckets or Counters fails: [FailOpen] or [FailClosed].
	Failure FailureMode
	// Clock returns the time; nil is [time.Now]. Logger receives failures, and the names of plans that do not exist each
	// time that they are looked up; nil is [slog.Default].
	Clock  func() time.Time
	Logger *slog.Logger

	failures atomic.Int64
	mu       sync.Mutex
	entries  map[string]*planEntry
}

// PlanAttribute is the attribute of a principal that names its plan, as package authz/apikey sets it.
const PlanAttribute = "plan"

// Middleware limits events by the plan that the principal's [PlanAttribute] names, as that of an API key does, with the buckets that
// a Key says. It is otherwise as [Limiter.Middleware]; a route that costs more than somebody's plan lets them do at once is refused to
// them with [gatesock.CodePermissionDenied].
//
// It panics if the Plans have no Source, Default, Buckets or choice for failures, and if Source is a [PlanMap] whose plans can't be applied
// or that lacks the default. Of plans that are read from elsewhere [PlanLimiter.Check] says so.
//
//	plans := &ratelimit.PlanLimiter{
//		Source: ratelimit.PlanMap{
//			"free": {Limit: ratelimit.Limit{Rate: 1, Burst: 5}, Quotas: []ratelimit.Quota{{Max: 1000, Per: ratelimit.Day}}},
//			"pro":  {Limit: ratelimit.Limit{Rate: 50, Burst: 200}},
//		},
//		Default: "free", Buckets: store, Counters: store, Failure: ratelimit.FailOpen,
//	}
//	r.Use(plans.Middleware(ratelimit.ByAPIKey(), ratelimit.MiddlewareOptions{}))
func (p *PlanLimiter) Middleware(by KeyFunc, rule MiddlewareOptions) gatesock.Middleware {
	p.check()
	if m, ok := p.Source.(PlanMap); ok {
		must(p.checkAll(m))
	}
	g := newGuard(by, rule, 0, p.Logger)
	g.limiters = func(ctx context.Context, req *gatesock.Request) ([]*Limiter, error) {
		return p.of(ctx, authz.AttributeFrom(req, PlanAttribute))
	}
	return g.middleware
}

// Allow takes n tokens and units of a key by a plan, as [Limiter.Allow] does: of the bucket first, and of all quotas if that has them. What
// one of them refuses, those before it have taken. The Decision is that of the first which refuses, or of the one that has least left.
func (p *PlanLimiter) Allow(ctx context.Context, plan, key string, n int) (Decision, error) {
	p.check()
	limiters, err := p.of(ctx, plan)
	if err != nil {
		return Decision{}, fmt.Errorf("ratelimit: %w", err)
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
func (p *PlanLimiter) Failures() int64 { return p.failures.Load() }

func (p *PlanLimiter) check() {
	switch {
	case p.Source == nil || p.Buckets == nil || p.Failure != FailOpen && p.Failure != FailClosed:
		panic("ratelimit: Plans without a Source, without Buckets or with neither FailOpen nor FailClosed")
	case p.Default == "":
		panic("ratelimit: Plans without a Default: name a plan for those who have none")
	case p.CacheTTL < 0 || p.Timeout < 0:
		panic("ratelimit: Plans with a negative CacheFor or Timeout")
	}
}

// Check reads the default plan and returns an error if it does not exist ([ErrNoPlan]), can't be applied ([ErrInvalid])
// or can't be read. Programs whose plans are in a table call it when they start. It panics as [PlanLimiter.Middleware] does.
func (p *PlanLimiter) Validate(ctx context.Context) error {
	p.check()
	plan, err := p.read(ctx, p.Default)
	if err == nil {
		err = p.checkPlan(plan)
	}
	if err != nil {
		return fmt.Errorf("ratelimit: the default plan %q: %w", p.Default, err)
	}
	return nil
}

// checkAll checks the plans that a program has.
func (p *PlanLimiter) checkAll(m PlanMap) error {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if err := p.checkPlan(m[name]); err != nil {
			return fmt.Errorf("ratelimit: plan %q: %w", name, err)
		}
	}
	if _, ok := m[p.Default]; !ok {
		return fmt.Errorf("ratelimit: the default plan %q is not among the plans", p.Default)
	}
	return nil
}

// checkPlan returns an [ErrInvalid] if a plan can't be applied.
func (p *PlanLimiter) checkPlan(plan Plan) error {
	err := plan.Validate()
	if err == nil && plan.Limit != (Limit{}) {
		_, err = mostOf(p.Buckets, plan.Limit)
	}
	if err == nil && len(plan.Quotas) > 0 && p.Counters == nil {
		err = errors.New("it has a quota, but the Plans have no Counters")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

// build makes the limiters of a plan. Their keys do not name it, so that who changes to another has used what they have used.
func (p *PlanLimiter) build(name string, plan Plan) []*Limiter {
	var limiters []*Limiter
	var logging []Option
	counting := []QuotaOption{WithBatchSize(max(p.BatchSize, 1))}
	if p.Logger != nil {
		logging = append(logging, WithLogger(p.Logger))
		counting = append(counting, WithLogger(p.Logger))
	}
	if p.Clock != nil {
		counting = append(counting, WithClock(p.Clock))
	}
	add := func(l *Limiter) {
		l.name = "plan " + short(name)
		limiters = append(limiters, l)
	}
	if plan.Limit != (Limit{}) {
		add(New(p.Buckets, "plan", plan.Limit, p.Failure, logging...))
	}
	for _, q := range plan.Quotas {
		add(NewQuota(p.Counters, "plan", q, p.Failure, counting...))
	}
	return limiters
}
