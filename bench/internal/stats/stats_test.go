package stats_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatesock/gatesock/bench/internal/stats"
	"github.com/stretchr/testify/require"
)

func TestSummarize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		figures []float64
		want    stats.Summary
	}{
		{nil, stats.Summary{}},
		{[]float64{3}, stats.Summary{Median: 3, Min: 3, Max: 3}},
		{[]float64{4, 1}, stats.Summary{Median: 2.5, Min: 1, Max: 4}},
		{[]float64{9, 1, 5}, stats.Summary{Median: 5, Min: 1, Max: 9}},
		{[]float64{9, 2, 1, 4}, stats.Summary{Median: 3, Min: 1, Max: 9}},
	} {
		before := slices.Clone(c.figures)
		require.Equal(t, c.want, stats.Summarize(c.figures, stats.Identity), "%v", c.figures)
		require.Equal(t, before, c.figures)
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	require.Equal(t, "2.5 ms (1.0–4.0)", stats.Spread("%.1f", " ms", []float64{4, 1}, stats.Identity))
}

func TestPerOperation(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 2.5, stats.PerOperation(10*time.Microsecond, 4), 1e-9)
	require.Zero(t, stats.PerOperation(time.Second, 0))
}
