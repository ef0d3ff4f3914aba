package ratelimit_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/ratelimit"
)

// admitted is how many of n messages come through a middleware.
func admitted(t *testing.T, mw gatesock.Middleware, n int) int {
	t.Helper()
	through := 0
	h := mw(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { through++; return nil, nil })
	for range n {
		_, err := h(t.Context(), &gatesock.Request{EventType: gatesock.EventMessage, ConnectionID: "c", Route: "say"})
		if err != nil {
			require.Equal(t, gatesock.CodeUnavailable, gatesock.CodeOf(err))
		}
	}
	return through
}

// A plan that can't be applied is a mistake, and lets nothing through with either choice.
func TestPlansThatAreMistakesLetNothingThrough(t *testing.T) {
	t.Parallel()
	for name, plans := range map[string]ratelimit.PlanMap{
		"the default is not there":         {},
		"the default makes no limit":       {"free": {Limit: ratelimit.Limit{Rate: 1}}},
		"the default has uncounted quotas": {"free": {Quotas: daily(1)}},
	} {
		for _, failure := range []ratelimit.FailureMode{ratelimit.FailOpen, ratelimit.FailClosed} {
			var log strings.Builder
			p := &ratelimit.PlanLimiter{
				Source: &shelf{plans: plans}, Default: "free", Buckets: new(ratelimit.Memory), Failure: failure,
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
			}
			require.Zero(t, admitted(t, p.Middleware(ratelimit.ByConnection(), ratelimit.MiddlewareOptions{}), 1000), name)
			require.Contains(t, log.String(), "level=ERROR", name)
			require.Less(t, strings.Count(log.String(), "\n"), 5, "%s: one line, and not one for each message", name)
		}
	}
}

// PlanLimiter that a program has are checked when it starts.
func TestPlansOfAProgramAreCheckedAtStart(t *testing.T) {
	t.Parallel()
	good := ratelimit.PlanMap{"free": {Limit: ratelimit.Limit{Rate: 1, Burst: 8}}}
	for name, p := range map[string]*ratelimit.PlanLimiter{
		"no default":                {Source: &shelf{plans: good}},
		"a default that is not":     {Source: good, Default: "fee"},
		"a limit that makes none":   {Source: ratelimit.PlanMap{"free": {}, "pro": {Limit: ratelimit.Limit{Rate: 1}}}, Default: "free"},
		"quotas without Counters":   {Source: ratelimit.PlanMap{"free": {Quotas: daily(1)}}, Default: "free"},
		"shards that are too small": {Source: good, Default: "free", Buckets: ratelimit.Shard(new(ratelimit.Memory), 10)},
		"a negative time":           {Source: good, Default: "free", Timeout: -1},
	} {
		p.Failure = ratelimit.FailOpen
		if p.Buckets == nil {
			p.Buckets = new(ratelimit.Memory)
		}
		require.Panics(t, func() { p.Middleware(ratelimit.ByUser(), ratelimit.MiddlewareOptions{}) }, name)
	}
	p := &ratelimit.PlanLimiter{Source: &shelf{plans: good}, Default: "fee", Buckets: new(ratelimit.Memory), Failure: ratelimit.FailOpen, Logger: silent()}
	require.ErrorIs(t, p.Validate(t.Context()), ratelimit.ErrNoPlan, "of a table it is told where the program asks")
	p.Default = "free"
	require.NoError(t, p.Validate(t.Context()))
}

// A plan that somebody has broken in the table counts as one that is not there: it has the default's limits, and not none.
func TestABrokenPlanHasTheLimitsOfTheDefault(t *testing.T) {
	t.Parallel()
	s := &shelf{plans: ratelimit.PlanMap{"free": {Limit: ratelimit.Limit{Rate: 1e-6, Burst: 2}}, "pro": {Limit: ratelimit.Limit{Rate: 1}}}}
	var log strings.Builder
	p := &ratelimit.PlanLimiter{
		Source: s, Default: "free", Buckets: new(ratelimit.Memory), Failure: ratelimit.FailOpen, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	}
	allowed := 0
	for range 100 {
		d, err := p.Allow(t.Context(), "pro", "k", 1)
		require.NoError(t, err)
		if d.Allowed {
			allowed++
		}
	}
	require.Equal(t, 2, allowed)
	require.Equal(t, 1, strings.Count(log.String(), "\n"), "%s", log.String())
}

// That there is no plan of a name is logged once for each time that it is looked up, and not for each message, without all of its text.
func TestAnUnknownPlanIsLoggedOnce(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	now := noon()
	p, _ := newPlans(&now, ratelimit.PlanMap{"free": {}})
	p.Logger = slog.New(slog.NewTextHandler(&log, nil))
	for range 100 {
		_, err := p.Allow(t.Context(), "made up "+strings.Repeat("x", 9000), "k", 1)
		require.NoError(t, err)
	}
	require.Equal(t, 1, strings.Count(log.String(), "\n"))
	require.Less(t, log.Len(), 500)
	now = now.Add(ratelimit.DefaultPlanTTL)
	_, err := p.Allow(t.Context(), "made up "+strings.Repeat("x", 9000), "k", 1)
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(log.String(), "\n"))
}

// hanging is a PlanStore that answers when its context ends, unless it is open.
type hanging struct {
	plans ratelimit.PlanMap
	open  atomic.Bool
	reads atomic.Int64
}

func (s *hanging) Plan(ctx context.Context, name string) (ratelimit.Plan, error) {
	s.reads.Add(1)
	if !s.open.Load() {
		<-ctx.Done()
		return ratelimit.Plan{}, ctx.Err()
	}
	return s.plans.Plan(ctx, name)
}

// A source of plans that hangs is asked by one call at a time and for a bounded time; and not again for each message.
func TestASourceThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := &hanging{plans: ratelimit.PlanMap{"free": {Limit: ratelimit.Limit{Rate: 1e-6, Burst: 30}}}}
		p := &ratelimit.PlanLimiter{Source: source, Default: "free", Buckets: new(ratelimit.Memory), Failure: ratelimit.FailOpen, Logger: silent()}
		atOnce := func(n int) (allowed int64, took time.Duration) {
			begun := time.Now()
			var through atomic.Int64
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					d, err := p.Allow(t.Context(), "free", "k", 1)
					if err != nil {
						t.Error(err)
					}
					if d.Allowed {
						through.Add(1)
					}
				})
			}
			wg.Wait()
			return through.Load(), time.Since(begun)
		}
		allowed, took := atOnce(20)
		require.EqualValues(t, 20, allowed, "it fails open: the source is down")
		require.Equal(t, ratelimit.DefaultPlanTimeout, took)
		require.EqualValues(t, 1, source.reads.Load())
		_, took = atOnce(20)
		require.Zero(t, took, "it was down a moment ago")
		require.EqualValues(t, 1, source.reads.Load())

		<-time.After(ratelimit.DefaultPlanTimeout * 5)
		source.open.Store(true)
		allowed, took = atOnce(20)
		require.EqualValues(t, 20, allowed)
		require.Zero(t, took)
		require.EqualValues(t, 2, source.reads.Load())

		// A plan that is known holds while the source hangs: one call asks, and the others go by what is known.
		source.open.Store(false)
		<-time.After(ratelimit.DefaultPlanTTL)
		ctx, cancel := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		asking.Go(func() { _, _ = p.Allow(ctx, "free", "other", 1) })
		synctest.Wait()
		allowed, took = atOnce(20)
		require.EqualValues(t, 10, allowed, "of thirty")
		require.Zero(t, took)
		require.EqualValues(t, 3, source.reads.Load())
		cancel()
		asking.Wait()
	})
}

// A source that has failed is left alone for five seconds, and for no longer than a plan is good.
func TestASourceThatFailsIsLeftAlone(t *testing.T) {
	t.Parallel()
	for cacheFor, wait := range map[time.Duration]time.Duration{0: 5 * time.Second, time.Second: time.Second, time.Hour: 5 * time.Second} {
		now := noon()
		p, s := newPlans(&now, ratelimit.PlanMap{"free": {}})
		p.CacheTTL, s.fail = cacheFor, errors.New("down")
		for range 3 {
			_, err := p.Allow(t.Context(), "free", "k", 1)
			require.ErrorContains(t, err, "down")
		}
		require.EqualValues(t, 1, s.reads.Load())
		now = now.Add(wait - 1)
		_, _ = p.Allow(t.Context(), "free", "k", 1)
		require.EqualValues(t, 1, s.reads.Load(), cacheFor)
		now = now.Add(1)
		_, _ = p.Allow(t.Context(), "free", "k", 1)
		require.EqualValues(t, 2, s.reads.Load(), cacheFor)
	}
}

// A caller that gives up is no failure of the source, and lets nothing through.
func TestACallerThatGivesUpOpensNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := &hanging{plans: ratelimit.PlanMap{"free": {}}}
		p := &ratelimit.PlanLimiter{Source: source, Default: "free", Buckets: new(ratelimit.Memory), Failure: ratelimit.FailOpen, Logger: silent()}
		ctx, cancel := context.WithTimeout(t.Context(), ratelimit.DefaultPlanTimeout/2)
		defer cancel()
		d, err := p.Allow(ctx, "free", "k", 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.False(t, d.Allowed)
		require.Zero(t, p.Failures())
		source.open.Store(true)
		d, err = p.Allow(t.Context(), "free", "k", 1)
		require.NoError(t, err, "what another caller gave up is no reason not to ask")
		require.True(t, d.Allowed)
	})
}

// Names that are made up put out one another, and no plan that there is.
func TestMadeUpPlansPutOutNoGoodOnes(t *testing.T) {
	t.Parallel()
	now := noon()
	p, s := newPlans(&now, ratelimit.PlanMap{"free": {}, "pro": {}})
	for _, plan := range []string{"free", "pro"} {
		_, err := p.Allow(t.Context(), plan, "k", 1)
		require.NoError(t, err)
	}
	for i := range 5000 {
		_, err := p.Allow(t.Context(), strings.Repeat("x", i%40)+time.Duration(i).String(), "k", 1)
		require.NoError(t, err)
	}
	reads := s.reads.Load()
	s.fail = errors.New("down")
	for _, plan := range []string{"free", "pro"} {
		_, err := p.Allow(t.Context(), plan, "k", 1)
		require.NoError(t, err)
	}
	require.Equal(t, reads, s.reads.Load())
}

// A route that no shard of a plan's bucket can hold is refused without asking the store, and without a line in the log for each message.
func TestARouteThatNoShardHolds(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	p := &ratelimit.PlanLimiter{
		Source: ratelimit.PlanMap{"free": {Limit: ratelimit.Limit{Rate: 1, Burst: 20}}}, Default: "free",
		Buckets: ratelimit.Shard(new(ratelimit.Memory), 4), Failure: ratelimit.FailOpen, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	}
	mw := p.Middleware(ratelimit.ByConnection(), ratelimit.MiddlewareOptions{Costs: map[string]int{"$default": 6}})
	h := mw(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
	_, err := h(t.Context(), &gatesock.Request{EventType: gatesock.EventMessage, ConnectionID: "c", Route: "$default"})
	require.Equal(t, gatesock.CodePermissionDenied, gatesock.CodeOf(err))
	require.Empty(t, log.String())
}

// The time in which a process is frozen counts: what has changed meanwhile is read, and what was counted is written.
func TestTimeGoesOnWhileFrozen(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p, s := newPlans(&now, ratelimit.PlanMap{"free": {}})
	store := new(picky)
	u := &ratelimit.UsageMeter{Store: store, Clock: func() time.Time { return now }, Logger: silent()}
	send := sending(t, u)
	for want := range int64(3) {
		_, err := p.Allow(t.Context(), "free", "k", 1)
		require.NoError(t, err)
		send("ann")
		require.Equal(t, want+1, s.reads.Load())
		require.Equal(t, want, store.writes.Load())
		now = testclock.Frozen(now, ratelimit.DefaultPlanTTL)
	}
}

// A plan that was taken away is gone when it is read again: those who were on it have the default.
func TestAPlanThatWasDeleted(t *testing.T) {
	t.Parallel()
	now := noon()
	p, s := newPlans(&now, ratelimit.PlanMap{"free": {Quotas: daily(1)}, "pro": {Quotas: daily(100)}})
	d, err := p.Allow(t.Context(), "pro", "k", 50)
	require.NoError(t, err)
	require.True(t, d.Allowed)
	delete(s.plans, "pro")
	now = now.Add(ratelimit.DefaultPlanTTL)
	d, err = p.Allow(t.Context(), "pro", "k", 1)
	require.NoError(t, err)
	require.False(t, d.Allowed)
	require.Equal(t, 1, d.Limit)
}
