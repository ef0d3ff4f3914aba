package broadcast

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

func TestRandomSourceDecidesTheOrder(t *testing.T) {
	t.Parallel()
	order := func(seed uint64) []string {
		var r record
		p := posterFunc(func(_ context.Context, to gatesock.Target, _ []byte) error {
			r.add(to.ConnectionID)
			return nil
		})
		b := New(p, room(50, 50), WithConcurrency(1), WithRandom(rand.NewPCG(seed, 0)))
		_, err := b.SendFrame(t.Context(), To("room"), []byte(`{}`))
		require.NoError(t, err)
		return r.ids
	}
	first := order(1)
	require.Len(t, first, 50)
	require.Equal(t, first, order(1))
	require.NotEqual(t, first, order(2))
	require.ElementsMatch(t, first, order(2))
	require.Panics(t, func() { WithRandom(nil) })
}
