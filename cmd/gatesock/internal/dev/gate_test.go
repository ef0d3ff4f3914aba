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

func wait(ctx context.Context, g *gate, key string) waiter { return waitFor(ctx, g, key, "") }

func waitFor(ctx context.Context, g *gate, key, id string) waiter {
	w := waiter{make(chan error, 1), make(chan struct{})}
	go func() {
		leave, err := g.enter(ctx, key, id)
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

// The order is that of the reservations, however the invocations come.
func TestGateWithReservations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g gate
		g.reserve("a", "0")
		require.Empty(t, g.lines, "an open gate needs none")
		g.hold()
		for _, id := range []string{"1", "2", "3", "4"} {
			g.reserve("a", id)
		}
		third, second := waitFor(t.Context(), &g, "a", "3"), waitFor(t.Context(), &g, "a", "2")
		g.open()
		require.False(t, second.isIn(), "the first has not come")
		g.reserve("a", "5")
		first := waitFor(t.Context(), &g, "a", "1")
		require.True(t, first.isIn())
		g.cancel("a", "1")
		g.cancel("a", "4")
		require.False(t, second.isIn(), "what has come is not cancelled")
		first.end()
		require.True(t, second.isIn())
		require.False(t, third.isIn())
		second.end()
		require.True(t, third.isIn())
		third.end()
		fifth := waitFor(t.Context(), &g, "a", "5")
		require.True(t, fifth.isIn(), "the fourth was cancelled")
		fifth.end()
		g.hold()
		g.reserve("a", "6")
		g.reserve("a", "7")
		g.cancel("a", "")
		require.Empty(t, g.lines)
		g.cancel("b", "")
	})
}
