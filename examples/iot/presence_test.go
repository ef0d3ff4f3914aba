package iot_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/examples/iot"
	"github.com/gatesock/gatesock/wstest"
)

func TestADeviceIsOnlineByItsLastConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "thermometer", "t-1")
	ann, key := w.person("acme"), w.key("acme", "t-1", iot.ScopeDevice)
	now := func() iot.Device { return values[iot.Device](t, ann, "devices:acme")["t-1"] }
	require.False(t, now().Online)
	first := w.connect(key)
	w.clock.Advance(time.Second)
	second := w.connect(key)
	require.Equal(t, second.ID(), now().Session)
	require.Equal(t, w.clock.Now(), now().Since)
	first.Close(1000, "")
	require.True(t, now().Online)
	w.clock.Advance(time.Second)
	second.Abort()
	require.False(t, now().Online)
	require.Equal(t, w.clock.Now(), now().Since)
	require.Equal(t, w.clock.Now().Add(-time.Second), now().LastSeen)
}

// A connection that ends without a trace is found when its device is silent.
func TestAConnectionWhoseEndWasLost(t *testing.T) {
	t.Parallel()
	faults := emulator.NewFaults(1, emulator.LoseDisconnect())
	w := newWorldWith(t, wstest.WithConfig(func(c *emulator.Config) { c.Faults = faults }))
	w.register("acme", "thermometer", "t-1")
	device := w.device("acme", "t-1")
	report(device, w.reading(1, 20))
	device.Abort()
	ann := w.person("acme")
	require.True(t, values[iot.Device](t, ann, "devices:acme")["t-1"].Online)
	w.clock.Advance(time.Minute)
	w.watch()
	require.True(t, values[iot.Device](t, ann, "devices:acme")["t-1"].Online, "its record is still there")
	w.later(3 * time.Hour)
	w.watch()
	require.False(t, values[iot.Device](t, w.person("acme"), "devices:acme")["t-1"].Online)
}
