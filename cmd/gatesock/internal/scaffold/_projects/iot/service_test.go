package main

import (
	"net/http"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/wstest"
)

// fixture is the service behind the emulated gateway, for one test.
type fixture struct {
	*wstest.Harness
	keys *apikey.Manager
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	recorder := wstest.NewRecorder()
	handler, keys := newInMemory(recorder)
	return fixture{wstest.New(t, handler, wstest.WithPoster(recorder)), keys}
}

// connect makes a key and connects a client with it.
func (f fixture) connect(t *testing.T, key apikey.Key) *wstest.Client {
	t.Helper()
	return f.Connect(wstest.WithHeader("X-Api-Key", f.secret(t, key)))
}

func (f fixture) secret(t *testing.T, key apikey.Key) string {
	t.Helper()
	_, secret, err := f.keys.Create(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// with are the members of a subscription beside its topic.
type with map[string]any

// subscribed is a part of what a client gets when it subscribes.
type subscribed struct {
	Values []struct {
		Key  string
		Data Device
	}
	Events []struct {
		Event string
		Data  Reading
	}
}

func subscribe(c *wstest.Client, topic string, more with) (out subscribed) {
	request := with{"topic": topic}
	for name, value := range more {
		request[name] = value
	}
	c.Request("subscribe", request).ExpectReply(&out)
	return out
}

func TestReadings(t *testing.T) {
	f := newFixture(t)
	sensor := f.connect(t, deviceKey("plant-1", "sensor-7"))
	ann := f.connect(t, dashboardKey("plant-1", "ann"))
	sensor.Request("report", Reading{Seq: 1, Value: 21.5}).ExpectAck()

	first := subscribe(ann, "devices:plant-1", nil) // the last values, of whenever
	if len(first.Values) != 1 || first.Values[0].Key != "sensor-7" || first.Values[0].Data.Value != 21.5 {
		t.Errorf("ann begins with %v", first.Values)
	}
	sensor.Request("report", Reading{Seq: 2, Value: 31}).ExpectAck()
	var next Device
	ann.ExpectPush("set", &next)
	if next.Device != "sensor-7" || next.Value != 31 || next.Status != "high" || next.At.IsZero() {
		t.Errorf("ann gets %v", next)
	}
}

// A device that got no answer sends a reading again, and one may come late. The history has each
// once, and the last value stays.
func TestRepeatedAndLateReadings(t *testing.T) {
	f := newFixture(t)
	sensor := f.connect(t, deviceKey("plant-1", "sensor-7"))
	for _, seq := range []int64{1, 3, 2, 3, 1} {
		sensor.Request("report", Reading{Seq: seq, Value: float64(seq)}).ExpectAck()
	}
	sensor.Request("report", Reading{Value: 4}).ExpectError(gatesock.CodeInvalidArgument)

	ann := f.connect(t, dashboardKey("plant-1", "ann"))
	var history []int64
	for _, e := range subscribe(ann, "history:plant-1/sensor-7", with{"last": 100}).Events {
		history = append(history, e.Data.Seq)
	}
	if !slices.Equal(history, []int64{1, 3, 2}) {
		t.Errorf("the history is %v", history)
	}
	if last := subscribe(ann, "devices:plant-1", nil).Values; len(last) != 1 || last[0].Data.Seq != 3 {
		t.Errorf("the last value is %v", last)
	}
}

func TestFilters(t *testing.T) {
	f := newFixture(t)
	sensor := f.connect(t, deviceKey("plant-1", "sensor-7"))
	ann, bob := f.connect(t, dashboardKey("plant-1", "ann")), f.connect(t, dashboardKey("plant-1", "bob"))
	subscribe(ann, "devices:plant-1", with{"filter": with{"where": with{"value": with{"above": 30}}}})
	subscribe(bob, "devices:plant-1", with{"filter": with{"changes": []string{"status"}}})

	for i, value := range []float64{20, 31, 32, 29} {
		sensor.Request("report", Reading{Seq: int64(i + 1), Value: value}).ExpectAck()
	}
	expect := func(c *wstest.Client, values ...float64) {
		t.Helper()
		for _, want := range values {
			var got Device
			if c.ExpectPush("set", &got); got.Value != want {
				t.Errorf("got %v, want %v", got.Value, want)
			}
		}
	}
	expect(ann, 31, 32)
	ann.ExpectPush("drop", nil)
	expect(bob, 20, 31, 29)
	ann.ExpectNone()
	bob.ExpectNone()
}

func TestCommands(t *testing.T) {
	f := newFixture(t)
	sensor := f.connect(t, deviceKey("plant-1", "sensor-7"))
	ann := f.connect(t, dashboardKey("plant-1", "ann"))
	order := SendCommand{"sensor-7", Order{"c1", "interval", 60}}
	ann.Request("command", order).ExpectError(gatesock.CodeNotFound)
	sensor.Request("report", Reading{Seq: 1, Value: 20}).ExpectAck()
	subscribe(sensor, "inbox:plant-1/sensor-7", nil)
	subscribe(ann, "commands:plant-1", nil)

	var c Command
	ann.Request("command", order).ExpectReply(&c)
	if c.State != sent || c.By != "ann" {
		t.Errorf("the command is %v", c)
	}
	ann.ExpectPush("set", nil)
	var got Order
	sensor.ExpectPush("order", &got)
	if got != order.Order {
		t.Errorf("the order is %v", got)
	}

	sensor.Request("result", Result{Order: "c0", State: done}).ExpectError(gatesock.CodeFailedPrecondition)
	sensor.Request("result", Result{Order: "c1", State: "perhaps"}).ExpectError(gatesock.CodeInvalidArgument)
	sensor.Request("result", Result{Order: "c1", State: done, Message: "now 60 s"}).ExpectAck()
	sensor.Request("result", Result{Order: "c1", State: failed}).ExpectAck() // too late, and changes nothing
	ann.ExpectPush("set", &c)
	if c.State != done || c.Message != "now 60 s" {
		t.Errorf("the command is %v", c)
	}
	ann.Request("command", order).ExpectReply(&c) // again
	if c.State != done {
		t.Errorf("the command is %v", c)
	}
	ann.ExpectNone()
	sensor.ExpectNone()
}

// A device that was away gets its orders when it is back.
func TestOrdersWait(t *testing.T) {
	f := newFixture(t)
	sensor := f.connect(t, deviceKey("plant-1", "sensor-7"))
	sensor.Request("report", Reading{Seq: 1, Value: 20}).ExpectAck()
	sensor.Close(1000, "")
	ann := f.connect(t, dashboardKey("plant-1", "ann"))
	ann.Request("command", SendCommand{"sensor-7", Order{ID: "c1", Name: "off"}}).ExpectReply(nil)

	sensor = f.connect(t, deviceKey("plant-1", "sensor-7"))
	events := subscribe(sensor, "inbox:plant-1/sensor-7", with{"last": 10}).Events
	if len(events) != 1 || events[0].Event != "order" {
		t.Errorf("the inbox has %v", events)
	}
}

func TestRights(t *testing.T) {
	f := newFixture(t)
	sensor := f.connect(t, deviceKey("plant-1", "sensor-7"))
	ann := f.connect(t, dashboardKey("plant-1", "ann"))
	eve := f.connect(t, dashboardKey("plant-2", "eve"))
	sensor.Request("report", Reading{Seq: 1, Value: 20}).ExpectAck()

	order := SendCommand{"sensor-7", Order{ID: "c1", Name: "off"}}
	eve.Request("command", order).ExpectError(gatesock.CodeNotFound) // another site
	sensor.Request("command", order).ExpectError(gatesock.CodePermissionDenied)
	ann.Request("report", Reading{Seq: 2, Value: 99}).ExpectError(gatesock.CodePermissionDenied)
	for topic, c := range map[string]*wstest.Client{
		"devices:plant-1": eve, "history:plant-1/sensor-7": eve, "commands:plant-1": sensor, "devices:": ann,
		"inbox:plant-1/sensor-7": ann, "inbox:plant-1/sensor-8": sensor, "inbox:plant-2/sensor-7": sensor,
	} {
		c.Request("subscribe", with{"topic": topic}).ExpectError(gatesock.CodePermissionDenied)
	}
}

func TestKeys(t *testing.T) {
	f := newFixture(t)
	key := wstest.WithHeader("X-Api-Key", f.secret(t, deviceKey("plant-1", "sensor-7"))+"x")
	if status := f.ConnectRefused(key); status != http.StatusUnauthorized {
		t.Errorf("a wrong key is refused with %d", status)
	}
	for _, wrong := range []apikey.Key{
		deviceKey("", "sensor-8"), deviceKey("a/b", "sensor-8"), deviceKey("plant-1", "a/b"),
	} {
		if status := f.ConnectRefused(wstest.WithHeader("X-Api-Key", f.secret(t, wrong))); status != http.StatusForbidden {
			t.Errorf("the key of %s at %q is refused with %d", wrong.Owner, wrong.Attributes["site"], status)
		}
	}
	page := f.Connect(wstest.WithSubprotocols("iot.v1", "bearer."+f.secret(t, dashboardKey("plant-1", "ann"))))
	if page.Subprotocol() != "iot.v1" {
		t.Errorf("the subprotocol is %q", page.Subprotocol())
	}
}

// A device that reports too much does not slow down the others. In the bubble of synctest no time
// passes between two messages.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		loud, quiet := f.connect(t, deviceKey("plant-1", "loud")), f.connect(t, deviceKey("plant-1", "quiet"))
		const burst = 30
		for i := range burst - 1 { // connecting takes one
			loud.Request("report", Reading{Seq: int64(i + 1), Value: 21.5}).ExpectAck()
		}
		loud.Request("report", Reading{Seq: burst, Value: 21.5}).ExpectError(gatesock.CodeRateLimited)
		quiet.Request("report", Reading{Seq: 1, Value: 22}).ExpectAck()
	})
}
