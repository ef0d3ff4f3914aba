package recipes

import (
	"context"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/wstest"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }

// TestRights holds the table of rights in docs/recipes.md to the requests that are made.
func TestRights(t *testing.T) {
	t.Parallel()
	for function, act := range map[string]func(t *testing.T, s scene){
		"routes with `conn.Track`, `Join`, `Leave`, `SetAttributes`": func(t *testing.T, s scene) {
			r := gatesock.New()
			r.Use(conn.Track(s.used.Connections()))
			ann := wstest.New(t, r).Connect(wstest.WithUser("ann"))
			changeRecord(t, s.used.Connections(), ann.ID())
			ann.Close(1000, "")
		},
		"the same with `conn.Members`": func(t *testing.T, s scene) {
			for _, err := range conn.Members(t.Context(), s.used.Connections(), "lobby") {
				require.NoError(t, err)
			}
		},
		"the same with `conn.Records` or `conn.WithLimitPerUser`": func(t *testing.T, s scene) {
			r := gatesock.New()
			r.Use(conn.Track(s.used.Connections(), conn.WithLimitPerUser(1)))
			h := wstest.New(t, r)
			h.Connect(wstest.WithUser("bob"))
			h.ConnectRefused(wstest.WithUser("bob"))
			for _, err := range conn.Records(t.Context(), s.used.Connections(), "lobby") {
				require.NoError(t, err)
			}
		},
		"broadcasts, `Disconnect`": func(t *testing.T, s scene) {
			recorder := wstest.NewRecorder()
			recorder.Gone("gone")
			b := broadcast.New(recorder, s.used.Connections(), broadcast.WithPruneGrace(0))
			report, err := b.Send(t.Context(), broadcast.To("lobby"), gatesock.Push{Event: "hello"})
			require.NoError(t, err)
			require.Equal(t, 1, report.Pruned)
			require.NoError(t, signOut(t.Context(), b, "ann"))
		},
		"sweeper": func(t *testing.T, s scene) {
			recorder := wstest.NewRecorder()
			recorder.Gone("gone")
			probe := sweep.ProbeOf(recorder)
			report, err := sweep.New(s.used, probe, sweep.WithProbeAfter(0)).Sweep(t.Context())
			require.NoError(t, err)
			require.Equal(t, int64(1), report.Run.Gone)
		},
		"authorizer with API keys": func(t *testing.T, s scene) {
			_, secret, err := apikey.New(s.db.APIKeys()).Create(t.Context(), apikey.Key{Name: "sensor 7", Owner: "p"})
			require.NoError(t, err)
			_, err = apikey.New(s.used.APIKeys()).Verify(t.Context(), secret)
			require.NoError(t, err)
		},
		"authorizer with tickets": func(t *testing.T, s scene) {
			ticket := issue(t, s.db)
			handshake := &authz.Handshake{Query: map[string][]string{"ticket": {ticket}}}
			_, err := authz.NewTickets(s.used.Tickets()).Authenticator().Authenticate(t.Context(), handshake)
			require.NoError(t, err)
		},
		"endpoint that issues tickets": func(t *testing.T, s scene) { issue(t, s.used) },
		"limits of package `ratelimit`": func(t *testing.T, s scene) {
			limit := ratelimit.Limit{Rate: 1, Burst: 1}
			limiter := ratelimit.New(s.used.Buckets(), "messages", limit, ratelimit.FailClosed)
			for range 3 {
				_, err := limiter.Allow(t.Context(), "ann", 1)
				require.NoError(t, err)
			}
		},
	} {
		t.Run(function, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			act(t, s)
			require.NotEmpty(t, s.actions.names())
			require.Subset(t, allowed(t, function), s.actions.names())
		})
	}
}

// scene is a table with the connections of ann, one of which is gone, in the lobby for an hour.
type scene struct {
	db, used *dynamo.DB // used notes its actions
	actions  *actions
}

func newScene(t *testing.T) scene {
	t.Helper()
	namespace := dynamo.WithNamespace(dynamotest.Namespace(t))
	a := &actions{API: dynamotest.Client(t), made: map[string]bool{}}
	s := scene{
		db: dynamo.Open(dynamotest.Client(t), dynamotest.Table(t), namespace,
			dynamo.WithClock(func() time.Time { return time.Now().Add(-time.Hour) })),
		used:    dynamo.Open(a, dynamotest.Table(t), namespace),
		actions: a,
	}
	for _, id := range []string{"open", "gone"} {
		require.NoError(t, s.db.Connections().Put(t.Context(), conn.Conn{ID: id, User: "ann", Groups: []string{"lobby"}}))
	}
	return s
}

func changeRecord(t *testing.T, store conn.Store, id string) {
	t.Helper()
	require.NoError(t, store.Join(t.Context(), id, "lobby"))
	require.NoError(t, store.Leave(t.Context(), id, "lobby"))
	require.NoError(t, store.Leave(t.Context(), id, "attic"))
	_, err := store.SetAttributes(t.Context(), id, map[string]string{"color": "blue"})
	require.NoError(t, err)
}

func issue(t *testing.T, db *dynamo.DB) string {
	t.Helper()
	ticket, _, err := authz.NewTickets(db.Tickets()).Issue(t.Context(), authz.Principal{ID: "ann"}, "")
	require.NoError(t, err)
	return ticket
}

// allowed returns the actions in the row of a function. A row that begins with "and" adds to the
// first one.
func allowed(t *testing.T, function string) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/recipes.md")
	require.NoError(t, err)
	row := func(name string) string {
		found := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(name) + ` \|[^|]*\| ([^|]*) \|$`).FindSubmatch(page)
		require.NotNil(t, found, "docs/recipes.md has no row %q", name)
		return string(found[1])
	}
	cell := row(function)
	if more, ok := strings.CutPrefix(cell, "and "); ok {
		cell = row("routes with `conn.Track`, `Join`, `Leave`, `SetAttributes`") + ", " + more
	}
	return strings.Split(cell, ", ")
}

// actions notes which IAM actions the requests need.
type actions struct {
	dynamo.API
	mu   sync.Mutex
	made map[string]bool
}

func (a *actions) note(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.made[name] = true
}

func (a *actions) names() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.made))
}

func (a *actions) GetItem(
	ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	a.note("GetItem")
	return a.API.GetItem(ctx, in, opts...)
}

func (a *actions) BatchGetItem(
	ctx context.Context, in *dynamodb.BatchGetItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.BatchGetItemOutput, error) {
	a.note("BatchGetItem")
	return a.API.BatchGetItem(ctx, in, opts...)
}

func (a *actions) PutItem(
	ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.PutItemOutput, error) {
	a.note("PutItem")
	return a.API.PutItem(ctx, in, opts...)
}

func (a *actions) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	a.note("UpdateItem")
	return a.API.UpdateItem(ctx, in, opts...)
}

func (a *actions) DeleteItem(
	ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.DeleteItemOutput, error) {
	a.note("DeleteItem")
	return a.API.DeleteItem(ctx, in, opts...)
}

func (a *actions) Query(
	ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	a.note("Query")
	return a.API.Query(ctx, in, opts...)
}

func (a *actions) Scan(
	ctx context.Context, in *dynamodb.ScanInput, opts ...func(*dynamodb.Options),
) (*dynamodb.ScanOutput, error) {
	a.note("Scan")
	return a.API.Scan(ctx, in, opts...)
}
