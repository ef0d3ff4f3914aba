package sweep_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
	"github.com/gatesock/gatesock/eventmux"
)

// A function that EventBridge invokes every few minutes, beside the WebSocket API's own events.
func ExampleSweeper() {
	db := sweptDB()

	// probe would be: info, err := client.Info(ctx, to), with an apigw.Client, and return info.LastActiveAt, err.
	probe := func(_ context.Context, to gatesock.Target) (time.Time, error) {
		if to.ConnectionID == "W9In1dPTIAMCE3g=" {
			return time.Time{}, gatesock.ErrGone
		}
		return time.Now(), nil
	}
	mux := eventmux.New(eventmux.Schedule(eventmux.Any, sweep.New(db, probe)))

	event := `{"version":"0","source":"aws.events","detail-type":"Scheduled Event","detail":{}}`
	if _, err := mux.Invoke(context.Background(), []byte(event)); err != nil {
		fmt.Println(err)
	}
	_, err := db.Connections().Get(context.Background(), "W9In1dPTIAMCE3g=")
	fmt.Println(err)
	// Output: conn: connection "W9In1dPTIAMCE3g=" not found
}

// The number of live connections is that of the last complete pass.
func ExampleSweeper_Sweep() {
	db := sweptDB()
	probe := func(context.Context, gatesock.Target) (time.Time, error) { return time.Now(), nil }
	sweeper := sweep.New(db, probe, sweep.WithProbeRate(1000))

	report, err := sweeper.Sweep(context.Background())
	fmt.Println(report.Done, report.Run.Probed, report.Last.Live, err)
	// Output: true 2 2 <nil>
}

// sweptDB returns a table of two connections that were last seen 20 minutes ago.
func sweptDB() *dynamo.DB {
	table := newFakeTable()
	now, ago := time.Now(), time.Now().Add(-20*time.Minute)
	then := dynamo.Open(table, "table", dynamo.WithClock(func() time.Time { return ago })).Connections()
	for _, id := range []string{"W9In0cvXIAMCFvw=", "W9In1dPTIAMCE3g="} {
		if err := then.Put(context.Background(), conn.Conn{ID: id}); err != nil {
			panic(err)
		}
	}
	return dynamo.Open(table, "table", dynamo.WithClock(func() time.Time { return now }))
}
