package conn_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

var errBackend = errors.New("backend is down")

// faulty is a store whose methods fail on demand.
type faulty struct {
	conn.Store
	put, get, del error
	calls         int
	// late makes Put do its work before it fails.
	late bool
}

func (f *faulty) Put(ctx context.Context, c conn.Conn) error {
	f.calls++
	if f.put != nil && !f.late {
		return f.put
	}
	return errors.Join(f.Store.Put(ctx, c), f.put)
}

func (f *faulty) Get(ctx context.Context, id string) (conn.Conn, error) {
	f.calls++
	if f.get != nil {
		return conn.Conn{}, f.get
	}
	return f.Store.Get(ctx, id)
}

func (f *faulty) Delete(ctx context.Context, id string) (conn.Conn, error) {
	f.calls++
	if f.del != nil {
		return conn.Conn{}, f.del
	}
	return f.Store.Delete(ctx, id)
}

func connecting() *gatesock.Request {
	return &gatesock.Request{
		EventType:    gatesock.EventConnect,
		RouteKey:     gatesock.RouteConnect,
		ConnectionID: "c1",
		ConnectedAt:  time.Now().UTC().Truncate(time.Millisecond),
		Authorizer:   map[string]string{"principalId": "ann", "tenant": "t1", "integrationLatency": "21"},
	}
}

func disconnecting() *gatesock.Request {
	req := connecting()
	req.EventType, req.RouteKey = gatesock.EventDisconnect, gatesock.RouteDisconnect
	return req
}

func accept(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil }

func requireNothingLeft(t *testing.T, m conn.Store) {
	t.Helper()
	require.Zero(t, conn.CountRecords(m))
	require.Zero(t, conn.CountGroups(m))
}

func TestTrackRegistersBeforeTheHandler(t *testing.T) {
	t.Parallel()
	m := conn.NewMemory()
	req := connecting()
	reply, err := conn.Track(m)(func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		return &gatesock.Reply{Subprotocol: "chat"}, m.Join(ctx, req.ConnectionID, "room:1")
	})(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, "chat", reply.Subprotocol)
	got, err := m.Get(t.Context(), "c1")
	require.NoError(t, err)
	require.Equal(t, conn.Conn{
		ID:          "c1",
		User:        "ann",
		Attributes:  map[string]string{conn.AuthorizerPrefix + "tenant": "t1"},
		Groups:      []string{"room:1", "user:ann"},
		ConnectedAt: req.ConnectedAt,
		ExpiresAt:   req.ConnectedAt.Add(conn.DefaultTTL).Truncate(time.Second),
	}, got)
}

func TestTrackOptions(t *testing.T) {
	t.Parallel()
	m := conn.NewMemory()
	groups := append(make([]string, 0, 8), "lobby")
	mw := conn.Track(m,
		conn.WithUser(func(*gatesock.Request) string { return "bob" }),
		conn.WithAttributes(func(*gatesock.Request) map[string]string { return map[string]string{"lang": "de"} }),
		conn.WithEndpoint(func(req *gatesock.Request) string { return "https://" + req.DomainName }),
		conn.WithGroups(func(*gatesock.Request) []string { return groups }),
		conn.WithEveryone(),
		conn.WithTTL(time.Minute),
	)
	req := connecting()
	req.DomainName = "ws.example.com"
	_, err := mw(accept)(t.Context(), req)
	require.NoError(t, err)
	require.Empty(t, groups[:2][1], "the application's slice was written to")
	got, err := m.Get(t.Context(), "c1")
	require.NoError(t, err)
	require.Equal(t, "bob", got.User)
	require.Equal(t, "https://ws.example.com", got.Endpoint)
	require.Equal(t, map[string]string{"lang": "de"}, got.Attributes)
	require.Equal(t, []string{conn.Everyone, "lobby", "user:bob"}, got.Groups)
	require.Equal(t, req.ConnectedAt.Add(time.Minute).Truncate(time.Second), got.ExpiresAt)
}

func TestTrackTakesTheTimeOfAnEventWithoutOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, at := range []time.Time{{}, time.Now().Add(-time.Second)} {
			m := conn.NewMemory()
			req := connecting()
			req.ConnectedAt, req.Time = time.Time{}, at
			_, err := conn.Track(m, conn.WithTTL(time.Minute))(accept)(t.Context(), req)
			require.NoError(t, err)
			got, err := m.Get(t.Context(), "c1")
			require.NoError(t, err)
			if at.IsZero() {
				at = time.Now()
			}
			require.Equal(t, at.UTC(), got.ConnectedAt)
		}
	})
}

func TestTrackLeavesNothingOfARefusedConnection(t *testing.T) {
	t.Parallel()
	refused := gatesock.Errorf(gatesock.CodePermissionDenied, "not you")
	m := conn.NewMemory()
	_, err := conn.Track(
		m,
		conn.WithEveryone(),
	)(
		func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			require.NoError(t, m.Join(ctx, req.ConnectionID, "room:1"))
			return nil, refused
		},
	)(
		t.Context(),
		connecting(),
	)
	require.Same(t, refused, err)
	requireNothingLeft(t, m)
}

func TestTrackLeavesNothingAfterAPanic(t *testing.T) {
	t.Parallel()
	m := conn.NewMemory()
	h := conn.Track(m)(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { panic("boom") })
	require.PanicsWithValue(t, "boom", func() { _, _ = h(t.Context(), connecting()) })
	requireNothingLeft(t, m)
}

func TestTrackLeavesNothingWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	for _, refuse := range []bool{false, true} {
		m := conn.NewMemory()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := conn.Track(m)(func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			cancel()
			if refuse {
				return nil, ctx.Err()
			}
			return nil, nil
		})(ctx, connecting())
		require.ErrorIs(t, err, context.Canceled)
		requireNothingLeft(t, m)
	}
}

func TestTrackRefusesAContextThatHasEnded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBackend)
	store := &faulty{Store: conn.NewMemory()}
	_, err := conn.Track(store)(neverCalled(t))(ctx, connecting())
	require.ErrorIs(t, err, errBackend)
	require.Equal(t, gatesock.CodeDeadlineExceeded, gatesock.CodeOf(err))
	require.Zero(t, store.calls)
}

func TestTrackRefusesWhenTheStoreFails(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"before": false, "after its work": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := conn.NewMemory()
			_, err := conn.Track(
				&faulty{Store: m, put: errBackend, late: late},
			)(
				neverCalled(t),
			)(
				t.Context(),
				connecting(),
			)
			require.ErrorIs(t, err, errBackend)
			require.Equal(t, gatesock.CodeUnavailable, gatesock.CodeOf(err))
			require.Equal(t, http.StatusServiceUnavailable, gatesock.CodeOf(err).HTTPStatus())
			requireNothingLeft(t, m)
		})
	}
}

func neverCalled(t *testing.T) gatesock.HandlerFunc {
	t.Helper()
	return func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
		t.Error("the handler was called")
		return nil, nil
	}
}

func TestTrackGivesTheHandshakeAStatus(t *testing.T) {
	t.Parallel()
	for status, failure := range map[int]error{503: errBackend, 500: conn.ErrInvalid, 200: nil} {
		r := gatesock.New(gatesock.WithLogger(slog.New(slog.DiscardHandler)))
		r.Use(conn.Track(&faulty{Store: conn.NewMemory(), put: failure}))
		answer, err := r.Invoke(t.Context(), event("CONNECT", "c1", ""))
		require.NoError(t, err)
		require.JSONEq(t, fmt.Sprintf(`{"statusCode":%d}`, status), string(answer))
	}
}

func TestTrackRefusesWhatTheStoreDoesNotTake(t *testing.T) {
	t.Parallel()
	m := conn.NewMemory()
	user := conn.WithUser(func(*gatesock.Request) string { return "\xff" })
	_, err := conn.Track(m, user)(neverCalled(t))(t.Context(), connecting())
	require.ErrorIs(t, err, conn.ErrInvalid)
	require.Equal(t, gatesock.CodeInternal, gatesock.CodeOf(err))
	requireNothingLeft(t, m)
}

func TestTrackKeepsTheHandlersErrorBesideItsOwn(t *testing.T) {
	t.Parallel()
	refused := gatesock.Errorf(gatesock.CodeRateLimited, "slow down")
	h := conn.Track(&faulty{Store: conn.NewMemory(), del: errBackend})(
		func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, refused })
	for _, req := range []*gatesock.Request{connecting(), disconnecting()} {
		_, err := h(t.Context(), req)
		require.ErrorIs(t, err, errBackend)
		require.ErrorIs(t, err, refused)
		require.Equal(t, gatesock.CodeRateLimited, gatesock.CodeOf(err))
	}
}

func TestTrackRemovesAfterTheDisconnectHandler(t *testing.T) {
	t.Parallel()
	outcomes := map[string]gatesock.HandlerFunc{
		"accepts": accept,
		"errs":    func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, errBackend },
		"panics":  func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { panic("boom") },
	}
	for name, outcome := range outcomes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := conn.NewMemory()
			mw := conn.Track(m)
			_, err := mw(accept)(t.Context(), connecting())
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			h := mw(func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
				c, err := m.Get(ctx, req.ConnectionID)
				require.NoError(t, err)
				require.Equal(t, []string{"user:ann"}, c.Groups)
				cancel()
				return outcome(ctx, req)
			})
			func() {
				defer func() { require.Equal(t, name == "panics", recover() != nil) }()
				_, err = h(ctx, disconnecting())
			}()
			require.Equal(t, name == "errs", err != nil)
			requireNothingLeft(t, m)
		})
	}
}

func TestTrackTakesADisconnectTwice(t *testing.T) {
	t.Parallel()
	h := conn.Track(conn.NewMemory())(accept)
	for range 2 {
		_, err := h(t.Context(), disconnecting())
		require.NoError(t, err)
	}
}

func TestTrackTellsOfAFailedRemoval(t *testing.T) {
	t.Parallel()
	_, err := conn.Track(&faulty{Store: conn.NewMemory(), del: errBackend})(accept)(t.Context(), disconnecting())
	require.ErrorIs(t, err, errBackend)
	require.ErrorContains(t, err, `"c1"`)
}

// hanging is a store whose Delete waits until its context ends.
type hanging struct{ conn.Store }

func (hanging) Delete(ctx context.Context, _ string) (conn.Conn, error) {
	<-ctx.Done()
	return conn.Conn{}, context.Cause(ctx)
}

func TestTrackDoesNotWaitForeverForARemoval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		_, err := conn.Track(hanging{conn.NewMemory()})(accept)(t.Context(), disconnecting())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 2*time.Second, time.Since(begin))
	})
}

func TestTrackLetsMessagesPass(t *testing.T) {
	t.Parallel()
	store := &faulty{Store: conn.NewMemory()}
	want := &gatesock.Reply{Data: 1}
	got, err := conn.Track(store)(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
		return want, nil
	})(t.Context(), &gatesock.Request{EventType: gatesock.EventMessage, ConnectionID: "c1"})
	require.NoError(t, err)
	require.Same(t, want, got)
	require.Zero(t, store.calls)
}

func TestTrackPanicsOnNonsense(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { conn.Track(nil) })
	require.Panics(t, func() { conn.WithTTL(time.Millisecond) })
	require.Panics(t, func() { conn.WithUser(nil) })
	require.Panics(t, func() { conn.WithGroups(nil) })
	require.Panics(t, func() { conn.Track(conn.NewMemory(), conn.WithShards(2)) }, "an option of NewMemory")
}
