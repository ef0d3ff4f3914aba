package sweep_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
)

// A function for records that end takes all the time that it gets. The sweep saves its progress
// before its deadline all the same, whatever has ended the record and however late.
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
				w.open(dynamo.WithEnded(
					func(ctx context.Context, gone conn.Conn, _ conn.EndCause) {
						deadline, _ := ctx.Deadline()
						mu.Lock()
						left[gone.ID] = time.Until(deadline)
						mu.Unlock()
						<-ctx.Done()
					}))
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
				s := w.sweeper(sweep.WithProbeTimeout(time.Minute))
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

// A function that takes all its time in a sweep without a deadline ends all the same, before the
// lease does: no other sweeper takes over meanwhile.
func TestSweepKeepsItsLeaseWhileItAnnounces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		w.open(dynamo.WithEnded(
			func(ctx context.Context, _ conn.Conn, _ conn.EndCause) { <-ctx.Done() }))
		w.connect("expired", 20, conn.Conn{ExpiresAt: time.Now().Add(time.Minute)})
		w.connect("gone", 20, conn.Conn{})
		w.gone("gone", 20)
		pass(time.Hour)
		ended := make(chan error, 1)
		var rep sweep.Report
		go func() {
			var err error
			rep, err = w.sweeper().Sweep(t.Context())
			ended <- err
		}()
		for {
			select {
			case err := <-ended:
				require.NoError(t, err)
				require.Equal(t, sweep.Counts{Scanned: 40, Gone: 20, Expired: 20, Probed: 20}, rep.Run)
				return
			case <-time.After(1007 * time.Millisecond): // virtual time
				other, err := w.sweeper().Sweep(t.Context())
				require.NoError(t, err)
				require.True(t, other.Busy || len(ended) > 0)
			}
		}
	})
}

// A sweeper announces the connections that it finds gone and, for a store with a function, the
// records that have expired, before DynamoDB deletes them.
func TestSweepAnnouncesWhatEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		var mu sync.Mutex
		var told []string
		var err error
		w.open(dynamo.WithEnded(
			func(_ context.Context, c conn.Conn, cause conn.EndCause) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, c.ID+" "+string(cause))
				if c.ID == "expired0" || c.ID == "gone0" {
					panic("the application's fault")
				}
			}))
		want := w.mixed()
		s := w.sweeper(sweep.WithProbeRate(1)) // an expired record waits for no probe
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
}

// closes records which connections are closed.
type closes struct{ ids []string }

func (c *closes) Disconnect(_ context.Context, from gatesock.Target) error {
	c.ids = append(c.ids, from.ConnectionID)
	return nil
}

// A sweep closes the connections whose credential has ended, and no others.
func TestSweepClosesExpiredCredentials(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		var closed closes
		var err error
		w.open(dynamo.WithEnded(conn.CloseExpired(&closed)))
		w.connect("ends", 1, conn.Conn{ConnectedAt: time.Now(), ExpiresAt: time.Now().Add(time.Minute)})
		w.connect("stays", 1, conn.Conn{ConnectedAt: time.Now()})
		pass(2 * time.Minute)
		rep, err := w.sweeper().Sweep(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 1, rep.Run.Expired)
		require.Len(t, closed.ids, 1)
		require.Contains(t, closed.ids[0], "ends")
	})
}
