package dynamoconn_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/dynamoconn"
	"github.com/gatesock/gatesock/eventmux"
)

// A function that EventBridge invokes every few minutes, beside the WebSocket API's own events.
func ExampleSweeper() {
	store := sweptStore()

	// probe would be: info, err := client.Info(ctx, to), with an apigw.Client, and return info.LastActiveAt, err.
	probe := func(_ context.Context, to gatesock.Target) (time.Time, error) {
		if to.ConnectionID == "W9In1dPTIAMCE3g=" {
			return time.Time{}, gatesock.ErrGone
		}
		return time.Now(), nil
	}
	mux := eventmux.New(eventmux.Schedule(eventmux.Any, dynamoconn.NewSweeper(store, probe)))

	event := `{"version":"0","source":"aws.events","detail-type":"Scheduled Event","detail":{}}`
	if _, err := mux.Invoke(context.Background(), []byte(event)); err != nil {
		fmt.Println(err)
	}
	_, err := store.Get(context.Background(), "W9In1dPTIAMCE3g=")
	fmt.Println(err)
	// Output: conn: connection "W9In1dPTIAMCE3g=" not found
}

// The number of live connections is that of the last complete pass.
func ExampleSweeper_Sweep() {
	store := sweptStore()
	probe := func(context.Context, gatesock.Target) (time.Time, error) { return time.Now(), nil }
	sweeper := dynamoconn.NewSweeper(store, probe, dynamoconn.WithProbeRate(1000))

	report, err := sweeper.Sweep(context.Background())
	fmt.Println(report.Done, report.Run.Probed, report.Last.Live, err)
	// Output: true 2 2 <nil>
}

// sweptStore gives a store of two connections that were last seen 20 minutes ago.
func sweptStore() *dynamoconn.Store {
	table := newFakeTable()
	now, ago := time.Now(), time.Now().Add(-20*time.Minute)
	then, err := dynamoconn.New(table, "table", dynamoconn.WithClock(func() time.Time { return ago }))
	if err != nil {
		panic(err)
	}
	for _, id := range []string{"W9In0cvXIAMCFvw=", "W9In1dPTIAMCE3g="} {
		if err := then.Put(context.Background(), conn.Conn{ID: id}); err != nil {
			panic(err)
		}
	}
	store, err := dynamoconn.New(table, "table", dynamoconn.WithClock(func() time.Time { return now }))
	if err != nil {
		panic(err)
	}
	return store
}
