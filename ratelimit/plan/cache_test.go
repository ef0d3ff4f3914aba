package plan_test

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
	"github.com/gatesock/gatesock/ratelimit/plan"
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

// TestPlansThatAreMistakesLetNothingThrough checks that a default plan that cannot be applied
// lets nothing through in both modes.
func TestPlansThatAreMistakesLetNothingThrough(t *testing.T) {
	t.Parallel()
	for name, plans := range map[string]plan.Map{
		"the default is not there":         {},
		"the default makes no limit":       {"free": {Limit: ratelimit.Limit{Rate: 1}}},
		"the default has uncounted quotas": {"free": {Quotas: daily(1)}},
	} {
		for _, failure := range []ratelimit.FailureMode{ratelimit.FailOpen, ratelimit.FailClosed} {
			var log strings.Builder
			p := plan.NewLimiter(&shelf{plans: plans}, bucketsOnly{ratelimit.NewMemory()}, "free", failure,
				plan.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
			require.Zero(
				t,
				admitted(t, p.Middleware(ratelimit.ByConnection(), ratelimit.MiddlewareOptions{}), 1000),
				name,
			)
			require.Contains(t, log.String(), "level=ERROR", name)
			require.Less(t, strings.Count(log.String(), "\n"), 5, "%s: one line, and not one for each message", name)
		}
	}
}

// TestPlansOfAProgramAreCheckedAtStart checks that a program with wrong plans panics when it
// starts.
func TestPlansOfAProgramAreCheckedAtStart(t *testing.T) {
	t.Parallel()
	good := plan.Map{"free": {Limit: ratelimit.Limit{Rate: 1, Burst: 8}}}
	store := bucketsOnly{ratelimit.NewMemory()}
	broken := plan.Map{"free": {}, "pro": {Limit: ratelimit.Limit{Rate: 1}}}
	for name, f := range map[string]func(){
		"no plans":               func() { plan.NewLimiter(nil, store, "free", ratelimit.FailOpen) },
		"no store":               func() { plan.NewLimiter(good, nil, "free", ratelimit.FailOpen) },
		"no default":             func() { plan.NewLimiter(&shelf{plans: good}, store, "", ratelimit.FailOpen) },
		"no choice":              func() { plan.NewLimiter(good, store, "free", 0) },
		"a missing default":      func() { plan.NewLimiter(good, store, "fee", ratelimit.FailOpen) },
		"a limit without tokens": func() { plan.NewLimiter(broken, store, "free", ratelimit.FailOpen) },
		"quotas without a store": func() {
			plan.NewLimiter(plan.Map{"free": {Quotas: daily(1)}}, store, "free", ratelimit.FailOpen)
		},
		"shards that are too small": func() {
			plan.NewLimiter(good, ratelimit.Shard(ratelimit.NewMemory(), 10), "free", ratelimit.FailOpen)
		},
		"no time to read": func() { plan.WithTimeout(0) },
		"no time to keep": func() { plan.WithCacheTTL(-1) },
		"no quota store":  func() { plan.WithQuotaStore(nil) },
		"no option":       func() { plan.NewLimiter(good, store, "free", ratelimit.FailOpen, nil) },
		"no key": func() {
			plan.NewLimiter(good, store, "free", ratelimit.FailOpen).Middleware(ratelimit.KeyFunc{}, ratelimit.MiddlewareOptions{})
		},
	} {
		require.Panics(t, f, name)
	}
	p := plan.NewLimiter(&shelf{plans: good}, store, "fee", ratelimit.FailOpen, plan.WithLogger(silent()))
	require.ErrorIs(t, p.Validate(t.Context()), plan.ErrNotFound, "of a table it is told where the program asks")
	p = plan.NewLimiter(&shelf{plans: good}, store, "free", ratelimit.FailOpen, plan.WithLogger(silent()))
	require.NoError(t, p.Validate(t.Context()))
}

// TestABrokenPlanHasTheLimitsOfTheDefault checks that a broken plan in the table counts as
// missing: its clients have the limits of the default plan.
func TestABrokenPlanHasTheLimitsOfTheDefault(t *testing.T) {
	t.Parallel()
	s := &shelf{
		plans: plan.Map{
			"free": {Limit: ratelimit.Limit{Rate: 1e-6, Burst: 2}},
			"pro":  {Limit: ratelimit.Limit{Rate: 1}},
		},
	}
	var log strings.Builder
	p := plan.NewLimiter(s, ratelimit.NewMemory(), "free", ratelimit.FailOpen,
		plan.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
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

// TestAnUnknownPlanIsLoggedOnce checks that a missing plan is logged once for each time that it
// is looked up, not for each message, and that its name is shortened.
func TestAnUnknownPlanIsLoggedOnce(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	now := noon()
	p, _ := newPlans(&now, plan.Map{"free": {}}, plan.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	for range 100 {
		_, err := p.Allow(t.Context(), "made up "+strings.Repeat("x", 9000), "k", 1)
		require.NoError(t, err)
	}
	require.Equal(t, 1, strings.Count(log.String(), "\n"))
	require.Less(t, log.Len(), 500)
	now = now.Add(time.Minute)
	_, err := p.Allow(t.Context(), "made up "+strings.Repeat("x", 9000), "k", 1)
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(log.String(), "\n"))
}

// hanging is a PlanStore that answers when its context ends, unless it is open.
type hanging struct {
	plans plan.Map
	open  atomic.Bool
	reads atomic.Int64
}

func (s *hanging) Plan(ctx context.Context, name string) (plan.Plan, error) {
	s.reads.Add(1)
	if !s.open.Load() {
		<-ctx.Done()
		return plan.Plan{}, ctx.Err()
	}
	return s.plans.Plan(ctx, name)
}

// TestASourceThatHangs checks that a store that hangs is asked by one call at a time and for a
// bounded time, and not again for each message.
func TestASourceThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := &hanging{plans: plan.Map{"free": {Limit: ratelimit.Limit{Rate: 1e-6, Burst: 30}}}}
		p := plan.NewLimiter(source, ratelimit.NewMemory(), "free", ratelimit.FailOpen, plan.WithLogger(silent()))
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
		require.Equal(t, time.Second, took)
		require.EqualValues(t, 1, source.reads.Load())
		_, took = atOnce(20)
		require.Zero(t, took, "it was down a moment ago")
		require.EqualValues(t, 1, source.reads.Load())

		<-time.After(time.Second * 5)
		source.open.Store(true)
		allowed, took = atOnce(20)
		require.EqualValues(t, 20, allowed)
		require.Zero(t, took)
		require.EqualValues(t, 2, source.reads.Load())

		// A plan that is known holds while the source hangs: one call asks, and the others go by
		// what is known.
		source.open.Store(false)
		<-time.After(time.Minute)
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

// TestASourceThatFailsIsLeftAlone checks that a store that has failed is left alone for five
// seconds, or for the time of the cache if that is shorter.
func TestASourceThatFailsIsLeftAlone(t *testing.T) {
	t.Parallel()
	for ttl, wait := range map[time.Duration]time.Duration{
		time.Minute: 5 * time.Second, time.Second: time.Second, time.Hour: 5 * time.Second,
	} {
		now := noon()
		p, s := newPlans(&now, plan.Map{"free": {}}, plan.WithCacheTTL(ttl))
		s.fail = errors.New("down")
		for range 3 {
			_, err := p.Allow(t.Context(), "free", "k", 1)
			require.ErrorContains(t, err, "down")
		}
		require.EqualValues(t, 1, s.reads.Load())
		now = now.Add(wait - 1)
		_, _ = p.Allow(t.Context(), "free", "k", 1)
		require.EqualValues(t, 1, s.reads.Load(), ttl)
		now = now.Add(1)
		_, _ = p.Allow(t.Context(), "free", "k", 1)
		require.EqualValues(t, 2, s.reads.Load(), ttl)
	}
}

// TestACallerThatGivesUpOpensNothing checks that a canceled call is not a failure of the store,
// and lets nothing through.
func TestACallerThatGivesUpOpensNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := &hanging{plans: plan.Map{"free": {}}}
		p := plan.NewLimiter(source, ratelimit.NewMemory(), "free", ratelimit.FailOpen, plan.WithLogger(silent()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		d, err := p.Allow(ctx, "free", "k", 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.False(t, d.Allowed)
		require.Zero(t, p.Failures())
		source.open.Store(true)
		d, err = p.Allow(t.Context(), "free", "k", 1)
		require.NoError(t, err, "the next call asks")
		require.True(t, d.Allowed)
	})
}

// TestMadeUpPlansPutOutNoGoodOnes checks that names that clients make up evict one another, and
// no existing plan.
func TestMadeUpPlansPutOutNoGoodOnes(t *testing.T) {
	t.Parallel()
	now := noon()
	p, s := newPlans(&now, plan.Map{"free": {}, "pro": {}})
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

// TestARouteThatNoShardHolds checks that a route that costs more than a shard holds is rejected
// without asking the store, and without a log line for each message.
func TestARouteThatNoShardHolds(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	p := plan.NewLimiter(plan.Map{"free": {Limit: ratelimit.Limit{Rate: 1, Burst: 20}}},
		ratelimit.Shard(ratelimit.NewMemory(), 4), "free", ratelimit.FailOpen,
		plan.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	mw := p.Middleware(ratelimit.ByConnection(), ratelimit.MiddlewareOptions{Costs: map[string]int{"$default": 6}})
	h := mw(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
	_, err := h(
		t.Context(),
		&gatesock.Request{EventType: gatesock.EventMessage, ConnectionID: "c", Route: "$default"},
	)
	require.Equal(t, gatesock.CodePermissionDenied, gatesock.CodeOf(err))
	require.Empty(t, log.String())
}

// TestTimeGoesOnWhileFrozen checks that the time in which a process is frozen counts: a plan is
// read again.
func TestTimeGoesOnWhileFrozen(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p, s := newPlans(&now, plan.Map{"free": {}})
	for want := range int64(3) {
		_, err := p.Allow(t.Context(), "free", "k", 1)
		require.NoError(t, err)
		require.Equal(t, want+1, s.reads.Load())
		now = testclock.Frozen(now, time.Minute)
	}
}

// TestAClockThatIsSetBack checks that a plan is not used until the clock has caught up.
func TestAClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	now := noon()
	p, s := newPlans(&now, plan.Map{"free": {}})
	for i, after := range []time.Duration{0, -time.Hour, time.Minute - 1, 1} {
		now = now.Add(after)
		_, err := p.Allow(t.Context(), "free", "k", 1)
		require.NoError(t, err)
		require.EqualValues(t, []int{1, 2, 2, 3}[i], s.reads.Load(), "%d", i)
	}
}

// TestAPlanThatWasDeleted checks that the clients of a deleted plan get the default plan when it
// is read again.
func TestAPlanThatWasDeleted(t *testing.T) {
	t.Parallel()
	now := noon()
	p, s := newPlans(&now, plan.Map{"free": {Quotas: daily(1)}, "pro": {Quotas: daily(100)}})
	d, err := p.Allow(t.Context(), "pro", "k", 50)
	require.NoError(t, err)
	require.True(t, d.Allowed)
	delete(s.plans, "pro")
	now = now.Add(time.Minute)
	d, err = p.Allow(t.Context(), "pro", "k", 1)
	require.NoError(t, err)
	require.False(t, d.Allowed)
	require.Equal(t, 1, d.Limit)
}
