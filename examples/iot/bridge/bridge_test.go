package bridge_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/examples/iot"
)

func TestWhatADevicePublishesReachesTheFunction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := time.Now().Truncate(time.Millisecond)
	device := w.device("acme", "pump-1")
	require.NoError(t, publish(device, "acme/pump-1/readings", `{"seq":1}`))
	m := <-w.messages
	require.Equal(t, "readings", m.Rule)
	require.Equal(t, "acme.pump-1", m.ClientID)
	require.Equal(t, "acme/pump-1/readings", m.Topic)
	require.Equal(t, `{"seq":1}`, string(m.Payload))
	require.False(t, m.Time.Before(before))

	require.NoError(t, publish(device, "acme/pump-1/results", "\x00no JSON\xff"))
	require.Equal(t, "results acme.pump-1 acme/pump-1/results \x00no JSON\xff", w.message())
	require.NoError(t, done(device.Publish("acme/pump-1/readings", 0, false, "at most once")))
	require.Equal(t, "readings acme.pump-1 acme/pump-1/readings at most once", w.message())
}

func TestAMessageIsAcknowledgedWhenTheFunctionHasReturned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun, end := make(chan struct{}), make(chan struct{})
	w.onMessage(func(eventmux.IoTMessage) error {
		close(begun)
		<-end
		return nil
	})
	device := w.device("acme", "pump-1")
	token := device.Publish("acme/pump-1/readings", 1, false, "1")
	<-begun
	select {
	case <-token.Done():
		require.FailNow(t, "acknowledged too early")
	default:
	}
	close(end)
	require.NoError(t, done(token))
}

// What the function could not take comes again when the device connects again.
func TestAMessageThatFailsComesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.key("acme", "pump-1", iot.ScopeDevice)
	w.onMessage(func(eventmux.IoTMessage) error { return errors.New("the table is away") })
	lost := make(chan error, 10)
	o := w.options("acme.pump-1", key).SetCleanSession(false).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err })
	device := w.connect(o)
	token := device.Publish("acme/pump-1/readings", 1, false, "1")
	<-lost
	select {
	case <-token.Done():
		require.Error(t, token.Error())
	default:
	}
	w.onMessage(nil)
	require.NoError(t, done(device.Connect()))
	require.Equal(t, "readings acme.pump-1 acme/pump-1/readings 1", w.message())
}

// Each device publishes while the others do. The function gets the messages of each in their order.
func TestTheOrderOfEachDeviceIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const devices, messages = 8, 25
	key := w.key("acme", "", iot.ScopeIngest)
	var running sync.WaitGroup
	failed := make([]error, devices)
	for d := range devices {
		c := w.connect(w.options(fmt.Sprintf("acme.d-%d", d), key))
		running.Go(func() {
			var tokens []mqtt.Token
			for n := range messages {
				tokens = append(tokens, c.Publish(fmt.Sprintf("acme/d-%d/readings", d), 1, false, fmt.Sprint(n)))
			}
			for _, token := range tokens {
				failed[d] = errors.Join(failed[d], done(token))
			}
		})
	}
	running.Wait()
	require.NoError(t, errors.Join(failed...))
	count := map[string]int{}
	for range devices * messages {
		m := <-w.messages
		require.Equal(t, fmt.Sprint(count[m.Topic]), string(m.Payload), m.Topic)
		count[m.Topic]++
	}
	require.Len(t, count, devices)
	require.Empty(t, w.messages)
}

// A gateway has one connection for many devices, of which none waits for another. It gets its
// acknowledgements in the order of its messages.
func TestTheDevicesOfAGatewayDoNotWaitForOneAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	end := make(chan struct{})
	w.onMessage(func(m eventmux.IoTMessage) error {
		if m.Topic == "acme/slow/readings" {
			<-end
		}
		return nil
	})
	gateway := w.connect(w.options("acme.gateway", w.key("acme", "", iot.ScopeIngest)))
	slow := gateway.Publish("acme/slow/readings", 1, false, "1")
	again := gateway.Publish("acme/slow/readings", 1, false, "2")
	fast := gateway.Publish("acme/fast/readings", 1, false, "3")
	require.Equal(t, "readings acme.gateway acme/fast/readings 3", w.message())
	select {
	case <-fast.Done():
		require.FailNow(t, "acknowledged before the messages that came first")
	default:
	}
	close(end)
	for n, token := range []mqtt.Token{slow, again, fast} {
		require.NoError(t, done(token))
		if n < 2 {
			require.Equal(t, fmt.Sprintf("readings acme.gateway acme/slow/readings %d", n+1), w.message())
		}
	}
}

// A client can have many messages under way, of more devices than it has lanes.
func TestManyMessagesOfAGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gateway := w.connect(w.options("acme.gateway", w.key("acme", "", iot.ScopeIngest)))
	const devices, messages = 150, 4
	var tokens []mqtt.Token
	for n := range messages {
		for d := range devices {
			tokens = append(tokens, gateway.Publish(fmt.Sprintf("acme/d-%d/readings", d), 1, false, fmt.Sprint(n)))
		}
	}
	for _, token := range tokens {
		require.NoError(t, done(token))
	}
	count := map[string]int{}
	for range devices * messages {
		m := <-w.messages
		require.Equal(t, fmt.Sprint(count[m.Topic]), string(m.Payload), m.Topic)
		count[m.Topic]++
	}
	require.Len(t, count, devices)
}

func TestQoS2IsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	device := w.device("acme", "pump-1")
	device.Publish("acme/pump-1/readings", 2, false, "1")
	require.Equal(t, "disconnected acme.pump-1", w.event())
	require.Empty(t, w.messages)
}

func TestComingsAndGoings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.key("acme", "pump-1", iot.ScopeDevice)
	first := w.connect(w.options("acme.pump-1", key))
	session := w.lifecycle()
	require.Equal(t, "connected acme.pump-1", session.text())
	require.NoError(t, done(first.Subscribe("acme/pump-1/commands", 1, nil)))
	subscribed := w.lifecycle()
	require.Equal(t, "subscribed acme.pump-1 acme/pump-1/commands", subscribed.text())
	require.Equal(t, session.SessionIdentifier, subscribed.SessionIdentifier)
	first.Disconnect(0)
	gone := w.lifecycle()
	require.Equal(t, "disconnected acme.pump-1", gone.text())
	require.Equal(t, session.SessionIdentifier, gone.SessionIdentifier)

	// A client with the same client id takes the place of the one before. The order of the two events
	// is not certain, so each names its session.
	second := w.connect(w.options("acme.pump-1", key))
	place := w.lifecycle()
	require.Equal(t, "connected acme.pump-1", place.text())
	require.NotEqual(t, session.SessionIdentifier, place.SessionIdentifier)
	w.connect(w.options("acme.pump-1", key))
	sessions := map[string]string{}
	for range 2 {
		l := w.lifecycle()
		sessions[l.EventType] = l.SessionIdentifier
	}
	require.Equal(t, place.SessionIdentifier, sessions["disconnected"])
	require.NotContains(t, []string{session.SessionIdentifier, place.SessionIdentifier}, sessions["connected"])
	second.Disconnect(0)
}

func TestWhoMayConnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	device, gateway := w.key("acme", "pump-1", iot.ScopeDevice), w.key("acme", "", iot.ScopeIngest)
	for name, who := range map[string]struct{ clientID, key string }{
		"no key":                       {"acme.pump-1", ""},
		"wrong key":                    {"acme.pump-1", device[:len(device)-1] + "x"},
		"another device's name":        {"acme.pump-2", device},
		"another tenant's name":        {"globex.pump-1", device},
		"no tenant":                    {"pump-1", device},
		"a gateway of another tenant":  {"globex.gateway", gateway},
		"a gateway without a name":     {"acme.", gateway},
		"the key of a person":          {"acme.pump-1", w.key("acme", "", iot.ScopeView, iot.ScopeOperate)},
		"a key without a tenant":       {".pump-1", w.key("", "pump-1", iot.ScopeDevice)},
		"a device's key without a one": {"acme.pump-1", w.key("acme", "", iot.ScopeDevice)},
	} {
		c := mqtt.NewClient(w.options(who.clientID, who.key))
		require.ErrorContains(t, done(c.Connect()), "not Auth", name)
	}
	require.Empty(t, w.life)
	w.connect(w.options("acme.pump-1", device))
	require.Equal(t, "connected acme.pump-1", w.event())
	w.connect(w.options("acme.anything", gateway))
	require.Equal(t, "connected acme.anything", w.event())
}

// Wrong topics are refused and counted, and nothing else is disturbed.
func TestWrongTopics(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.device("acme", "pump-2")
	for _, topic := range []string{
		"acme/pump-2/readings", "globex/pump-1/readings", "acme/pump-1/commands", "acme/pump-1/other", "acme",
		"acme/pump-1/readings/more", "/acme/pump-1/readings", "$aws/events/presence/connected/acme.pump-2",
	} {
		wrong := w.device("acme", "pump-1")
		require.NoError(t, done(wrong.Publish(topic, 0, false, "dropped")))
		require.Equal(t, fmt.Sprintf("acme: acme.pump-1 published to %q", topic), <-w.refused)
		require.NoError(t, publish(wrong, "acme/pump-1/readings", "right"), "it goes on")
		require.Equal(t, "readings acme.pump-1 acme/pump-1/readings right", w.message())
		require.ErrorContains(t, publish(wrong, topic, "not acknowledged"), "connection lost")
		require.Equal(t, fmt.Sprintf("acme: acme.pump-1 published to %q", topic), <-w.refused)
		require.Equal(t, "disconnected acme.pump-1", w.event())
	}
	require.NoError(t, publish(other, "acme/pump-2/readings", "fine"))
	require.Equal(t, "readings acme.pump-2 acme/pump-2/readings fine", w.message())
	require.Empty(t, w.messages)
}

func TestWhoMaySubscribe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	device := w.device("acme", "pump-1")
	gateway := w.connect(w.options("acme.gateway", w.key("acme", "", iot.ScopeIngest)))
	require.Equal(t, "connected acme.gateway", w.event())
	const refused, granted = 0x80, 1
	for _, c := range []struct {
		name   string
		client mqtt.Client
		filter string
		code   byte
	}{
		{"pump-1", device, "acme/pump-1/commands", granted},
		{"pump-1", device, "acme/pump-2/commands", refused},
		{"pump-1", device, "acme/+/commands", refused},
		{"pump-1", device, "acme/pump-1/#", refused},
		{"pump-1", device, "acme/pump-1/readings", refused},
		{"pump-1", device, "#", refused},
		{"pump-1", device, "$SYS/#", refused},
		{"pump-1", device, "$share/x/acme/pump-1/commands", refused},
		{"gateway", gateway, "acme/+/commands", granted},
		{"gateway", gateway, "acme/pump-1/commands", granted},
		{"gateway", gateway, "globex/+/commands", refused},
		{"gateway", gateway, "+/+/commands", refused},
		{"gateway", gateway, "acme/+/readings", refused},
	} {
		token := c.client.SubscribeMultiple(map[string]byte{c.filter: 1}, nil)
		err := done(token)
		subscribe, ok := token.(*mqtt.SubscribeToken)
		require.True(t, ok)
		require.Equal(t, c.code, subscribe.Result()[c.filter], "%s: %s: %v", c.name, c.filter, err)
		if c.code == refused {
			require.Equal(t, fmt.Sprintf("acme: acme.%s subscribed to %q", c.name, c.filter), <-w.refused)
		} else {
			require.Equal(t, fmt.Sprintf("subscribed acme.%s %s", c.name, c.filter), w.event())
		}
	}
	require.Empty(t, w.life)
}

func TestOrders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	orders := make(chan mqtt.Message, 10)
	subscribe := func(c mqtt.Client, filter string) {
		require.NoError(t, done(c.Subscribe(filter, 1, func(_ mqtt.Client, m mqtt.Message) { orders <- m })))
	}
	device, other := w.device("acme", "pump-1"), w.device("globex", "pump-1")
	subscribe(device, "acme/pump-1/commands")
	subscribe(other, "globex/pump-1/commands")
	sent := iot.Order{ID: "c1", Name: "start", ExpiresAt: time.Date(2026, 1, 2, 15, 0, 0, 0, time.UTC)}
	require.NoError(t, w.Send(t.Context(), "acme", "pump-1", sent))
	m := <-orders
	require.Equal(t, "acme/pump-1/commands", m.Topic())
	require.EqualValues(t, 1, m.Qos())
	require.False(t, m.Retained())
	var got iot.Order
	require.NoError(t, json.Unmarshal(m.Payload(), &got))
	require.Equal(t, sent, got)

	require.NoError(t, w.Send(t.Context(), "globex", "pump-1", sent))
	require.Equal(t, "globex/pump-1/commands", (<-orders).Topic())
	require.NoError(t, w.Send(t.Context(), "acme", "pump-2", sent), "nobody is there")
	require.Empty(t, orders)
}

// A device that keeps its session gets what was sent while it was away.
func TestAnOrderWaitsForTheSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.key("acme", "pump-1", iot.ScopeDevice)
	o := w.options("acme.pump-1", key).SetCleanSession(false)
	first := w.connect(o)
	require.NoError(t, done(first.Subscribe("acme/pump-1/commands", 1, nil)))
	first.Disconnect(0)
	for w.event() != "disconnected acme.pump-1" {
	}
	require.NoError(t, w.Send(t.Context(), "acme", "pump-1", iot.Order{ID: "c1"}))
	orders := make(chan mqtt.Message, 10)
	w.connect(o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { orders <- m }))
	require.Contains(t, string((<-orders).Payload()), `"c1"`)
}

// The broker would publish a last will to any topic.
func TestALastWillReachesNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	orders := make(chan mqtt.Message, 10)
	victim := w.device("globex", "pump-1")
	require.NoError(t, done(victim.Subscribe("globex/pump-1/commands", 1, func(_ mqtt.Client, m mqtt.Message) { orders <- m })))
	require.Equal(t, "subscribed globex.pump-1 globex/pump-1/commands", w.event())
	o := w.options("acme.pump-1", w.key("acme", "pump-1", iot.ScopeDevice)).
		SetWill("globex/pump-1/commands", `{"id":"forged"}`, 1, true)
	evil := w.connect(o)
	require.Equal(t, "connected acme.pump-1", w.event())
	// A message that is refused ends the connection without a farewell, so the will is due.
	require.Error(t, publish(evil, "globex/pump-1/commands", "x"))
	require.Equal(t, "disconnected acme.pump-1", w.event())
	require.NoError(t, w.Send(t.Context(), "globex", "pump-1", iot.Order{ID: "c1"}))
	require.Contains(t, string((<-orders).Payload()), `"c1"`)
	require.Empty(t, orders)
}

// Clients that never sign in do not keep the broker from ending.
func TestCloseEndsAllConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	silent, err := new(net.Dialer).DialContext(t.Context(), "tcp", w.Addr().String())
	require.NoError(t, err)
	defer silent.Close()
	lost := make(chan error, 10)
	w.connect(w.options("acme.pump-1", w.key("acme", "pump-1", iot.ScopeDevice)).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err }))
	require.Equal(t, "connected acme.pump-1", w.event())
	require.NoError(t, w.Broker.Close())
	require.Equal(t, "disconnected acme.pump-1", w.event(), "Close has waited for it")
	<-lost
	_, err = silent.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}
