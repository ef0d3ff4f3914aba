package iot_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/examples/iot"
	"github.com/gatesock/gatesock/topic"
)

// states returns what the log says of alerts: each its rule and its state.
func states(alerts []iot.Alert) (all []string) {
	for _, a := range alerts {
		all = append(all, a.Rule+" "+string(a.State))
	}
	return all
}

func TestAnAlertIsRaisedAcknowledgedAndCleared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "thermometer", "t-1")
	ann, device := w.person("acme"), w.device("acme", "t-1")
	values[iot.Alert](t, ann, "alerts:acme")
	begin := w.clock.Now()
	send := func(seq int64, temperature float64) {
		require.Equal(t, iot.Outcome{Accepted: 1}, report(device, w.reading(seq, temperature)))
	}
	send(1, 36)
	w.clock.Advance(4 * time.Second)
	send(2, 36)
	ann.ExpectNone()
	w.clock.Advance(time.Second)
	send(3, 37) // above 35 for 5 seconds
	var alert iot.Alert
	ann.ExpectPushOn("alerts:acme", "set", &alert)
	temperature := 37.0
	raised := iot.Alert{
		ID: "t-1/hot", Device: "t-1", Region: "north", Rule: "hot", Severity: iot.StatusWarning,
		Text: "temperature above 35 for 5s", State: iot.AlertRaised, Value: &temperature, Occurrence: 1,
		Since: begin, RaisedAt: w.clock.Now(),
	}
	require.Equal(t, raised, alert)
	require.Equal(t, iot.StatusWarning, values[iot.Device](t, ann, "devices:acme")["t-1"].Status)
	send(4, 38)
	require.Equal(t, raised, values[iot.Alert](t, w.person("acme"), "alerts:acme")["t-1/hot"], "once")

	w.clock.Advance(time.Second)
	acknowledged := raised
	acknowledged.State, acknowledged.AcknowledgedAt = iot.AlertAcknowledged, w.clock.Now()
	acknowledged.AcknowledgedBy = "ann@acme"
	for range 2 {
		var answer iot.Alert
		ann.Request("acknowledge", iot.Acknowledgement{Alert: "t-1/hot"}).ExpectReply(&answer)
		require.Equal(t, acknowledged, answer)
		w.clock.Advance(time.Second)
	}
	send(5, 39)
	require.Equal(t, acknowledged, values[iot.Alert](t, w.person("acme"), "alerts:acme")["t-1/hot"])

	send(6, 20)
	cleared := acknowledged
	cleared.State, cleared.ClearedAt = iot.AlertCleared, w.clock.Now()
	require.Equal(t, cleared, values[iot.Alert](t, w.person("acme"), "alerts:acme")["t-1/hot"])
	require.Equal(t, iot.StatusOK, values[iot.Device](t, w.person("acme"), "devices:acme")["t-1"].Status)
	ann.Request("acknowledge", iot.Acknowledgement{Alert: "t-1/hot"}).ExpectError(gatesock.CodeFailedPrecondition)
	ann.Request("acknowledge", iot.Acknowledgement{Alert: "t-1/cold"}).ExpectError(gatesock.CodeNotFound)

	send(7, 36)
	w.clock.Advance(5 * time.Second)
	send(8, 65)
	again := values[iot.Alert](t, w.person("acme"), "alerts:acme")
	require.EqualValues(t, 2, again["t-1/hot"].Occurrence)
	require.Empty(t, again["t-1/hot"].AcknowledgedBy)
	require.Equal(t, iot.StatusAlarm, values[iot.Device](t, w.person("acme"), "devices:acme")["t-1"].Status)
	require.Equal(t, []string{
		"hot raised", "hot acknowledged", "hot cleared", "hot raised", "very-hot raised",
	}, states(events[iot.Alert](t, ann, "alertlog:acme")))
}

// The duration is that of the device's clock, so that readings which come together count as well.
func TestReadingsThatComeTogetherRaiseAnAlert(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "pump", "p-1")
	ann, device := w.person("acme"), w.device("acme", "p-1")
	var all []iot.Reading
	for i, pressure := range []float64{9, 11, 11, 11, 11, 9} {
		all = append(all, iot.Reading{
			Seq: int64(i + 1), At: w.clock.Now().Add(time.Duration(i-60) * time.Second),
			Values: map[string]float64{"pressure": pressure},
		})
	}
	require.Equal(t, 6, report(device, all...).Accepted)
	require.Equal(t, []string{"pressure-high raised", "pressure-high cleared"},
		states(events[iot.Alert](t, ann, "alertlog:acme")))
	alert := values[iot.Alert](t, ann, "alerts:acme")["p-1/pressure-high"]
	require.Equal(t, iot.AlertCleared, alert.State)
	require.Equal(t, all[1].At, alert.Since)
	require.Equal(t, all[4].At, alert.RaisedAt)
	require.Equal(t, all[5].At, alert.ClearedAt)

	// A reading that does not have the metric of a rule says nothing about it.
	flow := func(seq int64, v float64) iot.Reading {
		return iot.Reading{Seq: seq, At: w.clock.Now(), Values: map[string]float64{"pressure": 5, "flow": v}}
	}
	report(device, flow(7, 1))
	w.clock.Advance(10 * time.Second)
	report(device, iot.Reading{Seq: 8, At: w.clock.Now(), Values: map[string]float64{"pressure": 5}})
	report(device, flow(9, 1))
	require.Equal(t, iot.AlertRaised, values[iot.Alert](t, ann, "alerts:acme")["p-1/dry"].State)
}

func TestASilentDeviceRaisesAnAlert(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "thermometer", "t-1", "t-2", "never")
	w.register("globex", "thermometer", "t-1")
	ann, device := w.person("acme"), w.device("acme", "t-1")
	report(device, w.reading(1, 99))
	report(w.device("acme", "t-2"), w.reading(1, 20))
	lastSeen := w.clock.Now()
	w.clock.Advance(30 * time.Second)
	report(device, w.reading(2, 99))
	w.watch()
	require.Equal(t, []string{"t-1/hot", "t-1/very-hot"}, keys(values[iot.Alert](t, ann, "alerts:acme")))

	w.clock.Advance(time.Second)
	w.watch()
	w.watch()
	alert := values[iot.Alert](t, ann, "alerts:acme")["t-2/missing"]
	require.Equal(t, iot.Alert{
		ID: "t-2/missing", Device: "t-2", Region: "north", Rule: "missing", Severity: iot.StatusSilent,
		Text: "no reading for 30s", State: iot.AlertRaised, Occurrence: 1, Since: lastSeen, RaisedAt: w.clock.Now(),
	}, alert)
	devices := values[iot.Device](t, ann, "devices:acme")
	require.Equal(t, iot.StatusSilent, devices["t-2"].Status)
	require.Equal(t, iot.StatusAlarm, devices["t-1"].Status)
	require.Equal(t, iot.StatusNew, devices["never"].Status)
	require.Empty(t, values[iot.Alert](t, w.person("globex"), "alerts:globex"))

	require.Equal(t, 1, report(w.device("acme", "t-2"), w.reading(2, 20)).Accepted)
	alert = values[iot.Alert](t, ann, "alerts:acme")["t-2/missing"]
	require.Equal(t, iot.AlertCleared, alert.State)
	require.Equal(t, iot.StatusOK, values[iot.Device](t, ann, "devices:acme")["t-2"].Status)

	w.later(23 * time.Hour)
	w.watch()
	ann = w.person("acme")
	require.Contains(t, values[iot.Alert](t, ann, "alerts:acme"), "t-2/missing")
	require.Equal(t, iot.StatusSilent, values[iot.Device](t, ann, "devices:acme")["t-1"].Status, "worse than an alarm")
	report(w.device("acme", "t-1"), w.reading(3, 20))
	w.later(23 * time.Hour)
	w.watch()
	ann = w.person("acme")
	require.Contains(t, values[iot.Alert](t, ann, "alerts:acme"), "t-1/very-hot", "cleared 23 hours ago")
	w.later(2 * time.Hour)
	w.watch()
	require.Equal(t, []string{"t-1/missing", "t-2/missing"}, keys(values[iot.Alert](t, w.person("acme"), "alerts:acme")))
}

// An alert that is raised again while the old one is removed is there afterwards.
func TestAnAlertThatIsRaisedWhileItIsRemoved(t *testing.T) {
	t.Parallel()
	memory := topic.NewMemory()
	hooked := &hookedValues{Values: memory}
	w := newWorldOn(t, memory, hooked)
	w.register("acme", "thermometer", "t-1")
	key := w.key("acme", "t-1", iot.ScopeDevice)
	send := func(seq int64, temperature float64) {
		status, answer := w.post("/readings", key, encode(t, iot.Report{Readings: []iot.Reading{w.reading(seq, temperature)}}))
		require.Equal(t, 200, status, answer)
		require.Contains(t, answer, `"accepted":1`)
	}
	send(1, 70)
	send(2, 20)
	w.clock.Advance(25 * time.Hour)
	hooked.beforeDelete = func() { send(3, 70) }
	w.watch()
	require.Nil(t, hooked.beforeDelete, "it was removed")
	alert := values[iot.Alert](t, w.person("acme"), "alerts:acme")["t-1/very-hot"]
	require.Equal(t, iot.AlertRaised, alert.State)
}

// hookedValues calls a function before it deletes an alert, once.
type hookedValues struct {
	topic.Values

	beforeDelete func()
}

func (h *hookedValues) StoreValue(
	ctx context.Context, name, key string, data json.RawMessage,
) (topic.Stored, error) {
	if f := h.beforeDelete; f != nil && data == nil && key == "t-1/very-hot" {
		h.beforeDelete = nil
		f()
	}
	return h.Values.StoreValue(ctx, name, key, data)
}
