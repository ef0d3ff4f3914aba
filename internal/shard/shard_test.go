package shard_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/shard"
)

func TestOfStaysAsTablesHaveIt(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]int{"W9In0cvXIAMCFvw=": 850, "W9In1cvXIAMCFvw=": 47, "a": 192, "日本": 164} {
		require.Equal(t, want, shard.Of(id, 1024), id)
	}
}

func TestOfSpreadsEvenlyAndNests(t *testing.T) {
	t.Parallel()
	var sizes [8]int
	for i := range 8000 {
		id := fmt.Sprintf("W9In%05dIAMCFvw=", i)
		in8 := shard.Of(id, 8)
		sizes[in8]++
		require.Equal(t, in8%4, shard.Of(id, 4))
		require.Zero(t, shard.Of(id, 1))
	}
	for i, size := range sizes {
		require.InDelta(t, 1000, size, 150, "part %d", i)
	}
}
