package stream

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// TestWait: publishers have MarkTime, but at most half of the time of the invocation.
func TestWait(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ age, timeout, want time.Duration }{
		"new":                       {0, time.Minute, MarkTime},
		"appended a while ago":      {4 * time.Second, time.Minute, 6 * time.Second},
		"old":                       {MarkTime, time.Minute, 0},
		"by a clock that is ahead":  {-time.Hour, time.Minute, MarkTime},
		"the timeout is short":      {0, 12 * time.Second, 6 * time.Second},
		"there is no deadline":      {0, 0, MarkTime},
		"by a clock that is behind": {time.Hour, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, begun := t.Context(), time.Now()
				if c.timeout > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.timeout)
					defer cancel()
				}
				b := &batch{Handler: &Handler{table: &table.Table{Clock: time.Now}}}
				require.NoError(t, b.wait(ctx, begun.Add(-c.age)))
				require.Equal(t, c.want, time.Since(begun))
			})
		})
	}
}

func TestWaitEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := &batch{Handler: &Handler{table: &table.Table{Clock: time.Now}}}
	require.ErrorIs(t, b.wait(ctx, time.Now()), context.Canceled)
}
