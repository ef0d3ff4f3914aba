package ratelimit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// noon is when the tests begin.
func noon() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

func TestBucket(t *testing.T) {
	t.Parallel()
	l := Limit{Rate: 2, Burst: 3}
	b, d := Bucket{}.AllowN(noon(), l, 2)
	require.Equal(t, Decision{Allowed: true, Limit: 3, Remaining: 1}, d)
	require.True(t, b.FullAt.Equal(noon().Add(time.Second)))
	same, d := b.AllowN(noon(), l, 2)
	require.Equal(t, Decision{Limit: 3, Remaining: 1, RetryAfter: 500 * time.Millisecond}, d)
	require.Equal(t, b, same, "a refusal takes nothing")
	_, d = Bucket{FullAt: b.FullAt}.AllowN(noon().Add(d.RetryAfter), l, 2)
	require.True(t, d.Allowed)

	zero, d := Bucket{}.AllowN(noon(), Limit{}, 1)
	require.Equal(t, Decision{RetryAfter: Never}, d)
	require.Zero(t, zero)
	require.ErrorContains(t, Limit{Rate: 1}.Validate(), "ratelimit: the burst 0 must be at least 1")
}
