package conn_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// TestEndedStopsAtItsCallersDeadline checks that no function runs beyond the deadline of callers
// that need the time after it.
func TestEndedStopsAtItsCallersDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := new(told)
		m := conn.NewMemory(conn.WithEnded(f.ended))
		for _, id := range []string{"a", "b", "c"} {
			require.NoError(t, m.Put(t.Context(), conn.Conn{ID: id}))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		deadline, _ := ctx.Deadline()
		_, err := m.Delete(ctx, "a")
		require.NoError(t, err)
		got, _ := f.ctx.Deadline()
		require.Equal(t, deadline, got, "of the call")

		short, cancel := context.WithTimeout(
			context.WithoutCancel(conn.WithEndCause(ctx, conn.EndPruned)),
			time.Minute,
		)
		defer cancel()
		_, err = m.Delete(short, "b")
		require.NoError(t, err)
		got, _ = f.ctx.Deadline()
		require.Equal(t, deadline, got, "of what said the cause")

		<-ctx.Done()
		_, err = m.Delete(short, "c")
		require.NoError(t, err)
		got, _ = f.ctx.Deadline()
		require.Equal(t, deadline, got, "also when it is over")
		require.Len(t, f.list, 3)
	})
}

// TestEachEndedHasItsOwnTimeAfterTheEvent checks that a record that ends because of the function
// has 2 seconds of its own if the event has no time left.
func TestEachEndedHasItsOwnTimeAfterTheEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m conn.Store
		left := make(map[string]time.Duration)
		m = conn.NewMemory(conn.WithEnded(func(ctx context.Context, c conn.Conn, _ conn.EndCause) {
			deadline, _ := ctx.Deadline()
			left[c.ID] = time.Until(deadline)
			if c.ID != "c1" {
				return
			}
			for _, id := range []string{"c2", "c3"} {
				_, err := m.Delete(conn.WithEndCause(ctx, conn.EndPruned), id)
				require.NoError(t, err)
			}
			<-time.After(1900 * time.Millisecond) // virtual time
		}))
		for _, id := range []string{"c1", "c2", "c3"} {
			require.NoError(t, m.Put(t.Context(), conn.Conn{ID: id}))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := conn.Track(m)(func(ctx context.Context, _ *gatesock.Request) (*gatesock.Reply, error) {
			<-ctx.Done()
			return nil, nil
		})(ctx, disconnecting())
		require.NoError(t, err)
		require.Equal(
			t,
			map[string]time.Duration{"c1": 2 * time.Second, "c2": 2 * time.Second, "c3": 2 * time.Second},
			left,
		)
	})
}
