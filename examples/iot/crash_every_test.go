package iot_test

import (
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/examples/iot"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// newCrashingWorld returns an app whose process may end, with stores that outlive it, and its
// handler for events that do not come from the gateway.
func newCrashingWorld(t *testing.T, crash *wstest.Crash) (*world, lambda.Handler) {
	t.Helper()
	rec, w := wstest.NewRecorder(), &world{clock: newClock()}
	topics := topic.NewMemory(topic.WithMemoryClock(w.clock.Now))
	stores := iot.Stores{
		Connections: conn.NewMemory(conn.WithClock(w.clock.Now)),
		Log:         topics, Values: topics,
		Keys:    apikey.NewMemory(),
		Tickets: authz.NewMemoryTickets(authz.WithClock(w.clock.Now)),
		Limits:  ratelimit.NewMemory(ratelimit.WithClock(w.clock.Now)),
	}
	h := crash.Handler(t, func() lambda.Handler {
		w.app = iot.New(stores, rec, iot.WithClock(w.clock.Now))
		return w.app.Handler()
	})
	w.Harness = wstest.New(t, h, wstest.WithPoster(rec))
	w.people = people{t, w.app.Keys(), w.Connect}
	return w, h
}

// The process ends at any call. A device sends again what was not answered, AWS IoT and the
// schedule deliver again, and in the end every reading, alert and order is there once.
func TestNothingIsLostOrDoubledByACrash(t *testing.T) {
	t.Parallel()
	wstest.CrashEvery(t, func(t *testing.T, crash *wstest.Crash) {
		w, h := newCrashingWorld(t, crash)
		w.register("acme", "thermometer", "t-1")
		ann, device := w.person("acme"), w.device("acme", "t-1")

		for seq, temperature := range []float64{20, 70} {
			w.clock.Advance(time.Second)
			if out := report(device, w.reading(int64(seq+1), temperature)); out.Accepted != 1 {
				require.Equal(t, iot.ReasonReplayed, out.Refused[0].Reason, "it knows then that the first one has arrived")
			}
		}
		w.clock.Advance(time.Second)
		m := eventmux.IoTMessage{
			Rule: "readings", Topic: "acme/t-1/readings", ClientID: "acme.t-1",
			Payload: []byte(encode(t, w.reading(3, 20))), Time: w.clock.Now(),
		}
		_, err := h.Invoke(t.Context(), m.Event())
		require.NoError(t, err)
		order := operate(ann, iot.Instruction{Device: "t-1", Name: "blink", Key: "k"})
		_, err = h.Invoke(t.Context(), []byte(schedule("watch")))
		require.NoError(t, err)

		d := values[iot.Device](t, ann, "devices:acme")["t-1"]
		require.EqualValues(t, 3, d.Seq)
		require.Equal(t, 20.0, *d.Value)
		require.Empty(t, d.Pending)
		require.Len(t, events[iot.Reading](t, ann, "history:acme/t-1"), 3)
		require.Equal(t, []string{"very-hot raised", "very-hot cleared"}, states(events[iot.Alert](t, ann, "alertlog:acme")))
		require.Equal(t, iot.AlertCleared, values[iot.Alert](t, ann, "alerts:acme")["t-1/very-hot"].State)
		require.Equal(t, []iot.Order{order.Order}, events[iot.Order](t, device, "inbox:acme/t-1"))
		require.Len(t, values[iot.Command](t, ann, "commands:acme"), 1)
	})
}
