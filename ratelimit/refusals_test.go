package ratelimit

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

// Refusals are counted for a bounded number of connections, however many are refused; and for those that are left, rightly.
func TestRefusalsAreBounded(t *testing.T) {
	t.Parallel()
	var r refusals
	for i := range 3 * maxCounted {
		require.False(t, r.reach(fmt.Sprint(i), 2))
		require.LessOrEqual(t, len(r.n), maxCounted)
	}
	require.False(t, r.reach("last", 2))
	require.True(t, r.reach("last", 2))
	require.False(t, r.reach("last", 2))
	require.True(t, r.reach("last", 2), "and again as many")
	r.forget("last")
	require.False(t, r.reach("last", 2))
}

// However many plans are named, a process remembers a bounded number.
func TestPlansAreBounded(t *testing.T) {
	t.Parallel()
	p := &PlanLimiter{Source: PlanMap{"free": {}}, Default: "free", Buckets: new(Memory), Failure: FailOpen, Logger: slog.New(slog.DiscardHandler)}
	for i := range 3 * maxPlans {
		_, err := p.Allow(t.Context(), fmt.Sprint(i), "k", 1)
		require.NoError(t, err)
		require.LessOrEqual(t, len(p.entries), maxPlans)
	}
}
