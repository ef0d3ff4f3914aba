package async

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/testclock"
)

// TestFullStore: what may be forgotten makes room, and nothing else.
func TestFullStore(t *testing.T) {
	t.Parallel()
	clock := testclock.New(testclock.Noon())
	store, _ := NewMemoryOutcomes(WithClock(clock.Now)).(*memoryOutcomes)
	require.Equal(t, 100_000, store.limit)
	store.limit = 10
	claim := func(id int) error {
		_, err := store.Claim(t.Context(), fmt.Sprint(id), Claim{Token: "x", Until: clock.Now()})
		return err
	}
	for i := range 10 {
		require.NoError(t, claim(i))
	}
	require.ErrorIs(t, claim(10), errMemoryFull)
	require.NoError(t, claim(7), "one that is known")
	clock.Advance(Keep)
	require.ErrorIs(t, claim(10), errMemoryFull)
	clock.Advance(1)
	require.NoError(t, claim(10))
	require.Len(t, store.jobs, 1)
}
