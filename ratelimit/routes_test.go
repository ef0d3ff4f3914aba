package ratelimit_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/ratelimit"
)

// ofNone is a router that has no routes.
type ofNone struct{}

func (ofNone) Describe() gatesock.Description { return gatesock.Description{} }

// TestMisspeltRoutes checks that a misspelled route panics when the program starts, since it would
// limit nothing.
func TestMisspeltRoutes(t *testing.T) {
	t.Parallel()
	l := ratelimit.New(ratelimit.NewMemory(), "x", ratelimit.Limit{Rate: 1, Burst: 20}, ratelimit.FailOpen)
	for name, c := range map[string]struct {
		rule ratelimit.MiddlewareOptions
		says string
	}{
		"a cost":              {ratelimit.MiddlewareOptions{Costs: map[string]int{"exprot": 10}}, `MiddlewareOptions name the route "exprot", but the router has "export", "ping", "say"`},
		"a route":             {ratelimit.MiddlewareOptions{Routes: []string{"say", "exprot"}}, `"exprot"`},
		"of no router":        {ratelimit.MiddlewareOptions{Costs: map[string]int{"export": 10}, Router: gatesock.New()}, `"export"`},
		"a cost of no route":  {ratelimit.MiddlewareOptions{Routes: []string{"say"}, Costs: map[string]int{"export": 10}}, `MiddlewareOptions have a cost for the route "export", which is not among Routes`},
		"a reserved one":      {ratelimit.MiddlewareOptions{Routes: []string{"$conect"}}, `"$conect", which the gateway does not have`},
		"disconnects":         {ratelimit.MiddlewareOptions{Routes: []string{"$disconnect"}}, `"$disconnect" is never limited`},
		"the cost of leaving": {ratelimit.MiddlewareOptions{Costs: map[string]int{"$disconnect": 0}}, `"$disconnect" is never limited`},
		"nothing":             {ratelimit.MiddlewareOptions{Routes: []string{""}}, `""`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var panicked any
			func() {
				defer func() { panicked = recover() }()
				r := echo()
				if c.rule.Router == nil {
					c.rule.Router = r
				}
				r.Use(l.Middleware(ratelimit.ByUser(), c.rule))
				r.Freeze()
			}()
			require.Contains(t, panicked, c.says)
		})
	}
	require.PanicsWithValue(
		t,
		`ratelimit: MiddlewareOptions name the route "export": set Router to look it up in`,
		func() {
			l.Middleware(ratelimit.ByUser(), ratelimit.MiddlewareOptions{Costs: map[string]int{"export": 1}})
		},
	)

	// Routes may be registered after the middleware; $connect and $default need no Router.
	r := gatesock.New(gatesock.WithLogger(silent()))
	r.Use(
		l.Middleware(
			ratelimit.ByUser(),
			ratelimit.MiddlewareOptions{Router: r, Costs: map[string]int{"late": 3, "$default": 2}},
		),
	)
	r.Use(l.Middleware(ratelimit.ByUser(), ratelimit.MiddlewareOptions{Routes: []string{"$connect", "$default"}}))
	gatesock.Handle(r, "late", func(context.Context, *gatesock.Request, struct{}) error { return nil })
	r.Use(
		l.Middleware(
			ratelimit.ByUser(),
			ratelimit.MiddlewareOptions{Router: ofNone{}, Costs: map[string]int{"$connect": 2, "$default": 2}},
		),
	)
	require.NotPanics(t, r.Freeze)
}
