// Package metering counts the connections and the messages of each client and of each plan, day
// by day, without limiting them. Use it for statistics and for capacity planning; for exact
// counts, such as for billing, use a quota of package ratelimit.
//
//	store := metering.NewMemory()
//	meter := metering.NewMeter(store)
//	r.Use(meter.Middleware(ratelimit.ByAPIKey()))
//	…
//	records, err := store.Day(ctx, time.Now())
//
// On the command line, gatesock usage prints what a DynamoDB table has counted.
package metering
