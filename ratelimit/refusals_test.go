package ratelimit

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// However many connections are refused, no more than a bounded number is counted, and the one that comes last is.
func TestRefusalsOfManyConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	var r refusals
	for i := range 2 * maxCounted {
		require.False(t, r.reach(fmt.Sprint(i), 2))
	}
	require.Len(t, r.n, maxCounted)
	require.True(t, r.reach(fmt.Sprint(2*maxCounted-1), 2))
}
