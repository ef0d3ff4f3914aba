package ratelimit_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/ratelimit"
)

// Each connection may send two messages at once, and one more every second.
func Example_refuseAboveTheLimit() {
	now := time.Date(2026, time.November, 24, 12, 0, 0, 0, time.UTC)
	store := ratelimit.NewMemory(ratelimit.WithClock(func() time.Time { return now }))
	limit := ratelimit.Limit{Rate: 1, Burst: 2}
	messages := ratelimit.New(store, "messages", limit, ratelimit.FailOpen)

	r := gatesock.New(gatesock.WithLogger(slog.New(slog.DiscardHandler)))
	r.Use(messages.Middleware(ratelimit.ByConnection(), ratelimit.MiddlewareOptions{}))
	gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, struct{}) error { return nil })

	for range 3 {
		fmt.Println(send(r, "say"))
	}
	now = now.Add(time.Second)
	fmt.Println(send(r, "say"))
	// Output:
	// ok
	// ok
	// rate_limited: too many requests: the limit is 1 a second, 2 at once (wait 1000 ms)
	// ok
}

// An export costs as much as ten other messages, and a ping nothing. How often an address may
// connect is a limit of its own.
func ExampleLimiter_Middleware_costs() {
	noon := time.Date(2026, time.November, 24, 12, 0, 0, 0, time.UTC)
	store := ratelimit.NewMemory(ratelimit.WithClock(func() time.Time { return noon }))
	messages := ratelimit.New(store, "messages", ratelimit.Limit{Rate: 5, Burst: 20}, ratelimit.FailOpen)
	connects := ratelimit.New(store, "connects", ratelimit.Limit{Rate: 10. / 60, Burst: 10}, ratelimit.FailOpen)

	r := gatesock.New(gatesock.WithLogger(slog.New(slog.DiscardHandler)))
	r.Use(
		connects.Middleware(ratelimit.BySourceIP(), ratelimit.MiddlewareOptions{
			Routes: []string{gatesock.RouteConnect},
		}),
		messages.Middleware(ratelimit.ByConnection(), ratelimit.MiddlewareOptions{
			Router: r, Costs: map[string]int{"export": 10, "ping": 0},
		}),
	)
	nothing := func(context.Context, *gatesock.Request, struct{}) error { return nil }
	gatesock.Handle(r, "export", nothing)
	gatesock.Handle(r, "ping", nothing)
	for _, action := range []string{"export", "export", "ping", "export"} {
		fmt.Println(action+":", send(r, action))
	}
	// Output:
	// export: ok
	// export: ok
	// ping: ok
	// export: rate_limited: too many requests: the limit is 5 a second, 20 at once (wait 2000 ms)
}

// Each user may send two invitations an hour. It fails closed: while the store fails, there are no
// invitations.
func ExampleLimiter_Allow_invitations() {
	limit := ratelimit.Limit{Rate: 2. / 3600, Burst: 2}
	invitations := ratelimit.New(ratelimit.NewMemory(), "invitations", limit, ratelimit.FailClosed)
	for range 3 {
		d, err := invitations.Allow(context.Background(), "user:ann", 1)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(d.Allowed, d.Remaining, d.RetryAfter.Round(time.Minute))
	}
	// Output:
	// true 1 0s
	// true 0 0s
	// false 0 30m0s
}

// A customer has two reports a day, by the calendar of Berlin. The process takes ten units from the
// store at once, which saves nine of ten writes if the store is on DynamoDB.
func ExampleNewQuota_day() {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		log.Fatal(err)
	}
	// Clocks go back in the following night.
	now := func() time.Time { return time.Date(2026, time.October, 24, 23, 0, 0, 0, berlin) }
	quota := ratelimit.Quota{Max: 2, Per: ratelimit.Day, Zone: berlin}
	reports := ratelimit.NewQuota(ratelimit.NewMemory(), "reports", quota, ratelimit.FailOpen,
		ratelimit.WithBatchSize(10), ratelimit.WithClock(now))
	for range 3 {
		d, err := reports.Allow(context.Background(), "customer:7", 1)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(d.Allowed, d.Remaining, d.RetryAfter)
	}
	start, end := quota.Window(now().Add(2 * time.Hour))
	fmt.Println("tomorrow has", end.Sub(start))
	// Output:
	// true 1 0s
	// true 0 0s
	// false 0 1h0m0s
	// tomorrow has 25h0m0s
}

// A Bucket is a value, for a store of your own: it has no clock and no lock.
func ExampleBucket_AllowN() {
	limit := ratelimit.Limit{Rate: 1, Burst: 2}
	now := time.Date(2026, time.November, 24, 12, 0, 0, 0, time.UTC)
	var b ratelimit.Bucket
	for _, after := range []time.Duration{0, 0, 0, 2500 * time.Millisecond} {
		var d ratelimit.Decision
		b, d = b.AllowN(now.Add(after), limit, 1)
		fmt.Println(d.Allowed, d.Remaining, d.RetryAfter)
	}
	// Output:
	// true 1 0s
	// true 0 0s
	// false 0 1s
	// true 1 0s
}
