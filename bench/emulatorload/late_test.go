package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/bench/internal/wsload"
)

// TestLoadsOnAMachineThatIsLate: a load that begins after its time is over still does one operation
// for each client, so that there is something to report.
func TestLoadsOnAMachineThatIsLate(t *testing.T) {
	t.Parallel()
	s, err := startKind(t.Context(), kindGatesock)
	require.NoError(t, err)
	settings := quick(s.address)
	settings.Duration = -time.Second
	for name, load := range map[string]func() wsload.Outcome{
		"echo":    func() wsload.Outcome { return wsload.EchoLoad(t.Context(), settings) },
		"connect": func() wsload.Outcome { return wsload.ConnectLoad(t.Context(), settings) },
	} {
		o := load()
		require.Empty(t, o.Error, name)
		require.Zero(t, o.Lost, name)
		require.GreaterOrEqual(t, o.Operations, settings.Clients, name)
	}
	require.NoError(t, s.close(t.Context()))
}
