package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestLoadsOnAMachineThatIsLate: a load that begins after its time is over still does one operation
// for each client, so that there is something to report.
func TestLoadsOnAMachineThatIsLate(t *testing.T) {
	t.Parallel()
	s, err := startKind(t.Context(), kindGatesock)
	require.NoError(t, err)
	settings := quick(s.address)
	settings.Duration = -time.Second
	for name, load := range map[string]func() outcome{
		"echo":    func() outcome { return echoLoad(t.Context(), settings) },
		"connect": func() outcome { return connectLoad(t.Context(), settings) },
	} {
		o := load()
		require.Empty(t, o.Error, name)
		require.Zero(t, o.Lost, name)
		require.GreaterOrEqual(t, o.Operations, settings.Clients, name)
	}
	require.NoError(t, s.close(t.Context()))
}
