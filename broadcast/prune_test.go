package broadcast

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/stretchr/testify/require"
)

func TestPruning(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		err  error
		conn conn.Conn // ConnectedAt is added
		age  time.Duration
		want []string
	}{
		{"gone", gatesock.ErrGone, conn.Conn{}, 5 * time.Second, []string{"c0"}},
		{"gone, too young", gatesock.ErrGone, conn.Conn{}, 5*time.Second - 1, nil},
		{"gone, registered elsewhere", gatesock.ErrGone, conn.Conn{Endpoint: "https://other.example"}, time.Hour, nil},
		{"throttled", gatesock.ErrThrottled, conn.Conn{}, time.Hour, nil},
		{"fault", errFault, conn.Conn{}, time.Hour, nil},
		{"too large", gatesock.ErrTooLarge, conn.Conn{}, time.Hour, nil},
		{"bad id", gatesock.ErrBadConnectionID, conn.Conn{}, time.Hour, nil},
		{"cut off", context.DeadlineExceeded, conn.Conn{}, time.Hour, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := room(1, 1)
				store.get = func(context.Context, string) (conn.Conn, error) {
					c.conn.ConnectedAt = time.Now().Add(-c.age)
					return c.conn, nil
				}
				b := New(answers(map[string]error{"c0": c.err}), store, WithRetries(1, 0))
				rep, err := b.Send(t.Context(), To("room"), hello())
				require.NoError(t, err)
				require.Equal(t, c.want, store.deleted)
				require.Equal(t, len(c.want), rep.Pruned)
				require.Zero(t, rep.PruneFailed)
			})
		})
	}
}

// The age of a connection is told by the clock that is given.
func TestPruningGoesByTheClock(t *testing.T) {
	t.Parallel()
	began := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	now := began
	store := room(1, 1)
	store.get = func(context.Context, string) (conn.Conn, error) { return conn.Conn{ConnectedAt: began}, nil }
	b := New(always(gatesock.ErrGone), store, WithClock(func() time.Time { return now }), WithPruneGrace(time.Hour))
	for age, pruned := range map[time.Duration]int{time.Hour - 1: 0, time.Hour: 1} {
		now = began.Add(age)
		rep, err := b.Send(t.Context(), To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, pruned, rep.Pruned, age)
	}
}

// Another may have removed it meanwhile.
func TestPruningOfWhatWasRemoved(t *testing.T) {
	t.Parallel()
	store := &shelf{del: func(context.Context, string) error { return conn.ErrNotFound }}
	rep, err := New(always(gatesock.ErrGone), store).Send(t.Context(), ToConnections("x"), hello())
	require.NoError(t, err)
	require.Equal(t, Report{Audience: 1, Gone: 1}, rep)
}

// More may be gone than may wait to be pruned.
func TestPruningOfMany(t *testing.T) {
	t.Parallel()
	const n = 1000
	store := room(n, 7)
	rep, err := New(always(gatesock.ErrGone), store, WithConcurrency(2)).Send(t.Context(), To("room"), hello())
	require.NoError(t, err)
	require.Equal(t, Report{Audience: n, Gone: n, Pruned: n}, rep)
	require.Len(t, store.deleted, n)
}

func TestPruningWithoutARecord(t *testing.T) {
	t.Parallel()
	rep, err := New(always(gatesock.ErrGone), conn.NewMemory()).Send(t.Context(), ToConnections("x"), hello())
	require.NoError(t, err)
	require.Equal(t, Report{Audience: 1, Gone: 1}, rep)
}

func TestPruningThatFailsFailsNothing(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]*shelf{
		"get": {get: func(context.Context, string) (conn.Conn, error) { return conn.Conn{}, errStore }},
		"del": {del: func(context.Context, string) error { return errStore }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			b := New(always(gatesock.ErrGone), store, WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
			rep, err := b.Send(t.Context(), ToConnections("x"), hello())
			require.NoError(t, err)
			require.Equal(t, Report{Audience: 1, Gone: 1, PruneFailed: 1}, rep)
			require.Contains(t, out.String(), "level=WARN")
			require.Contains(t, out.String(), `connectionId=x error="the store is down"`)
		})
	}
}

// With one worker, every member is posted to before the first removal.
func TestPruningComesAfterPosts(t *testing.T) {
	t.Parallel()
	var posts record
	store := room(5, 5)
	store.del = func(context.Context, string) error {
		posts.add("removed")
		return nil
	}
	p := posterFunc(func(_ context.Context, to gatesock.Target, _ []byte) error {
		posts.add(to.ConnectionID)
		return gatesock.ErrGone
	})
	rep, err := New(p, store, WithConcurrency(1), inOrder()).Send(t.Context(), To("room"), hello())
	require.NoError(t, err)
	require.Equal(t, 5, rep.Pruned)
	require.Equal(t, []string{"c0", "c1", "c2", "c3", "c4"}, posts.ids[:5])
}

// A deadline that comes while only removals are left takes nothing from the send.
func TestDeadlineWhilePruning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := room(3, 3)
		store.del = func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		rep, err := New(always(gatesock.ErrGone), store, WithConcurrency(2)).Send(ctx, To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, Report{Audience: 3, Gone: 3}, rep)
	})
}

func TestPruneThatHangsIsCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := room(1, 1)
		store.del = func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return ctx.Err()
		}
		rep, err := New(always(gatesock.ErrGone), store, WithPostTimeout(time.Second),
			WithLogger(slog.New(slog.DiscardHandler))).Send(t.Context(), To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, Report{Audience: 1, Gone: 1, PruneFailed: 1}, rep)
	})
}
