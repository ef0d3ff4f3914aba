package slowness

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

func to(id string) gatesock.Target { return gatesock.Target{ConnectionID: id} }

// others notes first posts to other connections.
func others(d *Detector, delivered, refused int) {
	for i := range delivered {
		d.Delivered(to(fmt.Sprint("t", i)), 0)
	}
	for i := range refused {
		d.Refused(to(fmt.Sprint(time.Now(), i)), 0)
	}
}

// after waits in virtual time.
func after(d time.Duration) { <-time.After(d) }

func TestRefusalsAreCompared(t *testing.T) {
	t.Parallel()
	x := to("x")
	for name, c := range map[string]struct {
		around   func(d *Detector) // of each refusal
		refusals int
		p        float64
	}{
		"alone":             {func(d *Detector) { d.Refused(x, 0) }, 0, 1},
		"one other":         {func(d *Detector) { others(d, 1, 0); d.Refused(x, 0) }, 1, 1. / 2},
		"others before":     {func(d *Detector) { others(d, 9, 0); after(slotLength); d.Refused(x, 0) }, 1, 1. / 10},
		"others after":      {func(d *Detector) { d.Refused(x, 0); after(slotLength); others(d, 9, 0) }, 1, 1. / 10},
		"others too early":  {func(d *Detector) { others(d, 9, 0); after(2 * slotLength); d.Refused(x, 0) }, 0, 1},
		"others too late":   {func(d *Detector) { d.Refused(x, 0); after(2 * slotLength); others(d, 9, 0) }, 0, 1},
		"some are refused":  {func(d *Detector) { others(d, 6, 3); d.Refused(x, 0) }, 1, 4. / 10},
		"all are refused":   {func(d *Detector) { others(d, 0, 9); d.Refused(x, 0) }, 0, 1},
		"twice at one time": {func(d *Detector) { others(d, 9, 0); d.Refused(x, 0); after(2 * slotLength); d.Refused(x, 1) }, 1, 1. / 10},
		"two": {func(d *Detector) {
			others(d, 9, 0)
			d.Refused(x, 0)
			after(3 * slotLength)
			others(d, 4, 0)
			d.Refused(x, 1)
		}, 2, 1. / 50},
		"retries are not compared": {func(d *Detector) {
			d.Delivered(to("y"), 1)
			d.Refused(to("z"), 1)
			d.Refused(x, 0)
		}, 0, 1},
		"a delivery ends the streak": {func(d *Detector) {
			others(d, 9, 0)
			d.Refused(x, 0)
			after(3 * slotLength)
			others(d, 9, 0)
			d.Delivered(x, 1)
			d.Refused(x, 0)
		}, 1, 1. / 10},
		"a delivery in the same slot ends it too": {func(d *Detector) {
			others(d, 9, 0)
			d.Refused(x, 0)
			d.Delivered(x, 1)
			after(3 * slotLength)
		}, 0, 1},
		"others at another endpoint": {func(d *Detector) {
			for range 9 {
				d.Delivered(gatesock.Target{ConnectionID: "y", Endpoint: "https://far.example"}, 0)
			}
			d.Refused(x, 0)
		}, 0, 1},
		"connections that were refused before are not compared": {func(d *Detector) {
			d.Refused(to("y"), 0)
			after(10 * slotLength)
			others(d, 1, 0)
			d.Delivered(to("y"), 0)
			d.Refused(x, 0)
		}, 1, 1. / 2},
		"a long time ago": {func(d *Detector) {
			others(d, 9, 0)
			d.Refused(x, 0)
			after(maxGap + time.Minute)
			d.Refused(x, 0)
		}, 0, 1},
		"forgotten": {func(d *Detector) {
			others(d, 9, 0)
			d.Refused(x, 0)
			after(3 * slotLength)
			others(d, 9, 0)
			d.Forget(x)
		}, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := New(5)
				after(time.Hour)
				c.around(d)
				after(10 * slotLength)
				refusals, tooSlow := d.Refused(x, 1)
				require.Equal(t, c.refusals, refusals)
				require.False(t, tooSlow)
				s, _ := d.streaks.Get(x)
				require.InDelta(t, c.p, s.p, 1e-12)
			})
		})
	}
}

// Three things are needed: a number of refusals, a small p-value, and a time.
func TestTooSlow(t *testing.T) {
	t.Parallel()
	const over = int64(leastLasting / slotLength)
	for _, c := range []struct {
		streak streak
		want   bool
	}{
		{streak{counted: 5, p: 1e-9, first: 7, last: 7 + over}, true},
		{streak{counted: 5, p: 1e-9, first: 7, last: 6 + over}, false}, // a moment
		{streak{counted: 4, p: 1e-12, last: over}, false},
		{streak{counted: 500, p: 1.1e-9, last: over}, false},
		{streak{p: 1}, false},
	} {
		require.Equal(t, c.want, c.streak.isTooSlow(5), c.streak)
	}
}

// The detector is called for each refusal of a real client: the first calls are not enough, then
// one is.
func TestRefusedReportsWhenTheStreakIsEnough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := New(5)
		x := to("x")
		for i := range 30 {
			others(d, 9, 0)
			refusals, tooSlow := d.Refused(x, i)
			require.Equal(t, i, refusals)
			require.Equal(t, i >= 10, tooSlow, "1e-9 takes 9 refusals, and 5 seconds a tenth")
			after(leastLasting / 9)
		}
	})
}

func TestStreaksAreBounded(t *testing.T) {
	t.Parallel()
	d := New(5)
	for i := range 2 * maxStreaks {
		refusals, tooSlow := d.Refused(to(fmt.Sprint(i)), 0)
		require.Zero(t, refusals)
		require.False(t, tooSlow)
	}
	require.Equal(t, maxStreaks, d.streaks.Len())
}
