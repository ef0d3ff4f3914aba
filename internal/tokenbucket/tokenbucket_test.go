package tokenbucket

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
	"pgregory.net/rapid"
)

// bucket is the state of a bucket.
type bucket struct{ full int64 }

func (b bucket) allow(t time.Time, l Limit, n int) (bucket, Decision) {
	full, d := l.Take(b.full, t.UnixNano(), n)
	return bucket{full}, d
}

// noon is when the tests begin.
func noon() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

func TestBucket(t *testing.T) {
	t.Parallel()
	l := Limit{Rate: 2, Burst: 3}
	require.Equal(t, 500*time.Millisecond, l.Token())
	require.Equal(t, 1500*time.Millisecond, l.Fill())
	var b bucket
	now := noon()
	for _, step := range []struct {
		after time.Duration
		n     int
		want  Decision
	}{
		{0, 1, Decision{Allowed: true, Limit: 3, Remaining: 2}},
		{0, 0, Decision{Allowed: true, Limit: 3, Remaining: 2}},
		{0, 3, Decision{Limit: 3, Remaining: 2, RetryAfter: 500 * time.Millisecond}},
		{0, 2, Decision{Allowed: true, Limit: 3}},
		{0, 1, Decision{Limit: 3, RetryAfter: 500 * time.Millisecond}},
		{0, -5, Decision{Allowed: true, Limit: 3}},
		{0, 4, Decision{Limit: 3, RetryAfter: Never}},
		{0, math.MaxInt64/500_000_000 + 10, Decision{Limit: 3, RetryAfter: Never}},
		{200 * time.Millisecond, 2, Decision{Limit: 3, RetryAfter: 800 * time.Millisecond}},
		{-time.Hour, 1, Decision{Limit: 3, RetryAfter: time.Hour + 300*time.Millisecond}},
		{time.Hour + 300*time.Millisecond, 1, Decision{Allowed: true, Limit: 3}},
		{time.Hour, 3, Decision{Allowed: true, Limit: 3}},
	} {
		now = now.Add(step.after)
		var got Decision
		b, got = b.allow(now, l, step.n)
		require.Equal(t, step.want, got, "%+v", step)
	}
}

func TestLimitsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for _, l := range []Limit{
		{},
		{Rate: 1},
		{Burst: 1},
		{-1, 1},
		{1, -1},
		{math.NaN(), 1},
		{math.Inf(1), 1},
		{1e6 + 1, 1},
		{1e-9, 10},
		{1e-300, 1},
		{1, math.MaxInt},
	} {
		require.Error(t, l.Validate(), "%+v", l)
		b, d := bucket{}.allow(noon(), l, 1)
		require.Equal(t, Decision{RetryAfter: Never}, d)
		require.Zero(t, b)
	}
	for _, l := range []Limit{{1e6, 1e6}, {1. / 86400, 100}, {0.1, 1}} {
		require.NoError(t, l.Validate())
	}
}

// limits returns limits whose tokens take whole microseconds, so that rounding makes no
// difference.
func limits() *rapid.Generator[Limit] {
	return rapid.Custom(func(t *rapid.T) Limit {
		micros := rapid.SampledFrom([]int{1, 10, 500, 1000, 20_000, 1_000_000, 5_000_000}).Draw(t, "token")
		return Limit{Rate: 1e6 / float64(micros), Burst: rapid.IntRange(1, 100).Draw(t, "burst")}
	})
}

// TestModel checks that a bucket decides as golang.org/x/time/rate does.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := limits().Draw(t, "limit")
		model := rate.NewLimiter(rate.Limit(l.Rate), l.Burst)
		var b bucket
		now := noon()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			// Not on the edge of a token, where the model's floating point and our whole numbers
			// may differ.
			steps := time.Duration(rapid.IntRange(0, 5).Draw(t, "tokens"))
			now = now.Add(l.Token()*steps + l.Token()/4)
			n := rapid.IntRange(0, l.Burst+2).Draw(t, "n")
			var d Decision
			b, d = b.allow(now, l, n)
			tokens := model.TokensAt(now)
			require.Equal(t, model.AllowN(now, n), d.Allowed, "%d of %v", n, tokens)
			require.InDelta(t, model.TokensAt(now), float64(d.Remaining)+0.5, 0.51)
			if !d.Allowed && n <= l.Burst {
				_, again := b.allow(now.Add(d.RetryAfter), l, n)
				require.True(t, again.Allowed)
				_, again = b.allow(now.Add(d.RetryAfter-1), l, n)
				require.False(t, again.Allowed, "RetryAfter is no longer than it must be")
			}
		}
	})
}

// TestBound asks for any numbers at any times, with a clock that also goes back. No more comes
// through than burst and rate allow.
func TestBound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := Limit{
			Rate:  rapid.Float64Range(0.001, 1e6).Draw(t, "rate"),
			Burst: rapid.IntRange(1, 1000).Draw(t, "burst"),
		}
		var b bucket
		first, last, now := noon(), noon(), noon()
		taken := 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			fill := int64(l.Fill())
			now = now.Add(time.Duration(rapid.Int64Range(-fill/4, fill).Draw(t, "step")))
			if now.After(last) {
				last = now
			}
			if now.Before(first) {
				first = now
			}
			n := rapid.IntRange(0, l.Burst).Draw(t, "n")
			var d Decision
			b, d = b.allow(now, l, n)
			require.LessOrEqual(t, d.Remaining, l.Burst)
			require.GreaterOrEqual(t, d.Remaining, 0)
			require.Equal(t, d.Allowed, d.RetryAfter == 0)
			if d.Allowed {
				taken += n
			}
		}
		require.LessOrEqual(t, float64(taken), float64(l.Burst)+l.Rate*last.Sub(first).Seconds()+1e-6)
	})
}

// FuzzTake checks that no numbers make a bucket panic, overflow or allow more than it has.
func FuzzTake(f *testing.F) {
	f.Add(int64(0), int64(0), 1.0, 1, 1)
	f.Add(int64(math.MaxInt64), int64(math.MinInt64), 1e6, math.MaxInt, math.MinInt)
	f.Fuzz(func(t *testing.T, full, now int64, perSecond float64, burst, n int) {
		const century = 100 * 365 * 24 * int64(time.Hour)
		now %= century // times of this age
		full %= century
		l := Limit{perSecond, burst}
		after, d := l.Take(full, now, n)
		require.GreaterOrEqual(t, after, full)
		require.GreaterOrEqual(t, d.RetryAfter, time.Duration(0))
		require.False(t, d.Allowed && l.Validate() != nil)
		require.False(t, d.Allowed && n > burst)
		require.False(t, !d.Allowed && after != full)
	})
}
