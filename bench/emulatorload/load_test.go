package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/bench/internal/wsload"
)

func quick(address string) wsload.Order {
	return wsload.Order{Address: address, Duration: 20 * time.Millisecond, Clients: 3, Depth: 2, Payload: 80}
}

func TestServersEcho(t *testing.T) {
	t.Parallel()
	for _, name := range []string{kindBare, kindExample, kindGatesock} {
		s, err := startKind(t.Context(), name)
		require.NoError(t, err, name)
		settings := quick(s.address)
		o := wsload.EchoLoad(t.Context(), settings)
		require.Empty(t, o.Error, name)
		require.Zero(t, o.Lost, name)
		require.Positive(t, o.Operations, name)
		o = wsload.ConnectLoad(t.Context(), settings)
		require.Empty(t, o.Error, name)
		require.Positive(t, o.Operations, name)
		require.NoError(t, s.close(t.Context()), name)
	}
}
