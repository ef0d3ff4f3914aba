package ratelimit

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory(t *testing.T) {
	t.Parallel()
	now := noon()
	m := NewMemory(WithClock(func() time.Time { return now }))
	l := Limit{Rate: 1, Burst: 2}
	for _, key := range []string{"a", "b"} {
		for i, want := range []bool{true, true, false} {
			d, err := m.Take(t.Context(), key, l, 1)
			require.NoError(t, err)
			require.Equal(t, want, d.Allowed, "%s %d", key, i)
		}
	}
	now = now.Add(time.Second)
	require.True(t, m.takeAt(now, "a", l, 1).Allowed)
	require.False(t, m.takeAt(now, "a", l, 1).Allowed)
	require.True(t, NewMemory().takeAt(now, "a", l, 1).Allowed, "another memory")

	var d Decision
	d, err := NewMemory().Take(t.Context(), "a", l, 2)
	require.NoError(t, err)
	require.True(t, d.Allowed)
}

// TestAnotherLimitForAKey checks that a key with a changed limit keeps the time until it is full.
func TestAnotherLimitForAKey(t *testing.T) {
	t.Parallel()
	m := NewMemory()
	require.True(t, m.takeAt(noon(), "a", Limit{Rate: 1, Burst: 10}, 10).Allowed) // 10 s
	d := m.takeAt(noon(), "a", Limit{Rate: 10, Burst: 10}, 1)
	require.False(t, d.Allowed)
	require.Equal(t, 9100*time.Millisecond, d.RetryAfter)
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	m := NewMemory(WithMaxKeys(100))
	l := Limit{Rate: 1, Burst: 10}
	now := noon()
	require.True(t, m.takeAt(now, "spender", l, 10).Allowed)
	for i := range 10_000 { // one token each: full again after a second
		now = now.Add(100 * time.Microsecond)
		require.True(t, m.takeAt(now, fmt.Sprint(i), l, 1).Allowed)
		require.LessOrEqual(t, m.full.Len(), 100)
	}
	require.False(t, m.takeAt(now, "spender", l, 10).Allowed, "who owes most stays")

	// Calls that take nothing are not kept.
	m = NewMemory()
	for i := range 100 {
		m.takeAt(now, fmt.Sprint(i), l, 0)
		m.takeAt(now, fmt.Sprint(i), l, 11)
	}
	require.Zero(t, m.full.Len())
}

// TestHugeUsesAreRefused checks that a sum above the largest integer is not below the maximum.
func TestHugeUsesAreRefused(t *testing.T) {
	t.Parallel()
	m := NewMemory()
	start, end := noon(), noon().Add(time.Hour)
	for _, want := range []Usage{{Allowed: true, Total: 5}, {Total: 5}} {
		n := int64(5)
		if !want.Allowed {
			n = math.MaxInt64
		}
		got, err := m.Consume(t.Context(), "k", start, end, n, 10)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestMemoryAtOnce(t *testing.T) {
	t.Parallel()
	m := NewMemory()
	l := Limit{Rate: 1e-3, Burst: 1000}
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 100 {
				if m.takeAt(noon(), "a", l, 1).Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1000, allowed.Load())
}

func TestMemoryAllocatesNothing(t *testing.T) {
	m := NewMemory()
	l := Limit{Rate: 1e6, Burst: 1000}
	ctx := t.Context()
	require.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = m.Take(ctx, "a", l, 1) }))
	require.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = m.Take(ctx, "b", l, 2000) }))
}

func BenchmarkMemory(b *testing.B) {
	keys := make([]string, 1<<16)
	for i := range keys {
		keys[i] = fmt.Sprintf("messages#connection:L0SM9cOFvHcCIhw%d=", i)
	}
	l := Limit{Rate: 5, Burst: 20}
	for name, n := range map[string]int{"one key": 1, "65,536 keys": len(keys)} {
		b.Run(name, func(b *testing.B) {
			m := NewMemory()
			ctx := b.Context()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, err := m.Take(ctx, keys[i], l, 1); err != nil {
					b.Fatal(err)
				}
				if i++; i == n {
					i = 0
				}
			}
		})
	}
}
