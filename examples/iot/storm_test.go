package iot_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/examples/iot"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/wstest"
)

// crowd registers n thermometers, and returns their names.
func (w *world) crowd(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("t-%04d", i))
	}
	for part := ids; len(part) > 0; part = part[min(100, len(part)):] {
		w.register("acme", "thermometer", part[:min(100, len(part))]...)
	}
	return ids
}

// A thousand devices lose their connection and come back at once. Each is online by its new
// connection, and none of their readings is refused.
func TestAThousandDevicesReconnectAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids, key := w.crowd(1000), w.key("acme", "", iot.ScopeIngest)
	connect := func() map[string]*wstest.Client {
		all := map[string]*wstest.Client{}
		for _, id := range ids {
			all[id] = w.connect(key, wstest.WithHeader("X-Device", id))
		}
		return all
	}
	old := connect()
	w.clock.Advance(time.Second)
	var wg sync.WaitGroup
	for _, c := range old {
		wg.Go(c.Abort) // while the new ones come
	}
	current := connect()
	wg.Wait()
	devices := values[iot.Device](t, w.person("acme"), "devices:acme")
	for i, id := range ids {
		require.True(t, devices[id].Online, id)
		require.Equal(t, current[id].ID(), devices[id].Session, id)
		if i%10 != 0 {
			continue
		}
		require.Equal(t, iot.Outcome{Accepted: 1}, report(current[id], w.reading(1, 20)))
	}
	require.Empty(t, values[iot.Refusals](t, w.person("acme"), "refusals:acme"))
}

// A dashboard that subscribes to everything is bounded, and so are its filters.
func TestADashboardThatSubscribesToEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := w.crowd(101)
	greedy := w.person("acme")
	for _, id := range ids[:100] {
		subscribe(greedy, topicwire.Subscription{Topic: "history:acme/" + id})
	}
	e := greedy.Request("subscribe", topicwire.Subscription{Topic: "history:acme/" + ids[100]}).
		ExpectError(gatesock.CodeFailedPrecondition)
	require.Contains(t, e.Message, "100")
	devices := w.person("acme")
	subscribe(devices, topicwire.Subscription{Topic: "devices:acme"})
	require.Equal(t, iot.Outcome{Accepted: 1}, report(w.device("acme", ids[100]), w.reading(1, 20)))
	var d iot.Device
	devices.ExpectPushOn("devices:acme", "set", &d)
	require.Equal(t, ids[100], d.ID)

	for _, filter := range []string{
		`{"where":{"value":"x"},"everyMs":1}`, `{"where":{"window":"7"}}`, `{"everyMs":1}`,
		`{"where":{"region":["` + strings.Repeat(`x","`, 40) + `"]}}`,
	} {
		w.person("acme").Request("subscribe", topicwire.Subscription{Topic: "devices:acme", Filter: []byte(filter)}).
			ExpectError(gatesock.CodeInvalidArgument)
	}
	for i := range 100 {
		subscribe(w.person("acme"), topicwire.Subscription{
			Topic: "devices:acme", Filter: fmt.Appendf(nil, `{"where":{"value":{"above":%d}}}`, i),
		})
	}
	w.person("acme").Request("subscribe", topicwire.Subscription{
		Topic: "devices:acme", Filter: []byte(`{"where":{"value":{"above":100}}}`),
	}).ExpectError(gatesock.CodeFailedPrecondition)
}

// Devices that send nothing but rubbish take nothing from others.
func TestRubbishDoesNotDisturbOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "thermometer", "good", "bad")
	w.register("globex", "thermometer", "good")
	ann, good := w.person("acme"), w.device("acme", "good")
	values[iot.Refusals](t, ann, "refusals:acme")
	subscribe(ann, topicwire.Subscription{Topic: "devices:acme", Filter: []byte(`{"where":{"id":"good"}}`)})
	var wg sync.WaitGroup
	for range 8 {
		bad := w.device("acme", "bad")
		wg.Go(func() {
			for i := range 50 {
				bad.Send("report", iot.Report{Readings: []iot.Reading{w.reading(1, 500), {Device: "good", Seq: int64(i)}}})
				bad.SendText(`{"action":"report","readings":7}`)
			}
		})
	}
	for seq := range int64(50) {
		require.Equal(t, iot.Outcome{Accepted: 1}, report(good, w.reading(seq+1, 20)))
	}
	wg.Wait()
	w.clock.Advance(time.Second)
	w.watch()
	total := int64(0)
	for _, n := range values[iot.Refusals](t, w.person("acme"), "refusals:acme") {
		total += n.Count
	}
	require.EqualValues(t, 8*50*3, total)
	require.EqualValues(t, 50, values[iot.Device](t, w.person("acme"), "devices:acme")["good"].Seq)
	require.Nil(t, values[iot.Device](t, w.person("acme"), "devices:acme")["bad"].Value)
	require.Empty(t, values[iot.Refusals](t, w.person("globex"), "refusals:globex"))
	pushes := 0
	for _, f := range ann.Frames() {
		if strings.Contains(f.Text, `"event":"set","topic":"refusals:acme"`) {
			pushes++
		}
	}
	require.LessOrEqual(t, pushes, 2*4, "no more than two flushes, of each reason")
}
