package dev

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// waiter enters a gate in a goroutine of its own.
type waiter struct {
	in   chan error
	done chan struct{}
}

func wait(ctx context.Context, g *gate, key string) waiter {
	w := waiter{make(chan error, 1), make(chan struct{})}
	go func() {
		leave, err := g.enter(ctx, key)
		w.in <- err
		if err == nil {
			<-w.done
			leave()
		}
	}()
	synctest.Wait()
	return w
}

func (w waiter) isIn() bool {
	synctest.Wait()
	return len(w.in) == 1
}

func (w waiter) end() {
	close(w.done)
	synctest.Wait()
}

func TestGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g gate
		before := wait(t.Context(), &g, "a")
		require.True(t, before.isIn(), "an open gate lets in")
		g.hold()
		first, second, other, alone := wait(t.Context(), &g, "a"), wait(t.Context(), &g, "a"),
			wait(t.Context(), &g, "b"), wait(t.Context(), &g, "")
		for _, w := range []waiter{first, second, other, alone} {
			require.False(t, w.isIn())
		}
		g.open()
		require.True(t, first.isIn(), "what began before counts no more")
		require.True(t, other.isIn())
		require.True(t, alone.isIn())
		require.False(t, second.isIn(), "the first of the same connection runs")
		late := wait(t.Context(), &g, "a")
		require.False(t, late.isIn(), "what comes later stays behind")
		first.end()
		require.True(t, second.isIn())
		require.False(t, late.isIn())
		second.end()
		require.True(t, late.isIn())
		for _, w := range []waiter{before, other, alone, late} {
			w.end()
		}
		require.Empty(t, g.lines)
		require.Empty(t, g.alone)
		both := []waiter{wait(t.Context(), &g, "a"), wait(t.Context(), &g, "a")}
		require.True(t, both[0].isIn() && both[1].isIn(), "an open gate keeps no order")
		both[0].end()
		both[1].end()
	})
}

// A gate that is held again, while the line of the first time is not through, lets in nobody else.
func TestGateHeldAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g gate
		g.hold()
		first, second := wait(t.Context(), &g, "a"), wait(t.Context(), &g, "a")
		g.open()
		require.True(t, first.isIn())
		g.hold()
		first.end()
		require.False(t, second.isIn())
		g.open()
		g.open()
		require.True(t, second.isIn())
		second.end()
		require.Empty(t, g.lines)
	})
}

func TestGateWhoseCallerGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g gate
		g.hold()
		ctx, cancel := context.WithCancel(t.Context())
		first, alone := wait(ctx, &g, "a"), wait(ctx, &g, "")
		second := wait(t.Context(), &g, "a")
		cancel()
		require.ErrorIs(t, <-first.in, context.Canceled)
		require.ErrorIs(t, <-alone.in, context.Canceled)
		require.False(t, second.isIn(), "the gate is held")
		g.open()
		require.True(t, second.isIn())
		second.end()
		require.Empty(t, g.lines)
		require.Empty(t, g.alone)
	})
}
