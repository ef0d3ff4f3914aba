package until

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestMap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := Map{Max: rapid.IntRange(1, 20).Draw(t, "max")}
		latest := map[string]int64{}
		var now int64
		for range rapid.IntRange(0, 100).Draw(t, "steps") {
			now += rapid.Int64Range(0, 3).Draw(t, "step")
			key := fmt.Sprint(rapid.IntRange(0, 30).Draw(t, "key"))
			end := now + rapid.Int64Range(-2, 9).Draw(t, "for")
			m.Set(key, end, now)
			latest[key] = end
			require.LessOrEqual(t, m.Len(), m.Max)
			got, ok := m.Get(key)
			require.True(t, ok)
			require.Equal(t, end, got)
		}
		for key, end := range latest {
			if got, ok := m.Get(key); ok {
				require.Equal(t, end, got)
			}
		}
	})
}

// What still matters stays as long as there is something else to put out.
func TestWhatIsOverGoesFirst(t *testing.T) {
	t.Parallel()
	m := Map{Max: 100}
	m.Set("matters", 1<<40, 0)
	for i := range int64(10_000) {
		m.Set(fmt.Sprint(i), i+10, i)
	}
	_, ok := m.Get("matters")
	require.True(t, ok)

	m = Map{Max: 100}
	for i := range int64(100) {
		m.Set(fmt.Sprint(i), 1, 0)
	}
	m.Set("new", 3, 2)
	require.LessOrEqual(t, m.Len(), 100-looked+1, "all go that were looked at and are over")
}

func TestSetAllocatesNothing(t *testing.T) {
	m := Map{Max: 2}
	keys := []string{"a", "b", "c"}
	i := 0
	require.Zero(t, testing.AllocsPerRun(1000, func() { m.Set(keys[i%3], int64(i), int64(i)); i++ }))
}
