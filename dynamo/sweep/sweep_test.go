package sweep_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

var _ lambda.Handler = (*sweep.Sweeper)(nil)

func TestSweepSettlesEveryKind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		want := w.mixed()
		began := time.Now().UTC().Truncate(time.Second)
		before := w.seen("open3")
		rep, err := w.sweeper().Sweep(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, rep.Run)
		require.Equal(t, want, rep.Pass.Counts)
		require.Equal(t, rep.Pass, *rep.Last)
		require.True(t, rep.Done)
		require.Equal(t, began, rep.Pass.Started)
		require.False(t, rep.Pass.Ended.Before(began))
		for i := range 7 {
			require.False(t, w.registered(fmt.Sprint("gone", i)))
			require.True(t, w.registered(fmt.Sprint("open", i)))
			require.True(t, w.registered(fmt.Sprint("throttled", i)))
			require.True(t, w.registered(fmt.Sprint("lately", i)))
			require.True(t, w.registered(fmt.Sprint("expired", i)))
		}
		require.Empty(t, w.table.under("g#room:1"), "with their memberships")
		require.NotEqual(t, before, w.seen("open3"))
		require.Empty(t, w.log.String())

		// What was found open is not asked for again until it was not seen for long.
		w.probes = nil
		rep, err = w.sweeper().Sweep(t.Context())
		require.NoError(t, err)
		require.Len(t, w.probes, 7, "the throttled")
		require.Equal(t, sweep.Counts{Scanned: 28, Live: 21, Expired: 7, Probed: 7, Unknown: 7}, rep.Run)
	})
}

func TestSweepOfAnEmptyTable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		rep, err := w.sweeper().Sweep(t.Context())
		require.NoError(t, err)
		require.True(t, rep.Done)
		require.Zero(t, rep.Last.Counts)
	})
}

// A connection whose $connect may still run is not probed: API Gateway would report it as gone.
func TestSweepLeavesTheYoungAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		w.connect("a", 3, conn.Conn{})
		w.gone("a", 3)
		pass(29 * time.Second)
		s := w.sweeper(sweep.WithProbeAfter(0))
		rep, err := s.Sweep(t.Context())
		require.NoError(t, err)
		require.Equal(t, sweep.Counts{Scanned: 3, Live: 3}, rep.Run)
		pass(2 * time.Second)
		rep, err = s.Sweep(t.Context())
		require.NoError(t, err)
		require.Equal(t, sweep.Counts{Scanned: 3, Gone: 3, Probed: 3}, rep.Run)
	})
}

// Only the answer that a connection is gone removes it. Nothing else that a probe does affects it.
func TestSweepOutlivesProbes(t *testing.T) {
	t.Parallel()
	unknown := sweep.Counts{Scanned: 1, Live: 1, Probed: 1, Unknown: 1}
	gone := sweep.Counts{Scanned: 1, Gone: 1, Probed: 1}
	for name, c := range map[string]struct {
		answer func(context.Context, gatesock.Target) error
		want   sweep.Counts
		log    string
	}{
		"gone, wrapped": {func(context.Context, gatesock.Target) error {
			return fmt.Errorf("a: %w", errors.Join(errors.New("410"), gatesock.ErrGone))
		}, gone, ""},
		"a text like gone": {func(context.Context, gatesock.Target) error { return errors.New("gatesock: connection is gone") }, unknown, "could not be probed"},
		"throttled":        {func(context.Context, gatesock.Target) error { return gatesock.ErrThrottled }, unknown, ""},
		"malformed id":     {func(context.Context, gatesock.Target) error { return gatesock.ErrBadConnectionID }, unknown, "could not be probed"},
		"its own cancellation": {func(context.Context, gatesock.Target) error {
			return context.Canceled
		}, unknown, "could not be probed"},
		"it never answers": {func(ctx context.Context, _ gatesock.Target) error {
			<-ctx.Done()
			return ctx.Err()
		}, unknown, "deadline exceeded"},
		"it ends its goroutine": {func(context.Context, gatesock.Target) error {
			runtime.Goexit()
			return nil
		}, unknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newSweepWorld(t)
				w.connect("a", 1, conn.Conn{})
				w.answer = c.answer
				pass(time.Hour)
				rep, err := w.sweeper().Sweep(t.Context())
				require.NoError(t, err)
				require.Equal(t, c.want, rep.Run)
				require.Equal(t, c.want.Live == 1, w.registered("a0"))
				require.Contains(t, w.log.String(), c.log)
				require.True(t, rep.Done)
			})
		})
	}
}

func TestSweepPassesAPanicOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		w.connect("a", 50, conn.Conn{})
		w.gone("a", 49)
		w.answer = func(context.Context, gatesock.Target) error { panic(gatesock.ErrTooLarge) }
		pass(time.Hour)
		s := w.sweeper(sweep.WithProbeConcurrency(1))
		func() {
			defer func() {
				err, _ := recover().(error)
				require.ErrorIs(t, err, gatesock.ErrTooLarge)
				require.ErrorContains(t, err, "sweep_test.go", "with the probe's own stack")
			}()
			_, _ = s.Sweep(t.Context())
			t.Error("it returned")
		}()
		// The progress was saved, so that one bad connection is not in the way of the others for ever.
		rep, err := s.Sweep(t.Context())
		require.NoError(t, err)
		require.Equal(t, sweep.Counts{Scanned: 50, Live: 1, Gone: 49, Probed: 50, Unknown: 1}, rep.Pass.Counts)
	})
}

// A record that was removed while it was asked for is not brought back.
func TestSweepResurrectsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		w.connect("a", 2, conn.Conn{User: "ann"})
		pass(time.Hour)
		w.answer = func(ctx context.Context, to gatesock.Target) error {
			_, err := w.store.Delete(ctx, to.ConnectionID)
			if err == nil && to.ConnectionID == "a1" {
				return gatesock.ErrGone
			}
			return err
		}
		rep, err := w.sweeper().Sweep(t.Context())
		require.NoError(t, err)
		require.Equal(t, sweep.Counts{Scanned: 2, Live: 1, Gone: 1, Probed: 2}, rep.Run)
		require.Equal(t, []string{"s#sweep"}, w.table.under(""))
	})
}

func TestSweepForbidden(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		w.connect("a", 40, conn.Conn{})
		w.answer = func(context.Context, gatesock.Target) error { return gatesock.ErrForbidden }
		pass(time.Hour)
		rep, err := w.sweeper(sweep.WithProbeConcurrency(1)).Sweep(t.Context())
		require.ErrorIs(t, err, gatesock.ErrForbidden)
		require.ErrorContains(t, err, `probe connection "a`)
		require.Len(t, w.probes, 1)
		require.Equal(t, sweep.Counts{Scanned: 1, Live: 1, Probed: 1, Unknown: 1}, rep.Run)
		require.False(t, rep.Done)
	})
}

func TestSweepForbiddenEndpointFailsItsOwnConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const elsewhere = "https://deleted.example/prod"
		w := newSweepWorld(t)
		w.connect("a", 10, conn.Conn{})
		w.connect("b", 10, conn.Conn{Endpoint: elsewhere})
		w.answer = func(ctx context.Context, to gatesock.Target) error {
			if to.Endpoint == elsewhere {
				return errors.Join(await(ctx, 10*time.Millisecond), gatesock.ErrForbidden) // the next one is waiting
			}
			return gatesock.ErrGone
		}
		pass(time.Hour)
		rep, err := w.sweeper(sweep.WithProbeConcurrency(1)).Sweep(t.Context())
		require.NoError(t, err)
		require.Equal(t, sweep.Counts{Scanned: 20, Live: 10, Gone: 10, Probed: 11, Unknown: 10}, rep.Run)
		require.Contains(t, w.log.String(), elsewhere)
	})
}

func TestSweepCountsWhatItCanNotRemoveOrRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		w.connect("a", 2, conn.Conn{})
		w.gone("a", 2)
		w.table.put(fakeItem{"pk": stringValue("c#x"), "sk": stringValue("c"), "exp": stringValue("soon")})
		w.table.put(fakeItem{"pk": stringValue("c#y"), "sk": stringValue("other")})
		w.table.put(fakeItem{"pk": stringValue("@other#c#z"), "sk": stringValue("c")})
		w.table.put(fakeItem{"pk": stringValue("k#1"), "sk": stringValue("c")})
		pass(time.Hour)
		broken := errors.New("the table is broken")
		w.table.before = func(_ context.Context, operation string) error {
			if operation == "DeleteItem" {
				return broken
			}
			return nil
		}
		rep, err := w.sweeper().Sweep(t.Context())
		require.NoError(t, err)
		require.Equal(t, sweep.Counts{Scanned: 3, Failed: 3, Probed: 2}, rep.Run)
		require.Contains(t, w.log.String(), broken.Error())
		require.Contains(t, w.log.String(), "c#x")
	})
}

func TestSweepFailsWithTheTable(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"UpdateItem", "Scan"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newSweepWorld(t)
				broken := errors.New("the table is broken")
				w.table.before = func(_ context.Context, op string) error {
					if op == operation {
						return broken
					}
					return nil
				}
				rep, err := w.sweeper().Sweep(t.Context())
				require.ErrorIs(t, err, broken)
				require.Zero(t, rep.Run)
				require.False(t, rep.Done)
				w.table.before = nil
				rep, err = w.sweeper().Sweep(t.Context())
				require.NoError(t, err)
				require.True(t, rep.Done)
			})
		})
	}
}

// A table that does not exist is named, and the error keeps DynamoDB's.
func TestSweepErrorsNameTheTable(t *testing.T) {
	t.Parallel()
	probe := func(context.Context, gatesock.Target) (time.Time, error) { return time.Time{}, nil }
	_, err := sweep.New(dynamo.Open(dynamotest.Client(t), "not-there"), probe).Sweep(t.Context())
	var missing *types.ResourceNotFoundException
	require.ErrorAs(t, err, &missing)
	require.ErrorContains(t, err, `sweep: begin: table "not-there"`)
	require.NotContains(t, err.Error(), "may")
}

// A table whose pages go round in a circle ends the sweep.
func TestSweepOfATableThatDoesNotMoveOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		last fakeItem
		want string
	}{
		"the same key":  {fakeItem{"pk": stringValue("a"), "sk": stringValue("b")}, "the same as this one"},
		"no key at all": {fakeItem{"pk": numberValue(1), "sk": stringValue("b")}, "is not a string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dynamo.Open(circle{newFakeTable(), c.last}, "table")
			_, err := sweep.New(db, newSweepWorld(t).probe).Sweep(t.Context())
			require.ErrorContains(t, err, c.want)
		})
	}
}

// circle ends every page at the same key.
type circle struct {
	*fakeTable
	last fakeItem
}

func (c circle) Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	return &dynamodb.ScanOutput{LastEvaluatedKey: c.last}, nil
}

func TestSweepBoundsAProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		w.connect("a", 1, conn.Conn{})
		w.answer = func(ctx context.Context, _ gatesock.Target) error { return await(ctx, time.Hour) }
		pass(time.Hour)
		began := time.Now()
		_, err := w.sweeper(sweep.WithProbeTimeout(2 * time.Second)).Sweep(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2*time.Second, time.Since(began))
	})
}

func TestSweepAsAScheduledEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		w.connect("a", 2, conn.Conn{})
		pass(time.Hour)
		mux := eventmux.New(eventmux.Schedule(eventmux.Any, w.sweeper()))
		event := []byte(`{"version":"0","id":"1","detail-type":"Scheduled Event","source":"aws.events","detail":{}}`)
		answer, err := mux.Invoke(t.Context(), event)
		require.NoError(t, err)
		counts := `"scanned":2,"live":2,"gone":0,"expired":0,"failed":0,"probed":2,"unknown":0`
		pass := `{"started":"2000-01-01T01:00:00Z","ended":"2000-01-01T01:00:00Z",` + counts + `}`
		require.JSONEq(t, `{"run":{`+counts+`},"pass":`+pass+`,"last":`+pass+`,"done":true}`, string(answer))
		var rep sweep.Report
		require.NoError(t, json.Unmarshal(answer, &rep))
		require.EqualValues(t, 2, rep.Last.Live)

		w.table.before = func(context.Context, string) error { return errors.New("the table is broken") }
		_, err = mux.Invoke(t.Context(), event)
		require.ErrorContains(t, err, "sweep: begin: table \"table\": the table is broken")
	})
}

func TestSweeperRefusesNonsense(t *testing.T) {
	t.Parallel()
	w := newSweepWorld(t)
	for name, f := range map[string]func(){
		"no store":         func() { sweep.New(nil, w.probe) },
		"no probe":         func() { sweep.New(w.db, nil) },
		"unseen":           func() { sweep.WithProbeAfter(-1) },
		"no rate":          func() { sweep.WithProbeRate(0) },
		"no number":        func() { sweep.WithProbeRate(nan()) },
		"no probes":        func() { sweep.WithProbeConcurrency(0) },
		"no time to probe": func() { sweep.WithProbeTimeout(0) },
		"no reserve":       func() { sweep.WithDeadlineMargin(0) },
		"no items":         func() { sweep.WithPageSize(0) },
		"no log":           func() { sweep.WithLogger(nil) },
	} {
		require.Panics(t, f, name)
	}
}

func nan() float64 { zero := 0.0; return zero / zero }
