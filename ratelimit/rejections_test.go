package ratelimit

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRejectionsAreBounded checks that the rejected messages of a bounded number of connections
// are counted, and that the counts are right.
func TestRejectionsAreBounded(t *testing.T) {
	t.Parallel()
	r := newRejections()
	for i := range 3 * maxCounted {
		require.False(t, r.reach(fmt.Sprint(i), 2))
		require.LessOrEqual(t, r.n.Len(), maxCounted)
	}
	require.False(t, r.reach("last", 2))
	require.True(t, r.reach("last", 2))
	require.False(t, r.reach("last", 2))
	require.True(t, r.reach("last", 2), "and again as many")
	r.forget("last")
	require.False(t, r.reach("last", 2))
}
