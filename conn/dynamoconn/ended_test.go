package dynamoconn_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/dynamoconn"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

// A sweeper announces whom it finds gone, and, for a store that wants to know, what has expired before DynamoDB deletes it.
func TestSweepAnnouncesWhatEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		var mu sync.Mutex
		var told []string
		var err error
		w.store, err = dynamoconn.New(w.table, "table", dynamoconn.WithEnded(
			func(_ context.Context, c conn.Conn, cause conn.EndCause) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, c.ID+" "+string(cause))
				if c.ID == "expired0" || c.ID == "gone0" {
					panic("the application's fault")
				}
			}))
		require.NoError(t, err)
		want := w.mixed()
		s := w.sweeper(dynamoconn.WithProbeRate(1)) // an expired record waits for no probe
		rep, err := s.Sweep(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, rep.Run)
		var all []string
		for i := range 7 {
			all = append(all, fmt.Sprintf("expired%d expired", i), fmt.Sprintf("gone%d swept", i))
			require.False(t, w.registered(fmt.Sprint("expired", i)))
		}
		slices.Sort(all)
		slices.Sort(told)
		require.Equal(t, all, told)
		told = nil
		pass(time.Minute)
		_, err = s.Sweep(t.Context())
		require.NoError(t, err)
		require.Empty(t, told, "each once")
	})
	require.Panics(t, func() { dynamoconn.WithEnded(nil) })
}

// A record whose removal lost its answer is announced by nobody, as docs/adr/0007-table.md says: an error tells of it, and a
// broadcast's Leave ends what is left.
func TestWhatALostRemovalLeaves(t *testing.T) {
	t.Parallel()
	api := &forgetful{API: dynamotest.Client(t)}
	calls := 0
	store, err := dynamoconn.New(api, dynamotest.Table(t), dynamoconn.WithNamespace(dynamotest.Namespace(t)),
		dynamoconn.WithEnded(func(context.Context, conn.Conn, conn.EndCause) { calls++ }))
	require.NoError(t, err)
	require.NoError(t, store.Put(t.Context(), conn.Conn{ID: "a", Groups: []string{"g"}}))
	api.deletes = 1
	_, err = store.Delete(t.Context(), "a")
	require.ErrorContains(t, err, "whose answer was lost, and groups may list it until it expires")
	require.NotErrorIs(t, err, conn.ErrNotFound)
	require.Zero(t, calls)
	_, err = store.Delete(t.Context(), "a")
	require.ErrorIs(t, err, conn.ErrNotFound)
	require.NoError(t, store.Leave(t.Context(), "a", "g"))
	page, err := store.Read(t.Context(), conn.Query{Group: "g"})
	require.NoError(t, err)
	require.Empty(t, page.Members)
}
