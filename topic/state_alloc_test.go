//go:build !race

// The race detector allocates.

package topic_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFilterAllocs bounds what a Set allocates beside its pushes: it does not parse the filters of
// its topic each time, nor the whole value for each of them.
func TestFilterAllocs(t *testing.T) {
	filters := make([]string, 20)
	for i := range filters {
		filters[i] = fmt.Sprintf(`{"where":{"site":"site %d","value":{"above":30}},"changes":["status"]}`, i)
	}
	allocs := func(n int) float64 {
		a := newTelemetry(t)
		a.subscribe(t, n, filters...)
		i := 0
		return testing.AllocsPerRun(200, func() {
			i++
			_, _, err := a.topics.Set(t.Context(), "devices", "k", a.stateOf(i))
			require.NoError(t, err)
		})
	}
	none := allocs(0)
	require.Less(t, allocs(20)-none, 40.0, "none: %v", none)
}
