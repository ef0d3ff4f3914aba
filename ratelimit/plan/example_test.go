package plan_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/plan"
)

// Each API key has the limits of its plan. Here the authorizer has found the keys k1 and k2.
func Example_limitByAPIKey() {
	plans := plan.Map{
		"free": {Limit: ratelimit.Limit{Rate: 1. / 3600, Burst: 1}},
		"pro":  {Limit: ratelimit.Limit{Rate: 50, Burst: 200}},
	}
	limits := plan.NewLimiter(plans, ratelimit.NewMemory(), "free", ratelimit.FailOpen)

	r := gatesock.New(gatesock.WithLogger(slog.New(slog.DiscardHandler)))
	r.Use(limits.Middleware(ratelimit.ByAPIKey(), ratelimit.MiddlewareOptions{}))
	gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, struct{}) error { return nil })

	for _, key := range []string{"k1", "k1", "k2", "k2"} {
		name := map[string]string{"k1": "free", "k2": "pro"}[key]
		out, err := r.Invoke(context.Background(), []byte(`{
			"requestContext": {
				"routeKey": "say", "eventType": "MESSAGE", "connectionId": "c1",
				"authorizer": {"principalId": "ann", "key": "`+key+`", "plan": "`+name+`"}
			},
			"body": "{\"action\":\"say\",\"id\":\"1\"}"
		}`))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(key, name, !strings.Contains(string(out), "rate_limited"))
	}
	// Output:
	// k1 free true
	// k1 free false
	// k2 pro true
	// k2 pro true
}

// Allow limits what is not an event. Usage carries over when a customer switches plans.
func ExampleLimiter_Allow_quota() {
	plans := plan.Map{
		"free": {Quotas: []ratelimit.Quota{{Max: 3, Per: ratelimit.Day}}},
		"pro":  {Quotas: []ratelimit.Quota{{Max: 1000, Per: ratelimit.Day}}},
	}
	limits := plan.NewLimiter(plans, ratelimit.NewMemory(), "free", ratelimit.FailOpen)
	for _, name := range []string{"free", "free", "pro"} {
		d, err := limits.Allow(context.Background(), name, "customer:7", 2)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(name, d.Allowed, d.Remaining)
	}
	// Output:
	// free true 1
	// free false 1
	// pro true 996
}
