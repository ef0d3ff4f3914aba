package plan

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCacheIsBounded checks that a process remembers a bounded number of names.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	load := func(context.Context, string, int) (int, time.Duration, error) { return 1, time.Minute, nil }
	c := newCache(time.Now, load, func(int) bool { return true })
	for i := range 3 * maxNames {
		_, fresh, err := c.get(t.Context(), fmt.Sprint(i))
		require.NoError(t, err)
		require.True(t, fresh)
		require.LessOrEqual(t, c.entries.Len(), maxNames)
	}
}
