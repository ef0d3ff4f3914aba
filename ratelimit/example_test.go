package ratelimit_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/ratelimit"
)

// A limit on the messages of each connection, of which an export costs as much as ten others and a ping nothing; and one on how often
// an address may connect.
func ExampleLimiter_Middleware() {
	store := ratelimit.NewMemory()
	messages := ratelimit.New(store, "messages", ratelimit.Limit{Rate: 5, Burst: 20}, ratelimit.FailOpen)
	connects := ratelimit.New(store, "connects", ratelimit.Limit{Rate: 10. / 60, Burst: 10}, ratelimit.FailOpen)

	r := gatesock.New()
	r.Use(
		connects.Middleware(ratelimit.BySourceIP(), ratelimit.MiddlewareOptions{Routes: []string{gatesock.RouteConnect}}),
		messages.Middleware(ratelimit.ByConnection(), ratelimit.MiddlewareOptions{Router: r, Costs: map[string]int{"export": 10, "ping": 0}}),
	)
	gatesock.Handle(r, "export", func(context.Context, *gatesock.Request, struct{}) error { return nil })
	gatesock.Handle(r, "ping", func(context.Context, *gatesock.Request, struct{}) error { return nil })
	fmt.Println(len(r.Routes()), "routes")
	// Output: 5 routes
}

// A limit for whatever has a key.
func ExampleLimiter_Allow() {
	invitations := ratelimit.New(ratelimit.NewMemory(), "invitations", ratelimit.Limit{Rate: 1. / 3600, Burst: 2}, ratelimit.FailClosed)
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
	// false 0 1h0m0s
}

// The arithmetic by itself: a bucket is a value, and time is a parameter.
func ExampleBucket_AllowN() {
	limit := ratelimit.Limit{Rate: 1, Burst: 2}
	now := time.Date(2026, time.November, 24, 12, 0, 0, 0, time.UTC)
	var b ratelimit.Bucket
	for _, after := range []time.Duration{0, 0, 0, 2500 * time.Millisecond} {
		var d ratelimit.Decision
		b, d = b.AllowN(now.Add(after), limit, 1)
		fmt.Printf("%+v\n", d)
	}
	// Output:
	// {Allowed:true Limit:2 Remaining:1 RetryAfter:0s}
	// {Allowed:true Limit:2 Remaining:0 RetryAfter:0s}
	// {Allowed:false Limit:2 Remaining:0 RetryAfter:1s}
	// {Allowed:true Limit:2 Remaining:1 RetryAfter:0s}
}

// A quota on the calendar of Berlin. Units are reserved ten at a time, which spares nine of ten writes where the counters are on
// DynamoDB.
func ExampleNewQuota() {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		log.Fatal(err)
	}
	clock := func() time.Time { return time.Date(2026, time.October, 24, 23, 0, 0, 0, berlin) } // clocks go back in the night
	quota := ratelimit.Quota{Max: 2, Per: ratelimit.Day, Zone: berlin}
	reports := ratelimit.NewQuota(ratelimit.NewMemory(), "reports", quota, ratelimit.FailOpen, ratelimit.WithBatchSize(10), ratelimit.WithClock(clock))
	for range 3 {
		d, err := reports.Allow(context.Background(), "customer:7", 1)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(d.Allowed, d.Remaining, d.RetryAfter)
	}
	fmt.Println(quota.Window(clock().Add(2 * time.Hour)))
	// Output:
	// true 1 0s
	// true 0 0s
	// false 0 1h0m0s
	// 2026-10-25 00:00:00 +0200 CEST 2026-10-26 00:00:00 +0100 CET
}
