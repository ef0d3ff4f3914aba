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
	store := new(ratelimit.Memory)
	messages := ratelimit.New(store, "messages", ratelimit.Limit{Rate: 5, Burst: 20}, ratelimit.FailOpen)
	connects := ratelimit.New(store, "connects", ratelimit.Limit{Rate: 10. / 60, Burst: 10}, ratelimit.FailOpen)

	r := gatesock.New()
	r.Use(
		connects.Middleware(ratelimit.BySource(), ratelimit.Rule{Routes: []string{gatesock.RouteConnect}}),
		messages.Middleware(ratelimit.ByConnection(), ratelimit.Rule{Costs: map[string]int{"export": 10, "ping": 0}}),
	)
	gatesock.Handle(r, "export", func(context.Context, *gatesock.Request, struct{}) error { return nil })
	gatesock.Handle(r, "ping", func(context.Context, *gatesock.Request, struct{}) error { return nil })
	fmt.Println(len(r.Routes()), "routes")
	// Output: 4 routes
}

// A limit for whatever has a key.
func ExampleLimiter_Allow() {
	invitations := ratelimit.New(new(ratelimit.Memory), "invitations", ratelimit.Limit{Rate: 1. / 3600, Burst: 2}, ratelimit.FailClosed)
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
