package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/breaker"
)

// A handler calls a service that is down. After five failures it is not called any more.
func ExampleBreaker_Do() {
	payments := breaker.New("payments", breaker.WithLogger(slog.New(slog.DiscardHandler)))
	calls := 0
	charge := func(context.Context) error {
		calls++
		return errors.New("connection refused")
	}
	var err error
	for range 1000 {
		err = payments.Do(context.Background(), charge)
	}
	fmt.Println(calls, "calls")
	fmt.Println(gatesock.CodeOf(err), payments.State())
	fmt.Println(err)
	// Output:
	// 5 calls
	// unavailable open
	// unavailable: a service that this needs is not available: breaker: not called: payments is open
}

// A call with a result, and an older one in its place while the service is down.
func ExampleCall() {
	rates := breaker.New("rates", breaker.WithLogger(slog.New(slog.DiscardHandler)))
	last := 1.08
	rate := func(ctx context.Context, fetch func(context.Context) (float64, error)) (float64, error) {
		r, err := breaker.Call(ctx, rates, fetch)
		if errors.Is(err, breaker.ErrRefused) {
			return last, nil
		}
		return r, err
	}
	down := func(context.Context) (float64, error) { return 0, errors.New("connection refused") }
	for range 6 {
		fmt.Println(rate(context.Background(), down))
	}
	// Output:
	// 0 connection refused
	// 0 connection refused
	// 0 connection refused
	// 0 connection refused
	// 0 connection refused
	// 1.08 <nil>
}

// A route whose handler calls the service. Throttling by the service counts as a failure, too.
func ExampleBreaker_Middleware() {
	payments := breaker.New("payments",
		breaker.WithLogger(slog.New(slog.DiscardHandler)),
		breaker.WithFailure(func(err error) bool {
			return breaker.IsFailure(err) || gatesock.CodeOf(err) == gatesock.CodeRateLimited
		}),
	)
	r := gatesock.New(gatesock.WithLogger(slog.New(slog.DiscardHandler)))
	gatesock.Handle(r, "pay", func(context.Context, *gatesock.Request, struct{}) error {
		return gatesock.Errorf(gatesock.CodeRateLimited, "too many payments")
	}, gatesock.WithMiddleware(payments.Middleware()))

	for range 6 {
		if _, err := r.Invoke(context.Background(), []byte(`{
			"requestContext": {"routeKey": "pay", "eventType": "MESSAGE", "connectionId": "c1"},
			"body": "{\"action\":\"pay\",\"id\":\"1\"}"
		}`)); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(payments.State())
	// Output:
	// open
}
