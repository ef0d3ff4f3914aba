package dynamoconn_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/dynamoconn"
)

// A function for records that end takes all the time that it gets. The sweep saves its progress before its deadline all the
// same, whatever has ended the record and however late.
func TestSweepEndsInTimeWhateverIsAnnounced(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		probe time.Duration // how long it takes
		want  time.Duration // what the function has at the least
		most  time.Duration
	}{
		"early": {0, 16 * time.Second, 16 * time.Second},
		// Ends at 15.9 s of 20 s: 0.1 s is left before the reserve, and a third of that is for removals.
		"late": {15900 * time.Millisecond, 4 * time.Second / 3, 4 * time.Second / 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newSweepWorld(t)
				var mu sync.Mutex
				left := make(map[string]time.Duration)
				var err error
				w.store, err = dynamoconn.New(w.table, "table", dynamoconn.WithEnded(
					func(ctx context.Context, gone conn.Conn, _ conn.EndCause) {
						deadline, _ := ctx.Deadline()
						mu.Lock()
						left[gone.ID] = time.Until(deadline)
						mu.Unlock()
						<-ctx.Done()
					}))
				require.NoError(t, err)
				if c.probe == 0 {
					w.connect("expired", 1, conn.Conn{ExpiresAt: time.Now().Add(time.Minute)})
				}
				w.connect("gone", 1, conn.Conn{})
				gone := w.answers
				w.gone("gone", 1)
				w.answers = nil
				w.answer = func(ctx context.Context, to gatesock.Target) error {
					pass(c.probe)
					return gone[to.ConnectionID]
				}
				pass(time.Hour)
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				deadline, _ := ctx.Deadline()
				s := w.sweeper(dynamoconn.WithProbeTimeout(time.Minute))
				rep, err := s.Sweep(ctx)
				require.NoError(t, err)
				require.True(t, time.Now().Before(deadline))
				require.EqualValues(t, 1, rep.Run.Gone)
				for id, d := range left {
					require.GreaterOrEqual(t, d, c.want, id)
					require.LessOrEqual(t, d, c.most, id)
				}
				rep, err = s.Sweep(t.Context())
				require.NoError(t, err)
				require.False(t, rep.Busy, "the lease was given back")
			})
		})
	}
}

// A function that takes all its time in a sweep without a deadline ends all the same, before the lease does: no other sweeper
// takes over meanwhile.
func TestSweepKeepsItsLeaseWhileItAnnounces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		var err error
		w.store, err = dynamoconn.New(w.table, "table", dynamoconn.WithEnded(
			func(ctx context.Context, _ conn.Conn, _ conn.EndCause) { <-ctx.Done() }))
		require.NoError(t, err)
		w.connect("expired", 20, conn.Conn{ExpiresAt: time.Now().Add(time.Minute)})
		w.connect("gone", 20, conn.Conn{})
		w.gone("gone", 20)
		pass(time.Hour)
		ended := make(chan error, 1)
		var rep dynamoconn.Report
		go func() {
			var err error
			rep, err = w.sweeper().Sweep(t.Context())
			ended <- err
		}()
		for {
			select {
			case err := <-ended:
				require.NoError(t, err)
				require.Equal(t, dynamoconn.Counts{Scanned: 40, Gone: 20, Expired: 20, Probed: 20}, rep.Run)
				return
			case <-time.After(1007 * time.Millisecond): // virtual time
				other, err := w.sweeper().Sweep(t.Context())
				require.NoError(t, err)
				require.True(t, other.Busy || len(ended) > 0)
			}
		}
	})
}
