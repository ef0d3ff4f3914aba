package conn_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// told is what an EndedFunc got.
type told struct {
	mu   sync.Mutex
	list []string
	ctx  context.Context //nolint:containedctx // what a test looks at
}

func (f *told) ended(ctx context.Context, c conn.Conn, cause conn.EndCause) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, c.ID+" "+c.User+" "+string(cause))
	f.ctx = ctx
}

func TestTrackSaysWhatEndsARecord(t *testing.T) {
	t.Parallel()
	refuse := func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, errBackend }
	leftover := func(m conn.Store) error {
		return m.Put(context.Background(), conn.Conn{ID: "c1", User: "eve", Groups: []string{"g"}})
	}
	for name, c := range map[string]struct {
		given   func(conn.Store) error
		handler gatesock.HandlerFunc
		req     *gatesock.Request
		want    []string
	}{
		"a disconnect":                   {leftover, accept, disconnecting(), []string{"c1 eve disconnected"}},
		"a disconnect that comes again":  {nil, accept, disconnecting(), nil},
		"a handshake that is refused":    {nil, refuse, connecting(), []string{"c1 ann refused"}},
		"a handshake that is accepted":   {nil, accept, connecting(), nil},
		"a leftover of another":          {leftover, accept, connecting(), []string{"c1 eve replaced"}},
		"a disconnect, handler in error": {leftover, refuse, disconnecting(), []string{"c1 eve disconnected"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := new(told)
			m := conn.NewMemory(conn.WithEnded(f.ended))
			if c.given != nil {
				require.NoError(t, c.given(m))
			}
			_, _ = conn.Track(m)(c.handler)(t.Context(), c.req)
			require.Equal(t, c.want, f.list)
		})
	}
}

// TestEndedHasTheEventsTime checks that the function has until the event's deadline, not the 2
// seconds that Track leaves the store, and some time even if the event has none left.
func TestEndedHasTheEventsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := new(told)
		m := conn.NewMemory(conn.WithEnded(f.ended))
		now := time.Now()
		for want, event := range map[time.Duration]time.Duration{
			20 * time.Second: 20 * time.Second, 2 * time.Second: time.Second, 0: 0,
		} {
			ctx, cancel := context.WithCancel(t.Context())
			if event > 0 {
				ctx, cancel = context.WithDeadline(ctx, now.Add(event))
			}
			require.NoError(t, m.Put(ctx, conn.Conn{ID: "c1"}))
			_, err := conn.Track(m)(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
				cancel()
				return nil, nil
			})(ctx, disconnecting())
			require.NoError(t, err)
			deadline, ok := f.ctx.Deadline()
			require.Equal(t, want != 0, ok)
			if ok {
				require.Equal(t, want, deadline.Sub(now))
			}
			cancel()
		}
	})
}

// TestEndedAfterItsFunctionHasReturned checks that records that a goroutine removes after the
// function has returned are announced too.
func TestEndedAfterItsFunctionHasReturned(t *testing.T) {
	t.Parallel()
	var (
		m    conn.Store
		late context.Context
		list []string
	)
	m = conn.NewMemory(conn.WithEnded(func(ctx context.Context, c conn.Conn, cause conn.EndCause) {
		late = ctx
		list = append(list, c.ID+" "+string(cause))
	}))
	for _, id := range []string{"a", "b"} {
		require.NoError(t, m.Put(t.Context(), conn.Conn{ID: id}))
	}
	_, err := m.Delete(conn.WithEndCause(t.Context(), conn.EndPruned), "a")
	require.NoError(t, err)
	_, err = m.Delete(late, "b")
	require.NoError(t, err)
	require.Equal(t, []string{"a pruned", "b deleted"}, list, "a cause is for one call")
}

// TestMemoryAnnouncesWhatHasExpired checks that expired records are announced when others are
// put.
func TestMemoryAnnouncesWhatHasExpired(t *testing.T) {
	t.Parallel()
	now := time.Now()
	f := new(told)
	m := conn.NewMemory(conn.WithEnded(f.ended), conn.WithClock(func() time.Time { return now }))
	for _, id := range []string{"a", "b"} {
		require.NoError(t, m.Put(t.Context(), conn.Conn{ID: id, User: "u"}))
	}
	now = now.Add(conn.DefaultTTL + time.Second)
	_, err := m.Delete(t.Context(), "a")
	require.True(t, errors.Is(err, conn.ErrNotFound))
	require.Empty(t, f.list)
	require.NoError(t, m.Put(t.Context(), conn.Conn{ID: "c"}))
	require.ElementsMatch(t, []string{"a u expired", "b u expired"}, f.list)
	require.Panics(t, func() { conn.WithEnded(nil) })
}
