package broadcast

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// TestWith checks that options apply to the copy only.
func TestWith(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var posts atomic.Int32
		p := posterFunc(func(context.Context, gatesock.Target, []byte) error {
			posts.Add(1)
			return errors.New("the network is down")
		})
		b := New(p, room(1, 1), withJitter(fullJitter), WithRetries(100, 30*time.Second))
		impatient := b.With(WithRetries(100, 2*time.Second))
		for _, c := range []struct {
			b       *Broadcaster
			within  time.Duration
			atLeast time.Duration
		}{{impatient, 2 * time.Second, time.Second}, {b, 30 * time.Second, 20 * time.Second}} {
			start := time.Now()
			rep, err := c.b.Send(t.Context(), To("room"), hello())
			require.NoError(t, err)
			require.Equal(t, 1, rep.Failed)
			require.LessOrEqual(t, time.Since(start), c.within)
			require.Greater(t, time.Since(start), c.atLeast)
		}
	})
}

// TestWithShares checks that what one learns about the rate and slow clients the other knows.
func TestWithShares(t *testing.T) {
	t.Parallel()
	b := New(always(nil), room(1, 1), WithRate(100))
	with := b.With(WithConcurrency(3), WithSlowConsumers(defaultRefusals, FailOnSlow))
	require.Same(t, b.rate, with.rate)
	require.Same(t, b.slowness, with.slowness)
	require.Equal(t, 3, with.concurrency)
	require.Equal(t, defaultConcurrency, b.concurrency)
	require.Equal(t, SkipSlow, b.slowPolicy)
}

func TestWithPanics(t *testing.T) {
	t.Parallel()
	b := New(always(nil), room(1, 1))
	for name, call := range map[string]func(){
		"nil":             func() { (*Broadcaster)(nil).With() },
		"zero":            func() { new(Broadcaster).With() },
		"nil option":      func() { b.With(nil) },
		"rate":            func() { b.With(WithRate(5)) },
		"coalescing":      func() { b.With(WithCoalescing(time.Second)) },
		"refusals":        func() { b.With(WithSlowConsumers(9, SkipSlow)) },
		"no relay":        func() { b.With(WithHandOffAfter(0)) },
		"no disconnector": func() { b.With(WithSlowConsumers(defaultRefusals, DisconnectSlow)) },
	} {
		require.Panics(t, call, name)
	}
}
