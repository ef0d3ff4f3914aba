package iot_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/examples/iot"
)

// publish invokes the function as a rule of AWS IoT does.
func (w *world) publish(rule, topic, payload string) {
	w.t.Helper()
	w.publishAs("acme.t-1", rule, topic, payload)
}

func (w *world) publishAs(client, rule, topic, payload string) {
	w.t.Helper()
	m := eventmux.IoTMessage{Rule: rule, Topic: topic, ClientID: client, Payload: []byte(payload), Time: w.clock.Now()}
	_, err := w.app.Handler().Invoke(w.t.Context(), m.Event())
	require.NoError(w.t, err)
}

// presence tells of an MQTT client. The client id of such messages is not documented.
func (w *world) presence(event, client, session string) {
	w.t.Helper()
	w.publishAs("", "presence", "$aws/events/presence/"+event+"/"+client, fmt.Sprintf(
		`{"clientId":%q,"timestamp":%d,"eventType":%q,"sessionIdentifier":%q,"principalIdentifier":"p","versionNumber":0}`,
		client, w.clock.Now().UnixMilli(), event, session))
}

func TestReadingsByMQTT(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "thermometer", "t-1", "t-2")
	ann := w.person("acme")
	w.publish("readings", "acme/t-1/readings", encode(t, w.reading(1, 20)))
	w.publish("readings", "acme/t-1/readings", " "+encode(t, []iot.Reading{w.reading(2, 21), w.reading(3, 22)}))
	d := values[iot.Device](t, ann, "devices:acme")["t-1"]
	require.EqualValues(t, 3, d.Seq)
	require.Equal(t, "mqtt", d.Via)
	require.Equal(t, w.clock.Now(), d.LastSeen)
	require.Len(t, events[iot.Reading](t, ann, "history:acme/t-1"), 3)

	other := w.reading(1, 20)
	other.Device = "t-2"
	for payload, reason := range map[string]iot.Reason{
		encode(t, other):              iot.ReasonForbidden,
		encode(t, w.reading(3, 20)):   iot.ReasonReplayed,
		"":                            iot.ReasonMalformed,
		"[]":                          iot.ReasonMalformed,
		"[1":                          iot.ReasonMalformed,
		"\x00\xff":                    iot.ReasonMalformed,
		encode(t, w.reading(4, 1000)): iot.ReasonOutOfRange,
	} {
		before := values[iot.Refusals](t, ann, "refusals:acme")[string(reason)]
		w.clock.Advance(time.Second)
		w.publish("readings", "acme/t-1/readings", payload)
		require.Equal(t, before.Count+1, values[iot.Refusals](t, ann, "refusals:acme")[string(reason)].Count, payload)
	}
	w.clock.Advance(time.Second)
	w.publish("readings", "acme/t-9/readings", encode(t, w.reading(1, 20)))
	require.EqualValues(t, 1, values[iot.Refusals](t, ann, "refusals:acme")["unknown_device"].Count)
	for _, topic := range []string{"nobody/t-1/readings", "ACME/t-1/readings", "//readings", "acme//readings"} {
		w.publish("readings", topic, encode(t, w.reading(4, 20)))
	}
	require.EqualValues(t, 3, values[iot.Device](t, ann, "devices:acme")["t-1"].Seq)
	require.Empty(t, values[iot.Refusals](t, w.person("nobody"), "refusals:nobody"))
}

func TestPresenceByMQTT(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "thermometer", "t-1", "t-2")
	ann := w.person("acme")
	now := func() iot.Device { return values[iot.Device](t, ann, "devices:acme")["t-1"] }
	w.presence("connected", "acme.t-1", "s1")
	require.True(t, now().Online)
	require.Equal(t, "mqtt", now().Via)
	require.True(t, w.clock.Now().Equal(now().Since))
	w.clock.Advance(time.Second)
	w.presence("connected", "acme.t-1", "s2")
	w.presence("disconnected", "acme.t-1", "s1")
	require.True(t, now().Online, "by s2")
	w.clock.Advance(time.Hour)
	w.watch()
	require.Equal(t, iot.StatusSilent, now().Status)
	require.True(t, now().Online, "no WebSocket connection is missing")
	w.presence("disconnected", "acme.t-1", "s2")
	require.False(t, now().Online)
	for _, client := range []string{"acme.t-9", "acme", "nobody.t-1", ""} {
		w.presence("connected", client, "s1")
	}
	w.publish("presence", "$aws/events/presence/connected/acme.t-2", `{"sessionIdentifier":"s9","timestamp":1}`)
	require.False(t, values[iot.Device](t, ann, "devices:acme")["t-2"].Online, "t-1 says so of t-2")
	w.publish("presence", "$aws/events/presence/connected/acme.t-1", `{"clientId":"acme.t-2","sessionIdentifier":"s9","timestamp":1}`)
	require.False(t, values[iot.Device](t, ann, "devices:acme")["t-2"].Online, "the topic counts")
	require.Equal(t, "mqtt:s9", now().Session)
	w.presence("disconnected", "acme.t-1", "s9")
	w.publish("subscribed", "$aws/events/subscriptions/subscribed/acme.t-1", `{"clientId":"acme.t-1"}`)
	w.publish("subscribed", "$aws/events/subscriptions/subscribed/x", `{"clientId":"x"}`)
	require.False(t, now().Online)
}
