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
