package ratelimit_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/ratelimit"
)

func TestLimitsAreDescribed(t *testing.T) {
	t.Parallel()
	store := ratelimit.NewMemory()
	r := gatesock.New(gatesock.WithLogger(silent()))
	costs := map[string]int{"export": 10}
	messages := ratelimit.New(store, "messages", ratelimit.Limit{Rate: 2, Burst: 20}, ratelimit.FailOpen)
	r.Use(messages.Middleware(ratelimit.ByUser(), ratelimit.MiddlewareOptions{Router: r, Costs: costs}))
	monthly := ratelimit.Quota{Max: 100, Per: ratelimit.Month}
	quota := ratelimit.NewQuota(store, "x", monthly, ratelimit.FailOpen, ratelimit.WithLabel("monthly"))
	tenant := ratelimit.ByFunc("tenant", func(*gatesock.Request) string { return "t" })
	r.Use(quota.Middleware(tenant, ratelimit.MiddlewareOptions{Router: r, Routes: []string{"$connect"}}))
	r.Use(messages.Middleware(ratelimit.BySourceIP(), ratelimit.MiddlewareOptions{})) // without the Router it is not known
	gatesock.Handle(r, "export", func(context.Context, *gatesock.Request, struct{}) error { return nil })
	costs["export"] = 11
	r.Freeze()
	require.Equal(t, []gatesock.RouteLimit{
		{Name: "messages", By: "user", Rate: 2, Burst: 20, Costs: map[string]int{"export": 10}},
		{Name: "monthly", By: "tenant", Quota: 100, Period: "month", Routes: []string{"$connect"}},
	}, r.Describe().Limits)
	for want, by := range map[string]ratelimit.KeyFunc{
		"connection": ratelimit.ByConnection(), "user": ratelimit.ByUser(), "key": ratelimit.ByAPIKey(),
		"source": ratelimit.BySourceIP(), "route": ratelimit.ByRoute(), "tenant": tenant,
	} {
		require.Equal(t, want, messages.RouteLimit(by, ratelimit.MiddlewareOptions{}).By)
	}
}
