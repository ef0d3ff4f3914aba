package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/metering"
	"github.com/gatesock/gatesock/ratelimit/plan"
)

// exampleDB returns a DB as dynamo.Open(dynamodb.NewFromConfig(cfg), "chat") does, in the tests'
// table.
func exampleDB() *dynamo.DB {
	return dynamo.Open(dynamotest.Client(page{}), dynamotest.Table(page{}),
		dynamo.WithNamespace(dynamotest.Namespace(page{})), dynamo.WithLimitTimeout(time.Hour))
}

// noon is the time of the examples. It is ahead of the real time, by which DynamoDB deletes items.
func noon() time.Time { return testclock.Noon() }

// After a rotation both secrets are accepted until the overlap is over.
func ExampleDB_APIKeys_rotate() {
	ctx, now := context.Background(), noon()
	keys := apikey.New(exampleDB().APIKeys(), apikey.WithClock(func() time.Time { return now }))
	key, first, err := keys.Create(ctx, apikey.Key{Owner: "plant-7", Scopes: []string{"telemetry"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, second, err := keys.Rotate(ctx, key.ID, 24*time.Hour)
	if err != nil {
		fmt.Println(err)
		return
	}
	verify := func(secret string) string {
		p, err := keys.Verify(ctx, secret)
		if err != nil {
			return "refused"
		}
		return p.ID
	}
	fmt.Println("today:", verify(first), verify(second))
	now = now.Add(25 * time.Hour)
	fmt.Println("tomorrow:", verify(first), verify(second))
	// Output:
	// today: plant-7 plant-7
	// tomorrow: refused plant-7
}

// A ticket is accepted once, whichever process it comes to.
func ExampleDB_Tickets_usedTwice() {
	ctx, db := context.Background(), exampleDB()
	ticket := authz.Ticket{Principal: authz.Principal{ID: "ann"}, ExpiresAt: time.Now().Add(30 * time.Second)}
	if err := db.Tickets().Create(ctx, "hash of a ticket", ticket); err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		used, err := db.Tickets().Consume(ctx, "hash of a ticket")
		fmt.Printf("%q %v\n", used.Principal.ID, errors.Is(err, authz.ErrNoTicket))
	}
	// Output:
	// "ann" false
	// "" true
}

// A process that has not seen the fresh token of a connection reads it from the table.
func ExampleDB_Renewals_otherProcess() {
	ctx, db := context.Background(), exampleDB()
	_, err := db.Renewals().Load(ctx, "L0SM9cOFvHcCIhw=")
	fmt.Println(errors.Is(err, authz.ErrNoRenewal))
	renewed := authz.Principal{ID: "ann", ExpiresAt: noon()}
	if err := db.Renewals().Save(ctx, "L0SM9cOFvHcCIhw=", renewed); err != nil {
		fmt.Println(err)
		return
	}
	p, err := db.Renewals().Load(ctx, "L0SM9cOFvHcCIhw=")
	fmt.Println(p.ID, p.ExpiresAt.Format(time.TimeOnly), err)
	// Output:
	// true
	// ann 12:00:00 <nil>
}

// The limit holds for all processes together: the second one refuses what the first has used up.
func ExampleDB_Buckets_refuse() {
	ctx, namespace := context.Background(), dynamotest.Namespace(page{})
	open := func() *ratelimit.Limiter { // as each process does
		db := dynamo.Open(dynamotest.Client(page{}), dynamotest.Table(page{}), dynamo.WithNamespace(namespace),
			dynamo.WithClock(noon), dynamo.WithLimitTimeout(time.Hour))
		return ratelimit.New(db.Buckets(), "messages", ratelimit.Limit{Rate: 0.5, Burst: 3}, ratelimit.FailOpen)
	}
	first, second := open(), open()
	for range 3 {
		d, err := first.Allow(ctx, "ann", 1)
		fmt.Println(d.Allowed, d.Remaining, err)
	}
	d, err := second.Allow(ctx, "ann", 1)
	fmt.Println(d.Allowed, d.RetryAfter, err)
	// Output:
	// true 2 <nil>
	// true 1 <nil>
	// true 0 <nil>
	// false 2s <nil>
}

// A quota counts in the same store.
func ExampleDB_Buckets_quota() {
	ctx := context.Background()
	day := ratelimit.NewQuota(exampleDB().Buckets(), "day", ratelimit.Quota{Max: 2, Per: ratelimit.Day},
		ratelimit.FailClosed, ratelimit.WithClock(noon))
	for range 3 {
		d, err := day.Allow(ctx, "ann", 1)
		fmt.Println(d.Allowed, d.RetryAfter, err)
	}
	// Output:
	// true 0s <nil>
	// true 0s <nil>
	// false 12h0m0s <nil>
}

// Plans are set by an administrator, and read by every process.
func ExampleDB_Plans_set() {
	ctx, plans := context.Background(), exampleDB().Plans()
	for name, limits := range map[string]plan.Plan{
		"free": {Limit: ratelimit.Limit{Rate: 1, Burst: 5}},
		"pro":  {Limit: ratelimit.Limit{Rate: 20, Burst: 100}},
	} {
		if err := plans.Set(ctx, name, limits); err != nil {
			fmt.Println(err)
			return
		}
	}
	pro, err := plans.Plan(ctx, "pro")
	fmt.Println(pro.Limit.Burst, err)
	all, err := plans.List(ctx)
	fmt.Println(slices.Sorted(maps.Keys(all)), err)
	fmt.Println(plans.Set(ctx, "broken", plan.Plan{Limit: ratelimit.Limit{Rate: 1}}))
	// Output:
	// 100 <nil>
	// [free pro] <nil>
	// dynamo: set plan "broken": ratelimit: the burst 0 must be at least 1
}

// The records of all processes add up to one for each day, kind and name.
func ExampleDB_Usage_bill() {
	ctx, usage := context.Background(), exampleDB().Usage()
	day := noon().Format(time.DateOnly)
	for range 2 { // two processes
		_, _, err := usage.Add(ctx, []metering.Record{
			{Day: day, Kind: "key", Name: "k1", Connections: 1, Messages: 500},
			{Day: day, Kind: "plan", Name: "pro", Connections: 1, Messages: 500},
		})
		if err != nil {
			slog.ErrorContext(ctx, "usage", "error", err)
		}
	}
	records, err := usage.Day(ctx, noon())
	for _, r := range records {
		fmt.Println(r.Kind, r.Name, r.Connections, r.Messages)
	}
	fmt.Println(err)
	// Output:
	// key k1 2 1000
	// plan pro 2 1000
	// <nil>
}
