package ratelimit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// maxPlans is how many names of plans a process remembers.
const maxPlans = 1000

// planRetry is how long a source of plans that has failed is left alone.
const planRetry = 5 * time.Second

// planEntry is a name that was asked for.
type planEntry struct {
	turn  chan struct{} // has a value while the source is asked
	known knownPlan     // guarded by Plans.mu
}

// knownPlan is what is known of a name: the plan with limiters that apply it, or an error.
type knownPlan struct {
	plan     Plan
	limiters []*Limiter
	err      error
	until    time.Time // when the source is asked again; zero if it was never asked
}

func (k knownPlan) hasPlan() bool { return k.err == nil && !k.until.IsZero() }

// isMistake reports whether there is no such plan, or none that can be applied: the source has not failed then.
func isMistake(err error) bool { return errors.Is(err, ErrNoPlan) || errors.Is(err, ErrInvalid) }

// of returns the limiters of a plan; none if they can't be had because the source fails, and the Plans fail open.
func (p *PlanLimiter) of(ctx context.Context, name string) ([]*Limiter, error) {
	name = cmp.Or(name, p.Default)
	k, fresh, err := p.load(ctx, name)
	if err == nil && isMistake(k.err) && name != p.Default {
		if fresh {
			p.logger().WarnContext(ctx, "ratelimit: a plan does not exist or can't be applied; the default is used",
				"plan", short(name), "default", p.Default, "error", k.err)
		}
		name = p.Default
		k, fresh, err = p.load(ctx, name)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("plan %.60q: %w", name, err)
	case k.err == nil:
		return k.limiters, nil
	}
	open := p.Failure == FailOpen && !isMistake(k.err)
	if fresh {
		p.logger().ErrorContext(ctx, "ratelimit: a plan can't be read or applied", "plan", short(name), "open", open, "error", k.err)
	}
	if open {
		return nil, nil
	}
	return nil, fmt.Errorf("plan %.60q: %w", name, k.err)
}

func (p *PlanLimiter) logger() *slog.Logger { return cmp.Or(p.Logger, slog.Default()) }

func (p *PlanLimiter) now() time.Time { return wallClock(p.Clock) }

// wallClock returns what a clock says, or the time, without the monotonic clock: that one stands still while Lambda has a process frozen.
func wallClock(clock func() time.Time) time.Time {
	if clock == nil {
		clock = time.Now
	}
	return clock().Round(0)
}

// short returns a name as it is logged: clients may have chosen it.
func short(name string) string {
	const most = 60
	if len(name) <= most {
		return name
	}
	return strings.ToValidUTF8(name[:most], "") + "…"
}

// load returns what is known of a name, and whether this call has asked the source for it. One call asks at a time; meanwhile the others
// go by the plan as it was, or wait if there was none. It fails only if ctx ends.
func (p *PlanLimiter) load(ctx context.Context, name string) (k knownPlan, fresh bool, err error) {
	e := p.entry(name)
	k, current := p.recall(e)
	if current {
		return k, false, nil
	}
	select {
	case e.turn <- struct{}{}:
	default:
		if k.hasPlan() {
			return k, false, nil
		}
		select {
		case e.turn <- struct{}{}:
		case <-ctx.Done():
			return knownPlan{}, false, context.Cause(ctx)
		}
	}
	defer func() { <-e.turn }()
	if k, current = p.recall(e); current { // what another call has found meanwhile
		return k, false, nil
	}
	plan, err := p.read(ctx, name)
	if err != nil && ctx.Err() != nil { // says nothing of the source
		if k.hasPlan() {
			return k, false, nil
		}
		return knownPlan{}, false, context.Cause(ctx)
	}
	k = p.learn(ctx, name, k, plan, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	e.known = k
	return k, true, nil
}

// read asks the source for a plan, for a bounded time.
func (p *PlanLimiter) read(ctx context.Context, name string) (Plan, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(p.Timeout, DefaultPlanTimeout))
	defer cancel()
	return p.Source.Plan(ctx, name)
}

// learn returns what is known of a name after the source has answered.
func (p *PlanLimiter) learn(ctx context.Context, name string, before knownPlan, plan Plan, err error) knownPlan {
	if err == nil {
		err = p.checkPlan(plan)
	}
	k := before
	k.until = p.now().Add(cmp.Or(p.CacheTTL, DefaultPlanTTL))
	if err != nil && !isMistake(err) {
		p.failures.Add(1)
	}
	switch {
	case err == nil && before.hasPlan() && before.plan.equal(plan): // keeps what was reserved by it
	case err == nil:
		k.plan, k.limiters, k.err = plan, p.build(name, plan), nil
	case before.hasPlan() && !errors.Is(err, ErrNoPlan):
		p.logger().ErrorContext(ctx, "ratelimit: a plan can't be read again; it stays as it was", "plan", short(name), "error", err)
	case isMistake(err):
		k.plan, k.limiters, k.err = Plan{}, nil, err
	default:
		k.err = err
		k.until = p.now().Add(min(planRetry, cmp.Or(p.CacheTTL, DefaultPlanTTL)))
	}
	return k
}

// recall returns what is known, and whether it is new enough.
func (p *PlanLimiter) recall(e *planEntry) (k knownPlan, current bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return e.known, p.now().Before(e.known.until)
}

// entry returns the one of a name. Where there are too many it forgets one: if it can, one of a name without a plan, since names may be
// made up.
func (p *PlanLimiter) entry(name string) *planEntry {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.entries[name]; ok {
		return e
	}
	if p.entries == nil {
		p.entries = make(map[string]*planEntry)
	}
	if len(p.entries) >= maxPlans {
		var next string
		for other, e := range p.entries { // in random order
			if next = other; !e.known.hasPlan() {
				break
			}
		}
		delete(p.entries, next)
	}
	e := &planEntry{turn: make(chan struct{}, 1)}
	p.entries[name] = e
	return e
}
