package ratelimit

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// admitted is how many of the requests of a minute a store lets through, at a multiple of the
// rate and evenly spread.
func admitted(t *testing.T, store Store, now *time.Time, l Limit, load float64) int {
	t.Helper()
	step := time.Duration(float64(time.Second) / (l.Rate * load))
	allowed := 0
	for end := now.Add(time.Minute); now.Before(end); *now = now.Add(step) {
		d, err := store.Take(t.Context(), "shared", l, 1)
		require.NoError(t, err)
		if d.Allowed {
			allowed++
		}
	}
	return allowed
}

func TestShards(t *testing.T) {
	t.Parallel()
	l := Limit{Rate: 100, Burst: 203}
	due := float64(l.Burst) + l.Rate*60
	for _, shards := range []int{2, 8, 16} {
		for _, c := range []struct{ load, least float64 }{{0.5, 0.5}, {2, 0.98}, {10, 0.99}} {
			now := noon()
			s := shardsOf(NewMemory(WithClock(func() time.Time { return now })), shards)
			s.pick = rand.New(rand.NewPCG(1, uint64(shards))).IntN //nolint:gosec // the same in every run
			got := float64(admitted(t, s, &now, l, c.load))
			t.Logf("%d shards, %v times the rate: %.1f %% of what there is", shards, c.load, 100*got/due)
			require.LessOrEqual(t, got, due, "never more than one bucket")
			if c.load < 1 {
				require.Equal(t, c.load*l.Rate*60, got, "nothing is refused below the rate")
				continue
			}
			require.GreaterOrEqual(t, got, c.least*due)
		}
	}
}

func TestWhatIsTooMuchForAShard(t *testing.T) {
	t.Parallel()
	s := shardsOf(NewMemory(WithClock(noon)), 4)
	l := Limit{Rate: 1, Burst: 10}
	_, err := s.Take(t.Context(), "k", l, 3)
	require.ErrorContains(t, err, "a shard holds 2 of the burst, which is 10 in 4 shards")
	_, err = s.Take(t.Context(), "k", Limit{Rate: 1, Burst: 3}, 1)
	require.Error(t, err)
	d, err := s.Take(t.Context(), "k", l, 11)
	require.NoError(t, err)
	require.Equal(t, Never, d.RetryAfter)
	total := 0
	for range 100 {
		d, err := s.Take(t.Context(), "k", l, 1)
		require.NoError(t, err)
		require.Equal(t, 10, d.Limit)
		if d.Allowed {
			total++
			continue
		}
		require.LessOrEqual(t, d.RetryAfter, 4*time.Second)
	}
	require.Equal(t, 10, total, "what is left over belongs to the first shards")
	// A call that begins with an empty shard still finds the other.
	s = shardsOf(NewMemory(WithClock(noon)), 2)
	s.pick = func(int) int { return 0 }
	for range 4 {
		d, err := s.Take(t.Context(), "k", Limit{Rate: 1, Burst: 4}, 1)
		require.NoError(t, err)
		require.True(t, d.Allowed)
	}
	require.Panics(t, func() { Shard(nil, 2) })
	require.Panics(t, func() { Shard(NewMemory(), 1) })

	_, err = Shard(faulty{}, 2).Take(t.Context(), "k", l, 1)
	require.ErrorContains(t, err, "down")
}

func shardsOf(store Store, n int) *sharded { return Shard(store, n).(*sharded) }

type faulty struct{}

func (faulty) Take(context.Context, string, Limit, int) (Decision, error) {
	return Decision{}, errors.New("down")
}
