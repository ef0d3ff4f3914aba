package iot_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/examples/iot"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
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

func TestReadingsAreRefusedByName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, iot.WithRetention(time.Hour), iot.WithDeviceLimit(ratelimit.Limit{Rate: 1, Burst: 1000}))
	w.register("acme", "thermometer", "t-1", "t-2")
	ann := w.person("acme")
	device := w.device("acme", "t-1")
	require.Equal(t, iot.Outcome{Accepted: 1}, report(device, w.reading(100, 20)))

	at := w.clock.Now().Format(time.RFC3339)
	late := w.clock.Now().Add(-2 * time.Hour).Format(time.RFC3339)
	ahead := w.clock.Now().Add(2 * time.Minute).Format(time.RFC3339)
	long := strings.Repeat("x", 5000)
	for i, tt := range []struct {
		raw    string
		reason iot.Reason
	}{
		{`7`, iot.ReasonMalformed},
		{`null`, iot.ReasonMalformed},
		{`{}`, iot.ReasonMalformed},
		{`{"seq":"101","at":"` + at + `","values":{"temperature":1}}`, iot.ReasonMalformed},
		{`{"seq":1e99,"at":"` + at + `","values":{"temperature":1}}`, iot.ReasonMalformed},
		{`{"seq":9007199254740992,"at":"` + at + `","values":{"temperature":1}}`, iot.ReasonMalformed},
		{`{"seq":-1,"at":"` + at + `","values":{"temperature":1}}`, iot.ReasonMalformed},
		{`{"seq":101,"at":"yesterday","values":{"temperature":1}}`, iot.ReasonMalformed},
		{`{"seq":101,"values":{"temperature":1}}`, iot.ReasonMalformed},
		{`{"seq":101,"at":"` + at + `","values":{}}`, iot.ReasonMalformed},
		{`{"seq":101,"at":"` + at + `","values":{"temperature":null}}`, iot.ReasonMalformed},
		{`{"seq":101,"at":"` + at + `","values":{"temperature":1,"weight":2}}`, iot.ReasonMalformed},
		{`{"seq":101,"at":"` + at + `","values":{"temperature":1e999}}`, iot.ReasonMalformed},
		{`{"device":"T/1","seq":101,"at":"` + at + `","values":{"temperature":1}}`, iot.ReasonMalformed},
		{`{"seq":101,"at":"` + at + `","values":{"temperature":1},"note":"` + long + `"}`, iot.ReasonTooLarge},
		{`{"device":"t-2","seq":101,"at":"` + at + `","values":{"temperature":1}}`, iot.ReasonForbidden},
		{`{"seq":101,"at":"` + at + `","values":{"temperature":120.1}}`, iot.ReasonOutOfRange},
		{`{"seq":101,"at":"` + at + `","values":{"temperature":1,"humidity":-1}}`, iot.ReasonOutOfRange},
		{`{"seq":101,"at":"` + ahead + `","values":{"temperature":1}}`, iot.ReasonFuture},
		{`{"seq":101,"at":"` + late + `","values":{"temperature":1}}`, iot.ReasonTooOld},
		{`{"seq":100,"at":"` + at + `","values":{"temperature":1}}`, iot.ReasonReplayed},
		{`{"seq":36,"at":"` + at + `","values":{"temperature":1}}`, iot.ReasonOutOfOrder},
	} {
		before := values[iot.Refusals](t, ann, "refusals:acme")[string(tt.reason)]
		good := fmt.Sprintf(`{"seq":%d,"at":%q,"values":{"temperature":20}}`, 99-i, at)
		var out iot.Outcome
		device.Request("report", map[string]any{
			"readings": []json.RawMessage{json.RawMessage(tt.raw), json.RawMessage(good)},
		}).ExpectReply(&out)
		require.Equal(t, 1, out.Accepted, "the other one is not disturbed by %s", tt.raw)
		require.Len(t, out.Refused, 1)
		require.Equal(t, tt.reason, out.Refused[0].Reason, tt.raw)
		require.NotEmpty(t, out.Refused[0].Message, tt.raw)
		w.clock.Advance(time.Second)
		w.watch()
		after := values[iot.Refusals](t, ann, "refusals:acme")[string(tt.reason)]
		require.Equal(t, before.Count+1, after.Count, tt.raw)
		require.Contains(t, after.Example, "t-", tt.raw)
	}
	require.EqualValues(t, 100, values[iot.Device](t, w.person("acme"), "devices:acme")["t-1"].Seq)
}

// What is not a report at all is refused as a whole, and counted.
func TestReportsThatAreNoReports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "thermometer", "t-1")
	ann, device := w.person("acme"), w.device("acme", "t-1")
	values[iot.Refusals](t, ann, "refusals:acme")
	for i, frame := range []string{
		`{"action":"report","id":"1","readings":[]}`,
		`{"action":"report","id":"1","readings":{}}`,
		`{"action":"report","id":"1"}`,
		`{"action":"report","id":"1","readings":[` + strings.Repeat("1,", 100) + `1]}`,
	} {
		device.SendText(frame)
		device.ExpectFrame(`{"id":"1","action":"report","error":{"code":"invalid_argument",…`)
		var n iot.Refusals
		ann.ExpectPushOn("refusals:acme", "set", &n)
		require.EqualValues(t, i+1, n.Count)
		require.Equal(t, iot.ReasonMalformed, n.Reason)
		w.clock.Advance(time.Second)
	}
	require.Equal(t, iot.Outcome{Accepted: 1}, report(device, w.reading(1, 20)))
	for frame, want := range map[string]string{
		`{"action":"rep`: "the message is not JSON", `{"action":"dance"}`: "there is no action", `{}`: "there is no action",
	} {
		device.SendText(frame)
		device.ExpectFrame(`…` + want + `…`)
	}
	device.Send("keepalive", nil)
	device.ExpectFrame(`{"action":"keepalive","data":null}`)
}

func TestAGatewaySpeaksForItsDevices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "thermometer", "t-1", "t-2")
	w.register("globex", "thermometer", "t-3")
	ann := w.person("acme")
	gateway := w.connect(w.key("acme", "", iot.ScopeIngest))
	of := func(device string, seq int64) iot.Reading {
		r := w.reading(seq, 20)
		r.Device = device
		return r
	}
	out := report(gateway, of("t-1", 1), of("t-2", 1), of("t-1", 2), of("t-3", 1), of("", 1), of("t-2", 1))
	require.Equal(t, 3, out.Accepted)
	require.Equal(t, []string{"1 unknown_device", "1 malformed", "1 replayed"}, reasons(out))
	require.Equal(t, "t-3", out.Refused[0].Device)
	var seqs []int64
	for _, r := range events[iot.Reading](t, ann, "history:acme/t-1") {
		require.Equal(t, "t-1", r.Device)
		seqs = append(seqs, r.Seq)
	}
	require.Equal(t, []int64{1, 2}, seqs)
	devices := values[iot.Device](t, ann, "devices:acme")
	require.False(t, devices["t-1"].Online)
	require.Equal(t, "ws", devices["t-1"].Via)

	named := w.connect(w.key("acme", "", iot.ScopeIngest), wstest.WithHeader("X-Device", "t-1"))
	require.True(t, values[iot.Device](t, ann, "devices:acme")["t-1"].Online)
	require.Equal(t, 2, report(named, w.reading(3, 20), of("t-2", 2)).Accepted)
}

// Late readings belong to the history, and leave the last value as it is.
func TestReadingsThatComeLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "thermometer", "t-1")
	ann, device := w.person("acme"), w.device("acme", "t-1")
	require.Equal(t, 3, report(device, w.reading(5, 50), w.reading(3, 70), w.reading(4, 40)).Accepted)
	d := values[iot.Device](t, ann, "devices:acme")["t-1"]
	require.EqualValues(t, 5, d.Seq)
	require.Equal(t, 50.0, *d.Value)
	require.Equal(t, "7", d.Window)
	require.Len(t, events[iot.Reading](t, ann, "history:acme/t-1"), 3)
	require.Empty(t, values[iot.Alert](t, ann, "alerts:acme"), "70 was before")
}

func TestADeviceThatIsRegisteredAgainCountsAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "thermometer", "t-1")
	ann, device := w.person("acme"), w.device("acme", "t-1")
	report(device, w.reading(1, 20), w.reading(2, 99))
	w.register("acme", "thermometer", "t-1")
	d := values[iot.Device](t, ann, "devices:acme")["t-1"]
	require.True(t, d.Online)
	require.Equal(t, iot.StatusAlarm, d.Status)
	require.Equal(t, iot.Outcome{Accepted: 1}, report(device, w.reading(1, 21)))
	require.Len(t, events[iot.Reading](t, ann, "history:acme/t-1"), 3)

	w.register("acme", "pump", "t-1")
	d = values[iot.Device](t, w.person("acme"), "devices:acme")["t-1"]
	require.Equal(t, iot.StatusNew, d.Status)
	require.Nil(t, d.Value)
	require.Equal(t, []string{"1 malformed"}, reasons(report(device, w.reading(1, 21))))
}

func TestRegistrationsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.person("acme")
	for _, d := range []iot.NewDevice{
		{ID: "", Type: "meter", Region: "x"},
		{ID: "A", Type: "meter", Region: "x"},
		{ID: "a", Type: "toaster", Region: "x"},
		{ID: "a", Type: "meter", Region: "x/y"},
		{ID: "a", Type: "meter"},
		{ID: "a", Type: "meter", Region: "x", Name: strings.Repeat("n", 81)},
		{ID: strings.Repeat("a", 41), Type: "meter", Region: "x"},
	} {
		ann.Request("register", iot.Registration{Devices: []iot.NewDevice{{ID: "ok", Type: "meter", Region: "x"}, d}}).
			ExpectError(gatesock.CodeInvalidArgument)
	}
	ann.Request("register", iot.Registration{}).ExpectError(gatesock.CodeInvalidArgument)
	require.Empty(t, values[iot.Device](t, ann, "devices:acme"))
}

func TestLimitsOfADeviceAndOfATenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, iot.WithDeviceLimit(ratelimit.Limit{Rate: 1, Burst: 3}),
		iot.WithTenantLimit(ratelimit.Limit{Rate: 1, Burst: 5}))
	w.register("acme", "thermometer", "t-1", "t-2")
	w.register("globex", "thermometer", "t-1")
	one, two := w.device("acme", "t-1"), w.device("acme", "t-2")
	send := func(c *wstest.Client, from, to int64) iot.Outcome {
		var all []iot.Reading
		for seq := from; seq <= to; seq++ {
			all = append(all, w.reading(seq, 20))
		}
		return report(c, all...)
	}
	out := send(one, 1, 5)
	require.Equal(t, 3, out.Accepted)
	require.Equal(t, []string{"4 rate_limited", "5 rate_limited"}, reasons(out))
	require.Equal(t, []string{"4 rate_limited"}, reasons(send(one, 4, 4)))
	require.Equal(t, []string{"1 rate_limited"}, reasons(send(two, 1, 1)), "the tenant's limit")
	require.Equal(t, 2, send(w.device("globex", "t-1"), 1, 2).Accepted)
	w.clock.Advance(time.Second)
	require.Equal(t, 1, send(one, 4, 4).Accepted)

	free := newWorld(t, iot.WithDeviceLimit(ratelimit.Limit{}), iot.WithTenantLimit(ratelimit.Limit{}))
	free.register("acme", "thermometer", "t-1")
	for i := range int64(3) {
		require.Equal(t, 100, send(free.device("acme", "t-1"), i*100+1, i*100+100).Accepted)
	}
}

// A reading of a device that is registered anew meanwhile counts for neither sequence.
func TestADeviceThatIsRegisteredMeanwhile(t *testing.T) {
	t.Parallel()
	memory := topic.NewMemory()
	hooked := &hookedLog{Log: memory}
	w := newWorldOn(t, hooked, memory)
	w.register("acme", "thermometer", "t-1")
	device := w.device("acme", "t-1")
	hooked.afterAppend = func() { w.register("acme", "thermometer", "t-1") }
	require.Equal(t, []string{"1 unavailable"}, reasons(report(device, w.reading(1, 20))))
	require.Equal(t, iot.Outcome{Accepted: 1}, report(device, w.reading(1, 21)))
}

// hookedLog calls a function after it has appended an entry, once.
type hookedLog struct {
	topic.Log

	afterAppend func()
}

func (h *hookedLog) Append(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	a, err := h.Log.Append(ctx, name, e)
	if f := h.afterAppend; f != nil {
		h.afterAppend = nil
		f()
	}
	return a, err
}

// newWorldOn returns an app with its topics in stores.
func newWorldOn(t *testing.T, log topic.Log, values topic.Values) *world {
	t.Helper()
	rec, clock := wstest.NewRecorder(), newClock()
	app := iot.New(iot.Stores{
		Connections: conn.NewMemory(), Log: log, Values: values,
		Keys: apikey.NewMemory(), Tickets: authz.NewMemoryTickets(), Limits: ratelimit.NewMemory(),
	}, rec, iot.WithClock(clock.Now))
	return newWorldOf(t, wstest.New(t, app.Handler(), wstest.WithPoster(rec)), app, clock)
}
