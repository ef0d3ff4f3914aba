// Package ratelimit limits how much clients may do, by token buckets, quotas and plans that hold for one process or, on DynamoDB, for
// all instances of a function together.
//
//	store := new(ratelimit.Memory) // or dynamolimit.New(client, "chat")
//	messages := ratelimit.New(store, "messages", ratelimit.Limit{Rate: 5, Burst: 20}, ratelimit.FailOpen)
//
//	r := gatesock.New()
//	r.Use(messages.Middleware(ratelimit.ByConnection(), ratelimit.MiddlewareOptions{Router: r, Costs: map[string]int{"export": 10}}))
//
// A message above the limit is answered with rate_limited and retryAfterMs, a $connect with status 429:
//
//	← {"id":"7","action":"say","error":{"code":"rate_limited","message":"…","retryAfterMs":120}}
//
// Beyond messages, [Limiter.Allow] limits whatever has a key. [NewQuota] counts by day, week or month of the calendar, and [PlanLimiter] limit
// everybody by what their plan says. docs/limits.md says which limit belongs where.
//
// In Lambda a [Memory] limits what one instance lets through. Of messages, one instance handles one at a time, and which instance gets
// the next one is the service's choice: with n instances a client gets up to n times as much. For limits that must hold, use package
// ratelimit/dynamolimit.
package ratelimit
