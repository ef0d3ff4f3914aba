// Package plan gives each customer their own limits: a plan is a token bucket and quotas, and the
// attribute "plan" of the principal names it. Every API key of package authz/apikey has one.
//
//	plans := plan.Map{
//		"free": {Limit: ratelimit.Limit{Rate: 1, Burst: 5}, Quotas: []ratelimit.Quota{{Max: 1000, Per: ratelimit.Day}}},
//		"pro":  {Limit: ratelimit.Limit{Rate: 50, Burst: 200}},
//	}
//	limits := plan.NewLimiter(plans, ratelimit.NewMemory(), "free", ratelimit.FailOpen)
//	r.Use(limits.Middleware(ratelimit.ByAPIKey(), ratelimit.MiddlewareOptions{}))
//
// A [Map] is a part of the program. Plans in a DynamoDB table can change while the program runs; a
// [Limiter] notices within a minute.
package plan
