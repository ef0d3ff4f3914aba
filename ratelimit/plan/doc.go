// Package plan limits each customer by a plan, which is a token bucket and quotas. The attribute
// "plan" of the principal names it. Every API key of package authz/apikey has one.
//
//	plans := plan.Map{
//		"free": {Limit: ratelimit.Limit{Rate: 1, Burst: 5}},
//		"pro":  {Quotas: []ratelimit.Quota{{Max: 100_000, Per: ratelimit.Month}}},
//	}
//	limits := plan.NewLimiter(plans, ratelimit.NewMemory(), "free", ratelimit.FailOpen)
//	r.Use(limits.Middleware(ratelimit.ByAPIKey(), ratelimit.MiddlewareOptions{}))
//
// A [Map] is a part of the program. Plans in a DynamoDB table can change while the program runs;
// a [Limiter] notices within a minute.
package plan
