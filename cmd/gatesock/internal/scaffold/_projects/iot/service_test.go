package main

import (
	"net/http"
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

func TestReadings(t *testing.T) {
	f := newFixture(t)
	sensor := f.connect(t, deviceKey("plant-1", "sensor-7"))
	ann := f.connect(t, dashboardKey("plant-1", "ann"))
	eve := f.connect(t, dashboardKey("plant-2", "eve"))

	var watching Watching
	ann.Request("watch", nil).ExpectReply(&watching)
	eve.Request("watch", nil).ExpectReply(nil)
	if watching.Site != "plant-1" {
		t.Errorf("ann watches %q", watching.Site)
	}

	sensor.Send("report", Report{Sensor: "temperature", Value: 21.5})
	var reading Reading
	ann.ExpectPush("reading", &reading)
	if reading.Device != "sensor-7" || reading.Sensor != "temperature" || reading.Value != 21.5 {
		t.Errorf("the reading is %v", reading)
	}
	eve.ExpectNone() // another site
	sensor.ExpectNone()
}

func TestCommands(t *testing.T) {
	f := newFixture(t)
	sensor := f.connect(t, deviceKey("plant-1", "sensor-7"))
	ann := f.connect(t, dashboardKey("plant-1", "ann"))
	eve := f.connect(t, dashboardKey("plant-2", "eve"))
	order := SendCommand{Device: "sensor-7", Command: Command{Name: "interval", Value: 60}}

	var sent Sent
	ann.Request("command", order).ExpectReply(&sent)
	var got Command
	sensor.ExpectPush("command", &got)
	if sent.Connections != 1 || got != order.Command {
		t.Errorf("%d connections got %v", sent.Connections, got)
	}

	eve.Request("command", order).ExpectError(gatesock.CodeNotFound) // another site
	sensor.Close(1000, "")
	ann.Request("command", order).ExpectError(gatesock.CodeNotFound)
	sensor.ExpectNone()
}

func TestRoles(t *testing.T) {
	f := newFixture(t)
	sensor := f.connect(t, deviceKey("plant-1", "sensor-7"))
	sensor.Request("watch", nil).ExpectError(gatesock.CodePermissionDenied)
	sensor.Request("command", SendCommand{Device: "sensor-8", Command: Command{Name: "off"}}).
		ExpectError(gatesock.CodePermissionDenied)
}

func TestKeys(t *testing.T) {
	f := newFixture(t)
	key := wstest.WithHeader("X-Api-Key", f.secret(t, deviceKey("plant-1", "sensor-7"))+"x")
	if status := f.ConnectRefused(key); status != http.StatusUnauthorized {
		t.Errorf("a wrong key is refused with %d", status)
	}
	key = wstest.WithHeader("X-Api-Key", f.secret(t, deviceKey("", "sensor-8")))
	if status := f.ConnectRefused(key); status != http.StatusForbidden {
		t.Errorf("a key without a site is refused with %d", status)
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
		ann := f.connect(t, dashboardKey("plant-1", "ann"))
		ann.Request("watch", nil).ExpectReply(nil)
		const sent, burst = 40, 30
		for range sent {
			loud.Send("report", Report{Sensor: "temperature", Value: 21.5})
		}
		quiet.Send("report", Report{Sensor: "temperature", Value: 22})

		for received := 0; ; received++ {
			var reading Reading
			ann.ExpectPush("reading", &reading)
			if reading.Device == "quiet" {
				if received > burst || received < burst-1 { // connecting takes one
					t.Errorf("ann has received %d readings of %d", received, sent)
				}
				break
			}
		}
	})
}
