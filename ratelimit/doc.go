// Package ratelimit limits how much clients may do, by token buckets and by quotas. The limits
// hold for one process, or, on DynamoDB, for all instances of a function together.
//
//	store := ratelimit.NewMemory()
//	limit := ratelimit.Limit{Rate: 5, Burst: 20}
//	messages := ratelimit.New(store, "messages", limit, ratelimit.FailOpen)
//
//	r := gatesock.New()
//	r.Use(messages.Middleware(ratelimit.ByConnection(), ratelimit.MiddlewareOptions{}))
//
// A message above the limit is answered with rate_limited and retryAfterMs, a $connect with
// status 429:
//
//	← {"id":"7","action":"say","error":{"code":"rate_limited","message":"…","retryAfterMs":120}}
//
// [New] limits the rate, by token buckets; [NewQuota] limits the number in a calendar day, week
// or month. [Limiter.Allow] limits anything that has a key. docs/limits.md shows which limit
// belongs where. Package plan has limits for each customer, and package metering counts what was
// used without limiting it.
//
// # In Lambda
//
// A [Memory] limits what one instance lets through. The service chooses which instance gets the
// next message, so with n instances a client gets up to n times as much. Use the DynamoDB store for
// limits that must hold.
package ratelimit
