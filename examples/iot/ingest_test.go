package iot_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/examples/iot"
)

func TestAReadingReachesTheDashboardsAndTheHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "thermometer", "t-1", "t-2")
	ann := w.person("acme")
	devices := values[iot.Device](t, ann, "devices:acme")
	require.Equal(t, iot.StatusNew, devices["t-1"].Status)
	require.Empty(t, events[iot.Reading](t, ann, "history:acme/t-1"))

	device := w.device("acme", "t-1")
	var d iot.Device
	ann.ExpectPushOn("devices:acme", "set", &d)
	require.Equal(t, "t-1", d.ID)
	require.True(t, d.Online)
	require.Equal(t, w.clock.Now(), d.Since)

	w.clock.Advance(time.Second)
	require.Equal(t, iot.Outcome{Accepted: 1}, report(device, w.reading(1, 21.5)))
	ann.ExpectPushOn("devices:acme", "set", &d)
	require.Equal(t, 21.5, *d.Value)
	require.Equal(t, iot.StatusOK, d.Status)
	require.Equal(t, w.clock.Now(), d.LastSeen)
	require.EqualValues(t, 1, d.Seq)
	var r iot.Reading
	ann.ExpectPushOn("history:acme/t-1", "reading", &r)
	require.Equal(t, map[string]float64{"temperature": 21.5}, r.Values)
	ann.ExpectNone()

	late := w.person("acme")
	require.Equal(t, d, values[iot.Device](t, late, "devices:acme")["t-1"])
	require.Equal(t, []iot.Reading{r}, events[iot.Reading](t, late, "history:acme/t-1"))

	device.Close(1000, "")
	var after iot.Device
	ann.ExpectPushOn("devices:acme", "set", &after)
	require.False(t, after.Online)
	require.Empty(t, after.Session)
}
