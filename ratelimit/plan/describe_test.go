package plan_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/plan"
)

func TestPlansOfTheProgramAreDescribed(t *testing.T) {
	t.Parallel()
	plans := plan.Map{
		"free": {Limit: ratelimit.Limit{Rate: 1, Burst: 5}, Quotas: []ratelimit.Quota{{Max: 100, Per: ratelimit.Day}}},
		"open": {},
	}
	r := gatesock.New()
	limiter := plan.NewLimiter(plans, ratelimit.NewMemory(), "free", ratelimit.FailOpen)
	r.Use(limiter.Middleware(ratelimit.ByUser(), ratelimit.MiddlewareOptions{Router: r, Costs: map[string]int{"$connect": 0}}))
	r.Freeze()
	costs := map[string]int{"$connect": 0}
	require.Equal(t, []gatesock.RouteLimit{
		{Name: "plan free", By: "user", Rate: 1, Burst: 5, Costs: costs},
		{Name: "plan free", By: "user", Quota: 100, Period: "day", Costs: costs},
	}, r.Describe().Limits)
}
