package sweep_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

// sweepTable makes a table for one test: a sweep reads the table whole, with what other tests have
// there.
func sweepTable(t *testing.T) (client *dynamodb.Client, table string) {
	t.Helper()
	client, table = dynamotest.Local(t), "sweep-"+dynamotest.Namespace(t)
	require.NoError(t, dynamo.Open(client, table).CreateTable(t.Context()))
	return client, table
}

// later is a clock that is ahead.
func later(d time.Duration) dynamo.Option {
	return dynamo.WithClock(func() time.Time { return time.Now().Add(d) })
}

// deaf is an emulated API that tracks its connections, and whose function never sees a $disconnect.
type deaf struct {
	*emulator.Server
	ended chan struct{} // gets one for each $disconnect that is lost
}

func newDeaf(t *testing.T, store conn.Store) deaf {
	t.Helper()
	d := deaf{ended: make(chan struct{}, 100)}
	r := gatesock.New()
	r.Use(func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			if req.EventType == gatesock.EventDisconnect {
				d.ended <- struct{}{}
				return nil, nil //nolint:nilnil // there is no reply
			}
			return next(ctx, req)
		}
	}, conn.Track(store, conn.WithEveryone()))
	gatesock.HandleReply(r, "whoami", func(_ context.Context, req *gatesock.Request, _ struct{}) (string, error) {
		return req.ConnectionID, nil
	})
	gateway, err := emulator.New(r, emulator.Config{})
	require.NoError(t, err)
	d.Server, err = emulator.Serve(t.Context(), gateway, "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, d.Close(ctx))
	})
	return d
}

func (d deaf) connect(t *testing.T) (ws *websocket.Conn, id string) {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), d.URL, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = ws.CloseNow() })
	require.NoError(t, wsjson.Write(t.Context(), ws, map[string]string{"action": "whoami", "id": "1"}))
	var reply struct{ Data string }
	require.NoError(t, wsjson.Read(t.Context(), ws, &reply))
	return ws, reply.Data
}

// interrupted ends a context with the n-th page of the table.
type interrupted struct {
	dynamo.API
	mu   sync.Mutex
	n    int
	stop context.CancelFunc
}

func (i *interrupted) Scan(
	ctx context.Context, in *dynamodb.ScanInput, opts ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error,
) {
	out, err := i.API.Scan(ctx, in, opts...)
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.n--; i.n == 0 {
		i.stop()
	}
	return out, err
}

// Everything together: connections in a table whose end was not announced are found out with the
// SDK's client over HTTP, by sweepers that are interrupted after every second page.
func TestSweepWithTheEmulatorAndDynamoDB(t *testing.T) {
	t.Parallel()
	client, table := sweepTable(t)
	namespace := dynamo.WithNamespace("prod")
	store := dynamo.Open(client, table, namespace).Connections()
	server := newDeaf(t, store)
	var open []string
	for i := range 20 {
		ws, id := server.connect(t)
		if i%4 == 0 {
			require.NoError(t, ws.CloseNow())
			<-server.ended
			continue
		}
		open = append(open, id)
	}
	// Another stage's connections are not this sweeper's.
	other := dynamo.Open(client, table, dynamo.WithNamespace("dev")).Connections()
	require.NoError(t, other.Put(t.Context(), conn.Conn{ID: "W9In0cvXIAMCFvw="}))

	poster, err := apigw.New(nil, server.Endpoint)
	require.NoError(t, err)
	t.Cleanup(poster.CloseIdleConnections)
	probe := func(ctx context.Context, to gatesock.Target) (time.Time, error) {
		info, err := poster.Info(ctx, to)
		return info.LastActiveAt, err
	}
	var sum sweep.Counts
	for runs := 1; ; runs++ {
		ctx, cancel := context.WithCancel(t.Context())
		api := &interrupted{API: client, n: 3, stop: cancel}
		ahead := dynamo.Open(api, table, namespace, later(20*time.Minute))
		rep, err := sweep.New(ahead, probe, patient(),
			sweep.WithPageSize(10), sweep.WithProbeRate(1000)).Sweep(ctx)
		cancel()
		sum = added(sum, rep.Run)
		require.Equal(t, sum, rep.Pass.Counts)
		if rep.Done {
			require.NoError(t, err)
			require.Greater(t, runs, 1)
			break
		}
		require.ErrorIs(t, err, context.Canceled)
	}
	require.EqualValues(t, 20, sum.Scanned)
	require.EqualValues(t, 15, sum.Live)
	require.EqualValues(t, 5, sum.Gone)
	require.Zero(t, sum.Failed)

	var left []string
	for m, err := range conn.Members(t.Context(), store, conn.Everyone) {
		require.NoError(t, err)
		left = append(left, m.ID)
	}
	require.ElementsMatch(t, open, left)
	_, err = other.Get(t.Context(), "W9In0cvXIAMCFvw=")
	require.NoError(t, err)

	// The last number can be read, and only the connections whose probe was cut off are probed again.
	soon := dynamo.Open(client, table, namespace, later(21*time.Minute))
	rep, err := sweep.New(soon, probe, patient()).Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, sweep.Counts{Scanned: 15, Live: 15, Probed: sum.Unknown}, rep.Run)
}

// The lease's condition, as DynamoDB understands it.
func TestSweepLeaseInTheTable(t *testing.T) {
	t.Parallel()
	client, table := sweepTable(t)
	now := time.Now()
	in := func(d time.Duration) types.AttributeValue { return numberValue(now.Add(d).Unix()) }
	for name, c := range map[string]struct {
		until types.AttributeValue
		busy  bool
	}{
		"no lease":         {nil, false},
		"given back":       {numberValue(0), false},
		"ran out":          {in(-time.Second), false},
		"held":             {in(time.Minute), true},
		"longer than any":  {in(time.Hour), false},
		"no number":        {stringValue("soon"), false},
		"nothing":          {&types.AttributeValueMemberNULL{Value: true}, false},
		"a fraction of it": {&types.AttributeValueMemberN{Value: "0.5"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := dynamotest.Namespace(t)
			db := dynamo.Open(client, table, dynamo.WithNamespace(namespace),
				dynamo.WithClock(func() time.Time { return now })) // others may run first, for a minute and more
			it := fakeItem{
				"pk": stringValue("@" + namespace + "#s#sweep"), "sk": stringValue("s"), "exp": in(time.Hour),
				"holder":   &types.AttributeValueMemberB{Value: []byte("somebody")},
				"progress": stringValue(`{"version":1,"last":{"started":"2026-01-01T00:00:00Z","ended":"2026-01-01T00:01:00Z","scanned":3,"live":3}}`),
			}
			if c.until != nil {
				it["until"] = c.until
			}
			_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: it})
			require.NoError(t, err)
			probe := func(context.Context, gatesock.Target) (time.Time, error) { return time.Time{}, nil }
			rep, err := sweep.New(db, probe, patient()).Sweep(t.Context())
			require.NoError(t, err)
			require.Equal(t, c.busy, rep.Busy)
			require.Equal(t, !c.busy, rep.Done)
			if c.busy {
				require.EqualValues(t, 3, rep.Last.Live)
			}
		})
	}
}

// Eight sweepers at the same time, each as often as it can: the connections that are gone are
// removed, and no others.
func TestSweepersAtTheSameTimeInATable(t *testing.T) {
	t.Parallel()
	client, table := sweepTable(t)
	now := dynamo.Open(client, table).Connections()
	for i := range 40 {
		require.NoError(t, now.Put(t.Context(), conn.Conn{ID: fmt.Sprint(i), Groups: []string{"all"}}))
	}
	probe := func(_ context.Context, to gatesock.Target) (time.Time, error) {
		if len(to.ConnectionID) == 1 {
			return time.Time{}, gatesock.ErrGone
		}
		return time.Time{}, nil
	}
	db := dynamo.Open(client, table, later(20*time.Minute))
	var sweepers sync.WaitGroup
	var mu sync.Mutex
	var sum sweep.Counts
	for range 8 {
		sweepers.Go(func() {
			for done := false; !done; {
				rep, err := sweep.New(db, probe, patient(), sweep.WithProbeRate(2000)).Sweep(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				done = rep.Done
				mu.Lock()
				sum = added(sum, rep.Run)
				mu.Unlock()
			}
		})
	}
	sweepers.Wait()
	require.EqualValues(t, 10, sum.Gone)
	require.EqualValues(t, 40, sum.Probed, "nobody is probed twice")
	require.EqualValues(t, 8*30, sum.Live)
	left := 0
	for m, err := range conn.Members(t.Context(), db.Connections(), "all") {
		require.NoError(t, err)
		require.Len(t, m.ID, 2)
		left++
	}
	require.Equal(t, 30, left)
}

// patient lets removals take their time on a busy machine.
func patient() sweep.Option { return sweep.WithDeadlineMargin(time.Minute) }
