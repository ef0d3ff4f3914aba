package sweep_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/dynamo/sweep"
	"github.com/gatesock/gatesock/wstest"
)

func TestProbeOf(t *testing.T) {
	t.Parallel()
	recorder := wstest.NewRecorder()
	h := wstest.New(t, gatesock.New(), wstest.WithPoster(recorder))
	client := h.Connect()
	h.Advance(time.Minute)
	client.SendText("hello")
	probe := sweep.ProbeOf(recorder)

	active, err := probe(t.Context(), gatesock.Target{ConnectionID: client.ID()})
	require.NoError(t, err)
	require.WithinDuration(t, h.Now(), active, time.Millisecond)

	client.Close(1000, "")
	_, err = probe(t.Context(), gatesock.Target{ConnectionID: client.ID()})
	require.ErrorIs(t, err, gatesock.ErrGone)

	require.PanicsWithValue(t, "sweep: ProbeOf: api must not be nil", func() { sweep.ProbeOf(nil) })
}
