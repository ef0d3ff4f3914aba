package iot_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/examples/iot"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// field is an app whose stores fail by plan, with two devices, and what they know.
type field struct {
	t      *rapid.T
	app    *iot.App
	memory *topic.Memory
	clock  *clock
	key    string

	mu       sync.Mutex
	readings map[string][]iot.Reading        // of each device, by seq-1
	accepted map[string]map[int64]int        // how often the device was told so
	refused  map[string]map[int64]iot.Reason // the last reason that the device was told
	highest  map[string]int64                // what the device's value has shown
}

func fieldDevices() []string { return []string{"t-1", "t-2"} }

func newField(t *rapid.T) *field {
	clock, memory := newClock(), topic.NewMemory()
	stores := iot.Stores{
		Connections: conn.NewMemory(),
		Log:         faultyLog{memory}, Values: faultyValues{memory},
		Keys: apikey.NewMemory(), Tickets: authz.NewMemoryTickets(), Limits: ratelimit.NewMemory(),
	}
	f := &field{
		t: t, memory: memory, clock: clock,
		app: iot.New(stores, wstest.NewRecorder(), iot.WithClock(clock.Now),
			iot.WithDeviceLimit(ratelimit.Limit{}), iot.WithTenantLimit(ratelimit.Limit{})),
		readings: map[string][]iot.Reading{}, accepted: map[string]map[int64]int{},
		refused: map[string]map[int64]iot.Reason{}, highest: map[string]int64{},
	}
	_, key, err := f.app.Keys().Create(t.Context(), apikey.Key{
		Owner: "gateway", Scopes: []string{iot.ScopeIngest}, Attributes: map[string]string{iot.AttributeTenant: "acme"},
	})
	require.NoError(t, err)
	f.key = key
	for _, id := range fieldDevices() {
		value, err := json.Marshal(iot.Device{ID: id, Type: "thermometer", Region: "north", Generation: 1, Window: "0"})
		require.NoError(t, err)
		_, err = memory.StoreValue(t.Context(), "devices:acme", id, value)
		require.NoError(t, err)
		f.accepted[id], f.refused[id] = map[int64]int{}, map[int64]iot.Reason{}
	}
	_, err = memory.StoreValue(t.Context(), "tenants", "acme", json.RawMessage(`{}`))
	require.NoError(t, err)
	return f
}

// measure makes a device measure something.
func (f *field) measure(device string, temperature float64) {
	f.readings[device] = append(f.readings[device], iot.Reading{
		Device: device, Seq: int64(len(f.readings[device]) + 1), At: f.clock.Now(),
		Values: map[string]float64{"temperature": temperature},
	})
}

// send sends readings. If the invocation ends at a call of a store, nobody gets the answer.
func (f *field) send(p *plan, readings ...iot.Reading) {
	body, err := json.Marshal(iot.Report{Readings: readings})
	require.NoError(f.t, err)
	r := httptest.NewRequestWithContext(withPlan(f.t.Context(), p), "POST", "/readings", strings.NewReader(string(body)))
	r.Header.Set("X-Api-Key", f.key)
	answer := httptest.NewRecorder()
	f.app.HTTP().ServeHTTP(answer, r)
	if p.at != 0 && p.calls >= p.at && p.after {
		return
	}
	require.Equal(f.t, 200, answer.Code, answer.Body)
	var out iot.Outcome
	require.NoError(f.t, json.Unmarshal(answer.Body.Bytes(), &out))
	require.Equal(f.t, len(readings), out.Accepted+len(out.Refused))
	f.mu.Lock()
	defer f.mu.Unlock()
	times := map[string]map[int64]int{"t-1": {}, "t-2": {}}
	for _, r := range readings {
		times[r.Device][r.Seq]++
	}
	for _, r := range out.Refused {
		times[r.Device][r.Seq]--
		f.refused[r.Device][r.Seq] = r.Reason
	}
	for device, seqs := range times {
		for seq, n := range seqs {
			f.accepted[device][seq] += n
		}
	}
}

// device returns the value of a device, which never goes back.
func (f *field) device(id string) (d iot.Device) {
	v, err := f.memory.GetValue(f.t.Context(), "devices:acme", id)
	require.NoError(f.t, err)
	require.NoError(f.t, json.Unmarshal(v.Data, &d))
	require.GreaterOrEqual(f.t, d.Seq, f.highest[id], "the value of a device goes back")
	f.highest[id] = d.Seq
	for seq, n := range f.accepted[id] {
		require.LessOrEqual(f.t, n, 1, "reading %d of %s was accepted several times", seq, id)
		require.True(f.t, n == 0 || seq <= d.Seq, "reading %d of %s was accepted, the device is at %d", seq, id, d.Seq)
	}
	if d.Seq > 0 {
		require.Equal(f.t, f.readings[id][d.Seq-1].Values, d.Values)
		require.Equal(f.t, d.Values["temperature"], *d.Value)
	}
	return d
}

// history returns the events of a topic.
func history[T any](f *field, name string) (all []T) {
	q := topic.Query{Topic: name, Newest: 10_000}
	page, err := f.memory.Read(f.t.Context(), q)
	require.NoError(f.t, err)
	require.False(f.t, page.More)
	for _, r := range page.Entries {
		for _, e := range r.Events {
			var out T
			require.NoError(f.t, json.Unmarshal(e.Data, &out))
			all = append(all, out)
		}
	}
	return all
}

// Readings come repeatedly, in another order, and by invocations that end at any call of a store, or
// of which a call fails. Devices send again what they were not told about. In the end every reading
// is in the history once, the values are the last ones, and the log has every alert.
func TestNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		f := newField(rt)
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			f.clock.Advance(time.Second)
			f.send(drawPlan(rt), f.drawReadings(rt)...)
			for _, id := range fieldDevices() {
				f.device(id)
			}
			if rapid.IntRange(0, 9).Draw(rt, "watch") == 0 {
				_ = f.app.Watch(withPlan(rt.Context(), drawPlan(rt)))
			}
		}
		f.finish()
	})
}

// drawReadings returns readings of which some are new, some are late, and some were sent before.
func (f *field) drawReadings(t *rapid.T) (readings []iot.Reading) {
	for range rapid.IntRange(1, 6).Draw(t, "readings") {
		id := rapid.SampledFrom(fieldDevices()).Draw(t, "device")
		for range rapid.IntRange(0, 2).Draw(t, "new") {
			f.measure(id, rapid.SampledFrom([]float64{20, 36, 70}).Draw(t, "temperature"))
		}
		if all := f.readings[id]; len(all) > 0 {
			back := rapid.IntRange(0, min(6, len(all)-1)).Draw(t, "back")
			readings = append(readings, all[len(all)-1-back])
		}
	}
	if len(readings) == 0 {
		f.measure("t-1", 20)
		readings = f.readings["t-1"][len(f.readings["t-1"])-1:]
	}
	return readings
}

func drawPlan(t *rapid.T) *plan {
	return &plan{
		at:   rapid.IntRange(0, 12).Draw(t, "at"),
		done: rapid.Bool().Draw(t, "done"), after: rapid.Bool().Draw(t, "after"),
	}
}

// finish sends what no device was told about, and checks everything.
func (f *field) finish() {
	for _, id := range fieldDevices() {
		for _, r := range f.readings[id] {
			if f.accepted[id][r.Seq] == 0 {
				f.send(&plan{}, r)
			}
		}
		require.NoError(f.t, f.app.Watch(f.t.Context()))
		d := f.device(id)
		seen := map[int64]int{}
		for _, r := range history[iot.Reading](f, "history:acme/"+id) {
			seen[r.Seq]++
			require.Equal(f.t, f.readings[id][r.Seq-1], r)
		}
		for _, r := range f.readings[id] {
			known := f.accepted[id][r.Seq] == 1 || f.refused[id][r.Seq] == iot.ReasonReplayed
			require.True(f.t, known || f.refused[id][r.Seq] == iot.ReasonOutOfOrder, f.refused[id][r.Seq])
			require.LessOrEqual(f.t, seen[r.Seq], 1)
			require.True(f.t, !known || seen[r.Seq] == 1, "reading %d of %s is not in the history", r.Seq, id)
		}
		f.checkAlerts(d)
	}
}

// checkAlerts compares the alerts of a device, and their log, with what the device says.
func (f *field) checkAlerts(d iot.Device) {
	require.Empty(f.t, d.Pending)
	raised, cleared := map[int64]int{}, map[int64]int{}
	for _, a := range history[iot.Alert](f, "alertlog:acme") {
		switch {
		case a.Device != d.ID:
		case a.State == iot.AlertRaised:
			raised[a.Occurrence]++
		default:
			require.Equal(f.t, 1, raised[a.Occurrence], "cleared before it was raised")
			cleared[a.Occurrence]++
		}
	}
	open := map[int64]bool{}
	for rule, o := range d.Raised {
		open[o.Number] = true
		v, err := f.memory.GetValue(f.t.Context(), "alerts:acme", d.ID+"/"+rule)
		require.NoError(f.t, err)
		var a iot.Alert
		require.NoError(f.t, json.Unmarshal(v.Data, &a))
		require.Equal(f.t, iot.AlertRaised, a.State)
		require.Equal(f.t, o.Number, a.Occurrence)
	}
	for n := int64(1); n <= d.Occurrences; n++ {
		require.Equal(f.t, 1, raised[n], "alert %d of %s", n, d.ID)
		require.Equal(f.t, open[n], cleared[n] == 0, "alert %d of %s", n, d.ID)
	}
}

// Several invocations take readings of the same device at the same time.
func TestInvocationsAtTheSameTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		f := newField(rt)
		for range 20 {
			f.measure("t-1", rapid.SampledFrom([]float64{20, 70}).Draw(rt, "temperature"))
		}
		var sends [][]iot.Reading
		for range 6 {
			from := rapid.IntRange(0, 15).Draw(rt, "from")
			sends = append(sends, f.readings["t-1"][from:from+rapid.IntRange(1, 5).Draw(rt, "n")])
		}
		var wg sync.WaitGroup
		for _, readings := range sends {
			wg.Go(func() { f.send(&plan{}, readings...) })
		}
		wg.Wait()
		f.finish()
	})
}

// What could not be stored is refused as unavailable, by MQTT with an error, so that it comes again.
// Nothing of it is lost or there twice then.
func TestAStoreThatFails(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		f := newField(rt)
		f.measure("t-1", 70)
		p := &plan{at: rapid.IntRange(1, 9).Draw(rt, "at"), done: rapid.Bool().Draw(rt, "done"), after: true}
		payload, err := json.Marshal(f.readings["t-1"])
		require.NoError(rt, err)
		m := eventmux.IoTMessage{Rule: "readings", Topic: "acme/t-1/readings", Payload: payload, Time: f.clock.Now()}
		_, err = f.app.Handler().Invoke(withPlan(rt.Context(), p), m.Event())
		v, stored := f.memory.GetValue(f.t.Context(), "devices:acme", "t-1")
		require.NoError(rt, stored)
		accepted := strings.Contains(string(v.Data), `"seq":1`)
		require.True(rt, accepted || err != nil, "it is not there, and would not come again")
		require.True(rt, err == nil || p.calls >= p.at)

		f.send(&plan{at: 1}, f.readings["t-1"]...)
		if !accepted {
			require.Equal(rt, iot.ReasonUnavailable, f.refused["t-1"][1])
		}
		_, err = f.app.Handler().Invoke(rt.Context(), m.Event())
		require.NoError(rt, err)
		f.finish()
	})
}
