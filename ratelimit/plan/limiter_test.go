package plan_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/plan"
	"github.com/gatesock/gatesock/wstest"
)

// shelf is a PlanStore that the test changes.
type shelf struct {
	plans plan.Map
	fail  error
	reads atomic.Int64
}

func (s *shelf) Plan(ctx context.Context, name string) (plan.Plan, error) {
	s.reads.Add(1)
	if s.fail != nil {
		return plan.Plan{}, s.fail
	}
	return s.plans.Plan(ctx, name)
}

func daily(n int64) []ratelimit.Quota { return []ratelimit.Quota{{Max: n, Per: ratelimit.Day}} }

// newPlans returns a limiter by plans whose time the test moves.
func newPlans(now *time.Time, plans plan.Map, opts ...plan.Option) (*plan.Limiter, *shelf) {
	s := &shelf{plans: plans}
	clock := func() time.Time { return *now }
	store := ratelimit.NewMemory(ratelimit.WithClock(clock))
	opts = append([]plan.Option{plan.WithClock(clock), plan.WithLogger(silent())}, opts...)
	return plan.NewLimiter(s, store, "free", ratelimit.FailClosed, opts...), s
}

func TestPlans(t *testing.T) {
	t.Parallel()
	now := noon()
	p, s := newPlans(&now, plan.Map{
		"free": {Limit: ratelimit.Limit{Rate: 1, Burst: 2}, Quotas: daily(3)},
		"pro":  {Quotas: []ratelimit.Quota{{Max: 5, Per: ratelimit.Day}, {Max: 7, Per: ratelimit.Month}}},
		"all":  {},
	})
	allow := func(plan, key string, n int) ratelimit.Decision {
		t.Helper()
		d, err := p.Allow(t.Context(), plan, key, n)
		require.NoError(t, err)
		return d
	}
	require.Equal(t, ratelimit.Decision{Allowed: true, Limit: 2, Remaining: 0}, allow("free", "a", 2))
	require.Equal(t, time.Second, allow("free", "a", 1).RetryAfter, "of the bucket")
	now = now.Add(10 * time.Second)
	require.True(t, allow("", "a", 1).Allowed, "nobody's plan is the default")
	require.Equal(
		t,
		ratelimit.Decision{Limit: 3, RetryAfter: 12*time.Hour - 10*time.Second},
		allow("made up", "a", 1),
		"of the quota",
	)

	require.True(t, allow("pro", "a", 2).Allowed, "an upgrade: three of five were used")
	require.False(t, allow("pro", "a", 1).Allowed)
	now = now.Add(24 * time.Hour)
	require.True(t, allow("pro", "a", 5).Allowed)
	require.False(t, allow("pro", "a", 1).Allowed)
	now = now.Add(24 * time.Hour)
	d := allow("pro", "a", 1)
	require.False(t, d.Allowed, "the month: two and five")
	require.Equal(t, 7, d.Limit)
	for range 100 {
		require.True(t, allow("all", "b", 1).Allowed)
	}

	// A plan that changes while the program runs is noticed after a minute.
	allow("made up", "b", 0)
	allow("pro", "c", 0)
	reads := s.reads.Load()
	for range 100 {
		allow("made up", "b", 0)
	}
	require.Equal(t, reads, s.reads.Load(), "that there is none is remembered too")
	s.plans = plan.Map{"free": {Quotas: daily(100)}, "pro": s.plans["pro"]}
	allow("pro", "c", 1)
	require.Equal(t, reads, s.reads.Load())
	now = now.Add(time.Minute)
	require.True(t, allow("free", "a", 50).Allowed)
	require.Equal(t, reads+1, s.reads.Load())

	// Plans that cannot be read stay as they were.
	s.fail = errors.New("down")
	now = now.Add(time.Minute)
	require.True(t, allow("free", "a", 1).Allowed)
	require.False(t, allow("free", "a", 50).Allowed, "of a hundred, fifty-one are used")
	require.EqualValues(t, 1, p.Failures())
	_, err := p.Allow(t.Context(), "new", "a", 1)
	require.ErrorContains(t, err, `plan "new": down`)
	p = plan.NewLimiter(s, ratelimit.NewMemory(), "free", ratelimit.FailOpen, plan.WithLogger(silent()))
	require.True(t, allow("new", "a", 1).Allowed)
}

// TestAPlanThatStaysKeepsItsReserves checks that a plan that is read again unchanged keeps its
// reserved units.
func TestAPlanThatStaysKeepsItsReserves(t *testing.T) {
	t.Parallel()
	now := noon()
	p, s := newPlans(&now, plan.Map{"free": {Quotas: daily(20)}}, plan.WithBatchSize(10))
	for range 20 {
		now = now.Add(time.Minute)
		berlin, err := time.LoadLocation("Europe/Berlin")
		require.NoError(t, err)
		s.plans["free"].Quotas[0].Zone = berlin
		d, err := p.Allow(t.Context(), "free", "a", 1)
		require.NoError(t, err)
		require.True(t, d.Allowed)
	}
	require.EqualValues(t, 20, s.reads.Load())
}

func TestPlansOfMessages(t *testing.T) {
	t.Parallel()
	var w *wstest.Harness
	now := func() time.Time { return w.Now() }
	p := plan.NewLimiter(plan.Map{
		"free": {Limit: ratelimit.Limit{Rate: 1, Burst: 1}},
		"pro":  {Limit: ratelimit.Limit{Rate: 10, Burst: 10}},
	}, ratelimit.NewMemory(ratelimit.WithClock(now)), "free", ratelimit.FailOpen, plan.WithClock(now))
	w = wstest.New(t, limited(p, ratelimit.ByUser(), ratelimit.MiddlewareOptions{
		Costs: map[string]int{"$connect": 0, "export": 5},
	}))
	ann := w.Connect(wstest.WithUser("ann"))
	bob := w.Connect(wstest.WithAuthorizerContext("bob", map[string]any{"plan": "pro"}))
	ann.Request("say", nil).ExpectAck()
	e := ann.Request("say", nil).ExpectError(gatesock.CodeRateLimited)
	require.Equal(t, "too many requests: the limit is 1 a second, 1 at once", e.Message)
	bob.Request("export", nil).ExpectAck()
	bob.Request("export", nil).ExpectAck()
	bob.Request("say", nil).ExpectError(gatesock.CodeRateLimited)
	w.Advance(time.Second)
	e = ann.Request("export", nil).ExpectError(gatesock.CodePermissionDenied)
	require.Equal(t, "this counts as 5: more than the limit, which is 1 a second, 1 at once", e.Message)
	require.Zero(t, e.RetryAfter, "no wait helps")
	ann.Request("say", nil).ExpectError(gatesock.CodeRateLimited) // it has cost a token
}

// TestWhatIsNeverAllowedHasItsPrice checks that an event that a plan can never allow costs a
// token, and that clients that repeat it are disconnected.
func TestWhatIsNeverAllowedHasItsPrice(t *testing.T) {
	t.Parallel()
	for name, only := range map[string]plan.Plan{
		"bucket": {Limit: ratelimit.Limit{Rate: 1, Burst: 2}},
		"quota":  {Quotas: daily(2)},
	} {
		var h *wstest.Harness
		now := func() time.Time { return h.Now() }
		gateway := &hangUp{}
		p := plan.NewLimiter(plan.Map{"free": only}, ratelimit.NewMemory(ratelimit.WithClock(now)), "free",
			ratelimit.FailOpen, plan.WithClock(now))
		h = wstest.New(t, limited(p, ratelimit.ByConnection(), ratelimit.MiddlewareOptions{
			Costs: map[string]int{"export": 5}, DisconnectAfter: 4, Disconnector: gateway,
		}))
		gateway.of = h.Gateway().Disconnect
		ann := h.Connect()
		for range 2 {
			ann.Request("export", nil).ExpectError(gatesock.CodePermissionDenied)
		}
		if name == "bucket" {
			ann.Request("export", nil).ExpectError(gatesock.CodeRateLimited)
		} else {
			ann.Request("say", nil).ExpectAck() // what is paid for is not charged for a refusal
			ann.Request("export", nil).ExpectError(gatesock.CodePermissionDenied)
		}
		ann.Send("export", nil)
		ann.ExpectClosed(1000)
	}
}

func TestPlansThatCannotBeHad(t *testing.T) {
	t.Parallel()
	good := ratelimit.Limit{Rate: 1, Burst: 1}
	for name, c := range map[string]struct {
		plans plan.Map
		says  string
	}{
		"none":                      {plan.Map{}, "no such plan"},
		"a limit that makes none":   {plan.Map{"free": {Limit: ratelimit.Limit{Rate: 1}}}, "burst"},
		"a quota that makes none":   {plan.Map{"free": {Quotas: []ratelimit.Quota{{Max: 1}}}}, "period"},
		"two quotas for one period": {plan.Map{"free": {Quotas: append(daily(1), daily(2)...)}}, "two quotas a day"},
		"a quota without a counter": {plan.Map{"free": {Quotas: daily(1)}}, "use WithQuotaStore"},
	} {
		p := plan.NewLimiter(&shelf{plans: c.plans}, bucketsOnly{ratelimit.NewMemory()}, "free", ratelimit.FailClosed,
			plan.WithLogger(silent()))
		_, err := p.Allow(t.Context(), "", "k", 1)
		require.ErrorContains(t, err, c.says, name)
		h := wstest.New(t, limited(p, ratelimit.ByUser(), ratelimit.MiddlewareOptions{}))
		require.Equal(t, 503, h.ConnectRefused(), name)
	}
	require.NoError(t, plan.Plan{Limit: good}.Validate())
}
