package broadcast

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
)

// others notes first posts to other connections: so many taken, so many refused.
func others(e *evidence, taken, refused int) {
	for i := range taken {
		e.passed(connMember("t"+name(i)), 0)
	}
	for i := range refused {
		e.refused(connMember(time.Now().String()+name(i)), 0)
	}
}

// after waits in virtual time.
func after(d time.Duration) { <-time.After(d) }

func TestEvidence(t *testing.T) {
	t.Parallel()
	x := connMember("x")
	for name, c := range map[string]struct {
		around func(e *evidence) // of each refusal
		trials int
		chance float64
	}{
		"alone":             {func(e *evidence) { e.refused(x, 0) }, 0, 1},
		"one other":         {func(e *evidence) { others(e, 1, 0); e.refused(x, 0) }, 1, 1. / 2},
		"others before":     {func(e *evidence) { others(e, 9, 0); after(slotTime); e.refused(x, 0) }, 1, 1. / 10},
		"others after":      {func(e *evidence) { e.refused(x, 0); after(slotTime); others(e, 9, 0) }, 1, 1. / 10},
		"others too early":  {func(e *evidence) { others(e, 9, 0); after(2 * slotTime); e.refused(x, 0) }, 0, 1},
		"others too late":   {func(e *evidence) { e.refused(x, 0); after(2 * slotTime); others(e, 9, 0) }, 0, 1},
		"some are refused":  {func(e *evidence) { others(e, 6, 3); e.refused(x, 0) }, 1, 4. / 10},
		"all are refused":   {func(e *evidence) { others(e, 0, 9); e.refused(x, 0) }, 0, 1},
		"twice at one time": {func(e *evidence) { others(e, 9, 0); e.refused(x, 0); after(2 * slotTime); e.refused(x, 1) }, 1, 1. / 10},
		"two": {func(e *evidence) {
			others(e, 9, 0)
			e.refused(x, 0)
			after(3 * slotTime)
			others(e, 4, 0)
			e.refused(x, 1)
		}, 2, 1. / 50},
		"retries are no evidence": {func(e *evidence) {
			e.passed(connMember("y"), 1)
			e.refused(connMember("z"), 1)
			e.refused(x, 0)
		}, 0, 1},
		"a post that was taken ends the row": {func(e *evidence) {
			others(e, 9, 0)
			e.refused(x, 0)
			after(3 * slotTime)
			others(e, 9, 0)
			e.passed(x, 1)
			e.refused(x, 0)
		}, 1, 1. / 10},
		"a post that was taken at once ends it too": {func(e *evidence) {
			others(e, 9, 0)
			e.refused(x, 0)
			e.passed(x, 1)
			after(3 * slotTime)
		}, 0, 1},
		"others at another endpoint": {func(e *evidence) {
			for range 9 {
				e.passed(conn.Member{ID: "y", Endpoint: "https://far.example"}, 0)
			}
			e.refused(x, 0)
		}, 0, 1},
		"those that were refused before are no sample": {func(e *evidence) {
			e.refused(connMember("y"), 0)
			after(10 * slotTime)
			others(e, 1, 0)
			e.passed(connMember("y"), 0)
			e.refused(x, 0)
		}, 1, 1. / 2},
		"a long time ago": {func(e *evidence) {
			others(e, 9, 0)
			e.refused(x, 0)
			after(maxAge + time.Minute)
			e.refused(x, 0)
		}, 0, 1},
		"forgotten": {func(e *evidence) {
			others(e, 9, 0)
			e.refused(x, 0)
			after(3 * slotTime)
			others(e, 9, 0)
			e.forget(x)
		}, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newEvidence()
				after(time.Hour)
				c.around(e)
				after(10 * slotTime)
				got := e.refused(x, 1)
				require.Equal(t, c.trials, got.trials)
				require.InDelta(t, c.chance, got.chance, 1e-12)
			})
		})
	}
}

// All are needed: a number of refusals, that they are no chance, and a time.
func TestIsSlow(t *testing.T) {
	t.Parallel()
	const over = int64(leastSlow / slotTime)
	for _, c := range []struct {
		row  row
		want bool
	}{
		{row{trials: 5, chance: 1e-9, first: 7, last: 7 + over}, true},
		{row{trials: 5, chance: 1e-9, first: 7, last: 6 + over}, false}, // a moment
		{row{trials: 4, chance: 1e-12, last: over}, false},
		{row{trials: 500, chance: 1.1e-9, last: over}, false},
		{row{chance: 1}, false},
	} {
		require.Equal(t, c.want, c.row.isSlow(5), c.row)
	}
}
