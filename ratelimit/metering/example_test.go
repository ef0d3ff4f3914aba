package metering_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/metering"
)

// The messages of a day are read back, by user and by plan.
func Example_readBackADay() {
	today := time.Date(2026, time.November, 24, 12, 0, 0, 0, time.UTC)
	store := metering.NewMemory()
	meter := metering.NewMeter(store, metering.WithClock(func() time.Time { return today }))

	r := gatesock.New()
	r.Use(meter.Middleware(ratelimit.ByUser()))
	gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, struct{}) error { return nil })
	for range 3 {
		if _, err := r.Invoke(context.Background(), []byte(`{
			"requestContext": {
				"routeKey": "say", "eventType": "MESSAGE", "connectionId": "c1",
				"authorizer": {"principalId": "ann", "plan": "pro"}
			},
			"body": "{\"action\":\"say\"}"
		}`)); err != nil {
			log.Fatal(err)
		}
	}

	if err := meter.Flush(context.Background()); err != nil { // as before the program ends
		log.Fatal(err)
	}
	records, err := store.Day(context.Background(), today)
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range records {
		fmt.Println(r.Day, r.Kind, r.Name, r.Messages)
	}
	// Output:
	// 2026-11-24 plan pro 3
	// 2026-11-24 user ann 3
}
