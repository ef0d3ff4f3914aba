package gatesock

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDefaultNames(t *testing.T) {
	t.Parallel()
	w, err := newWire(Envelope{Action: "action"})
	require.NoError(t, err)
	require.Equal(t, protocolWire, w)
}
