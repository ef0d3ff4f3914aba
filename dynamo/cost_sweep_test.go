package dynamo_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
)

// sweeps go through a table of 100 connections, each with a user and a room.
func sweeps() []operation {
	return []operation{
		{
			name: "a pass, all 100 connections seen lately", given: audience(0), do: sweeping(nil), want: units{2, 3},
			why: "about 23 KB in 300 items, at half the price of a strongly consistent read; the sweep's progress, taken and saved",
		},
		{
			name: "a pass, all 100 connections probed and open", given: audience(probeAfter), do: sweeping(nil), want: units{102, 3},
			why: "1 more for each, to mark it as seen",
		},
		{
			name: "a pass, all 100 connections probed and gone", given: audience(probeAfter), do: sweeping(gatesock.ErrGone), want: units{302, 3},
			why: "1 more for each record and for each of its 2 rows",
		},
		{
			name: "a pass, all 100 connections expired", given: audience(conn.DefaultTTL), do: sweeping(nil), want: units{2, 3},
			why: "they are left to DynamoDB, which deletes them for free",
		},
		{
			name: "a pass, all 100 connections expired, with `WithEnded`", given: audience(conn.DefaultTTL), do: sweeping(nil), want: units{102, 3},
			opts: []dynamo.Option{dynamo.WithEnded(func(context.Context, conn.Conn, conn.EndCause) {})},
			why:  "1 more for each record, to be the one that ends it",
		},
	}
}

// probeAfter is how long a connection was not seen before it is probed: the default.
const probeAfter = 10 * time.Minute

// audience registers 100 connections, and lets some time go by.
func audience(ago time.Duration) func(*scene) {
	return func(s *scene) {
		for i := range 100 {
			s.put(conn.Conn{ID: memberID(i), User: fmt.Sprintf("a%02d", i), Groups: []string{room}})
		}
		s.clock.Advance(ago)
	}
}

func sweeping(found error) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error {
		probe := func(context.Context, gatesock.Target) (time.Time, error) { return time.Time{}, found }
		report, err := sweep.New(s.db, probe, sweep.WithDeadlineMargin(time.Minute), sweep.WithProbeRate(10_000)).Sweep(ctx)
		if err == nil && !report.Done {
			err = fmt.Errorf("the pass is not complete: %+v", report)
		}
		return err
	}
}
