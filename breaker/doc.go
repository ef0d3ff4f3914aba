// Package breaker keeps calls away from a service that fails: after some failures it answers
// unavailable at once, and tries again later. Clients get an answer in a millisecond instead of
// after a timeout, the function is not paid for waiting, and the service can recover.
//
//	payments := breaker.New("payments")
//	gatesock.Handle(r, "pay", pay, gatesock.WithMiddleware(payments.Middleware()))
//
// [Breaker.Middleware] is for a route whose handler calls the service; [Breaker.Do] and [Call] are
// for one call inside of a handler. While the breaker is open, the client reads when to try again:
//
//	← {"id":"7","action":"pay","error":{"code":"unavailable","message":"…","retryAfterMs":29120}}
//
// # States
//
// A breaker begins closed and lets every call through. It opens after five failures in a row, or
// if half of at least 20 calls failed; what happened more than five minutes ago does not count. It
// stays open for 30 seconds. Then it is half-open: one call at a time goes through as a probe. A
// success closes the breaker, a failure opens it for another 30 seconds. Each change of the state
// is logged once. Options change the numbers.
//
// The five failures and 30 seconds are the defaults of Envoy's outlier detection
// (consecutive_5xx and base_ejection_time), half of 20 calls those of Hystrix. The five minutes
// leave time for five calls that each wait for their timeout, one after the other: that is how an
// instance in Lambda notices.
//
// # Failures
//
// An error is a failure if its code is internal, unavailable or deadline_exceeded, see
// [gatesock.CodeOf]; so is a panic, which goes on to the caller. Refusals of the client's input,
// an application's own codes and [context.Canceled] are not. [WithFailure] decides otherwise.
//
// # In Lambda
//
// Each instance of the function has a state of its own, and learns for itself: with 100 instances,
// the service gets 500 failing calls before all of them are open, and then up to 100 probes every
// 30 seconds. A new instance begins closed. A limit that all instances share is that of package
// ratelimit on DynamoDB.
//
// There is no goroutine and no timer, so nothing is lost while the process is frozen between
// events. The breaker is open until a time of the wall clock, whether the process is frozen or
// not. If that clock is set back, the breaker is open for no longer than the whole period.
package breaker
