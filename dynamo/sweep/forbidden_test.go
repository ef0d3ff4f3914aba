package sweep_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo/sweep"
)

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
