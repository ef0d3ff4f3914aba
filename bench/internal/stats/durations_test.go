package stats_test

import (
	"testing"
	"time"

	"github.com/gatesock/gatesock/bench/internal/stats"
	"github.com/stretchr/testify/require"
)

func TestDurations(t *testing.T) {
	t.Parallel()
	d := stats.Durations{4 * time.Millisecond, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond}
	require.InDelta(t, 3, d.Mean(), 1e-9)
	for q, want := range map[float64]float64{0: 1, 0.25: 1, 0.26: 2, 0.5: 2, 0.99: 5, 1: 5} {
		require.InDelta(t, want, d.Quantile(q), 1e-9, "%v", q)
	}
	require.Zero(t, stats.Durations(nil).Mean())
	require.Zero(t, stats.Durations(nil).Quantile(0.5))
}
