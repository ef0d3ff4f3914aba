package iot_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/examples/iot"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// operate sends an instruction, and returns the command.
func operate(c *wstest.Client, in iot.Instruction) (out iot.Command) {
	c.Request("command", in).ExpectReply(&out)
	return out
}

// answer sends what a device says about an order, and returns the command.
func answer(c *wstest.Client, in iot.Result) (out iot.Command) {
	c.Request("result", in).ExpectReply(&out)
	return out
}

// postJSON posts a body with a key, decodes the answer, and returns its status.
func (w *world) postJSON(path, key string, body, out any) int {
	w.t.Helper()
	status, answer := w.post(path, key, encode(w.t, body))
	require.NoError(w.t, json.Unmarshal([]byte(answer), out))
	return status
}

func TestACommandIsAcknowledgedAndDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "pump", "p-1")
	ann := w.person("acme")
	require.Empty(t, values[iot.Command](t, ann, "commands:acme"))
	device := w.device("acme", "p-1")
	require.Empty(t, events[iot.Order](t, device, "inbox:acme/p-1"))

	begin := w.clock.Now()
	sent := operate(ann, iot.Instruction{Device: "p-1", Name: "speed", Args: json.RawMessage(`{"rpm":900}`), TimeoutMs: 5000})
	require.Equal(t, iot.Command{
		Order:  iot.Order{ID: sent.ID, Name: "speed", Args: json.RawMessage(`{"rpm":900}`), ExpiresAt: begin.Add(5 * time.Second)},
		Device: "p-1", By: "ann@acme", State: iot.CommandSent, SentAt: begin,
	}, sent)
	require.NotEmpty(t, sent.ID)
	var seen iot.Command
	ann.ExpectPushOn("commands:acme", "set", &seen)
	require.Equal(t, sent, seen)
	var order iot.Order
	device.ExpectPushOn("inbox:acme/p-1", "command", &order)
	require.Equal(t, sent.Order, order)

	w.clock.Advance(time.Second)
	want := sent
	want.State, want.AcknowledgedAt = iot.CommandAcknowledged, w.clock.Now()
	require.Equal(t, want, answer(device, iot.Result{Command: sent.ID, State: iot.CommandAcknowledged}))
	ann.ExpectPushOn("commands:acme", "set", &seen)
	require.Equal(t, want, seen)
	require.Equal(t, want, answer(device, iot.Result{Command: sent.ID, State: iot.CommandAcknowledged}), "it says it again")

	w.clock.Advance(time.Second)
	want.State, want.EndedAt = iot.CommandDone, w.clock.Now()
	want.Result, want.Message = json.RawMessage(`{"was":600}`), "faster"
	done := iot.Result{Command: sent.ID, State: iot.CommandDone, Result: want.Result, Message: "faster"}
	require.Equal(t, want, answer(device, done))
	ann.ExpectPushOn("commands:acme", "set", &seen)
	require.Equal(t, want, seen)
	since := w.clock.Now().Format(time.RFC3339)
	w.clock.Advance(time.Hour)
	require.Equal(t, want, answer(device, done), "it says it again, long after")

	for _, other := range []iot.CommandState{iot.CommandFailed, iot.CommandAcknowledged} {
		failure := device.Request("result", iot.Result{Command: sent.ID, State: other}).ExpectError(gatesock.CodeFailedPrecondition)
		require.Equal(t, "the command is done since "+since, failure.Message)
	}
	ann.ExpectNone()
	require.Equal(t, map[string]iot.Command{sent.ID: want}, values[iot.Command](t, w.person("acme"), "commands:acme"))
}

func TestACommandFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "pump", "p-1")
	sent := operate(w.person("acme"), iot.Instruction{Device: "p-1", Name: "stop"})
	require.Equal(t, w.clock.Now().Add(30*time.Second), sent.ExpiresAt, "the default")
	got := answer(w.device("acme", "p-1"), iot.Result{Command: sent.ID, State: iot.CommandFailed, Message: "it is stuck"})
	require.Equal(t, iot.CommandFailed, got.State)
	require.Equal(t, "it is stuck", got.Message)
	require.Zero(t, got.AcknowledgedAt)
}

func TestACommandExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "pump", "p-1")
	ann, device := w.person("acme"), w.device("acme", "p-1")
	require.Empty(t, values[iot.Command](t, ann, "commands:acme"))
	silent := operate(ann, iot.Instruction{Device: "p-1", Name: "start", TimeoutMs: 1000})
	slow := operate(ann, iot.Instruction{Device: "p-1", Name: "start", TimeoutMs: 1000})
	later := operate(ann, iot.Instruction{Device: "p-1", Name: "start", TimeoutMs: 1001})
	answer(device, iot.Result{Command: slow.ID, State: iot.CommandAcknowledged})
	for range 4 {
		ann.ExpectPush("set", nil)
	}

	w.clock.Advance(time.Second - time.Nanosecond)
	require.NoError(t, w.app.Watch(t.Context()))
	ann.ExpectNone()
	w.clock.Advance(time.Nanosecond)
	require.NoError(t, w.app.Watch(t.Context()))
	expired := map[string]iot.Command{}
	for range 2 {
		var c iot.Command
		ann.ExpectPushOn("commands:acme", "set", &c)
		require.Equal(t, iot.CommandExpired, c.State)
		require.Equal(t, w.clock.Now(), c.EndedAt)
		expired[c.ID] = c
	}
	require.Contains(t, expired, silent.ID)
	require.Contains(t, expired, slow.ID)
	require.NoError(t, w.app.Watch(t.Context()))
	ann.ExpectNone()

	for _, state := range []iot.CommandState{iot.CommandAcknowledged, iot.CommandDone} {
		late := device.Request("result", iot.Result{Command: silent.ID, State: state}).ExpectError(gatesock.CodeFailedPrecondition)
		require.Equal(t, "the command is expired since "+w.clock.Now().Format(time.RFC3339), late.Message)
	}
	ann.ExpectNone()
	require.Equal(t, iot.CommandDone, answer(device, iot.Result{Command: later.ID, State: iot.CommandDone}).State)
}

// A result that is too late is refused before the watch has come by, and ends the command.
func TestALateResultEndsTheCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "pump", "p-1")
	ann, device := w.person("acme"), w.device("acme", "p-1")
	sent := operate(ann, iot.Instruction{Device: "p-1", Name: "start", TimeoutMs: 1000})
	require.Len(t, values[iot.Command](t, ann, "commands:acme"), 1)
	w.clock.Advance(time.Second)
	late := device.Request("result", iot.Result{Command: sent.ID, State: iot.CommandDone}).
		ExpectError(gatesock.CodeFailedPrecondition)
	require.Equal(t, "the command is expired since "+w.clock.Now().Format(time.RFC3339), late.Message)
	var c iot.Command
	ann.ExpectPushOn("commands:acme", "set", &c)
	require.Equal(t, iot.CommandExpired, c.State)
	require.Empty(t, c.Result)
}

func TestCommandsThatHaveEndedAreRemovedAfterAnHour(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "pump", "p-1")
	ann := w.person("acme")
	sent := operate(ann, iot.Instruction{Device: "p-1", Name: "start"})
	answer(w.device("acme", "p-1"), iot.Result{Command: sent.ID, State: iot.CommandDone})
	w.clock.Advance(time.Hour)
	require.NoError(t, w.app.Watch(t.Context()))
	require.Len(t, values[iot.Command](t, ann, "commands:acme"), 1)
	w.clock.Advance(time.Nanosecond)
	require.NoError(t, w.app.Watch(t.Context()))
	for _, v := range subscribe(w.person("acme"), topicwire.Subscription{Topic: "commands:acme"}).Values {
		require.Empty(t, v.Data, "it was deleted")
	}
	ann.ExpectPushOn("commands:acme", "delete", nil)
}

func TestADeviceThatIsOfflineGetsItsOrdersWhenItComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "pump", "p-1")
	sent := operate(w.person("acme"), iot.Instruction{Device: "p-1", Name: "start", TimeoutMs: 60_000})
	w.clock.Advance(59 * time.Second)
	device := w.device("acme", "p-1")
	require.Equal(t, []iot.Order{sent.Order}, events[iot.Order](t, device, "inbox:acme/p-1"))
	require.Equal(t, iot.CommandDone, answer(device, iot.Result{Command: sent.ID, State: iot.CommandDone}).State)
}

func TestTheSameKeyIsTheSameCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "pump", "p-1", "p-2")
	ann := w.person("acme")
	in := iot.Instruction{Device: "p-1", Name: "start", Key: "k1", TimeoutMs: 5000}
	sent := operate(ann, in)
	w.clock.Advance(time.Second)
	require.Equal(t, sent, operate(ann, in))
	device := w.device("acme", "p-1")
	require.Equal(t, []iot.Order{sent.Order}, events[iot.Order](t, device, "inbox:acme/p-1"))

	other := in
	other.Device = "p-2"
	ann.Request("command", other).ExpectError(gatesock.CodeFailedPrecondition)
	other = in
	other.Name = "stop"
	ann.Request("command", other).ExpectError(gatesock.CodeFailedPrecondition)
	other = in
	other.Args = json.RawMessage(`{"rpm":1}`)
	ann.Request("command", other).ExpectError(gatesock.CodeFailedPrecondition)

	done := answer(device, iot.Result{Command: sent.ID, State: iot.CommandDone})
	require.Equal(t, done, operate(ann, in))
	in.Key = "k2"
	require.NotEqual(t, sent.ID, operate(ann, in).ID)
	in.Key = ""
	require.NotEqual(t, operate(ann, in).ID, operate(ann, in).ID)
	require.Len(t, values[iot.Command](t, ann, "commands:acme"), 4)
}

// brokenLog fails to append to inboxes.
type brokenLog struct {
	topic.Log

	broken atomic.Bool
}

func (l *brokenLog) Append(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	if l.broken.Load() && strings.HasPrefix(name, "inbox:") {
		return topic.Appended{}, errors.New("the table is away")
	}
	return l.Log.Append(ctx, name, e)
}

// An order that could not be stored is sent by the next attempt, if that has the same key.
func TestAnOrderThatWasNotStoredIsSentAgain(t *testing.T) {
	t.Parallel()
	rec, clock := wstest.NewRecorder(), newClock()
	memory := topic.NewMemory(topic.WithMemoryClock(clock.Now))
	log := &brokenLog{Log: memory}
	app := iot.New(iot.Stores{
		Connections: conn.NewMemory(conn.WithClock(clock.Now)),
		Log:         log, Values: memory, Keys: apikey.NewMemory(),
		Tickets: authz.NewMemoryTickets(), Limits: ratelimit.NewMemory(ratelimit.WithClock(clock.Now)),
	}, rec, iot.WithClock(clock.Now))
	w := newWorldOf(t, front(t, app.Handler(), wstest.WithPoster(rec)), app, clock)
	w.register("acme", "pump", "p-1")
	ann := w.person("acme")
	in := iot.Instruction{Device: "p-1", Name: "start", Key: "k1"}
	log.broken.Store(true)
	ann.Request("command", in).ExpectError(gatesock.CodeInternal)
	log.broken.Store(false)
	sent := operate(ann, in)
	require.Equal(t, iot.CommandSent, sent.State)
	require.Equal(t, []iot.Order{sent.Order}, events[iot.Order](t, w.device("acme", "p-1"), "inbox:acme/p-1"))
	require.Len(t, values[iot.Command](t, ann, "commands:acme"), 1)
}

func TestADeviceThatSpeaksHTTPGetsItsOrdersInAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "pump", "p-1")
	ann, key := w.person("acme"), w.key("acme", "p-1", iot.ScopeDevice)
	poll := func() []iot.Order {
		var out iot.Outcome
		require.Equal(t, http.StatusOK, w.postJSON("/readings", key, iot.Report{Readings: []iot.Reading{
			{Seq: w.clock.Now().UnixMilli(), At: w.clock.Now(), Values: map[string]float64{"pressure": 3}},
		}}, &out))
		require.Empty(t, out.Refused)
		w.clock.Advance(time.Millisecond)
		return out.Commands
	}
	require.Empty(t, poll())
	first := operate(ann, iot.Instruction{Device: "p-1", Name: "start"})
	second := operate(ann, iot.Instruction{Device: "p-1", Name: "stop", TimeoutMs: 1000})
	want := []iot.Order{first.Order, second.Order}
	require.Equal(t, want, poll())
	require.Equal(t, want, poll(), "it has not answered")

	var c iot.Command
	require.Equal(t, http.StatusOK, w.postJSON("/results", key, iot.Result{Command: first.ID, State: iot.CommandAcknowledged}, &c))
	require.Equal(t, iot.CommandAcknowledged, c.State)
	require.Equal(t, want[1:], poll())
	w.clock.Advance(time.Second)
	require.Empty(t, poll(), "its time is over")
	var refused struct{ Error gatesock.Error }
	require.Equal(t, gatesock.CodeFailedPrecondition.HTTPStatus(),
		w.postJSON("/results", key, iot.Result{Command: second.ID, State: iot.CommandDone}, &refused))
	require.Equal(t, gatesock.CodeFailedPrecondition, refused.Error.Code)
}

// downlinks records what is sent by MQTT.
type downlinks struct {
	mu   sync.Mutex
	sent []string
	err  error
}

func (d *downlinks) send(_ context.Context, tenant, device string, o iot.Order) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return d.err
	}
	d.sent = append(d.sent, tenant+"/"+device+" "+o.ID)
	return nil
}

func (d *downlinks) take(err error) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	sent := d.sent
	d.sent, d.err = nil, err
	return sent
}

// mqtt invokes the app for a message of a device.
func (w *world) mqtt(rule, topic string, payload any) {
	w.t.Helper()
	data, err := json.Marshal(payload)
	require.NoError(w.t, err)
	m := eventmux.IoTMessage{Rule: rule, Topic: topic, ClientID: "acme.p-1", Payload: data, Time: w.clock.Now()}
	_, err = w.app.Handler().Invoke(w.t.Context(), m.Event())
	require.NoError(w.t, err)
}

func TestADeviceThatSpeaksMQTT(t *testing.T) {
	t.Parallel()
	var down downlinks
	w := newWorld(t, iot.WithDownlink(down.send))
	w.register("acme", "pump", "p-1")
	ann := w.person("acme")
	start := iot.Instruction{Device: "p-1", Name: "start", TimeoutMs: 10_000}
	first := operate(ann, start)
	require.Equal(t, []string{"acme/p-1 " + first.ID}, down.take(nil), "nobody knows yet how it speaks")

	reading := iot.Reading{Seq: 1, At: w.clock.Now(), Values: map[string]float64{"pressure": 3}}
	w.mqtt("readings", "acme/p-1/readings", reading)
	second := operate(ann, start)
	require.Equal(t, []string{"acme/p-1 " + second.ID}, down.take(errors.New("the broker is away")))
	third := operate(ann, start)
	require.Equal(t, iot.CommandSent, third.State)
	require.Empty(t, down.take(nil))

	for _, r := range []iot.Result{
		{Command: first.ID, State: iot.CommandExpired}, {Command: first.ID}, {Command: "none", State: iot.CommandDone},
	} {
		w.mqtt("results", "acme/p-1/results", r)
	}
	require.Equal(t, iot.CommandSent, values[iot.Command](t, w.person("acme"), "commands:acme")[first.ID].State)
	w.mqtt("results", "acme/p-1/results", iot.Result{Command: first.ID, State: iot.CommandDone})
	require.Equal(t, iot.CommandDone, values[iot.Command](t, w.person("acme"), "commands:acme")[first.ID].State)
	back := map[string]any{"clientId": "acme.p-1", "eventType": "subscribed", "topics": []string{"acme/p-1/commands"}}
	w.mqtt("subscribed", "$aws/events/subscriptions/subscribed/acme.p-1", back)
	require.Equal(t, []string{"acme/p-1 " + second.ID, "acme/p-1 " + third.ID}, down.take(nil))
	w.clock.Advance(10 * time.Second)
	w.mqtt("subscribed", "$aws/events/subscriptions/subscribed/acme.p-1", back)
	require.Empty(t, down.take(nil), "their time is over")

	// It speaks otherwise now.
	require.Empty(t, subscribe(w.device("acme", "p-1"), topicwire.Subscription{Topic: "inbox:acme/p-1"}).Events)
	operate(ann, start)
	require.Empty(t, down.take(nil))
}
