package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo/sweep"
)

// closer notes what it is asked to close.
type closer struct {
	mu     sync.Mutex
	closed []gatesock.Target
	err    error
}

func (c *closer) Disconnect(_ context.Context, from gatesock.Target) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = append(c.closed, from)
	return c.err
}

func TestSweepClosesIdleConnections(t *testing.T) {
	t.Parallel()
	const limit = 5 * time.Minute
	for name, c := range map[string]struct {
		idle   time.Duration // for so long, at the time of the sweep; 0 is not known
		err    error         // of closing
		want   sweep.Counts
		closed int
		log    string
	}{
		"for longer than the limit": {limit + 1, nil, sweep.Counts{Scanned: 1, Idle: 1, Probed: 1}, 1, ""},
		"for the limit":             {limit, nil, sweep.Counts{Scanned: 1, Live: 1, Probed: 1}, 0, ""},
		"for a moment":              {time.Millisecond, nil, sweep.Counts{Scanned: 1, Live: 1, Probed: 1}, 0, ""},
		"nobody knows how long":     {0, nil, sweep.Counts{Scanned: 1, Live: 1, Probed: 1}, 0, ""},
		"and gone meanwhile":        {time.Hour, fmt.Errorf("disconnect: %w", gatesock.ErrGone), sweep.Counts{Scanned: 1, Gone: 1, Probed: 1}, 1, ""},
		"and closing is throttled":  {time.Hour, gatesock.ErrThrottled, sweep.Counts{Scanned: 1, Live: 1, Probed: 1}, 1, ""},
		"and closing fails":         {time.Hour, errors.New("broken"), sweep.Counts{Scanned: 1, Live: 1, Probed: 1}, 1, "idle and could not be closed: broken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, closing := newSweepWorld(t), &closer{err: c.err}
				w.connect("a", 1, conn.Conn{Endpoint: "https://a.example"})
				pass(limit + time.Second) // less than DefaultProbeAfter
				if c.idle > 0 {
					w.active = time.Now().Add(-c.idle)
				}
				rep, err := w.sweeper(sweep.WithIdleLimit(limit, closing)).Sweep(t.Context())
				require.NoError(t, err)
				require.Equal(t, c.want, rep.Run)
				require.True(t, rep.Done)
				require.Len(t, closing.closed, c.closed)
				if c.closed > 0 {
					require.Equal(t, gatesock.Target{ConnectionID: "a0", Endpoint: "https://a.example"}, closing.closed[0])
				}
				require.Equal(t, c.want.Gone == 0, w.registered("a0"), "its $disconnect removes it")
				require.Contains(t, w.log.String(), c.log)
			})
		})
	}
}

// If a connection was closed and its $disconnect did not arrive, the next sweep finds it gone.
func TestSweepFindsOutWhomItHasClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, closing := newSweepWorld(t), &closer{}
		w.connect("a", 3, conn.Conn{})
		w.active = time.Now()
		pass(time.Hour)
		s := w.sweeper(sweep.WithIdleLimit(time.Minute, closing))
		rep, err := s.Sweep(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 3, rep.Run.Idle)
		w.gone("a", 3)
		rep, err = s.Sweep(t.Context())
		require.NoError(t, err)
		require.Equal(t, sweep.Counts{Scanned: 3, Gone: 3, Probed: 3}, rep.Run)
		require.Len(t, closing.closed, 6, "those that are gone are closed before they are removed")
	})
	require.Panics(t, func() { sweep.WithIdleLimit(0, &closer{}) })
	require.Panics(t, func() { sweep.WithIdleLimit(time.Minute, nil) })
}

// A connection that was called gone may be open: it is closed before its record goes, and the
// record stays if that is not known.
func TestSweepClosesWhatIsGone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error // of closing
		want sweep.Counts
		log  string
	}{
		"was open":     {nil, sweep.Counts{Scanned: 1, Gone: 1, Probed: 1}, ""},
		"is gone":      {fmt.Errorf("disconnect: %w", gatesock.ErrGone), sweep.Counts{Scanned: 1, Gone: 1, Probed: 1}, ""},
		"is forbidden": {gatesock.ErrForbidden, sweep.Counts{Scanned: 1, Gone: 1, Probed: 1}, ""},
		"is throttled": {gatesock.ErrThrottled, sweep.Counts{Scanned: 1, Live: 1, Unknown: 1, Probed: 1}, ""},
		"fails":        {errors.New("broken"), sweep.Counts{Scanned: 1, Live: 1, Unknown: 1, Probed: 1}, "gone and could not be closed: broken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, closing := newSweepWorld(t), &closer{err: c.err}
				w.connect("a", 1, conn.Conn{Endpoint: "https://a.example"})
				w.gone("a", 1)
				pass(time.Hour)
				rep, err := w.sweeper(sweep.WithCloser(closing)).Sweep(t.Context())
				require.NoError(t, err)
				require.Equal(t, c.want, rep.Run)
				require.Equal(t, []gatesock.Target{{ConnectionID: "a0", Endpoint: "https://a.example"}}, closing.closed)
				require.Equal(t, c.want.Gone == 0, w.registered("a0"))
				require.Contains(t, w.log.String(), c.log)
			})
		})
	}
	require.Panics(t, func() { sweep.WithCloser(nil) })
}

// A role that may probe and not close does not stop the sweep, whose main work is to remove the
// connections that are gone. The ones that it cannot close count as seen, and are not probed again
// at once.
func TestSweepGoesOnWhereItMayNotClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, closing := newSweepWorld(t), &closer{err: fmt.Errorf("disconnect: %w", gatesock.ErrForbidden)}
		w.connect("idle", 5, conn.Conn{})
		w.connect("gone", 5, conn.Conn{})
		w.gone("gone", 5)
		w.active = time.Now()
		pass(time.Hour)
		s := w.sweeper(sweep.WithIdleLimit(time.Minute, closing))
		rep, err := s.Sweep(t.Context())
		require.NoError(t, err)
		require.True(t, rep.Done)
		require.Equal(t, sweep.Counts{Scanned: 10, Live: 5, Gone: 5, Probed: 10}, rep.Run)
		require.Len(t, closing.closed, 10)
		require.Equal(t, 1, strings.Count(w.log.String(), "\n"), "logged once: %s", w.log.String())
		require.Contains(t, w.log.String(), "may not be closed")

		pass(time.Second)
		rep, err = s.Sweep(t.Context())
		require.NoError(t, err)
		require.Equal(t, sweep.Counts{Scanned: 5, Live: 5}, rep.Run, "seen a moment ago")
	})
}
