package emulator

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestManualClock(t *testing.T) {
	t.Parallel()
	c := NewManualClock(start())
	var calls []string
	at := func(name string) func() {
		return func() { calls = append(calls, name+" at "+c.Now().Sub(start()).String()) }
	}
	c.AfterFunc(2*time.Second, at("b"))
	c.AfterFunc(time.Second, func() {
		at("a")()
		c.AfterFunc(500*time.Millisecond, at("nested"))
	})
	stopped := c.AfterFunc(time.Second, at("stopped"))
	late := c.AfterFunc(time.Minute, at("late"))
	require.True(t, stopped.Stop())
	require.False(t, stopped.Stop())
	c.Advance(3 * time.Second)
	require.Equal(t, []string{"a at 1s", "nested at 1.5s", "b at 2s"}, calls)
	require.Equal(t, start().Add(3*time.Second), c.Now())
	require.True(t, late.Stop())
}

func TestManualClockLeavesBehindWhoWaitsForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(*testing.T) { // patience passes at once
		c := NewManualClock(start())
		tick, done := make(chan struct{}), make(chan struct{})
		c.AfterFunc(time.Second, func() {
			<-tick
			close(done)
		})
		c.AfterFunc(2*time.Second, func() { close(tick) })
		c.Advance(3 * time.Second)
		<-done
	})
}

// Advance waits for a call that takes long on a busy machine.
func TestManualClockWaitsForASlowCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := NewManualClock(start())
		returned := false
		c.AfterFunc(time.Second, func() {
			<-time.After(patience - time.Second)
			returned = true
		})
		c.Advance(time.Second)
		require.True(t, returned)
	})
}
