package pace

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Every row of the table of state.next, with a window of 200 ms that ends a second after the last
// throttling.
func TestStateAfterEachKindOfWindow(t *testing.T) {
	t.Parallel()
	end := time.Unix(1e9, 0)
	before := end.Add(-time.Second)
	for name, c := range map[string]struct {
		state   state
		window  window
		ceiling float64
		kind    kind
		want    state
	}{
		"quiet": {
			state{},
			window{answers: 100, delivered: 99, newlyThrottled: 1},
			0,
			quiet,
			state{},
		},
		"quiet, and nothing was throttled": {
			state{},
			window{answers: 100, delivered: 100},
			0,
			quiet,
			state{healthy: 500},
		},
		"contested": {
			state{},
			window{answers: 1000, delivered: 1000, confirmed: 21},
			0,
			contested,
			state{limit: 5000 * 0.91927639, throttled: end},
		},
		"contested with little to do": {
			state{},
			window{answers: 20, delivered: 19, confirmed: 1},
			0,
			contested,
			state{limit: 498, throttled: end},
		},
		"limited, and not used": {
			state{limit: 1000, throttled: before},
			window{answers: 139, delivered: 139},
			0,
			limited,
			state{limit: 1000, throttled: before, healthy: 695},
		},
		"limited, and used": {
			state{limit: 1000, throttled: before},
			window{answers: 140, delivered: 140},
			0,
			limited,
			state{limit: 1000 + 60*2*0.2, throttled: before, healthy: 700},
		},
		"limited at the ceiling": {
			state{limit: 1000, throttled: before},
			window{answers: 140, delivered: 140},
			1000,
			limited,
			state{limit: 1000, throttled: before, healthy: 700},
		},
		"limited, and throttled by far": {
			state{limit: 1000, throttled: before},
			window{answers: 100, delivered: 90, confirmed: 1000},
			0,
			limited,
			state{limit: 800, throttled: end},
		},
		"limited to the floor": {
			state{limit: 21, throttled: before},
			window{answers: 2, delivered: 1, confirmed: 1000},
			0,
			limited,
			state{limit: 20, throttled: end},
		},
		"silent": {
			state{limit: 1000, throttled: before, healthy: 2000},
			window{answers: 9, newlyThrottled: 9},
			0,
			silent,
			state{limit: 1000, throttled: end, healthy: 2000, resume: 1400},
		},
		"crowded": {
			state{limit: 1000, throttled: before},
			window{answers: 30, delivered: 14, newlyThrottled: 15},
			0,
			crowded,
			state{limit: 70, throttled: end},
		},
		"crowded, and nothing was delivered": {
			state{},
			window{answers: 30, newlyThrottled: 30},
			0,
			crowded,
			state{limit: 20, throttled: end},
		},
		"crowded above the limit": {
			state{limit: 50, throttled: before},
			window{answers: 30, delivered: 14, newlyThrottled: 15},
			0,
			crowded,
			state{limit: 50, throttled: end},
		},
		"resuming": {
			state{limit: 20, throttled: before, resume: 1000},
			window{answers: 4, delivered: 4, confirmed: 3},
			0,
			resuming,
			state{limit: 40, throttled: before, resume: 1000},
		},
		"resuming for the last time": {
			state{limit: 600, throttled: before, resume: 1000},
			window{answers: 120, delivered: 120, confirmed: 1},
			0,
			resuming,
			state{limit: 1000, throttled: before},
		},
		"the limit is found while resuming": {
			state{limit: 600, throttled: before, resume: 1000},
			window{answers: 120, delivered: 100, newlyThrottled: 20},
			0,
			limited,
			state{limit: 624, throttled: before},
		},
		"a minute without throttling": {
			state{limit: 600, throttled: end.Add(-time.Minute), healthy: 5},
			window{answers: 1, newlyThrottled: 1},
			0,
			silent,
			state{throttled: end.Add(-time.Minute), healthy: 5},
		},
		"stale": {
			state{limit: 600, throttled: before},
			window{seconds: 1, answers: 1000, newlyThrottled: 1000},
			0,
			crowded,
			state{limit: 600, throttled: before},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.window.end = end
			if c.window.seconds == 0 {
				c.window.seconds = 0.2
			}
			require.Equal(t, c.kind, c.state.noteOutage(c.window).classify(c.window))
			got := c.state.next(c.window, c.ceiling)
			require.InDelta(t, c.want.limit, got.limit, 1e-3)
			require.InDelta(t, c.want.healthy, got.healthy, 1e-9)
			require.InDelta(t, c.want.resume, got.resume, 1e-9)
			require.Equal(t, c.want.throttled, got.throttled)
		})
	}
}
