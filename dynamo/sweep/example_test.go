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
func ExampleSweeper_onASchedule() {
	db := openSeen(20 * time.Minute) // dynamo.Open(...), with two connections seen 20 minutes ago

	// In a program: sweep.ProbeOf(client), with an apigw.Client.
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

// The last complete pass has the number of live connections.
func ExampleSweeper_Sweep_countLiveConnections() {
	db := openSeen(20 * time.Minute)
	probe := func(context.Context, gatesock.Target) (time.Time, error) { return time.Now(), nil }
	sweeper := sweep.New(db, probe, sweep.WithProbeRate(1000))

	report, err := sweeper.Sweep(context.Background())
	fmt.Println("done:", report.Done, "probed:", report.Run.Probed, "live:", report.Last.Live, err)
	// Output: done: true probed: 2 live: 2 <nil>
}

// printer prints what it closes; in a program it is an apigw.Client.
type printer struct{}

func (printer) Disconnect(_ context.Context, from gatesock.Target) error {
	fmt.Println("close", from.ConnectionID)
	return nil
}

// Connections that were open and silent for more than 8 minutes are closed.
func ExampleWithIdleLimit_closeIdleConnections() {
	db := openSeen(20 * time.Minute)
	probe := func(_ context.Context, to gatesock.Target) (time.Time, error) {
		if to.ConnectionID == "W9In1dPTIAMCE3g=" {
			return time.Now().Add(-9 * time.Minute), nil
		}
		return time.Now(), nil
	}
	sweeper := sweep.New(db, probe, sweep.WithIdleLimit(8*time.Minute, printer{}))

	report, err := sweeper.Sweep(context.Background())
	fmt.Println("idle:", report.Run.Idle, "live:", report.Run.Live, err)
	// Output:
	// close W9In1dPTIAMCE3g=
	// idle: 1 live: 1 <nil>
}

// openSeen returns a DB with two connections that were seen last some time ago.
func openSeen(ago time.Duration) *dynamo.DB {
	table := newFakeTable()
	now := time.Now()
	then := dynamo.WithClock(func() time.Time { return now.Add(-ago) })
	for _, id := range []string{"W9In0cvXIAMCFvw=", "W9In1dPTIAMCE3g="} {
		if err := dynamo.Open(table, "table", then).Connections().Put(context.Background(), conn.Conn{ID: id}); err != nil {
			panic(err)
		}
	}
	return dynamo.Open(table, "table")
}
