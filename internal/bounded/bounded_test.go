package bounded_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/bounded"
)

func value(n int64) int64 { return n }

func TestGetSetDelete(t *testing.T) {
	t.Parallel()
	m := bounded.New[string, int64](2, nil)
	_, ok := m.Get("a")
	require.False(t, ok)
	m.Set("a", 1)
	m.Set("a", 2)
	v, ok := m.Get("a")
	require.True(t, ok)
	require.EqualValues(t, 2, v)
	m.Delete("a")
	m.Delete("a")
	require.Zero(t, m.Len())
}

func TestAKnownKeyEvictsNothing(t *testing.T) {
	t.Parallel()
	m := bounded.New[string](2, value)
	m.Set("a", 1)
	m.Set("b", 2)
	m.Set("a", 7)
	require.Equal(t, 2, m.Len())
	v, _ := m.Get("a")
	require.EqualValues(t, 7, v)
}

// TestTheLeastWorthIsEvicted fills maps that are no larger than a sample, in which the choice is
// exact.
func TestTheLeastWorthIsEvicted(t *testing.T) {
	t.Parallel()
	m := bounded.New[string](8, value)
	for n := range int64(8) {
		m.Set(strconv.FormatInt(n, 10), 100-n)
	}
	m.Set("new", 1)
	_, ok := m.Get("7")
	require.False(t, ok)
	m.Set("newer", 50)
	_, ok = m.Get("new")
	require.False(t, ok, "the newest entry is evicted like any other")
	require.Equal(t, 8, m.Len())
}

// TestExpiredEntriesGoFirst has a map whose half is worth nothing: a flood of new keys evicts
// hardly any other.
func TestExpiredEntriesGoFirst(t *testing.T) {
	t.Parallel()
	m := bounded.New[int](1000, value)
	for n := range 1000 {
		m.Set(n, int64(n%2))
	}
	for n := range 400 {
		m.Set(1000+n, 1)
	}
	kept := 0
	for n := 1; n < 1000; n += 2 {
		if _, ok := m.Get(n); ok {
			kept++
		}
	}
	require.Greater(t, kept, 400, "of 500 that are worth something")
	require.Equal(t, 1000, m.Len())
}

func TestWithoutWorthTheBoundHolds(t *testing.T) {
	t.Parallel()
	m := bounded.New[int, struct{}](10, nil)
	for n := range 1000 {
		m.Set(n, struct{}{})
		_, ok := m.Get(n)
		require.True(t, ok)
	}
	require.Equal(t, 10, m.Len())
	require.Panics(t, func() { bounded.New[int, int](0, nil) })
}

func TestEvictionAllocatesNothing(t *testing.T) {
	m := bounded.New[int](1000, value)
	for n := range 2000 {
		m.Set(n, int64(n))
	}
	n := 2000
	require.Less(t, testing.AllocsPerRun(1000, func() {
		m.Set(n, int64(n))
		n++
	}), 1.0)
}
