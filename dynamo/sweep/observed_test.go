package sweep_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/observe"
)

// A complete pass sets the number of live connections, and one that fails does not.
func TestLiveConnectionsAreObserved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSweepWorld(t)
		want := w.mixed()
		var lines bytes.Buffer
		o := observe.New(observe.WithOutput(&lines))
		_, err := o.Handler(w.sweeper()).Invoke(t.Context(), []byte("{}"))
		require.NoError(t, err)
		require.EqualValues(t, 21, want.Live)
		require.Contains(t, lines.String(), `"LiveConnections":21`)

		lines.Reset()
		w.table.before = func(_ context.Context, operation string) error {
			if operation == "Scan" {
				return errors.New("broken")
			}
			return nil
		}
		_, err = o.Handler(w.sweeper()).Invoke(t.Context(), []byte("{}"))
		require.ErrorContains(t, err, "broken")
		require.NotContains(t, lines.String(), "LiveConnections")
	})
}
