package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSummarize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		figures []float64
		want    summary
	}{
		{nil, summary{}},
		{[]float64{3}, summary{3, 3, 3}},
		{[]float64{4, 1}, summary{2.5, 1, 4}},
		{[]float64{9, 1, 5}, summary{5, 1, 9}},
		{[]float64{9, 2, 1, 4}, summary{3, 1, 9}},
	} {
		before := append([]float64(nil), c.figures...)
		require.Equal(t, c.want, summarize(c.figures, identity), "%v", c.figures)
		require.Equal(t, before, c.figures)
	}
}
